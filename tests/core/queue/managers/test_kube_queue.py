"""ack-kube-queue and koord-queue: what holds a suspended workflow, by its own object and by its QueueUnit."""

from typing import Any

import pytest

from collector.core.cluster.state import Cluster
from collector.core.facts.workflows import WorkflowRun
from collector.core.model import REASONS
from collector.core.objects import kubernetes, queue_managers
from collector.core.queue.managers import kube_queue
from collector.core.queue.managers.kube_queue import Marked
from tests.builders import HOUR, MINUTE, NOON, SECOND, a_pod, a_step, decoded, running_pod, workflow_json
from tests.core.observed import a_cluster, depth, feed, only
from tests.core.queue.managers.objects import ACK, KOORD, WORDS, a_managed, a_suspended, a_unit, a_unit_queue, saw

HELD = ("", "Enqueued", "Reserved", "SchedReady", "SchedFailed", "TimeoutBackoff")
LET_IN = ("SchedSucceed", "Dequeued", "Running", "Succeed", "Failed", "Preempted")


def attempt(cluster: Cluster) -> tuple[str, str, str, bool]:
    """Reason, queue and words of the workflow, and whether work has begun."""
    one = cluster.workflows["w1"].attempt
    return one.reason, one.reason_on, one.reason_words, one.picked_up_at is not None


@pytest.mark.parametrize("manager", [ACK, KOORD])
@pytest.mark.parametrize("stored", [False, True])
def test_a_workflow_with_the_template_of_a_manager_is_marked(manager: str, stored: bool) -> None:
    """In its spec or among the templates that Argo stored; the time is Go's own text."""
    marked = kube_queue.marked(a_managed(manager=manager, stored=stored))

    assert marked == Marked(f"{manager}/", "team", NOON + SECOND + 123)


def test_without_suspension_or_template_nothing_is_marked() -> None:
    """A template of that name that does not suspend is a user's own; so is a list that is none."""
    container: dict[str, Any] = {"templates": [{"name": "kube-queue-suspend", "container": {}}], "suspend": True}
    broken: dict[str, Any] = {"templates": {"kube-queue-suspend": [{}]}, "suspend": True}
    bare = decoded({"metadata": {}, "spec": container | {"suspend": True}}, kubernetes.Workflow)

    assert kube_queue.marked(a_managed(suspend=False)) is None
    assert kube_queue.marked(a_suspended()) is None
    assert kube_queue.marked(kubernetes.Workflow()) is None
    assert kube_queue.marked(bare) is None
    for spec in (container, broken):
        assert kube_queue.marked(decoded(workflow_json(spec=spec), kubernetes.Workflow)) is None


def test_the_queue_is_the_chosen_one_or_the_quota_or_the_namespace() -> None:
    """An annotation of the unit's queue comes first; a time that is not one is not read."""
    labels = {"quota.scheduling.koordinator.sh/name": "team-q", "quota.scheduling.alibabacloud.com/name": "tree-q"}
    labelled, chosen = a_managed(labels=labels, enqueued=False), a_managed(labels=labels)
    assert chosen.metadata.annotations is not None
    chosen.metadata.annotations["kube-queue/queue-name"] = "night"

    assert kube_queue.marked(labelled) == Marked("kube-queue/", "tree-q", None)
    assert kube_queue.marked(chosen) == Marked("kube-queue/", "night", NOON + SECOND + 123)


@pytest.mark.parametrize("phase", HELD)
@pytest.mark.parametrize("unit_first", [True, False])
def test_every_phase_of_the_queue_holds_the_workflow(phase: str, unit_first: bool) -> None:
    """Argo sets it to Running when it sees it first, suspended or not: work does not begin by that."""
    cluster = a_cluster()
    sights = [saw(a_unit(phase), NOON + SECOND), saw(a_managed(), NOON + SECOND)]
    feed(cluster, *(sights if unit_first else reversed(sights)))

    assert attempt(cluster) == ("queued", "team", WORDS if phase else "", False)
    assert depth(cluster) == {"queued": 1}


