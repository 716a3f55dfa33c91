"""Kueue: pods behind its gate, the words of their Workloads, and their place in the queue."""

from typing import Any

import pytest

from collector.core.cluster.effects import Began
from collector.core.cluster.state import Cluster
from collector.core.facts.workflows import WorkflowRun
from collector.core.model import REASONS
from collector.core.objects import kubernetes, queue_managers
from collector.core.queue.managers import gates, kueue, volcano
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_condition,
    a_step,
    a_workflow,
    decoded,
    ended_pod,
    running_pod,
    workflow_json,
)
from tests.core.observed import a_cluster, depth, feed, only, submitted
from tests.core.queue.managers.objects import (
    ADMISSION,
    NO_QUOTA,
    TOPOLOGY,
    a_cluster_queue,
    a_gated,
    a_local_queue,
    a_workload,
    saw,
    waits_for_quota,
)

RUNNING = a_workflow(phase="Running", started=NOON, nodes={"w1": a_step("Pending", message="")})
WORDS = f"WaitingForQuota: {NO_QUOTA}"


def attempt(cluster: Cluster) -> tuple[str, str, str, bool]:
    """Reason, queue and words of the workflow, and whether work has begun."""
    one = cluster.workflows["w1"].attempt
    return one.reason, one.reason_on, one.reason_words, one.picked_up_at is not None


def test_gated_pods_are_no_beginning_of_work() -> None:
    """Nor is the phase Running, which the controller writes when it has made them."""
    cluster = a_cluster()
    effects = feed(cluster, submitted(), saw(a_gated(), NOON + SECOND), saw(RUNNING, NOON + SECOND + 5))

    assert attempt(cluster) == ("queued", "team-a", "", False)
    assert depth(cluster) == {"queued": 1}
    assert only(Began, effects) == []


@pytest.mark.parametrize("gates", [(TOPOLOGY,), ("example.com/mine",)])
def test_only_the_gate_of_the_admission_holds(gates: tuple[str, ...]) -> None:
    """The pod's condition stays when the gate is gone, and other gates are not a queue's."""
    cluster = a_cluster()
    feed(cluster, submitted(), saw(a_gated("p1", "w1", *gates), NOON + SECOND))

    assert attempt(cluster) == ("starting", "", "", True)


def test_a_gated_pod_that_is_seen_before_its_workflow_holds_it() -> None:
    """The two are watched on connections of their own."""
    cluster = a_cluster()
    feed(cluster, saw(a_gated(), NOON + SECOND), saw(RUNNING, NOON + SECOND + 5))

    assert attempt(cluster) == ("queued", "team-a", "", False)


def test_work_begins_when_the_first_gate_is_gone() -> None:
    """By the arrival clock; the queue's time is its own column."""
    cluster = a_cluster()
    feed(cluster, submitted(), saw(a_gated(), NOON + SECOND), saw(RUNNING, NOON + SECOND))
    (began,) = only(Began, feed(cluster, saw(a_gated("p1", "w1", TOPOLOGY), NOON + HOUR)))
    feed(cluster, saw(running_pod(), NOON + HOUR + SECOND), saw(ended_pod(), NOON + 2 * HOUR))
    done = a_workflow(phase="Succeeded", started=NOON, finished=NOON + 2 * HOUR, nodes={"w1": a_step()})
    (run,) = only(WorkflowRun, feed(cluster, saw(done, NOON + 2 * HOUR)))

    assert began.latency_ms == HOUR
    assert (run.unseen_ms, run.queued_ms, run.starting_ms) == (SECOND, HOUR - SECOND, SECOND)
    assert sum(getattr(run, f"{reason}_ms") for reason in REASONS) == 2 * HOUR


def test_one_pod_of_two_that_is_let_in_begins_the_work() -> None:
    """The depth counts workflows without any."""
    cluster = a_cluster()
    feed(cluster, submitted(), saw(a_gated(), NOON + SECOND), saw(a_gated("p2"), NOON + SECOND))
    held = attempt(cluster)
    feed(cluster, saw(a_gated("p2", "w1", TOPOLOGY), NOON + MINUTE))

    assert not held[3]
    assert attempt(cluster) == ("queued", "team-a", "", True)


