"""Volcano: pods whose PodGroup is not let in."""

import msgspec
import pytest

from collector.core.cluster.state import Cluster
from collector.core.model import FIRST_REASONS, REASONS
from collector.core.objects import kubernetes, queue_managers
from collector.core.pod.state import PodState
from collector.core.queue.managers import volcano
from collector.core.rules import Rules
from collector.core.workflow.state import WorkflowState
from tests.builders import MINUTE, NOON, SECOND, a_condition, a_pod, a_vanishing
from tests.core.observed import a_cluster, depth, feed, submitted
from tests.core.queue.managers.objects import NOT_READY, a_group, a_volcano_pod, saw

UNFIT = [a_condition("PodScheduled", NOON, "False", reason="Unschedulable", message="0/3 nodes are available")]


def attempt(cluster: Cluster) -> tuple[str, str, str, bool]:
    """Reason, queue and words of the workflow, and whether work has begun."""
    one = cluster.workflows["w1"].attempt
    return one.reason, one.reason_on, one.reason_words, one.picked_up_at is not None


def a_volcano_cluster() -> Cluster:
    """One whose PodGroups can be read."""
    cluster = a_cluster()
    cluster.gap_ended("podgroups")
    feed(cluster, submitted())
    return cluster


@pytest.mark.parametrize("phase", ["", "Pending"])
@pytest.mark.parametrize("group_first", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_a_pending_group_holds_its_pods(phase: str, group_first: bool, shared: bool) -> None:
    """One group for the workflow, or one for each pod: both are found by the uid of the owner."""
    cluster = a_volcano_cluster()
    group = a_group(phase) if shared else a_group(phase, of="p1", kind="Pod")
    sights = [saw(group, NOON + SECOND), saw(a_volcano_pod(), NOON + SECOND)]
    feed(cluster, *(sights if group_first else reversed(sights)))

    assert attempt(cluster) == ("queued", "team-a", NOT_READY if phase else "", False)
    assert depth(cluster) == {"queued": 1}


@pytest.mark.parametrize("phase", ["Inqueue", "Running", "Unknown", "Completed"])
def test_a_group_that_is_let_in_waits_for_nodes(phase: str) -> None:
    """As any pod does."""
    cluster = a_volcano_cluster()
    feed(cluster, saw(a_group(phase), NOON), saw(a_volcano_pod(conditions=UNFIT), NOON + SECOND))

    assert attempt(cluster)[::3] == ("unschedulable", True)


def test_work_begins_when_the_group_is_let_in() -> None:
    """The group's event comes before the pod's own."""
    cluster = a_volcano_cluster()
    feed(cluster, saw(a_volcano_pod(conditions=UNFIT), NOON + SECOND))
    without_group = attempt(cluster)
    feed(cluster, saw(a_group(), NOON + 2 * SECOND), saw(a_group(), NOON + 3 * SECOND))
    held = attempt(cluster)
    feed(cluster, saw(a_group("Inqueue"), NOON + MINUTE))
    let_in = attempt(cluster)
    feed(cluster, saw(a_volcano_pod(group="podgroup-w1", conditions=UNFIT), NOON + MINUTE + SECOND))

    assert without_group == ("queued", "default", "", False)
    assert held == ("queued", "team-a", NOT_READY, False)
    assert let_in == ("starting", "", "", True)
    assert attempt(cluster)[::3] == ("unschedulable", True)
    assert cluster.workflows["w1"].attempt.picked_up_at == NOON + MINUTE


def test_a_group_that_the_pod_names_comes_first() -> None:
    """Its owner may have another one."""
    cluster = a_volcano_cluster()
    feed(cluster, saw(a_group("Running"), NOON), saw(a_group(of="gang", kind="Job", name="gang"), NOON))
    feed(cluster, saw(a_volcano_pod(group="gang"), NOON + SECOND))

    assert attempt(cluster)[0] == "queued"


def test_where_groups_cannot_be_read_a_pod_is_work() -> None:
    """As it was before; nothing shows that it is held."""
    cluster = a_cluster()
    feed(cluster, submitted(), saw(a_volcano_pod(), NOON + SECOND))

    assert attempt(cluster)[::3] == ("starting", True)


def test_a_pod_with_a_node_or_of_another_scheduler_is_not_held() -> None:
    """The group of a workflow may be held again while its first pods run."""
    cluster = a_volcano_cluster()
    feed(cluster, saw(a_group(), NOON), saw(a_volcano_pod(node="n1"), NOON + SECOND))
    placed = attempt(cluster)
    feed(cluster, saw(a_pod("p2"), NOON + SECOND), saw(kubernetes.Pod(kubernetes.Meta(uid="p3")), NOON))

    assert placed[::3] == ("starting", True)
    assert cluster.admissions.hold_of(kubernetes.Pod(), "p3") == (None, "")
    assert not volcano.may_be_held(kubernetes.Pod())


def test_a_pod_that_was_let_in_stays_so_when_its_group_is_deleted() -> None:
    """And a held one stays held: it was not let in."""
    cluster = a_volcano_cluster()
    feed(cluster, saw(a_group(), NOON), saw(a_volcano_pod(), NOON), saw(a_group(), NOON + SECOND, "deleted"))
    held = attempt(cluster)
    feed(cluster, saw(a_group("Inqueue"), NOON + MINUTE), saw(a_group("Inqueue"), NOON + MINUTE, "deleted"))

    assert held[::3] == ("queued", False)
    assert attempt(cluster)[::3] == ("starting", True)


def test_a_group_that_is_gone_and_pods_that_left_it_change_nothing() -> None:
    """Its pods go one by one; what is remembered of a group ends with its last pod."""
    cluster = a_volcano_cluster()
    feed(cluster, saw(a_group(), NOON), saw(a_volcano_pod(), NOON), saw(a_volcano_pod("p2"), NOON))
    feed(cluster, saw(a_volcano_pod("p2"), NOON + SECOND, "deleted"), a_vanishing("pods", "p1", when=NOON + SECOND))
    feed(cluster, saw(a_group("Inqueue"), NOON + MINUTE), saw(a_group(), NOON + MINUTE, "deleted"))

    assert not attempt(cluster)[3]
    assert cluster.admissions._members == {}
    assert [queue.pending for queue in cluster.admissions.queues("c1")] == [0]


def test_a_group_without_spec_or_status_is_held_in_the_default_queue() -> None:
    """All fields are optional."""
    read = volcano.read_group(queue_managers.PodGroup())

    assert (read.queue, read.is_held, read.words, read.owners) == ("default", True, "", ())


def test_the_number_of_held_groups_is_the_managers_own_count() -> None:
    """Volcano no longer writes it into its Queue."""
    cluster = a_cluster()
    feed(cluster, *(saw(a_group(p, of=f"w{i}"), NOON) for i, p in enumerate(("Pending", "Inqueue", "Pending"))))

    assert [(q.manager, q.queue, q.pending) for q in cluster.admissions.queues("c1")] == [("volcano", "team-a", 2)]


def test_a_saved_state_goes_on() -> None:
    """The group of a held pod is remembered; states of a release before know no such thing."""
    before = a_volcano_cluster()
    feed(before, saw(a_group(), NOON), saw(a_volcano_pod(), NOON + SECOND))
    states = [msgspec.convert(msgspec.to_builtins(one), WorkflowState) for one in before.workflows.values()]
    pods = [msgspec.convert(msgspec.to_builtins(one), PodState) for one in before.pods.values()]
    older = msgspec.convert(msgspec.to_builtins(pods[0])[:-2], PodState)
    after = Cluster("c1", Rules())
    after.adopt(states, pods)
    feed(after, saw(a_group("Inqueue"), NOON + MINUTE))

    assert attempt(after)[::3] == ("starting", True)
    assert (older.unadmitted, older.group) == (False, "")
    assert len(REASONS) == len(FIRST_REASONS) + 2
