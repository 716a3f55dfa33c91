"""One cluster: observations in any order, and the effects that follow."""

import msgspec
import pytest
import zstandard

from collector.core.cluster.effects import PodEnded
from collector.core.cluster.linking import same_evidence
from collector.core.cluster.state import Cluster
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import ControllerIncident
from collector.core.messages import Observation
from collector.core.objects import kubernetes
from collector.core.rules import Rules
from collector.pipeline import checkpoints
from tests import replay
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_machine,
    a_namespace,
    a_pod,
    a_pod_run,
    a_vanishing,
    an_observation,
    decoded,
    ended_pod,
    pod_json,
    running_pod,
)
from tests.core.observed import a_cluster, feed, finished, only, running, submitted

# A pod that ends.


def test_a_pod_deleted_while_it_runs_after_its_workflow_ended_is_reported_with_its_life() -> None:
    """Pods outlive terminated workflows: pricing the end needs the state that is forgotten in the same step."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), an_observation(running_pod(), when=NOON + 10 * SECOND), finished())

    (ended,) = only(PodEnded, feed(cluster, an_observation(running_pod(), "deleted", when=NOON + 3 * MINUTE)))

    assert (ended.pod.run.finished_at, ended.workflow.uid if ended.workflow else "") == (NOON + 3 * MINUTE, "w1")
    assert not cluster.pods


def test_a_pod_collected_before_its_workflow_ends_is_reported_once_more_at_the_end() -> None:
    """With podGC pods go first; the end of the attempt gives their charges the last class."""
    cluster = a_cluster()
    gone = an_observation(ended_pod(), "deleted", when=NOON + 90 * SECOND)
    feed(cluster, submitted(), running(), an_observation(ended_pod(), when=NOON + 80 * SECOND), gone)

    ends = only(PodEnded, feed(cluster, finished()))

    assert [(e.pod.run.uid, e.workflow.attempt.finished if e.workflow else None) for e in ends] == [("p1", True)]


def test_a_pod_of_workflow_none_knows_is_reported() -> None:
    """Pods that outlive their deleted workflow still cost."""
    cluster = a_cluster()

    effects = feed(cluster, an_observation(running_pod(), "deleted", when=NOON + MINUTE))

    assert [e.workflow for e in only(PodEnded, effects)] == [None]


def test_a_late_write_that_changes_no_evidence_shows_nothing() -> None:
    """Most writes after a pod's end only touch labels."""
    cluster = a_cluster()
    feed(cluster, submitted(), an_observation(ended_pod(), when=NOON + 80 * SECOND))

    effects = feed(cluster, an_observation(ended_pod(labels={"completed": "true"}), when=NOON + 90 * SECOND))

    assert effects == []


def test_a_rewritten_end_is_reported_again_under_a_higher_version() -> None:
    """The finishedAt of an ended pod does get rewritten by a second or two."""
    cluster = a_cluster()
    first = feed(cluster, submitted(), an_observation(ended_pod(), when=NOON + 80 * SECOND))
    second = feed(cluster, an_observation(ended_pod(ended=NOON + 72 * SECOND), when=NOON + 90 * SECOND))

    (before,), (after,) = only(PodRun, first), only(PodRun, second)

    assert (after.finished_at, after.version > before.version) == (NOON + 72 * SECOND, True)


def test_a_pod_that_vanished_ended_no_later_than_now() -> None:
    """A workflow that a list no longer shows is over, with an unknown outcome."""
    cluster = a_cluster()
    feed(cluster, submitted(), an_observation(running_pod(), when=NOON + 10 * SECOND))

    (run,) = only(PodRun, feed(cluster, a_vanishing("pods", "p1", when=NOON + HOUR)))

    assert (run.finished_at, run.reason) == (NOON + HOUR, "vanished")


def test_a_pod_that_vanished_ended_no_later_than_its_workflow() -> None:
    """An outage of a day must not bill its pods for a day: the workflow is the second witness, whichever is listed first."""
    ends = []
    for order in (0, 1):
        cluster = a_cluster()
        feed(cluster, submitted(), running(), an_observation(running_pod(), when=NOON + 10 * SECOND))
        over = finished(when=NOON + 24 * HOUR), a_vanishing("pods", "p1", when=NOON + 24 * HOUR)
        effects = feed(cluster, over[order], over[1 - order])
        runs, charged = only(PodRun, effects), only(PodEnded, effects)
        ends.append(
            (runs[-1].finished_at, charged[-1].pod.run.finished_at, len({r.version for r in runs}) == len(runs))
        )

    assert ends == [(NOON + 2 * MINUTE, NOON + 2 * MINUTE, True)] * 2


def test_a_pod_that_vanished_may_outlive_a_workflow_that_was_cancelled() -> None:
    """Its end says nothing then."""
    cluster = a_cluster()
    feed(cluster, submitted(), running(), an_observation(running_pod(), when=NOON + 10 * SECOND))
    feed(cluster, finished(phase="Failed", message="Stopped with strategy 'Terminate'"))

    (run,) = only(PodRun, feed(cluster, a_vanishing("pods", "p1", when=NOON + HOUR)))

    assert run.finished_at == NOON + HOUR


def test_a_vanished_pod_that_had_ended_shows_nothing_new() -> None:
    """Its end was seen; that its object is gone changes no row."""
    cluster = a_cluster()
    feed(cluster, submitted(), an_observation(ended_pod(), when=NOON + 80 * SECOND))

    effects = feed(cluster, a_vanishing("pods", "p1", when=NOON + HOUR))

    assert effects == []


def test_a_pod_none_knew_may_vanish() -> None:
    """A list can miss what we never saw."""
    assert feed(a_cluster(), a_vanishing("pods", "p9"), a_vanishing("workflows", "w9")) == []


