"""
Budgets of a month: what is used, as the cost report has it, and what the forecast says of the rest.

Budgets on the same columns are read together. A budget is visible to those who may read all that it is about: a sum of some
departments' rows is not the sum that a budget of a project means.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from collector.access.scope import Scope
from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.budget import Budget, State, passed_on
from collector.core.cost.meters import CONTEXT
from collector.core.units import ZERO
from collector.reports.forecast import WHY, MonthForecast, forecast
from collector.reports.month_state import reads_all
from collector.reports.report import Query, Report

STATES = {
    "ok": "ok",
    "near": "nearly passed",
    "forecast": "forecast to pass",
    "passed": "passed",
    "unknown": "unknown",
}
"""What the report calls the states."""
WHY_NOT = {**WHY, "other_currency": "what is spent is in another currency"}
"""Why figures of a budget are unknown, by `BudgetState.why`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """How far a month has gone towards a budget; amounts are in the budget's currency."""

    budget: Budget
    month: date
    """Its first day."""
    used: Decimal | None
    """To pay until now, as the cost report has it; None: not known."""
    left: Decimal | None
    """What is not used; negative: by how much the budget is passed."""
    share: Decimal | None
    """Used, in parts of the budget: 0.8 is 80 %."""
    low: Decimal | None
    """What the month will cost; None, as the next two: there is no forecast, and `why` says why."""
    likely: Decimal | None
    high: Decimal | None
    actual: tuple[int, ...]
    """Thresholds in percent that are reached by what is used, the lowest first."""
    forecast: tuple[int, ...]
    """Thresholds in percent that are reached by what is likely."""
    passes_on: date | None
    """The day on which it will be used up at this pace; None: it is already, or not in this month, or it is not known."""
    state: State
    days_left: int
    """Days of the month after today."""
    spent: bool = True
    """Whether any row of the budget is there to read, in any currency."""
    unpriced: int = 0
    """Charges without a known price: they are in no sum."""
    why: str = ""
    """A key of WHY_NOT; empty: all is known."""


def visible(budgets: Iterable[Budget], scope: Scope) -> list[Budget]:
    """Returns the budgets that a scope may see: those about a department that it permits, or all."""
    return [one for one in budgets if scope.kind == "all" or scope.permits(one.of("department"))]


def budget_states(
    query: Query, budgets: Sequence[Budget], now: datetime, month: date | None = None
) -> list[BudgetState]:
    """Returns the states of the budgets that are valid in a month, in their order; `now` has the billing time zone."""
    first = (month or now.date()).replace(day=1)
    valid = [one for one in budgets if one.holds_in(first)]
    columns = dict.fromkeys(_columns(one) for one in valid)
    found = {names: forecast(query, first, now, names) for names in columns}
    return [_state(one, found[_columns(one)], first, now.date()) for one in valid]


def states_for(query: Query, states: Sequence[BudgetState]) -> list[BudgetState]:
    """What a reader may see, where the store alone knows who that is: to a reader of departments those whose rows it reads."""
    if reads_all(query):
        return list(states)
    return [one for one in states if one.budget.of("department") and one.spent]


def budgets_report(query: Query, budgets: Sequence[Budget], now: datetime, month: date | None = None) -> Report:
    """Reports the budgets of a month, to a reader of some departments those of departments whose rows it reads."""
    states = states_for(query, budget_states(query, budgets, now, month))
    first = (month or now.date()).replace(day=1)
    return Report(
        title=f"Budgets of {first:%Y-%m}",
        columns=(
            "budget",
            "state",
            "used",
            "amount",
            "used %",
            "likely",
            "low",
            "high",
            "currency",
            "passes on",
            "why unknown",
        ),
        rows=[_row(one) for one in states],
        notes=_notes(budgets, states),
        rates=frozenset(("used", "amount", "likely", "low", "high")),
        optional=frozenset(("passes on", "why unknown")),
    )


def _row(state: BudgetState) -> tuple[Any, ...]:
    return (
        state.budget.name,
        STATES[state.state],
        state.used,
        state.budget.amount,
        None if state.share is None else state.share * 100,
        state.likely,
        state.low,
        state.high,
        state.budget.currency,
        state.passes_on or "",
        WHY_NOT.get(state.why, ""),
    )


def _columns(budget: Budget) -> tuple[str, ...]:
    return tuple(sorted(column for column, _ in budget.where))


def _state(budget: Budget, found: Sequence[MonthForecast], month: date, today: date) -> BudgetState:
    values = tuple(value or UNALLOCATED for _, value in sorted(budget.where))
    rows = [one for one in found if tuple(map(str, one.keys)) == values]
    of = next((one for one in rows if one.currency == budget.currency), _without(budget, month, today, bool(rows)))
    day = None
    if of.to_date is not None and of.likely is not None and of.days_left:
        day = passed_on(budget.amount, of.to_date, of.likely, today, of.days_left)
    return BudgetState(
        budget=budget,
        month=month,
        used=of.to_date,
        left=None if of.to_date is None else CONTEXT.subtract(budget.amount, of.to_date),
        share=budget.share(of.to_date),
        low=of.low,
        likely=of.likely,
        high=of.high,
        actual=budget.reached_thresholds(of.to_date, budget.actual),
        forecast=budget.reached_thresholds(of.likely, budget.forecast),
        passes_on=day,
        state=budget.state(of.to_date, of.likely),
        days_left=of.days_left,
        spent=bool(rows),
        unpriced=of.unpriced,
        why=of.why,
    )


def _without(budget: Budget, month: date, today: date, other: bool) -> MonthForecast:
    """What is known of rows that have no charge in the budget's currency; `other`: they have some in another one."""
    after = (month + timedelta(days=31)).replace(day=1)
    known = None if other or today < after else ZERO
    return MonthForecast(
        month=month,
        currency=budget.currency,
        to_date=None if other else ZERO,
        low=known,
        likely=known,
        high=known,
        until="",
        days_left=max(0, (after - today).days - 1),
        why="other_currency" if other else "" if known is not None else "few_days",
    )


def _notes(budgets: Sequence[Budget], states: Sequence[BudgetState]) -> list[str]:
    if not budgets:
        return ["no budget is set; `budgets` in the settings names them"]
    unpriced = sum(one.unpriced for one in states)
    notes = [
        "used is what `lynceus report cost` has to pay for the same rows; low to high is the range of the forecast"
    ]
    if unpriced:
        notes.append(f"{unpriced} charges have no known price and are in no sum: more is used than is shown")
    return notes
