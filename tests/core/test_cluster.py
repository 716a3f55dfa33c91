"""One cluster: what joins what, in whatever order it arrives, and what the world is told of it."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from collector.core import decode
from collector.core.cluster import Began, Cluster, Ended, Happening, PodEnded, Submitted, same_evidence
from collector.core.model import REASONS, ControllerIncident, Fact, Observation, PodRun, WorkflowRun
from collector.core.rules import Rules
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    POSTPONED,
    RULES,
    SECOND,
    a_condition,
    a_container,
    a_machine,
    a_namespace,
    a_pod,
    a_pod_run,
    a_step,
    a_vanishing,
    a_workflow,
    an_observation,
    decoded,
    ended_pod,
    pod_json,
    running_pod,
)

H = TypeVar("H")


def tell(cluster: Cluster, *seen: Observation) -> list[Happening]:
    """What follows from some observations, one after another."""
    return [h for one in seen for h in cluster.observe(one)]


def only(kind: type[H], happened: Iterable[object]) -> list[H]:
    """The happenings of one type."""
    return [h for h in happened if isinstance(h, kind)]


def a_cluster(rules: Rules = RULES) -> Cluster:
    return Cluster("c1", rules)


def submitted(uid: str = "w1", when: int = NOON) -> Observation:
    return an_observation(a_workflow(uid), "added", when=when)


def running(uid: str = "w1", when: int = NOON + SECOND) -> Observation:
    return an_observation(a_workflow(uid, phase="Running", started=NOON + SECOND), when=when)


def finished(uid: str = "w1", when: int = NOON + 2 * MINUTE, phase: str = "Succeeded", **more: Any) -> Observation:
    done: dict[str, Any] = {
        "started": NOON + SECOND,
        "finished": NOON + 2 * MINUTE,
        "nodes": {uid: a_step(phase)},
        **more,
    }
    return an_observation(a_workflow(uid, phase=phase, **done), when=when)


def depth(cluster: Cluster) -> dict[str, int]:
    """Live workflows by reason."""
    return {w.reason: w.count for w in cluster.waiting()}


# A pod that ends.


def test_a_pod_deleted_while_it_runs_after_its_workflow_ended_is_told_with_its_life() -> None:
    """Pods outlive terminated workflows: whoever prices the end needs the life that is forgotten in the same breath."""
    cluster = a_cluster()
    tell(cluster, submitted(), running(), an_observation(running_pod(), when=NOON + 10 * SECOND), finished())

    (ended,) = only(PodEnded, tell(cluster, an_observation(running_pod(), "deleted", when=NOON + 3 * MINUTE)))

    assert (ended.pod.run.finished_at, ended.life.uid if ended.life else "") == (NOON + 3 * MINUTE, "w1")
    assert not cluster.pods


def test_a_pod_collected_before_its_workflow_ends_is_told_once_more_at_the_end() -> None:
    """With podGC pods go first; the end of the attempt gives their charges the last class."""
    cluster = a_cluster()
    gone = an_observation(ended_pod(), "deleted", when=NOON + 90 * SECOND)
    tell(cluster, submitted(), running(), an_observation(ended_pod(), when=NOON + 80 * SECOND), gone)

    ends = only(PodEnded, tell(cluster, finished()))

    assert [(e.pod.run.uid, e.life.finished if e.life else None) for e in ends] == [("p1", True)]


def test_a_pod_whose_workflow_nobody_knows_is_told() -> None:
    """Pods that outlive their deleted workflow still cost."""
    cluster = a_cluster()

    happened = tell(cluster, an_observation(running_pod(), "deleted", when=NOON + MINUTE))

    assert [e.life for e in only(PodEnded, happened)] == [None]


def test_a_late_write_that_changes_no_evidence_tells_nothing() -> None:
    """Most writes after a pod's end only touch labels."""
    cluster = a_cluster()
    tell(cluster, submitted(), an_observation(ended_pod(), when=NOON + 80 * SECOND))

    happened = tell(cluster, an_observation(ended_pod(labels={"completed": "true"}), when=NOON + 90 * SECOND))

    assert happened == []


