"""Events of Kubernetes as hints: a notice of release is the reason of an end that the pod confirms."""

import pytest

from collector.core.cluster.effects import PodEnded
from collector.core.cluster.linking import RECLAIMED, with_event
from collector.core.facts.bills import PodRun
from collector.core.messages import Checkpoint, Gone, Observation
from collector.core.objects import kubernetes
from collector.core.pod.events import EventHint
from collector.pipeline import checkpoints
from collector.pipeline.checkpoints import Packer
from tests.builders import (
    MINUTE,
    NOON,
    SECOND,
    an_observation,
    decoded,
    ended_pod,
    iso,
    running_pod,
)
from tests.core.cluster.test_linking import at, failed_pod
from tests.core.observed import a_cluster, feed, only, submitted

NOTICE = EventHint("p1", "spot", "SpotToBeReleased", "the instance will be released", NOON + MINUTE)


def an_event(reason: str = NOTICE.reason, uid: str = "p1") -> Observation:
    about = {"kind": "Pod", "namespace": "team", "name": uid, "uid": uid}
    reported = {
        "metadata": {"name": "e", "namespace": "team", "uid": f"e-{reason}-{uid}", "creationTimestamp": iso(NOON)},
        "involvedObject": about, "type": "Warning", "reason": reason, "message": NOTICE.message,
        "lastTimestamp": iso(NOTICE.at),
    }  # fmt: skip
    return an_observation(decoded(reported, kubernetes.KubernetesEvent), "added", when=NOON + MINUTE)


@pytest.mark.parametrize("event_first", [True, False])
def test_a_notice_of_release_that_the_pods_end_confirms_is_its_reason(event_first: bool) -> None:
    """In either order; the pod alone shows only that it was killed."""
    cluster = a_cluster()
    pod = at(NOON + 71 * SECOND, failed_pod(), "added")
    reported = feed(cluster, submitted(), *((an_event(), pod) if event_first else (pod, an_event())))
    run = only(PodRun, reported)[-1]

    assert (run.reason, run.hint) == (RECLAIMED, f"{NOTICE.reason}: {NOTICE.message}")
    assert [e.pod.run.reason for e in only(PodEnded, reported)][-1] == RECLAIMED


def test_a_hint_alone_decides_nothing() -> None:
    """A pod that succeeded after the notice stays succeeded; a notice for an unknown pod or a second notice has no effect."""
    cluster = a_cluster()
    reported = feed(
        cluster, submitted(), at(NOON + 71 * SECOND, ended_pod(), "added"), an_event(), an_event(), an_event(uid="p9")
    )

    assert [run.reason for run in only(PodRun, reported)] == ["", ""]
    pod = cluster.pods["p1"]
    assert with_event(pod, None) is pod
    assert with_event(pod, EventHint("p1", "node", "NodeNotReady", "", NOON)).notice_at == NOTICE.at


def test_a_notice_is_remembered_over_a_restart() -> None:
    """The event is sent once, and the pod may end when another process watches."""
    cluster, after = a_cluster(), a_cluster()
    feed(cluster, submitted(), at(NOON, running_pod(), "added"), an_event())
    after.adopt(cluster.workflows.values(), cluster.pods.values())
    (run,) = only(PodRun, feed(after, at(NOON + 71 * SECOND, failed_pod())))

    assert run.reason == RECLAIMED


def test_a_notice_that_arrived_before_its_pod_is_remembered_over_a_restart() -> None:
    """Each watch resumes on its own: a collector may be killed between the two, and the event is not sent again."""
    cluster, after = a_cluster(), a_cluster()
    feed(cluster, submitted(), an_event())
    (kept,) = [c for c in Packer(cluster).take()[0] if c.kind == "hints"]
    assert isinstance(kept, Checkpoint)
    checkpoints.adopt(after, kept.kind, kept.state)
    (run,) = only(PodRun, feed(after, at(NOON + 71 * SECOND, failed_pod(), "added")))
    (dropped,) = [c for c in Packer(after).take()[1] if c.kind == "hints"]

    assert run.reason == RECLAIMED
    assert isinstance(dropped, Gone)
