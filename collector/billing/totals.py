"""
Sums of months by department under two pricing runs: what a repricing changed.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from collector.billing.queries import charges, run_month
from collector.core.cost.billing_days import date_of, month_of
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import Period, PodCost
from collector.core.units import ZERO
from collector.reports.report import Report, amount
from collector.store.clickhouse import Store


class SumKey(NamedTuple):
    """Where a sum belongs."""

    month: int
    currency: str
    department: str


Sums = dict[SumKey, Decimal]
COLUMNS = ("month", "department", "currency", "old", "new", "difference")


def sum_runs(store: Store, runs: Iterable[tuple[int, int]], where: str = "1") -> Sums:
    """Sums up the priced charges of (month, run), or those that a condition chooses."""
    sums: Sums = {}
    for month, run in runs:
        rows = store.query_rows(
            f"SELECT currency, department, sum(cost) FROM {charges(f'cost IS NOT NULL AND ({where})')} "
            "GROUP BY currency, department",
            run_month(run, month),
        )
        sums |= {SumKey(month, currency, department): cost for currency, department, cost in rows}
    return sums


def add_charges(sums: Sums, new: Iterable[PodCost]) -> None:
    """Adds charges to sums; charges without a price are in no sum."""
    for charge in new:
        if charge.cost is not None:
            key = SumKey(month_of(charge.day), charge.currency, charge.department)
            sums[key] = CONTEXT.add(sums.get(key, ZERO), charge.cost)


def difference_report(title: str, months: Iterable[Period], old: Sums, new: Sums) -> Report:
    """Reports old and new sums by month and department; the notes give the totals of each month."""
    rows = [_row(key, old.get(key, ZERO), new.get(key, ZERO)) for key in sorted(old.keys() | new.keys())]
    notes = [note for period in months for note in _month_totals(period.month, old, new)]
    return Report(title, COLUMNS, rows, notes or ["no charges in these months"])


def _row(key: SumKey, old: Decimal, new: Decimal) -> tuple[object, ...]:
    return (f"{date_of(key.month):%Y-%m}", key.department, key.currency, old, new, CONTEXT.subtract(new, old))


def _month_totals(month: int, old: Sums, new: Sums) -> list[str]:
    currencies = sorted({key.currency for key in old.keys() | new.keys() if key.month == month})
    return [
        f"{date_of(month):%Y-%m}: old total {amount(before)} {currency}, new total {amount(now)} {currency}, "
        f"difference {amount(CONTEXT.subtract(now, before))}"
        for currency in currencies
        for before, now in [(_total(old, month, currency), _total(new, month, currency))]
    ]


def _total(sums: Sums, month: int, currency: str) -> Decimal:
    return total(cost for key, cost in sums.items() if (key.month, key.currency) == (month, currency))


def month_names(months: Iterable[Period]) -> str:
    """Returns months like 2026-10, 2026-11."""
    return ", ".join(f"{date_of(period.month):%Y-%m}" for period in months)