def test_a_rewritten_end_is_told_again_under_a_higher_version() -> None:
    """The finishedAt of an ended pod does get rewritten by a second or two."""
    cluster = a_cluster()
    first = tell(cluster, submitted(), an_observation(ended_pod(), when=NOON + 80 * SECOND))
    second = tell(cluster, an_observation(ended_pod(ended=NOON + 72 * SECOND), when=NOON + 90 * SECOND))

    (before,), (after,) = only(PodRun, first), only(PodRun, second)

    assert (after.finished_at, after.version > before.version) == (NOON + 72 * SECOND, True)


def test_a_pod_that_vanished_ended_no_later_than_now() -> None:
    """What a list no longer shows is over; nobody saw how."""
    cluster = a_cluster()
    tell(cluster, submitted(), an_observation(running_pod(), when=NOON + 10 * SECOND))

    (run,) = only(PodRun, tell(cluster, a_vanishing("pods", "p1", when=NOON + HOUR)))

    assert (run.finished_at, run.reason) == (NOON + HOUR, "vanished")


def test_a_vanished_pod_that_had_ended_tells_nothing_new() -> None:
    """Its end was seen; that its object is gone changes no row."""
    cluster = a_cluster()
    tell(cluster, submitted(), an_observation(ended_pod(), when=NOON + 80 * SECOND))

    happened = tell(cluster, a_vanishing("pods", "p1", when=NOON + HOUR))

    assert happened == []


def test_a_pod_nobody_knew_may_vanish() -> None:
    """A list can miss what we never saw."""
    assert tell(a_cluster(), a_vanishing("pods", "p9"), a_vanishing("workflows", "w9")) == []


def test_pods_of_nobody_are_not_kept() -> None:
    """All pods of a cluster are watched; those of no workflow and no controller cost no memory."""
    cluster = a_cluster()
    tell(cluster, an_observation(a_pod(owner="")))

    assert (cluster.pods, cluster.pods_of, cluster.touched) == ({}, {}, {})


def test_a_pod_of_an_object_that_a_workflow_made_belongs_to_the_workflow() -> None:
    """Pods of a Job carry no workflow label; the owner chain leads to who pays."""
    cluster = a_cluster()
    cluster.owners["job-7"] = "w1"
    told = pod_json(owner="")
    told["metadata"]["ownerReferences"] = [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "job-7"}]
    told["status"] = pod_json(phase="Succeeded", started=NOON, ended=NOON + SECOND)["status"]

    (run,) = only(PodRun, tell(cluster, submitted(), an_observation(decoded(told, decode.Pod))))

    assert (run.workflow_uid, run.workflow_name, run.owner_kind) == ("w1", "w1", "Job")


# What a pod's surroundings add.


def test_the_machine_tells_region_zone_and_instance_type() -> None:
    """Only the node knows where a pod ran."""
    cluster = a_cluster()
    labels = {
        "topology.kubernetes.io/region": "cn-shanghai",
        "topology.kubernetes.io/zone": "cn-shanghai-b",
        "node.kubernetes.io/instance-type": "ecs.c7.xlarge",
        "secret": "not kept",
    }
    tell(cluster, an_observation(a_machine("n1", labels), "listed"), submitted())

    (run,) = only(PodRun, tell(cluster, an_observation(ended_pod(node="n1", annotations={}))))

    assert (run.region, run.zone) == ("cn-shanghai", "cn-shanghai-b")
    assert run.pricing["node:node.kubernetes.io/instance-type"] == "ecs.c7.xlarge"
    assert "node:secret" not in run.pricing


def test_a_machine_that_is_gone_still_tells_where_its_pods_ran() -> None:
    """The last words of pods often arrive after their node's end."""
    cluster = a_cluster()
    machine = a_machine("n1", {"topology.kubernetes.io/region": "cn-shanghai"})
    tell(cluster, an_observation(machine), an_observation(machine, "deleted"), a_vanishing("nodes", "node-n1"))

    (run,) = only(PodRun, tell(cluster, an_observation(ended_pod(node="n1"))))

    assert run.region == "cn-shanghai"