def test_the_second_step_of_a_workflow_that_began_is_queued_after_work() -> None:
    """It waits for the same quota, but is not part of the depth."""
    cluster = a_cluster()
    feed(cluster, submitted(), saw(ended_pod(), NOON + MINUTE), saw(a_gated("p2"), NOON + 2 * MINUTE))

    assert attempt(cluster) == ("queued", "team-a", "", True)
    assert [row.begun for row in cluster.waiting()] == [True]


def asking(where: str) -> kubernetes.Workflow:
    """A workflow whose pods ask for a queue, in one of the places where that can stand."""
    label = {"kueue.x-k8s.io/queue-name": "team-a"}
    template = {"name": "main", "metadata": {"labels": label}}
    spec: dict[str, Any] = {
        "podMetadata": {"podMetadata": {"labels": label}},
        "template": {"templates": [template]},
        "scheduler": {"schedulerName": "volcano"},
        "template scheduler": {"templates": [{"name": "main", "schedulerName": "volcano"}]},
    }
    stored: dict[str, Any] = {"stored": {"storedWorkflowTemplateSpec": {"templates": [template]}}}
    nodes = {"w1": a_step("Pending")}
    fields = workflow_json(
        phase="Running", started=NOON, nodes=nodes, spec=spec.get(where, {"podMetadata": {}}), **stored.get(where, {})
    )
    return decoded(fields, kubernetes.Workflow)


@pytest.mark.parametrize("where", ["podMetadata", "template", "scheduler", "template scheduler", "stored"])
def test_running_before_the_first_pod_is_known_waits_for_the_pod(where: str) -> None:
    """The two arrive on watches of their own, and the first pod decides."""
    held, free = a_cluster(), a_cluster()
    for cluster, pod in ((held, a_gated()), (free, running_pod())):
        feed(cluster, submitted(), saw(asking(where), NOON + SECOND))
        assert attempt(cluster) == ("unseen", "", "", False)
        feed(cluster, saw(pod, NOON + SECOND + 5))

    assert attempt(held) == ("queued", "team-a", "", False)
    assert attempt(free) == ("running", "", "", True)


@pytest.mark.parametrize(
    "nodes",
    [
        {},
        {"w1": a_step("Running", kind="Suspend")},
        {"w1": a_step("Running")},
        {"w1": a_step("Pending", message='pods "x" is forbidden: exceeded quota: gpu')},
    ],
)
def test_running_without_a_pending_pod_is_work(nodes: dict[str, Any]) -> None:
    """No pod will decide, or a pod of it runs already."""
    cluster = a_cluster()
    workflow = a_workflow(phase="Running", started=NOON, nodes=nodes, spec={"schedulerName": "volcano"})
    feed(cluster, submitted(), saw(workflow, NOON + SECOND))

    assert attempt(cluster)[3]


def test_a_default_queue_takes_the_pods_of_its_namespace() -> None:
    """They need no label, so the workflow does not show it; once it is gone it takes none."""
    cluster = a_cluster()
    feed(cluster, saw(a_local_queue("default"), NOON), submitted(), saw(RUNNING, NOON + SECOND))
    awaited = attempt(cluster)
    feed(cluster, saw(a_gated(queue=""), NOON + SECOND + 5))
    held = attempt(cluster)
    feed(cluster, saw(a_local_queue("default"), NOON, "deleted"))

    assert awaited == ("unseen", "", "", False)
    assert held == ("queued", "default", "", False)
    assert cluster.admissions.of_workflow("team", "w1", "w1") == (None, False)


def test_a_list_shows_what_waits_and_since_when() -> None:
    """In either order of the two lists; a pod that is let in was held until its node, not until its creation."""
    for pod_first in (True, False):
        cluster = a_cluster()
        sights = [saw(asking("podMetadata"), NOON + HOUR, "listed"), saw(a_gated(), NOON + HOUR, "listed")]
        feed(cluster, *(reversed(sights) if pod_first else sights))
        assert attempt(cluster) == ("queued", "team-a", "", False)
        feed(cluster, saw(a_gated("p1", "w1", TOPOLOGY), NOON + 2 * HOUR, "listed"))
        spent = dict(zip(REASONS, cluster.workflows["w1"].attempt.spent or (), strict=True))

        assert (spent["unseen"], spent["queued"]) == (SECOND, 2 * HOUR - SECOND)