@pytest.mark.parametrize("phase", LET_IN)
def test_a_suspension_beyond_the_queue_is_a_persons(phase: str) -> None:
    """The manager has let it in before."""
    cluster = a_cluster()
    feed(cluster, saw(a_unit(phase), NOON + SECOND), saw(a_managed(), NOON + MINUTE))

    assert attempt(cluster) == ("suspended", "", "", True)


def test_a_person_who_suspends_is_never_a_queue() -> None:
    """Without the template neither annotations nor a unit of the same name make it one."""
    cluster = a_cluster()
    feed(
        cluster,
        saw(a_unit(), NOON),
        saw(a_suspended(annotations={"kube-queue/job-has-enqueued": "true"}), NOON + SECOND),
    )

    assert attempt(cluster) == ("suspended", "", "", True)


@pytest.mark.parametrize("enqueued", [True, False])
def test_without_readable_units_a_marked_workflow_waits_until_it_began(enqueued: bool) -> None:
    """Once released it began, and a later suspension is a person's."""
    cluster = a_cluster()
    feed(cluster, saw(a_managed(enqueued=enqueued), NOON + SECOND))
    held = attempt(cluster)
    feed(cluster, saw(a_managed(suspend=False), NOON + MINUTE))
    begun = attempt(cluster)
    feed(cluster, saw(a_managed(), NOON + 2 * MINUTE))

    assert held == ("queued", "team", "", False)
    assert begun[3]
    assert attempt(cluster) == ("suspended", "", "", True)


def test_a_list_shows_by_its_steps_that_a_marked_workflow_began() -> None:
    """Without a unit and without a past."""
    cluster = a_cluster()
    feed(cluster, saw(a_managed(nodes={"w1": a_step("Running")}), NOON + HOUR, "listed"))

    assert attempt(cluster) == ("suspended", "", "", True)


def test_a_preempted_workflow_waits_again_after_it_began() -> None:
    """The manager takes it back into the queue: the depth does not include it, and no person suspended it."""
    cluster = a_cluster()
    feed(
        cluster, saw(a_managed(suspend=False), NOON), saw(a_pod(), NOON + SECOND), saw(a_unit("Running"), NOON + SECOND)
    )
    feed(
        cluster, saw(a_unit("Enqueued"), NOON + MINUTE), saw(a_managed(nodes={"w1": a_step("Running")}), NOON + MINUTE)
    )

    assert attempt(cluster) == ("queued", "team", WORDS, True)


def test_the_units_words_and_phase_take_effect_without_an_event_of_the_workflow() -> None:
    """Until the workflow itself is resumed it has not begun."""
    cluster = a_cluster()
    feed(cluster, saw(a_managed(), NOON), saw(a_unit("Enqueued"), NOON + SECOND))
    first = attempt(cluster)
    feed(cluster, saw(a_unit("Enqueued", message="no quota"), NOON + 2 * SECOND))
    second = attempt(cluster)
    feed(cluster, saw(a_unit("Dequeued"), NOON + MINUTE))
    let_in = attempt(cluster)
    feed(cluster, saw(a_managed(suspend=False), NOON + MINUTE + 50))

    assert [first[2], second[2]] == [WORDS, "no quota"]
    assert (let_in[0], let_in[3]) == ("queued", False)
    assert attempt(cluster)[3]


def test_times_of_a_held_workflow_add_up_and_its_latency_ends_at_the_release() -> None:
    """Its own start is when Argo saw it suspended."""
    cluster = a_cluster()
    feed(
        cluster,
        saw(a_managed(phase=None, started=None, enqueued=False), NOON, "added"),
        saw(a_unit(), NOON + 500),
        saw(a_managed(), NOON + SECOND),
        saw(a_managed(suspend=False), NOON + HOUR),
        saw(running_pod(), NOON + HOUR + SECOND),
    )
    done = a_managed(suspend=False, phase="Succeeded", finished=NOON + 2 * HOUR, nodes={"w1": a_step()})
    (run,) = only(WorkflowRun, feed(cluster, saw(done, NOON + 2 * HOUR)))

    assert (run.queued_ms, run.queue_latency_ms, run.latency_source) == (HOUR, HOUR, "watch")
    assert run.waited_on["queued"] == "team"
    assert sum(getattr(run, f"{reason}_ms") for reason in REASONS) == 2 * HOUR