def test_a_pod_whose_node_tells_nothing_is_where_its_cluster_is() -> None:
    """A region in the settings keeps a mainland pod from overseas prices."""
    cluster = a_cluster(Rules(region="cn-beijing"))

    (run,) = only(PodRun, tell(cluster, an_observation(ended_pod())))

    assert run.region == "cn-beijing"


def test_the_namespace_may_name_who_pays() -> None:
    """A rule may read the labels of the namespace, the latest that are known."""
    cluster = a_cluster()
    named, renamed = (a_namespace(labels={"department": name}) for name in ("autonomy", "maps"))
    tell(cluster, an_observation(named, "listed"), submitted(), an_observation(renamed), running())

    assert cluster.workflows["w1"].department == "maps"


def test_a_deleted_namespace_still_names_who_pays() -> None:
    """Its workflows end after it."""
    cluster = a_cluster()
    named = a_namespace(labels={"department": "maps"})
    gone = an_observation(a_namespace(), "deleted")
    tell(cluster, an_observation(named), gone, a_vanishing("namespaces", "ns-team"), submitted())

    assert cluster.workflows["w1"].department == "maps"


def test_a_cluster_is_known_by_the_uid_of_kube_system() -> None:
    """Names are chosen, this is not."""
    cluster = a_cluster()
    tell(cluster, an_observation(a_namespace("kube-system", "uid-1"), "listed"), an_observation(a_namespace()))

    assert cluster.uid == "uid-1"


# When work begins.


def test_work_begins_with_the_first_pod_though_the_phase_lags() -> None:
    """A large workflow's status said Running 12 s after its first 400 pods."""
    cluster = a_cluster()
    pod = an_observation(a_pod(), "added", when=NOON + 80)

    (began,) = only(Began, tell(cluster, submitted(), pod, running(when=NOON + 12 * SECOND)))

    assert began.latency_ms == 80


def test_work_begins_with_the_phase_where_no_pod_is_made() -> None:
    """A workflow that starts with a suspend step has begun."""
    (began,) = only(Began, tell(a_cluster(), submitted(), running(when=NOON + 43)))

    assert began.latency_ms == 43


def test_a_pod_that_arrives_before_its_workflow_begins_it() -> None:
    """Kinds are watched on connections of their own: the counter of started work must not lose these."""
    cluster = a_cluster()

    happened = tell(cluster, an_observation(a_pod(), "added"), submitted(when=NOON + 20), running())

    assert [type(h) for h in happened] == [Submitted, Began]


def test_what_began_before_we_came_moves_no_counter() -> None:
    """A list shows the past: counting it would show a burst at each start of the collector."""
    cluster = a_cluster()
    work = a_workflow(phase="Running", started=NOON + SECOND)

    happened = tell(
        cluster,
        an_observation(work, "listed", when=NOON + HOUR),
        an_observation(running_pod(), "listed", when=NOON + HOUR),
    )

    assert happened == []


def test_what_a_relist_shows_to_have_begun_is_counted() -> None:
    """It was submitted before our eyes and began while we could not look."""
    cluster = a_cluster()
    pod = an_observation(a_pod(), "listed", when=NOON + HOUR)

    (began,) = only(Began, tell(cluster, submitted(), pod))

    assert began.latency_ms is None


def test_what_ended_before_we_came_is_recorded_and_moves_no_counter() -> None:
    """The row is the bill's; the counter is the present's."""
    done = a_workflow(phase="Failed", started=NOON + SECOND, finished=NOON + MINUTE, nodes={"w1": a_step("Failed")})

    happened = tell(a_cluster(), an_observation(done, "listed", when=NOON + HOUR))

    assert [type(h) for h in happened] == [WorkflowRun]


# How an attempt ends.