def test_a_workflow_that_is_terminated_behind_the_gate_never_began() -> None:
    """Its pods are deleted: they did nothing."""
    cluster = a_cluster()
    feed(cluster, submitted(), saw(a_gated(), NOON + SECOND), saw(RUNNING, NOON + SECOND))
    feed(cluster, saw(a_gated(), NOON + MINUTE, "deleted"), saw(RUNNING, NOON + MINUTE))
    deleted = attempt(cluster)
    nodes = {"w1": a_step("Failed", message="workflow shutdown with strategy:  Terminate")}
    end = a_workflow(phase="Failed", started=NOON, finished=NOON + MINUTE, nodes=nodes, spec={"shutdown": "Terminate"})
    (run,) = only(WorkflowRun, feed(cluster, saw(end, NOON + MINUTE)))

    assert not deleted[3]
    assert (run.picked_up_at, run.outcome) == (None, "cancelled")
    assert sum(getattr(run, f"{reason}_ms") for reason in REASONS) == MINUTE


@pytest.mark.parametrize("workload_first", [True, False])
def test_the_words_are_those_of_the_workload(workload_first: bool) -> None:
    """Whichever arrives first, and when they change."""
    cluster = a_cluster()
    sights = [saw(a_workload("p1", waits_for_quota()), NOON + SECOND), saw(a_gated(), NOON + SECOND)]
    feed(cluster, submitted(), *(sights if workload_first else reversed(sights)))
    first = attempt(cluster)
    marked = len(cluster.changes)
    feed(cluster, saw(a_workload("p1", waits_for_quota()), NOON + MINUTE))
    unchanged = len(cluster.changes)
    feed(cluster, saw(a_workload("p1"), NOON + MINUTE))
    second = attempt(cluster)[2]
    feed(cluster, saw(a_gated("p1", "w1", TOPOLOGY), NOON + HOUR), saw(a_workload("p1", quota("True")), NOON + HOUR))
    assert first == ("queued", "team-a", WORDS, False)
    assert second == "Kueue has not looked at it yet"
    assert unchanged == marked
    assert attempt(cluster)[::3] == ("starting", True)


