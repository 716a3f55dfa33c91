"""
The `budgets` settings: what some rows of the cost report may cost in a month.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from collector.core.cost.budget import BUDGET_COLUMNS, Budget
from collector.prices.schema import CURRENCIES, parse_money

MOST = 1000
"""Budgets at most: each is a handful of series in Prometheus."""
LONGEST = 200
"""Characters of a name or a value."""
MOST_PERCENT = 1000


class BudgetThresholds(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Percentages of a budget that are worth knowing."""

    actual: tuple[int, ...] = (80, 100)
    """Of what is used."""
    forecast: tuple[int, ...] = (100,)
    """Of what the month will likely cost."""


class BudgetSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"begin": "from", "end": "until"}):
    """What some rows of the cost report may cost in a month, shared costs included."""

    month: str
    """Amount for a month, as text, like "120000"."""
    where: dict[str, str] = {}
    """Columns of the cost report with the value that each must have, like `{department: autonomy}`. Empty: everything."""
    name: str = ""
    """Name in reports, metrics and alerts. Empty: the values of `where`."""
    currency: str = ""
    """Currency of the amount. Empty: that of `currency`. Other currencies are not converted."""
    thresholds: BudgetThresholds = BudgetThresholds()
    begin: date | None = None
    """First month, by its first day, like 2026-11-01. Default: no first month."""
    end: date | None = None
    """First day after the last month. Default: no last month."""


def budgets_of(settings: Sequence[BudgetSettings], currency: str) -> tuple[Budget, ...]:
    """The budgets as core knows them; ValueError names key and remedy."""
    found = [_budget(one, f"budgets[{i}]", currency) for i, one in enumerate(settings)]
    if len(found) > MOST:
        raise ValueError(f"budgets: {len(found)} are too many; at most {MOST} are possible")
    for i, budget in enumerate(found):
        for j, other in enumerate(found[:i]):
            if budget.name == other.name and _overlap(budget, other):
                raise ValueError(f"budgets[{i}].name: {budget.name!r} is taken by budgets[{j}] in the same months")
    return tuple(found)


def _budget(settings: BudgetSettings, place: str, currency: str) -> Budget:
    for column, value in settings.where.items():
        if column not in BUDGET_COLUMNS:
            raise ValueError(f"{place}.where.{column}: no such column; there are {', '.join(BUDGET_COLUMNS)}")
        if len(value) > LONGEST:
            raise ValueError(f"{place}.where.{column}: is longer than {LONGEST} characters")
    if len(settings.name) > LONGEST:
        raise ValueError(f"{place}.name: is longer than {LONGEST} characters")
    if settings.currency and settings.currency not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        raise ValueError(f"{place}.currency: {settings.currency!r} is unknown; known are {known}")
    for kind in ("actual", "forecast"):
        if any(not 0 < one <= MOST_PERCENT for one in getattr(settings.thresholds, kind)):
            raise ValueError(f"{place}.thresholds.{kind}: percentages are from 1 to {MOST_PERCENT}, like [80, 100]")
    for key, day in (("from", settings.begin), ("until", settings.end)):
        if day is not None and day.day != 1:
            raise ValueError(f"{place}.{key}: {day} is not the first day of a month, like {day:%Y-%m}-01")
    if settings.begin and settings.end and settings.end <= settings.begin:
        raise ValueError(f"{place}.until: {settings.end} is not after `from`; it is the first day after the last month")
    return Budget(
        name=settings.name or ", ".join(value or f"no {column}" for column, value in settings.where.items()) or "all",
        where=tuple(settings.where.items()),
        amount=_amount(settings.month, f"{place}.month"),
        currency=settings.currency or currency,
        actual=tuple(sorted(settings.thresholds.actual)),
        forecast=tuple(sorted(settings.thresholds.forecast)),
        begin=settings.begin,
        end=settings.end,
    )


def _amount(text: str, place: str) -> Decimal:
    try:
        amount = parse_money(text)
    except ValueError:
        amount = Decimal(0)
    if not amount:
        raise ValueError(f'{place}: {text!r} is not an amount above 0; write it like "120000" or "120000.50"')
    return amount


def _overlap(one: Budget, other: Budget) -> bool:
    """Whether two budgets are valid in some month together."""
    first, last = max(one.begin or date.min, other.begin or date.min), min(one.end or date.max, other.end or date.max)
    return first < last