def test_an_end_is_told_once() -> None:
    """Later writes of a finished workflow are labels, archiving, deletion."""
    cluster = a_cluster()
    tell(cluster, submitted(), running(), finished())

    happened = tell(cluster, finished(when=NOON + 3 * MINUTE), finished(when=NOON + 4 * MINUTE))

    assert happened == []


def test_a_corrected_end_is_recorded_and_not_counted_again() -> None:
    """A terminal fact may be corrected: same key, higher version."""
    cluster = a_cluster()
    first = only(WorkflowRun, tell(cluster, submitted(), running(), finished()))
    happened = tell(cluster, finished(when=NOON + 3 * MINUTE, finished=NOON + 121 * SECOND))

    (corrected,) = only(WorkflowRun, happened)

    assert (corrected.finished_at, corrected.version > first[0].version) == (NOON + 121 * SECOND, True)
    assert only(Ended, happened) == []


def test_pods_that_went_before_their_workflow_ended_are_counted() -> None:
    """With podGC most pods of a long workflow are gone by its end."""
    cluster = a_cluster()
    pod = an_observation(ended_pod(phase="Failed"), when=NOON + 80 * SECOND)
    gone = an_observation(ended_pod(phase="Failed"), "deleted", when=NOON + 90 * SECOND)
    happened = tell(cluster, submitted(), running(), pod, gone, finished(), finished(message="m", when=NOON + HOUR))

    runs = only(WorkflowRun, happened)

    assert [(run.pods, run.failed_pods) for run in runs] == [(1, 1), (1, 1)]


def test_a_pod_that_shows_up_after_the_end_is_counted_in_a_newer_row() -> None:
    """Kinds may run minutes apart after a restart; the row of the attempt is written again."""
    cluster = a_cluster()
    (first,) = only(WorkflowRun, tell(cluster, submitted(), running(), finished()))

    (second,) = only(WorkflowRun, tell(cluster, an_observation(ended_pod(phase="Failed"), when=NOON + HOUR)))

    assert (first.pods, second.pods, second.failed_pods) == (0, 1, 1)
    assert second.version > first.version


def test_a_workflow_deleted_while_it_ran_was_cancelled() -> None:
    """Somebody took it away; that is no failure of anybody."""
    cluster = a_cluster()
    gone = an_observation(a_workflow(phase="Running", started=NOON + SECOND), "deleted", when=NOON + MINUTE)

    (run,) = only(WorkflowRun, tell(cluster, submitted(), running(), gone))

    assert (run.outcome, run.reason, run.finished_at) == ("cancelled", "deleted", NOON + MINUTE)


def test_a_workflow_that_vanished_ended_in_a_way_nobody_saw() -> None:
    """Unknown is said, not guessed."""
    cluster = a_cluster()

    (run,) = only(WorkflowRun, tell(cluster, submitted(), running(), a_vanishing("workflows", "w1", when=NOON + HOUR)))

    assert (run.outcome, run.reason, run.complete) == ("unknown", "vanished", False)


def test_a_finished_workflow_that_vanished_tells_nothing_new() -> None:
    """Its end was seen; its object went with the TTL during a break."""
    cluster = a_cluster()
    tell(cluster, submitted(), running(), finished())

    assert tell(cluster, a_vanishing("workflows", "w1", when=NOON + HOUR)) == []


def test_a_break_makes_living_workflows_incomplete_and_no_others() -> None:
    """What lives now may have done things that nobody saw; what is over is told already."""
    cluster = a_cluster()
    tell(cluster, submitted("w1"), submitted("w2"), running("w2"), finished("w2"))
    cluster.touched.clear()
    cluster.lost_sight()

    assert {uid: life.complete for uid, life in cluster.workflows.items()} == {"w1": False, "w2": True}
    assert list(cluster.touched) == [("workflows", "w1")]


# Attempts.


def reopened(when: int = NOON + 10 * MINUTE) -> Observation:
    """`argo retry` has taken the workflow up again."""
    return an_observation(a_workflow(started=when, nodes={}), when=when)


