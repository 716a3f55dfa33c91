"""Reasons of a workflow by the state of its pods, and how long objects are kept."""

from typing import Any

from collector.core.cluster.effects import PodEnded
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation
from collector.core.model import REASONS
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
    a_pod,
    a_workflow,
    an_observation,
    ended_pod,
    running_pod,
)
from tests.core.observed import a_cluster, depth, feed, finished, only, running, submitted

# Reasons of a workflow.


def test_each_pod_that_starts_or_ends_changes_the_reason_of_its_workflow() -> None:
    """After work began the reason follows from the pods."""
    cluster = a_cluster()
    seen = [
        submitted(),
        an_observation(a_pod(), "added", when=NOON + SECOND),
        an_observation(running_pod(), when=NOON + 2 * SECOND),
        an_observation(ended_pod(), when=NOON + 3 * SECOND),
    ]

    reasons = [next(iter(depth(cluster))) for observation in seen for _ in [feed(cluster, observation)]]

    assert reasons == ["unseen", "starting", "running", "advancing"]


def unfit(message: str) -> Observation:
    """A pod that cannot be scheduled, with the message."""
    conditions = [a_condition("PodScheduled", NOON, "False", reason="Unschedulable", message=message)]
    return an_observation(a_pod(conditions=conditions, containers=[], node=""))


def hanging(waits: str) -> Observation:
    """A pod whose main container waits."""
    return an_observation(a_pod(containers=[a_container(waits=waits)]))


def test_a_waiting_pod_determines_the_reason_of_its_workflow() -> None:
    """The reason of a workflow is the first of the list that applies to any of its pods."""
    stock = [a_condition("ContainerInstanceCreated", NOON, "False", reason="NoStock")]
    cases = {
        "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.": unfit("0/2 nodes are available"),
        "pod has unbound immediate PersistentVolumeClaims": unfit("pod has unbound immediate PersistentVolumeClaims"),
        "ElasticQuota": unfit("exceeds ElasticQuota max of team"),
        "ImagePullBackOff": hanging("ImagePullBackOff"),
        "ErrImagePull": hanging("ErrImagePull"),
        "InvalidImageName": hanging("InvalidImageName"),
        "ContainerCreating": hanging("ContainerCreating"),
        "NoStock": an_observation(a_pod(conditions=stock)),
    }

    found = {}
    for name, seen in cases.items():
        cluster = a_cluster()
        feed(cluster, submitted(), seen)
        found[name] = cluster.workflows["w1"].attempt.reason

    assert list(found.values()) == [
        "unschedulable",
        "volume",
        "quota",
        "image",
        "image",
        "image",
        "starting",
        "stock",
    ]


def test_a_running_pod_outweighs_one_that_waits() -> None:
    """A workflow with a running pod is running, however many of its pods wait."""
    cluster = a_cluster()
    feed(cluster, submitted(), unfit("0/2 nodes are available"), an_observation(running_pod("p2")))

    assert depth(cluster) == {"running": 1}


def test_a_pod_that_is_scheduled_after_all_no_longer_holds_its_workflow() -> None:
    """Reasons follow the pod."""
    cluster = a_cluster()
    feed(cluster, submitted(), unfit("0/2 nodes are available"), an_observation(a_pod(), when=NOON + MINUTE))

    attempt = cluster.workflows["w1"].attempt

    assert (attempt.reason, workflow_ms(attempt.spent, "unschedulable")) == ("starting", MINUTE)


def workflow_ms(spent: list[int] | None, reason: str) -> int:
    return (spent or [0] * len(REASONS))[REASONS.index(reason)]


def test_a_workflow_that_waits_for_a_volume_after_it_began_is_not_in_the_queue() -> None:
    """`volume` is possible before and after work begins; only before it counts as queue depth."""
    cluster = a_cluster()
    feed(cluster, submitted(), unfit("pod has unbound immediate PersistentVolumeClaims"))

    assert [(w.reason, w.begun) for w in cluster.waiting()] == [("volume", True)]


