"""The rows of a workflow: of a finished attempt, and of one that lives."""

from collector.core.model import REASONS
from collector.core.workflow import lifecycle as workflow_lifecycle
from collector.core.workflow import rows as workflow_rows
from tests.builders import HOUR, MINUTE, NOON, POSTPONED, version
from tests.core.workflow.test_lifecycle import done, lived, saw


def test_a_row_reported_again_goes_above_the_one_before() -> None:
    """Of two rows of one key and version a random one would stay."""
    workflow_state = lived(saw(0), saw(MINUTE, **done()))
    versions = [
        workflow_rows.run_of("c1", workflow_state, workflow_state.attempt, workflow_state.version).version
        for _ in range(3)
    ]

    assert versions == [workflow_state.version, workflow_state.version + 1, workflow_state.version + 2]


def test_the_live_row_is_taken_away_at_the_end() -> None:
    """workflow_live holds what has not finished."""
    workflow_state = lived(saw(0), saw(100, "Pending", message=POSTPONED))
    live = workflow_rows.live_of("c1", workflow_state)
    workflow_lifecycle.observe(workflow_state, saw(MINUTE, **done()))
    over = workflow_rows.live_of("c1", workflow_state)

    assert (live.is_deleted, live.waiting_reason, live.waiting_since, live.unseen_ms) == (
        0,
        "throttled",
        NOON + 100,
        100,
    )
    assert (over.is_deleted, over.version > live.version) == (1, True)


def test_there_is_a_column_for_each_reason() -> None:
    """A new reason without one would be lost silently."""
    assert list(workflow_rows.spent_ms(lived(saw(0)).attempt)) == [f"{reason}_ms" for reason in REASONS]


def test_a_vanished_workflow_takes_the_lists_version() -> None:
    """It replaces the live row."""
    workflow_state = lived(saw(0))
    workflow_lifecycle.mark_vanished(workflow_state, NOON + HOUR, version(9))

    assert (workflow_state.version, workflow_state.attempt.outcome, workflow_state.attempt.finished_at) == (
        version(9),
        "unknown",
        NOON + HOUR,
    )