def test_a_retried_workflow_is_a_new_attempt_that_queues_from_its_reopening() -> None:
    """`argo retry` keeps uid and creation; counting from creation would call its first run a wait."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    tell(cluster, submitted(), running(), finished(phase="Failed"))
    begun = an_observation(a_workflow(phase="Running", started=again), when=again + 900)
    happened = tell(cluster, reopened(again), begun, finished(started=again, when=again + MINUTE))

    (run,) = only(WorkflowRun, happened)

    assert (run.attempt, run.queue_latency_ms, run.latency_source, run.outcome) == (2, 900, "watch", "succeeded")
    assert [type(h) for h in happened if not isinstance(h, Fact)] == [Submitted, Began, Ended]


def test_pods_are_counted_by_attempt() -> None:
    """Attempt 2 has one pod of its own, whatever attempt 1 had."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    tell(cluster, submitted(), an_observation(ended_pod("p1", phase="Failed")), finished(phase="Failed"))
    second = an_observation(ended_pod("p2", created=again + SECOND), when=again + MINUTE)
    end = finished(started=again, when=again + 2 * MINUTE, finished=again + 2 * MINUTE)

    (run,) = only(WorkflowRun, tell(cluster, reopened(again), second, end))

    assert (run.pods, run.failed_pods) == (1, 0)


def test_a_pod_of_the_next_attempt_may_arrive_before_the_reopening() -> None:
    """Kinds are not ordered among each other: a pod made after the end belongs to the attempt that comes."""
    cluster = a_cluster()
    again = NOON + 10 * MINUTE
    tell(cluster, submitted(), running(), finished(phase="Failed"))
    early = an_observation(running_pod("p2", created=again + SECOND), when=again + 2 * SECOND)
    tell(cluster, early, reopened(again))

    life = cluster.workflows["w1"]

    assert (cluster.pods["p2"].run.attempt, life.attempt, life.pods, life.reason) == (2, 2, 1, "running")


def test_a_pod_of_the_attempt_before_may_arrive_after_the_reopening() -> None:
    """And one made before the retry belongs to the attempt that is over."""
    cluster = a_cluster()
    tell(cluster, submitted(), running(), finished(phase="Failed"), reopened())
    tell(cluster, an_observation(ended_pod("p1"), when=NOON + 11 * MINUTE))

    assert cluster.pods["p1"].run.attempt == 1


def test_a_pod_that_collects_artifacts_after_the_end_is_no_new_attempt() -> None:
    """The controller makes it when the workflow is over."""
    cluster = a_cluster()
    tell(cluster, submitted(), running(), finished())
    labels = {"workflows.argoproj.io/component": "artifact-gc"}
    tell(cluster, an_observation(a_pod("gc", created=NOON + HOUR, labels=labels), when=NOON + HOUR))

    assert cluster.pods["gc"].run.attempt == 1


# What a workflow waits for.


def test_each_pod_that_starts_or_ends_changes_what_its_workflow_does() -> None:
    """After work began the pods say what it waits for."""
    cluster = a_cluster()
    seen = [
        submitted(),
        an_observation(a_pod(), "added", when=NOON + SECOND),
        an_observation(running_pod(), when=NOON + 2 * SECOND),
        an_observation(ended_pod(), when=NOON + 3 * SECOND),
    ]

    reasons = [next(iter(depth(cluster))) for one in seen for _ in [tell(cluster, one)]]

    assert reasons == ["unseen", "starting", "running", "advancing"]


def unfit(message: str) -> Observation:
    """A pod that no node takes, and why."""
    said = [a_condition("PodScheduled", NOON, "False", reason="Unschedulable", message=message)]
    return an_observation(a_pod(conditions=said, containers=[], node=""))


def hanging(waits: str) -> Observation:
    """A pod whose main container waits."""
    return an_observation(a_pod(containers=[a_container(waits=waits)]))


