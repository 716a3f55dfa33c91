"""
What each month of a report stands on: whether its bill may still change, and until when the store's rows are counted.
"""

from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

from collector.catalog.schema import DATABASE
from collector.reports.report import NotPermittedError, Query, Report, Span, if_permitted
from collector.reports.shared_parts import MONTHS
from collector.reports.sources import parameters

STATES = {"open": "estimate", "reconciled": "reconciled", "locked": "locked"}
"""What a report calls the state of a period."""
SHORT = 12
"""Characters of a hash in a table."""
PERIODS = f"SELECT month, active_run, state FROM {DATABASE}.period FINAL WHERE {MONTHS.format('month')}"
HASHES = f"""
    SELECT month, if(statement_hash = '', hash, statement_hash)
    FROM {DATABASE}.period FINAL WHERE state = 'locked' AND {MONTHS.format("month")}
"""
"""Of the bills of all departments: it cannot be compared without all rows."""
STATEMENTS = f"""
    SELECT month, run, formatDateTime(complete_until, '%Y-%m-%d %H:%i UTC', 'UTC')
    FROM {DATABASE}.month_statement FINAL WHERE {MONTHS.format("month")} ORDER BY month, run
"""
NOTES = f"SELECT month, run, notes FROM {DATABASE}.month_statement FINAL WHERE {MONTHS.format('month')}"
FIRST_RUN = 1
OF_ALL = f"SELECT hash FROM {DATABASE}.period LIMIT 0"
"""What only those may ask who read everything."""


class MonthState(NamedTuple):
    """A month's bill: its state, its pricing run, and what its statement was computed from."""

    month: date
    state: str
    """estimate, reconciled or locked; `not the bill`: another pricing run is active."""
    run: int
    hash: str = ""
    """Of a locked month, for a reader of everything: it differs if anything in the bill differs."""
    complete_until: str = ""
    """Empty: no statement of the month was computed, so that its shared costs are not known."""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Returns the month, like 2026-10."""
        return f"{self.month:%Y-%m}"

    @property
    def line(self) -> str:
        """Returns a sentence for people."""
        until = f"complete until {self.complete_until}" if self.complete_until else "shared costs are not computed yet"
        return ", ".join(
            (
                f"{self.name}: {self.state}",
                until,
                f"run {self.run}",
                *([f"hash {self.hash[:SHORT]}"] if self.hash else []),
            )
        )

    def fields(self) -> dict[str, Any]:
        """Returns the same for programs."""
        return {
            "month": self.name,
            "state": self.state,
            "complete_until": self.complete_until or None,
            "run": self.run,
            "hash": self.hash or None,
        }


def reads_all(query: Query) -> bool:
    """Returns whether a reader reads the rows of all departments."""
    try:
        query(OF_ALL, {})
    except NotPermittedError:
        return False
    return True


def month_states(query: Query, span: Span, run: int = 0) -> list[MonthState]:
    """Reads the states of a period's months, of a pricing run or of the active ones (run 0); months without any are absent."""
    bound = parameters(span)
    periods = {month: (active or FIRST_RUN, state) for month, active, state in query(PERIODS, bound)}
    statements = {(month, of_run): until for month, of_run, until in query(STATEMENTS, bound)}
    hashes: dict[date, str] = {row[0]: row[1] for row in if_permitted(query, HASHES, bound)}
    notes = {(month, of_run): texts for month, of_run, texts in if_permitted(query, NOTES, bound)}
    months = {*periods, *(month for month, of_run in statements if of_run == (run or FIRST_RUN))}
    found = list[MonthState]()
    for month in sorted(months):
        active, state = periods.get(month, (FIRST_RUN, "open"))
        chosen = run or active
        is_bill = chosen == active
        found.append(
            MonthState(
                month=month,
                state=STATES[state] if is_bill else "not the bill",
                run=chosen,
                hash=hashes.get(month, "") if is_bill else "",
                complete_until=statements.get((month, chosen), ""),
                notes=tuple(notes.get((month, chosen), ())),
            )
        )
    return found


def with_states(query: Query, made: Report, span: Span) -> Report:
    """Returns a report of a period that states what each month stands on, in notes and for programs."""
    states = month_states(query, span)
    notes = [*made.notes, *(state.line for state in states)]
    return replace(made, notes=notes, months=[state.fields() for state in states])