def quota(status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return a_condition("QuotaReserved", NOON, status, reason=reason, message=message)


@pytest.mark.parametrize(
    ("workload", "words", "waits"),
    [
        (a_workload(), "Kueue has not looked at it yet", True),
        (a_workload("p1", waits_for_quota()), WORDS, True),
        (a_workload("p1", quota("False", "Inadmissible")), "Inadmissible", True),
        (a_workload("p1", quota("False")), "", True),
        (a_workload("p1", quota("True"), a_condition("Admitted", NOON)), "", False),
        (a_workload("p1", quota("True")), "", False),
        (
            a_workload("p1", quota("True"), a_condition("Admitted", NOON, "False", reason="NoReservation")),
            "NoReservation",
            False,
        ),
        (
            a_workload(
                "p1",
                quota("True"),
                admissionChecks=[
                    {"name": "dws", "state": "Pending", "message": "ordered"},
                    {"name": "b", "state": "Ready"},
                ],
            ),
            "its quota is reserved; admission check dws Pending: ordered",
            False,
        ),
        (a_workload("p1", waits_for_quota(), a_condition("Finished", NOON)), WORDS, False),
        (
            a_workload("p1", waits_for_quota(), active=False),
            "deactivated: a person must set spec.active of its Workload",
            False,
        ),
        (a_workload("p1", quota("True"), clusterName="worker-2"), "sent to cluster worker-2", False),
    ],
)
def test_each_phase_of_a_workload_has_its_words(
    workload: queue_managers.KueueWorkload, words: str, waits: bool
) -> None:
    """A condition counts by its status: an earlier one is kept as false. Only what has no quota stands in the queue."""
    read = kueue.read_workload(workload)

    assert (read.words, read.waits) == (words, waits)


def test_a_workload_of_which_nothing_is_known_is_read() -> None:
    """All fields are optional."""
    read = kueue.read_workload(queue_managers.KueueWorkload())

    assert (read.namespace, read.queue, read.order, read.pods) == ("", "", (0, 0), ())


def test_the_position_is_by_priority_then_by_age_over_all_queues_of_a_quota() -> None:
    """An eviction by a check sets the age again; a preempted one keeps its own."""
    cluster = a_cluster()
    again = a_condition("Evicted", NOON + HOUR, reason="AdmissionCheck")
    preempted = a_condition("Evicted", NOON + HOUR, reason="Preempted")
    over = a_condition("Evicted", NOON + HOUR, "False", reason="AdmissionCheck")
    sights = [
        a_workload("old", created=NOON),
        a_workload("again", again, created=NOON - HOUR),
        a_workload("high", priority=9, created=NOON + MINUTE),
        a_workload("preempted", preempted, created=NOON - HOUR),
        a_workload("over", over, created=NOON + SECOND, queue="team-b"),
        a_workload("in", quota("True"), created=NOON - HOUR),
        a_workload("elsewhere", created=NOON - HOUR, queue="team-c"),
    ]
    queues = [a_local_queue(), a_local_queue("team-b"), a_local_queue("team-c", of="cpu"), a_cluster_queue(5, "2")]
    feed(cluster, *(saw(one, NOON) for one in [*queues, *sights]))
    found = [cluster.admissions.position("team", "", [pod]) for pod in ("high", "preempted", "old", "over", "again")]

    assert [place and place.position for place in found] == [1, 2, 3, 4, 5]
    assert {place and (place.manager, place.queue, place.waiting, place.borrowed) for place in found} == {
        ("kueue", "gpu", 5, "2 nvidia.com/gpu of a100")
    }
    assert cluster.admissions.position("team", "", ["in"]) is None
    assert cluster.admissions.position("team", "", ["unknown"]) is None


def test_without_readable_queues_the_position_is_in_the_local_queue() -> None:
    """What left it is not ahead of anybody."""
    cluster = a_cluster()
    feed(cluster, saw(a_workload("p0"), NOON), saw(a_workload("p1", created=NOON + SECOND), NOON))
    second = cluster.admissions.position("team", "", ["p1"])
    feed(cluster, saw(a_workload("p0"), NOON, "deleted"))
    first = cluster.admissions.position("team", "", ["p1"])
    feed(cluster, saw(a_workload("p1"), NOON, "deleted"))

    assert second is not None
    assert first is not None
    assert [(one.queue, one.position, one.waiting) for one in (second, first)] == [("team-a", 2, 2), ("team-a", 1, 1)]
    assert cluster.admissions.position("team", "", ["p1"]) is None


def test_kueues_own_counts_are_shown() -> None:
    """A queue that states none has none; a deleted one is gone."""
    cluster = a_cluster()
    feed(cluster, *(saw(one, NOON) for one in (a_local_queue(pending=3), a_local_queue("b"), a_cluster_queue(7))))
    both = [(q.namespace, q.queue, q.pending) for q in cluster.admissions.queues("c1")]
    feed(cluster, saw(a_cluster_queue(), NOON), saw(a_local_queue(pending=3), NOON, "deleted"))

    assert both == [("team", "team-a", 3), ("", "gpu", 7)]
    assert [*cluster.admissions.queues("c1")] == []
    feed(
        cluster, saw(a_cluster_queue(), NOON, "deleted"), saw(queue_managers.LocalQueue(kubernetes.Meta(uid="x")), NOON)
    )
    assert kueue.borrowed(a_cluster_queue()) == kueue.borrowed(a_cluster_queue(1, "0")) == ""
    bare = queue_managers.KueueQueueStatus(flavorsUsage=[queue_managers.FlavorUsage("a100")])
    assert kueue.borrowed(queue_managers.ClusterQueue(status=bare)) == ""


def test_an_object_without_a_spec_asks_for_no_queue() -> None:
    """All fields are optional; an owner without control has no group."""
    pod = a_gated()
    assert pod.metadata.ownerReferences is not None
    pod.metadata.ownerReferences[0].controller = None

    assert not gates.may_hold(kubernetes.Workflow())
    assert not gates.awaits_pods(kubernetes.Workflow())
    assert [*volcano.group_names(pod.metadata)] == ["team/podgroup-p1"]


def test_another_workload_of_the_pod_keeps_its_words() -> None:
    """Kueue makes a new one before the old one is gone."""
    cluster = a_cluster()
    newer = a_workload("p1")
    newer.metadata.uid = "newer"
    feed(cluster, submitted(), saw(a_gated(), NOON), saw(a_workload("p1", waits_for_quota()), NOON), saw(newer, NOON))
    feed(cluster, saw(a_workload("p1", waits_for_quota()), NOON, "deleted"))

    assert attempt(cluster)[2] == "Kueue has not looked at it yet"
    assert ADMISSION == kueue.GATE