def test_a_pod_that_waits_says_why_its_workflow_waits() -> None:
    """The first reason of the list that holds for any pod is the workflow's."""
    quota = [a_condition("ContainerInstanceCreated", NOON, "False", reason="NoStock")]
    cases = {
        "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.": unfit("0/2 nodes are available"),
        "pod has unbound immediate PersistentVolumeClaims": unfit("pod has unbound immediate PersistentVolumeClaims"),
        "ElasticQuota": unfit("exceeds ElasticQuota max of team"),
        "ImagePullBackOff": hanging("ImagePullBackOff"),
        "ErrImagePull": hanging("ErrImagePull"),
        "InvalidImageName": hanging("InvalidImageName"),
        "ContainerCreating": hanging("ContainerCreating"),
        "NoStock": an_observation(a_pod(conditions=quota)),
    }

    found = {}
    for name, seen in cases.items():
        cluster = a_cluster()
        tell(cluster, submitted(), seen)
        found[name] = cluster.workflows["w1"].reason

    assert list(found.values()) == [
        "unschedulable", "volume", "quota", "image", "image", "image", "starting", "quota",
    ]  # fmt: skip


def test_a_running_pod_outweighs_one_that_waits() -> None:
    """A workflow that gets on is running, however many of its pods wait."""
    cluster = a_cluster()
    tell(cluster, submitted(), unfit("0/2 nodes are available"), an_observation(running_pod("p2")))

    assert depth(cluster) == {"running": 1}


def test_a_pod_that_is_scheduled_after_all_no_longer_holds_its_workflow() -> None:
    """Reasons follow the pod."""
    cluster = a_cluster()
    tell(cluster, submitted(), unfit("0/2 nodes are available"), an_observation(a_pod(), when=NOON + MINUTE))

    life = cluster.workflows["w1"]

    assert (life.reason, workflow_ms(life.spent, "unschedulable")) == ("starting", MINUTE)


def workflow_ms(spent: list[int] | None, reason: str) -> int:
    return (spent or [0] * len(REASONS))[REASONS.index(reason)]


def test_a_workflow_that_waits_for_a_volume_after_it_began_is_not_in_the_queue() -> None:
    """`volume` can hold before and after work begins; only the first is queue depth."""
    cluster = a_cluster()
    tell(cluster, submitted(), unfit("pod has unbound immediate PersistentVolumeClaims"))

    assert [(w.reason, w.begun) for w in cluster.waiting()] == [("volume", True)]


def test_the_queue_counts_by_namespace_queue_and_reason() -> None:
    """A label names the queue where settings say so, else the namespace does."""
    cluster = a_cluster(Rules(queue_label="queue"))
    held: dict[str, Any] = {"phase": "Pending", "message": POSTPONED}
    tell(
        cluster,
        an_observation(a_workflow("w1", labels={"queue": "night"}, **held), "added"),
        an_observation(a_workflow("w2", labels={"queue": "night"}, created=NOON - HOUR, **held), "added"),
        an_observation(a_workflow("w3"), "added"),
    )

    found = [(w.namespace, w.queue, w.reason, w.count, w.since, w.begun) for w in cluster.waiting()]

    assert found == [
        ("team", "night", "throttled", 2, NOON - HOUR, False),
        ("team", "team", "unseen", 1, NOON, False),
    ]


# What is kept, and until when.


def test_a_deleted_workflow_goes_when_its_last_pod_has_gone() -> None:
    """A charge needs its workflow as long as pods of it live."""
    cluster = a_cluster()
    gone = an_observation(a_workflow(phase="Succeeded", started=NOON + SECOND, finished=NOON + MINUTE), "deleted")
    tell(cluster, submitted(), running(), an_observation(running_pod()), finished(), gone)
    cluster.reached("pods", an_observation(a_pod(), when=NOON + HOUR).version)
    kept = set(cluster.workflows)
    tell(cluster, an_observation(running_pod(), "deleted", when=NOON + HOUR))

    assert (kept, set(cluster.workflows), cluster.pods_of) == ({"w1"}, set(), {})


