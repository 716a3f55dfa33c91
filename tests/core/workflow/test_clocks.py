"""Two clocks that disagree: no figure is made of one instant of each."""

from collections.abc import Iterable

import msgspec
import pytest

from collector.core.facts.bills import PodCost, PodRun
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation
from collector.core.model import REASONS, Fact
from tests.builders import HOUR, MINUTE, NOON, SECOND, a_workflow, an_observation, ended_pod
from tests.core.observed import a_cluster, feed, only
from tests.flow import WHOLE, a_pipeline, drained

OURS = {"first_seen_at", "picked_up_at", "first_pod_at"}
"""Instants of the arrival clock move with it, and no reported duration does."""


def seen_by_a_clock(off: int) -> list[Fact]:
    """The facts of one workflow, with an arrival clock that is off by so many ms."""
    flow = a_pipeline()
    sights = [o for o in WHOLE if isinstance(o, Observation)]
    flow.take("c1", [msgspec.structs.replace(sight, at=sight.at + off) for sight in sights])
    return list(drained(flow, NOON + off).facts)


def reported(facts: Iterable[Fact]) -> list[dict[str, object]]:
    rows = [msgspec.structs.asdict(fact) for fact in facts if isinstance(fact, (WorkflowRun, PodRun, PodCost))]
    return [{name: value for name, value in row.items() if name not in OURS} for row in rows]


@pytest.mark.parametrize("off", [-2 * HOUR, 2 * HOUR, -300, 300])
def test_a_clock_that_is_off_changes_no_duration_and_no_charge(off: int) -> None:
    """Latencies by our clock have both ends on it, all others both on the cluster's; money rests on the pod's own."""
    assert reported(seen_by_a_clock(off)) == reported(seen_by_a_clock(0))


def test_the_reasons_still_sum_to_what_the_workflow_took() -> None:
    """Each millisecond column is a difference of two sights of ours."""
    (run,) = [fact for fact in seen_by_a_clock(-2 * HOUR) if isinstance(fact, WorkflowRun)]

    assert sum(getattr(run, f"{reason}_ms") for reason in REASONS) == 72_000


def test_a_clock_that_is_ahead_adds_no_time() -> None:
    """A list shows a pod that ended later than the list arrived: the reasons still sum to what the workflow took."""
    cluster = a_cluster()
    feed(cluster, an_observation(a_workflow(), "added", when=NOON))
    feed(cluster, an_observation(ended_pod(), "listed", when=NOON + MINUTE))  # by its node, 10 s later
    effects = feed(
        cluster, an_observation(a_workflow(phase="Succeeded", finished=NOON + 65 * SECOND), when=NOON + 65 * SECOND)
    )
    (run,) = only(WorkflowRun, effects)

    assert (run.unseen_ms, run.advancing_ms) == (MINUTE, 5 * SECOND)
    assert sum(getattr(run, f"{reason}_ms") for reason in REASONS) == 65 * SECOND
