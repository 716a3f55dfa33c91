"""What began and does not move, and why."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.live_view import StuckWorkflow
from collector.core.model import AFTER_WORK, REASONS
from collector.core.workflow import stuck as stuck_module
from collector.core.workflow.state import WorkflowState
from collector.core.workflow.stuck import OLDEST_SHOWN, REMEDIES, StuckWorkflows, stuck
from tests.builders import HOUR, MINUTE, NOON, a_state
from tests.slices import whole

AFTER = 30 * MINUTE


def idle(**changes: Any) -> WorkflowState:
    """A live workflow that has not moved for an hour."""
    defaults = {"picked_up_at": NOON - HOUR, "reason": "image", "reason_since": NOON - HOUR}
    return a_state(**{"uid": "u1", **defaults, **changes})


def stuck_of(*states: WorkflowState) -> StuckWorkflows:
    return whole(stuck("c1", states, NOON, AFTER))


def causes(*states: WorkflowState) -> list[str]:
    return [one.cause for one in stuck_of(*states).oldest]


def test_a_workflow_that_does_not_move_is_reported_with_its_cause() -> None:
    """Since when is the last change of anything."""
    state = idle(reason_on="a:1", reason_words="ErrImagePull: no such image", moved_at=NOON - HOUR + MINUTE)

    assert stuck_of(state) == StuckWorkflows(
        [
            StuckWorkflow(
                cluster="c1",
                namespace="team",
                name="w1",
                uid="u1",
                reason="image",
                cause="image",
                words="a:1: ErrImagePull: no such image",
                since=NOON - HOUR + MINUTE,
            )
        ],
        {("team", "image"): 1},
    )


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        (idle(reason="quota", reason_on="team"), "quota"),
        (idle(reason="stock"), "no_stock"),
        (idle(reason="unschedulable"), "unschedulable"),
        (idle(reason="volume"), "volume"),
        (idle(reason="step_lock", reason_on="team/Mutex/m"), "lock"),
        (idle(reason="starting"), "starting"),
        (idle(reason="advancing"), "no_pod_controller"),
        (idle(reason="advancing", awaits_results=True), "no_pod_task_result"),
        (idle(reason="starting", awaits_results=True), "starting"),
    ],
)
def test_the_cause_is_the_reason_or_what_is_behind_it(state: WorkflowState, cause: str) -> None:
    """Results are waited for only where no pod could still bring them."""
    assert causes(state) == [cause]


@pytest.mark.parametrize(
    "state",
    [
        idle(reason="running"),
        idle(reason="suspended"),
        idle(reason="throttled", picked_up_at=None),
        idle(reason="unseen", picked_up_at=None),
        idle(reason="volume", picked_up_at=None),
        idle(finished=True),
        idle(reason_since=NOON - AFTER),
        idle(moved_at=NOON - AFTER),
        idle(reason_since=NOON + MINUTE),
    ],
)
def test_what_runs_moves_waits_on_purpose_or_has_not_begun_is_not_stuck(state: WorkflowState) -> None:
    """A page at night must be about a workflow that does not move."""
    assert stuck_of(state) == StuckWorkflows([], {})


@pytest.mark.parametrize(
    ("on", "words", "reported"),
    [
        ("team/Mutex/m", "limit 1, held by 1", "team/Mutex/m: limit 1, held by 1"),
        ("a:1", 'ErrImagePull: no "a:1"', 'ErrImagePull: no "a:1"'),
        ("a:1", "", "a:1"),
        ("", "", ""),
    ],
)
def test_the_words_name_what_is_waited_for_once(on: str, words: str, reported: str) -> None:
    """A lock's words do not name it, most others do."""
    assert stuck_of(idle(reason_on=on, reason_words=words)).oldest[0].words == reported


def test_the_oldest_are_reported_and_all_are_counted() -> None:
    """A broken registry stops thousands at once."""
    states = [idle(uid=f"u{i}", reason_since=NOON - HOUR - i, namespace=f"n{i % 2}") for i in range(OLDEST_SHOWN + 50)]
    both = stuck_of(*states)

    assert [one.uid for one in both.oldest] == [f"u{i}" for i in reversed(range(50, OLDEST_SHOWN + 50))]
    assert both.counts == {("n0", "image"): 125, ("n1", "image"): 125}


def test_every_reason_that_can_be_stuck_has_a_cause_and_every_cause_a_remedy() -> None:
    """A cause on a page without a remedy helps no reader."""
    reasons = [name for name in REASONS if stuck_of(idle(reason=name)).oldest]
    named = {cause for name in reasons for cause in causes(idle(reason=name))}

    assert set(reasons) == {*AFTER_WORK} - {"suspended", "queued"}
    assert {*named, "no_stock", "no_pod_task_result"} == set(REMEDIES)
    assert all(remedy.endswith(".") for remedy in stuck_module.REMEDIES.values())


STATES = st.lists(
    st.builds(
        idle, uid=st.uuids().map(str), reason=st.sampled_from(REASONS), finished=st.booleans(),
        picked_up_at=st.none() | st.just(NOON - HOUR), reason_since=st.integers(NOON - HOUR, NOON),
        moved_at=st.none() | st.integers(NOON - HOUR, NOON),
    ),
    max_size=20,
)  # fmt: skip


@given(STATES, st.integers(0, HOUR))
def test_counts_and_list_agree_and_nothing_gets_unstuck_by_waiting(states: list[WorkflowState], later: int) -> None:
    """As long as nothing changes, what is stuck stays so."""
    now, then = (whole(stuck("c1", states, at, AFTER)) for at in (NOON, NOON + later))

    assert sum(now.counts.values()) == len(now.oldest)
    assert {one.uid for one in now.oldest} <= {one.uid for one in then.oldest}