def test_a_deleted_workflow_waits_until_the_pods_have_come_as_far() -> None:
    """Pods that are watched later than their workflow still find who pays."""
    cluster = a_cluster(RULES)
    gone = an_observation(a_workflow(labels={"department": "maps"}), "deleted", when=NOON + MINUTE)
    tell(cluster, gone)
    cluster.reached("pods", gone.version - 1)

    (ended,) = only(PodEnded, tell(cluster, an_observation(ended_pod(), when=NOON + HOUR)))

    assert ended.life is not None
    assert ended.life.department == "maps"


def test_a_deleted_pod_without_its_workflow_waits_until_the_workflows_have_come_as_far() -> None:
    """Its charge is told again when the workflow is known, and ended."""
    cluster = a_cluster()
    gone = an_observation(ended_pod(), "deleted", when=NOON + 90 * SECOND)
    tell(cluster, gone)
    cluster.reached("workflows", gone.version - 1)

    happened = tell(cluster, submitted(), running(), finished())

    assert [(e.pod.run.uid, e.life.uid if e.life else "") for e in only(PodEnded, happened)] == [("p1", "w1")]
    assert [run.pods for run in only(WorkflowRun, happened)] == [1]


def test_a_deleted_pod_whose_workflow_never_comes_is_let_go() -> None:
    """Once the workflows are watched further than the pod's end, its workflow is gone for good."""
    cluster = a_cluster()
    gone = an_observation(ended_pod(), "deleted", when=NOON + 90 * SECOND)
    tell(cluster, gone)
    cluster.reached("workflows", gone.version)

    assert (cluster.pods, cluster.pods_of) == ({}, {})


def test_a_cluster_taken_up_again_lets_go_as_before() -> None:
    """Gone objects that wait for the other kind are checkpointed too."""
    cluster, other = a_cluster(), a_cluster()
    pod = an_observation(ended_pod(owner="w0"), "deleted", when=NOON + 90 * SECOND)
    workflow = an_observation(a_workflow("w1"), "deleted", when=NOON + 90 * SECOND)
    tell(cluster, pod, workflow)
    other.adopt(cluster.workflows.values(), cluster.pods.values())
    other.reached("pods", workflow.version)
    other.reached("workflows", pod.version)

    assert (other.workflows, other.pods) == ({}, {})


def test_what_waits_for_another_kind_is_bounded() -> None:
    """A kind that may not be watched never comes; the oldest go first."""
    cluster = a_cluster()
    cluster.waits_at_most = 2
    for i in range(4):
        tell(cluster, an_observation(a_workflow(f"w{i}"), "deleted", when=NOON + i * SECOND))

    assert set(cluster.workflows) == {"w2", "w3"}


# The controller.


def controller_pod(namespace: str = "argo") -> Observation:
    """The workflow controller, killed for memory."""
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-22T11:59:00Z"}}
    told = pod_json("ctl", owner="", namespace=namespace, labels={"app": "workflow-controller"}, phase="Running")
    told["status"]["containerStatuses"] = [{"name": "workflow-controller", "state": {}, "lastState": killed}]
    return an_observation(decoded(told, decode.Pod))


def test_a_controllers_incident_is_told_and_checkpointed() -> None:
    """A restart of the collector must not tell it again."""
    cluster = a_cluster()

    (incident,) = only(ControllerIncident, tell(cluster, controller_pod(), controller_pod()))

    assert (incident.kind, list(cluster.touched)) == ("oom_kill", [("controller", "")])


def test_a_controller_elsewhere_is_no_business_of_ours() -> None:
    """A tenant may run an Argo of their own."""
    assert tell(a_cluster(), controller_pod("somewhere")) == []


def test_evidence_is_compared_without_its_version() -> None:
    """Two rows that differ in nothing else are one."""
    one = a_pod_run()

    assert same_evidence(one, msgspec.structs.replace(one, version=one.version + 1))
    assert not same_evidence(one, msgspec.structs.replace(one, exit_code=1))