def test_a_listed_workflow_has_waited_since_it_was_enqueued() -> None:
    """The time before is the controller's."""
    cluster = a_cluster()
    feed(cluster, saw(a_managed(), NOON + HOUR, "listed"), saw(a_managed(suspend=False), NOON + 2 * HOUR))
    spent = dict(zip(REASONS, cluster.workflows["w1"].attempt.spent or (), strict=True))

    assert (spent["unseen"], spent["queued"]) == (SECOND + 123, 2 * HOUR - SECOND - 123)


def test_a_workflow_that_is_terminated_while_it_waits_never_began() -> None:
    """It ends without a latency."""
    cluster = a_cluster()
    end = a_managed(phase="Failed", finished=NOON + MINUTE)
    (run,) = only(WorkflowRun, feed(cluster, saw(a_managed(), NOON), saw(end, NOON + MINUTE)))
    feed(cluster, saw(a_unit("Failed"), NOON + MINUTE))

    assert (run.picked_up_at, run.queue_latency_ms, run.queued_ms) == (None, None, MINUTE)


def test_a_deleted_unit_and_one_of_an_earlier_workflow_hold_nothing_new() -> None:
    """Names are used again; the workflow itself then decides."""
    cluster = a_cluster()
    earlier = a_unit("Running")
    assert earlier.metadata.ownerReferences is not None
    earlier.metadata.ownerReferences[0].uid = "w0"
    feed(cluster, saw(earlier, NOON), saw(a_managed(), NOON + SECOND))
    held = attempt(cluster)
    feed(cluster, saw(a_unit("Enqueued"), NOON + MINUTE))
    feed(cluster, saw(a_unit("Enqueued"), NOON + MINUTE, "deleted"), saw(earlier, NOON + MINUTE, "deleted"))

    assert held == ("queued", "team", "", False)
    assert attempt(cluster) == ("queued", "team", "", False)


def test_a_unit_without_consumer_status_or_owner_is_read_by_its_name() -> None:
    """All fields are optional."""
    unit = queue_managers.QueueUnit(kubernetes.Meta(name="w1", namespace="team", uid="u1"))

    assert kube_queue.read_unit(unit) == ("team/w1", kube_queue.Unit("", "", ""))
    cluster = a_cluster()
    feed(cluster, saw(unit, NOON), saw(a_managed(), NOON + SECOND))
    assert attempt(cluster) == ("queued", "team", "", False)


def test_the_position_is_the_queues_own() -> None:
    """From 1, and it may be out of date; an item without a position is none, a Queue without a status is empty."""
    cluster = a_cluster()
    feed(cluster, saw(a_managed(), NOON), saw(a_unit_queue("w0", "w1", "w2"), NOON))
    place = cluster.admissions.position("team", "w1", ())

    assert place is not None
    assert (place.manager, place.queue, place.position, place.waiting) == ("kube-queue", "root-team-a", 2, 3)
    assert cluster.queue_position("w1") == place
    assert cluster.admissions.position("team", "w9", ()) is None
    assert [(q.queue, q.pending) for q in cluster.admissions.queues("c1")] == [("root-team-a", 3)]
    feed(cluster, saw(queue_managers.UnitQueue(kubernetes.Meta(uid="q1")), NOON + SECOND))
    assert cluster.admissions.position("team", "w1", ()) is None
    feed(cluster, saw(a_unit_queue("w1"), NOON + SECOND, "deleted"))
    assert [*cluster.admissions.queues("c1")] == []
    item = queue_managers.UnitQueueStatus({"active": [queue_managers.QueueItem("team", "w1")]})
    assert [*kube_queue.positions(queue_managers.UnitQueue(status=item))] == []


def test_only_a_workflow_that_is_held_has_a_position() -> None:
    """A Queue may still name one that was released."""
    cluster = a_cluster()
    feed(cluster, saw(a_unit_queue("w1", "w2"), NOON), saw(a_suspended(), NOON))

    assert (cluster.queue_position("w1"), cluster.queue_position("w2")) == (None, None)
