"""A pod or a node is billed no further than the first proof that it was over, whatever is recorded of it later."""

from collections.abc import Iterable

import pytest

from collector.core.cluster.effects import Effect
from collector.core.cluster.state import Cluster
from collector.core.facts.bills import NodeRun, PodRun
from collector.core.messages import Observation
from collector.core.model import Instant
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_container,
    a_plain_node,
    a_pod,
    a_step,
    a_vanishing,
    a_workflow,
    an_observation,
    iso,
    running_pod,
)
from tests.core.observed import a_cluster, feed, only, running, submitted

GAP = NOON + 31 * SECOND
PROOF = NOON + 41 * SECOND + 299
"""When the pod's end or absence arrived."""
NOTICED = NOON + 85 * SECOND
"""When the controller, itself away until then, wrote the end of the step."""


def with_a_running_pod() -> Cluster:
    cluster = a_cluster()
    feed(cluster, submitted(), running(), an_observation(running_pod(), "added", when=NOON + 20 * SECOND))
    return cluster


def recorded(at: Instant = NOTICED, *, phase: str = "Error") -> Observation:
    """The controller's word of the end of the pod's step, with which the workflow ends."""
    step = a_step("Error", startedAt=iso(NOON), finishedAt=iso(at), message="pod deleted")
    ended = a_workflow(phase=phase, started=NOON + SECOND, finished=at, nodes={"p1": step})
    return an_observation(ended, when=at + 500)


def end_of(effects: Iterable[Effect]) -> Instant | None:
    """The end in the last row of the pod."""
    return only(PodRun, effects)[-1].finished_at


def gone_in_a_gap() -> list[Observation]:
    return [a_vanishing("pods", "p1", when=PROOF)]


def deleted() -> list[Observation]:
    return [an_observation(running_pod(), "deleted", when=PROOF)]


def evicted() -> list[Observation]:
    """No kubelet wrote the end of the container."""
    still = a_container(started=NOON + 10 * SECOND)
    return [an_observation(a_pod(phase="Failed", reason="Evicted", containers=[still]), when=PROOF)]


@pytest.mark.parametrize("proof", [gone_in_a_gap, deleted, evicted])
def test_a_controller_that_notices_late_makes_no_pod_longer(proof: object) -> None:
    """To the second: objects have whole seconds, and the seconds that are billed are rounded up."""
    cluster = with_a_running_pod()
    cluster.gap_started("pods", GAP)
    feed(cluster, *proof())  # type: ignore[operator]

    assert end_of(feed(cluster, recorded())) == NOON + 41 * SECOND


@pytest.mark.parametrize("proof", [gone_in_a_gap, deleted, evicted])
def test_the_controllers_record_before_the_proof_is_the_end(proof: object) -> None:
    """It is nearer to the end than the beginning of the gap, and than the arrival."""
    cluster = with_a_running_pod()
    cluster.gap_started("pods", GAP)
    feed(cluster, *proof())  # type: ignore[operator]

    assert end_of(feed(cluster, recorded(NOON + 35 * SECOND))) == NOON + 35 * SECOND


def test_the_order_of_the_watches_does_not_matter() -> None:
    """The controller's record may arrive before the pod's watch shows that the pod is gone."""
    cluster = with_a_running_pod()
    feed(cluster, recorded())

    assert end_of(feed(cluster, *gone_in_a_gap())) == NOON + 41 * SECOND


def test_the_first_proof_counts() -> None:
    """A pod that was seen evicted and was deleted long after is over since it was seen evicted."""
    cluster = with_a_running_pod()
    feed(cluster, *evicted(), an_observation(a_pod(phase="Failed", containers=[]), "deleted", when=NOON + HOUR))

    assert end_of(feed(cluster, recorded())) == NOON + 41 * SECOND


def test_a_clock_behind_the_clusters_proves_nothing() -> None:
    """Our arrival before main's start: the controller's record stays the best evidence."""
    cluster = with_a_running_pod()
    feed(cluster, a_vanishing("pods", "p1", when=NOON - HOUR))

    assert end_of(feed(cluster, recorded())) == NOTICED


def test_the_first_proof_survives_a_restart() -> None:
    """It is part of the saved state."""
    before, after = with_a_running_pod(), a_cluster()
    feed(before, *deleted())
    after.adopt(before.workflows.values(), before.pods.values())

    assert end_of(feed(after, recorded())) == NOON + 41 * SECOND


def test_a_node_that_a_list_lacks_is_counted_no_further_than_the_list() -> None:
    """Its hourly row may have been written while the list was on its way."""
    cluster = a_cluster()
    feed(cluster, an_observation(a_plain_node(), "added", when=NOON))
    list(cluster.plain_nodes.accrue(NOON + MINUTE))
    uid = next(iter(cluster.plain_nodes.runs))
    (row,) = only(NodeRun, feed(cluster, a_vanishing("nodes", uid, when=NOON + 50 * SECOND)))

    assert (row.gone_at, row.last_seen_at) == (NOON + 50 * SECOND, NOON + 50 * SECOND)
