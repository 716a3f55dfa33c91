"""What counters and flows take from a list: nothing of a first one, all that is new of one that closes a gap."""

from typing import Any

import msgspec
import pytest

from collector.catalog import metrics
from collector.core.facts.workflows import WorkflowRun
from collector.core.messages import Observation, Outcome, Synced
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.pipeline.pipeline import Pipeline
from tests.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_step,
    a_vanishing,
    a_workflow,
    an_observation,
    ended_pod,
    iso,
)
from tests.flow import HEALTHY, a_pipeline, controller, counted, drained, only, position
from tests.pipeline.test_over_time import restarted

FIRST_LISTS: list[Outcome] = [Synced("workflows", "5"), position("workflows"), Synced("pods", "5"), position("pods")]
LIST_AT = NOON + 2 * MINUTE


def listed(seen: Any, when: Instant = LIST_AT) -> Observation:
    return an_observation(seen, "listed", when=when)


def waiting(uid: str) -> kubernetes.Workflow:
    return a_workflow(uid, created=NOON + MINUTE)


def begun(uid: str) -> kubernetes.Workflow:
    return a_workflow(uid, created=NOON + MINUTE, phase="Running", started=NOON + 70 * SECOND)


def done(uid: str, phase: str = "Succeeded") -> kubernetes.Workflow:
    started, ended = NOON + 70 * SECOND, NOON + 80 * SECOND
    step = a_step(phase, startedAt=iso(started), finishedAt=iso(ended))
    nodes = {uid: step}
    return a_workflow(uid, created=NOON + MINUTE, phase=phase, started=started, finished=ended, nodes=nodes)


def figures(flow: Pipeline) -> tuple[int, int, int]:
    """Submitted, started, finished."""
    found = (metrics.SUBMITTED, metrics.STARTED, metrics.FINISHED)
    return tuple(int(sum(counted(flow, metric).values())) for metric in found)  # type: ignore[return-value]


def runs_of(flow: Pipeline) -> list[str]:
    """The attempts that have a row."""
    return sorted({f"{run.uid}#{run.attempt}" for run in only(WorkflowRun, drained(flow).facts)})


def test_a_first_list_moves_no_counter() -> None:
    """Its past may be years long; what happens afterwards counts."""
    flow = a_pipeline()
    flow.take("c1", [*map(listed, (waiting("w1"), begun("w2"), done("w3"), ended_pod("p3", owner="w3")))])
    past = figures(flow), counted(flow, metrics.COST)
    flow.take("c1", [*FIRST_LISTS, an_observation(begun("w1"), when=LIST_AT + SECOND)])

    assert past == ((0, 0, 0), {})
    assert figures(flow) == (0, 1, 0)


def test_a_list_after_a_gap_counts_all_that_is_new() -> None:
    """Submitted, started and finished agree with each other and with the rows."""
    flow = a_pipeline()
    flow.take("c1", FIRST_LISTS)
    new = (waiting("w1"), begun("w2"), done("w3"), done("w4", "Failed"), ended_pod("p3", owner="w3"))
    flow.take("c1", [*map(listed, new)])

    assert figures(flow) == (4, 3, 2)
    assert runs_of(flow) == ["w3#1", "w4#1"]
    assert sum(counted(flow, metrics.COST).values()) > 0


def test_known_workflows_move_on_in_a_gap() -> None:
    """One began, one began and ended, one vanished, one ended and was retried: each transition counts once."""
    flow = a_pipeline()
    known = [an_observation(waiting(f"w{n}"), "added", when=NOON + MINUTE) for n in range(4)]
    flow.take("c1", [*FIRST_LISTS, *known, an_observation(done("w3"), when=NOON + 81 * SECOND)])
    again = a_workflow("w3", created=NOON + MINUTE, phase="Running", started=NOON + 90 * SECOND)
    flow.take(
        "c1", [listed(begun("w0")), listed(done("w1")), a_vanishing("workflows", "w2", when=LIST_AT), listed(again)]
    )

    assert figures(flow) == (5, 4, 3)
    assert runs_of(flow) == ["w1#1", "w2#1", "w3#1"]


