"""
What months cost under one run and under another, by department: what a repricing changed.
"""

from collections.abc import Iterable
from decimal import Decimal

from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, month_after, month_of
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import Period, PodCost
from collector.core.units import ZERO
from collector.reports.report import Report, amount
from collector.store.clickhouse import Store

Key = tuple[int, str, str]
"""Month, currency, department."""
Sums = dict[Key, Decimal]
COLUMNS = ("month", "department", "currency", "old", "new", "difference")


def sum_runs(store: Store, runs: Iterable[tuple[int, int]], chosen: str = "1") -> Sums:
    """The sums of (month, run), or of a part of their charges."""
    sums: Sums = {}
    for month, run in runs:
        rows = store.query_rows(
            f"SELECT currency, department, sum(cost) FROM {DATABASE}.pod_cost FINAL WHERE run = {{old:UInt32}} "
            f"AND day >= toDate({{month:UInt16}}) AND day < toDate({{after:UInt16}}) AND cost IS NOT NULL AND ({chosen}) "
            "GROUP BY currency, department",
            {"old": run, "month": month, "after": month_after(month)},
        )
        sums |= {(month, currency, department): cost for currency, department, cost in rows}
    return sums


def add_charges(sums: Sums, charges: Iterable[PodCost]) -> None:
    """Add charges to sums; what has no price is in none."""
    for charge in charges:
        if charge.cost is not None:
            key = (month_of(charge.day), charge.currency, charge.department)
            sums[key] = CONTEXT.add(sums.get(key, ZERO), charge.cost)


def difference_report(title: str, months: Iterable[Period], old: Sums, new: Sums) -> Report:
    """Old and new by month and department, and in the notes each month's whole."""
    rows = [
        (f"{date_of(key[0]):%Y-%m}", key[2], key[1], old.get(key, ZERO), new.get(key, ZERO),
         CONTEXT.subtract(new.get(key, ZERO), old.get(key, ZERO)))
        for key in sorted(old.keys() | new.keys())
    ]  # fmt: skip
    notes = [note for period in months for note in _whole(period.month, old, new)]
    return Report(title, COLUMNS, rows, notes or ["no charge in these months"])


def _whole(month: int, old: Sums, new: Sums) -> list[str]:
    currencies = sorted({key[1] for key in old.keys() | new.keys() if key[0] == month})
    return [
        f"{date_of(month):%Y-%m}: old total {amount(before)} {currency}, new total {amount(now)} {currency}, "
        f"difference {amount(CONTEXT.subtract(now, before))}"
        for currency in currencies
        for before, now in [(_total(old, month, currency), _total(new, month, currency))]
    ]


def _total(sums: Sums, month: int, currency: str) -> Decimal:
    return total(cost for key, cost in sums.items() if key[:2] == (month, currency))


def month_names(months: Iterable[Period]) -> str:
    """Like 2026-10, 2026-11."""
    return ", ".join(f"{date_of(period.month):%Y-%m}" for period in months)
