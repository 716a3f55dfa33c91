"""
Budgets: an amount that some rows of the cost report may cost in a month, and how far a month has gone towards it.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.cost.meters import CONTEXT
from collector.core.units import ZERO

BUDGET_COLUMNS = (
    "department",
    "project",
    "cluster",
    "namespace",
    "template",
    "creator",
    "workflow",
    "attempt",
    "step",
    "template_version",
    "queue",
    "outcome",
    "product",
    "purchase",
    "class",
    "region",
    "instance_type",
    "rule",
    "confidence",
)
"""Columns of the cost report that a budget may be about."""
HUNDRED = Decimal(100)
State = Literal["ok", "near", "forecast", "passed", "unknown"]
"""`near`: a threshold of what is used or likely is reached; `forecast`: all of it is likely; `passed`: all of it is used."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """An amount for each month, of the rows that have some values in columns of the cost report."""

    name: str
    where: tuple[tuple[str, str], ...]
    """Columns and values; empty: everything."""
    amount: Decimal
    currency: str
    actual: tuple[int, ...]
    """Percentages of the amount that are reported once used."""
    forecast: tuple[int, ...]
    """Percentages of the amount that are reported as soon as they are likely."""
    begin: date | None = None
    """First month, by its first day; None: any."""
    end: date | None = None
    """First day after the last month; None: none."""

    def holds_in(self, month: date) -> bool:
        """Whether the budget is valid in a month."""
        first = month.replace(day=1)
        return (self.begin is None or self.begin <= first) and (self.end is None or first < self.end)

    def of(self, column: str) -> str:
        """The value that a column must have; empty: any."""
        return dict(self.where).get(column, "")

    def reached_thresholds(self, amount: Decimal | None, percentages: Sequence[int]) -> tuple[int, ...]:
        """The percentages that an amount reaches, the lowest first; none where it is not known."""
        if amount is None:
            return ()
        return tuple(sorted(one for one in percentages if CONTEXT.multiply(amount, HUNDRED) >= self.amount * one))

    def state(self, used: Decimal | None, likely: Decimal | None) -> State:
        """How far a month has gone."""
        if used is None:
            return "unknown"
        if used >= self.amount:
            return "passed"
        if likely is not None and likely >= self.amount:
            return "forecast"
        reached = self.reached_thresholds(used, self.actual) or self.reached_thresholds(likely, self.forecast)
        return "near" if reached else "ok"

    def share(self, amount: Decimal | None) -> Decimal | None:
        """An amount in parts of the budget, to four places."""
        return None if amount is None else CONTEXT.quantize(CONTEXT.divide(amount, self.amount), Decimal("0.0001"))


class BudgetUse(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How far this month has gone towards a budget; shares are parts of its amount."""

    budget: str
    department: str
    """Empty: the budget is not about one."""
    currency: str
    amount: Decimal
    used: Decimal | None
    """None: not known."""
    forecast: dict[str, Decimal]
    """By bound: low, likely, high; empty: there is no forecast."""
    thresholds: dict[tuple[str, int], bool]
    """Whether each is reached, by kind and percentage."""


def passed_on(amount: Decimal, used: Decimal, likely: Decimal, today: date, days_left: int) -> date | None:
    """The day on which an amount is used up if the rest of the month is spent evenly; None: not in this month."""
    rest = CONTEXT.subtract(likely, used)
    if used >= amount or likely < amount or rest <= ZERO:
        return None
    share = CONTEXT.divide(CONTEXT.subtract(amount, used), rest)
    return today + timedelta(days=min(days_left, int(CONTEXT.multiply(share, Decimal(days_left + 1)))))