@pytest.mark.parametrize("pods_first", [False, True])
def test_a_pod_in_the_list_of_a_gap_starts_its_workflow(pods_first: bool) -> None:
    """Whichever of the two lists is first; the workflow's own status may say so much later."""
    flow = a_pipeline()
    flow.take("c1", FIRST_LISTS)
    lists: list[Outcome] = [listed(waiting("w1")), listed(ended_pod("p1", owner="w1"))]
    flow.take("c1", lists[::-1] if pods_first else lists)

    assert figures(flow) == (1, 1, 0)


@pytest.mark.parametrize("new", [False, True])
def test_the_first_list_of_pods_starts_only_what_was_counted(new: bool) -> None:
    """It may show a pod of a workflow that was submitted after the first list of workflows."""
    flow = a_pipeline()
    flow.take("c1", [an_observation(waiting("w1"), "added" if new else "listed", live=False), Synced("workflows", "5")])
    flow.take("c1", [listed(ended_pod("p1", owner="w1"))])

    assert figures(flow) == ((1, 1, 0) if new else (0, 0, 0))


def test_a_restart_that_ends_in_a_list_counts_what_is_new() -> None:
    """The position had expired when the process was up again; what it knew before is not counted again."""
    flow = a_pipeline()
    flow.take("c1", [*FIRST_LISTS, an_observation(waiting("w1"), "added", when=NOON + MINUTE)])
    after = restarted([drained(flow)])
    after.take("c1", [listed(begun("w1")), listed(done("w2"))])

    assert figures(after) == (2, 2, 1)


def test_where_the_state_was_lost_only_what_is_younger_is_new() -> None:
    """An earlier process counted the rest; its totals are still there."""
    flow = a_pipeline()
    flow.restore_identity("c1", "uid", {}, NOON + 65 * SECOND)
    flow.positions.mark_state_lost(LIST_AT, "the disk was lost", ["c1"])
    older, younger = done("w1"), msgspec.structs.replace(done("w2"))
    younger.metadata.creationTimestamp = "2026-11-22T12:01:06Z"
    old_pod = ended_pod("p1", owner="w1")
    flow.take("c1", [listed(waiting("w0")), listed(older), listed(younger), listed(old_pod)])

    assert figures(flow) == (1, 2, 2)


def test_what_a_comparison_finds_missing_is_news() -> None:
    """The watch lost its creation; it is fetched, and seen as in a list."""
    flow = a_pipeline()
    flow.take("c1", [*FIRST_LISTS, an_observation(waiting("w1"), "added"), listed(done("w2"))])

    assert figures(flow) == (2, 1, 1)


def test_an_oom_kill_in_a_gap_counts() -> None:
    """A first list may show one of last week; the list of a gap shows one of the gap."""
    flow, first = a_pipeline(), a_pipeline()
    flow.take("c1", [*FIRST_LISTS, controller("listed")])
    first.take("c1", [controller("listed"), *FIRST_LISTS, controller("listed")])

    assert sum(counted(flow, metrics.CONTROLLER_OOM_KILLS).values()) == 1
    assert counted(first, metrics.CONTROLLER_OOM_KILLS) == {}


def test_flows_count_a_gap_when_it_was() -> None:
    """Not as a burst at the list; what is older than the window is in neither figure."""
    flow = a_pipeline()
    flow.take("c1", [*FIRST_LISTS, *(listed(done(f"w{n}"), NOON + 4 * MINUTE) for n in range(3))])
    flow.take("c1", [listed(waiting("w9"), NOON + 4 * MINUTE), listed(done("w8"), NOON + HOUR)])
    (row,) = flow.view(NOON + 4 * MINUTE, {}, HEALTHY).flows

    assert (row.arrivals, row.starts, row.depth, row.state) == (4, 3, 1, "draining")
