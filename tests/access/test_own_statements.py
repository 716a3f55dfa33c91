"""What a question of a department may not name, in the statements of this program."""

import pytest

from collector.access.own_statements import what_is_of_all
from collector.access.shared_tables import CLOSED
from collector.reports import month_state, steps


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (month_state.PERIODS, ""),
        (month_state.STATEMENTS, ""),
        (month_state.HASHES, "period.hash"),
        (month_state.NOTES, "month_statement.notes"),
        ("SELECT * FROM lynceus.period FINAL", "period"),
        ("SELECT *\nFROM statement_current", "statement_current"),
        ("SELECT sum(whole) FROM lynceus.statement_current", "statement_current.whole"),
        ("SELECT count() FROM lynceus.workflow_live FINAL", ""),
        ("SELECT waiting_words FROM workflow_live", "workflow_live.waiting_words"),
        ("SELECT * FROM (SELECT * FROM cost_current) WHERE day IN (SELECT month FROM period)", ""),
        (steps.STEPS, ""),
    ],
)
def test_what_shows_others_is_found(statement: str, what: str) -> None:
    """As a department's own account at the store may not read it."""
    assert what_is_of_all(statement, linked=True) == what


@pytest.mark.parametrize("table", CLOSED)
def test_a_closed_table_is_found(table: str) -> None:
    """Steps and pods too where no filter shows which of them belong to a department."""
    assert what_is_of_all(f"SELECT count() FROM {table} FINAL", linked=False) == table
    linked = what_is_of_all(f"SELECT count() FROM lynceus.{table} FINAL", linked=True)
    assert linked == ("" if table in ("step_run", "pod_run") else table)