def test_pods_of_none_are_not_kept() -> None:
    """All pods of a cluster are watched; those of no workflow and no controller cost no memory."""
    cluster = a_cluster()
    feed(cluster, an_observation(a_pod(owner="")))

    assert (cluster.pods, cluster.tracked.pods_of, len(cluster.changes)) == ({}, {}, 0)


# What a pod's surroundings add.


def test_the_machine_shows_region_zone_and_instance_type() -> None:
    """Only the node knows where a pod ran."""
    cluster = a_cluster()
    labels = {
        "topology.kubernetes.io/region": "cn-shanghai",
        "topology.kubernetes.io/zone": "cn-shanghai-b",
        "node.kubernetes.io/instance-type": "ecs.c7.xlarge",
        "secret": "not kept",
    }
    feed(cluster, an_observation(a_machine("n1", labels), "listed"), submitted())

    (run,) = only(PodRun, feed(cluster, an_observation(ended_pod(node="n1", annotations={}))))

    assert (run.region, run.zone) == ("cn-shanghai", "cn-shanghai-b")
    assert run.pricing["node:node.kubernetes.io/instance-type"] == "ecs.c7.xlarge"
    assert "node:secret" not in run.pricing


def test_a_machine_that_is_gone_still_shows_where_its_pods_ran() -> None:
    """The last words of pods often arrive after their node's end."""
    cluster = a_cluster()
    machine = a_machine("n1", {"topology.kubernetes.io/region": "cn-shanghai"})
    feed(cluster, an_observation(machine), an_observation(machine, "deleted"), a_vanishing("nodes", "node-n1"))

    (run,) = only(PodRun, feed(cluster, an_observation(ended_pod(node="n1"))))

    assert run.region == "cn-shanghai"


def test_a_pod_of_node_shows_nothing_is_where_its_cluster_is() -> None:
    """A region in the settings keeps a mainland pod from overseas prices."""
    cluster = a_cluster(Rules(region="cn-beijing"))

    (run,) = only(PodRun, feed(cluster, an_observation(ended_pod())))

    assert run.region == "cn-beijing"


def test_the_namespace_may_name_who_pays() -> None:
    """A rule may read the labels of the namespace, the latest that are known."""
    cluster = a_cluster()
    named, renamed = (a_namespace(labels={"department": name}) for name in ("autonomy", "maps"))
    feed(cluster, an_observation(named, "listed"), submitted(), an_observation(renamed), running())

    assert cluster.workflows["w1"].department == "maps"


def test_a_deleted_namespace_still_names_who_pays() -> None:
    """Its workflows end after it."""
    cluster = a_cluster()
    named = a_namespace(labels={"department": "maps"})
    gone = an_observation(a_namespace(), "deleted")
    feed(cluster, an_observation(named), gone, a_vanishing("namespaces", "ns-team"), submitted())

    assert cluster.workflows["w1"].department == "maps"


def test_a_cluster_is_known_by_the_uid_of_kube_system() -> None:
    """Names are chosen, this is not."""
    cluster = a_cluster()
    feed(cluster, an_observation(a_namespace("kube-system", "uid-1"), "listed"), an_observation(a_namespace()))

    assert cluster.uid == "uid-1"


# The controller.


def controller_pod(namespace: str = "argo") -> Observation:
    """The workflow controller, killed for memory."""
    killed = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-22T11:59:00Z"}}
    reported = pod_json("ctl", owner="", namespace=namespace, labels={"app": "workflow-controller"}, phase="Running")
    reported["status"]["containerStatuses"] = [{"name": "workflow-controller", "state": {}, "lastState": killed}]
    return an_observation(decoded(reported, kubernetes.Pod))


def test_a_controllers_incident_is_reported_and_checkpointed() -> None:
    """A restart of the collector must not report it again."""
    cluster = a_cluster()

    (incident,) = only(ControllerIncident, feed(cluster, controller_pod(), controller_pod()))

    assert (incident.kind, cluster.changes.drain()) == ("oom_kill", [("controller", "")])


def test_a_controller_elsewhere_is_no_business_of_ours() -> None:
    """A tenant may run an Argo of their own."""
    assert feed(a_cluster(), controller_pod("somewhere")) == []


def test_evidence_is_compared_without_its_version() -> None:
    """Two rows that differ in nothing else are one."""
    one = a_pod_run()

    assert same_evidence(one, msgspec.structs.replace(one, version=one.version + 1))
    assert not same_evidence(one, msgspec.structs.replace(one, exit_code=1))


def test_an_evicted_pods_end_is_the_controllers_word() -> None:
    """No kubelet records an evicted pod's end; the workflow's node does, so the row is the same at any time of observation."""
    ends = set()
    for late_ms in (0, 7_000):
        cluster, pods = Cluster("c1", replay.RULES), []
        for seen in replay.observations("basics"):
            late = msgspec.structs.replace(seen, at=seen.at + late_ms)
            pods += [h for h in cluster.observe(late) if isinstance(h, PodRun) and h.name == "evicted-main-439679706"]
        ends.add(pods[-1].finished_at)

    assert ends == {kubernetes.parse_time("2026-11-22T13:22:43Z")}


@pytest.mark.parametrize("spoilt", ["cut", "size"])
def test_a_damaged_state_that_was_compressed_is_reported(spoilt: str) -> None:
    """It may claim any size: it is set aside as one that cannot be read, and is not given the memory."""
    cluster, frame = a_cluster(), zstandard.compress(b"x" * 9999)
    damaged = frame[:20] if spoilt == "cut" else frame[:4] + b"\xe0" + (1 << 60).to_bytes(8, "little") + frame[7:]

    with pytest.raises(checkpoints.UNREADABLE):
        checkpoints.adopt(cluster, "workflows", damaged)