def test_the_queue_counts_by_namespace_queue_and_reason() -> None:
    """A label names the queue where settings say so, else the namespace does."""
    cluster = a_cluster(Rules(queue_label="queue"))
    held: dict[str, Any] = {"phase": "Pending", "message": POSTPONED}
    feed(
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


# How long objects are kept.


def test_a_deleted_workflow_goes_when_its_last_pod_has_gone() -> None:
    """A charge needs its workflow as long as its pods exist."""
    cluster = a_cluster()
    gone = an_observation(a_workflow(phase="Succeeded", started=NOON + SECOND, finished=NOON + MINUTE), "deleted")
    feed(cluster, submitted(), running(), an_observation(running_pod()))
    feed(cluster, finished(), gone)
    cluster.tracked.release_until("pods", an_observation(a_pod(), when=NOON + HOUR).version)
    kept = set(cluster.workflows)
    feed(cluster, an_observation(running_pod(), "deleted", when=NOON + HOUR))

    assert (kept, set(cluster.workflows), cluster.tracked.pods_of) == ({"w1"}, set(), {})


def test_a_pod_that_goes_leaves_the_others_of_its_workflow() -> None:
    """After the workflow's end, pods are deleted one by one."""
    cluster = a_cluster()
    pods = [an_observation(ended_pod(uid), when=NOON + MINUTE) for uid in ("p1", "p2")]
    feed(cluster, submitted(), running(), *pods, finished())
    feed(cluster, an_observation(ended_pod("p1"), "deleted", when=NOON + HOUR))

    assert (set(cluster.pods), set(cluster.tracked.pods_of["w1"])) == ({"p2"}, {"p2"})


def test_a_deleted_workflow_waits_until_the_pods_are_observed_as_far() -> None:
    """Pods that are observed later than their workflow still get their payer."""
    cluster = a_cluster(RULES)
    gone = an_observation(a_workflow(labels={"department": "maps"}), "deleted", when=NOON + MINUTE)
    feed(cluster, gone)
    cluster.tracked.release_until("pods", gone.version - 1)

    (ended,) = only(PodEnded, feed(cluster, an_observation(ended_pod(), when=NOON + HOUR)))

    assert ended.workflow is not None
    assert ended.workflow.department == "maps"


def test_a_deleted_pod_without_its_workflow_waits_until_the_workflows_are_observed_as_far() -> None:
    """Its charge is written again when the workflow is known and has ended."""
    cluster = a_cluster()
    gone = an_observation(ended_pod(), "deleted", when=NOON + 90 * SECOND)
    feed(cluster, gone)
    cluster.tracked.release_until("workflows", gone.version - 1)

    effects = feed(cluster, submitted(), running(), finished())

    assert [(e.pod.run.uid, e.workflow.uid if e.workflow else "") for e in only(PodEnded, effects)] == [("p1", "w1")]
    assert [run.pods for run in only(WorkflowRun, effects)] == [1]


def test_a_deleted_pod_is_forgotten_if_its_workflow_does_not_appear() -> None:
    """Once workflows are observed beyond the pod's end, its workflow cannot appear any more."""
    cluster = a_cluster()
    gone = an_observation(ended_pod(), "deleted", when=NOON + 90 * SECOND)
    feed(cluster, gone)
    cluster.tracked.release_until("workflows", gone.version)

    assert (cluster.pods, cluster.tracked.pods_of) == ({}, {})


def test_a_restored_cluster_forgets_objects_as_before() -> None:
    """Deleted objects that wait for the other kind are checkpointed too."""
    cluster, other = a_cluster(), a_cluster()
    pod = an_observation(ended_pod(owner="w0"), "deleted", when=NOON + 90 * SECOND)
    workflow = an_observation(a_workflow("w1"), "deleted", when=NOON + 90 * SECOND)
    feed(cluster, pod, workflow)
    other.adopt(cluster.workflows.values(), cluster.pods.values())
    other.tracked.release_until("pods", workflow.version)
    other.tracked.release_until("workflows", pod.version)

    assert (other.workflows, other.pods) == ({}, {})


def test_what_waits_for_another_kind_is_bounded() -> None:
    """A kind without permission is never observed; the oldest objects are forgotten first."""
    cluster = a_cluster()
    cluster.tracked.gone_pods.at_most = cluster.tracked.gone_workflows.at_most = 2
    for i in range(4):
        feed(cluster, an_observation(a_workflow(f"w{i}"), "deleted", when=NOON + i * SECOND))

        feed(cluster, an_observation(a_pod(f"p{i}", owner="unseen"), "deleted", when=NOON + i * SECOND))

    assert (set(cluster.workflows), set(cluster.pods)) == ({"w2", "w3"}, {"p2", "p3"})
