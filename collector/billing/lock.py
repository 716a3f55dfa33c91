"""
Months that never change again: locked with their sums and the hash of their charges.

From the locking on collectors write what arrives for the month under a late run, so that no row of the bill is touched;
the sums are taken when all collectors at work have heard of it. Opened again, a month takes over its late charges.
"""

from collections.abc import Callable
from datetime import date

from msgspec.structs import replace

from collector.billing import runs, wait_for_collectors
from collector.billing.rows import read_facts, store_clock, write_facts
from collector.billing.runs import RepricingError
from collector.catalog.bills import POD_COST
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.core.cost.meters import CONTEXT
from collector.core.facts.bills import Period, PricingRun
from collector.reports.report import Report, amount
from collector.store.clickhouse import Store

IN_MONTH = "day >= toDate({month:UInt16}) AND day < toDate({after:UInt16})"
COLUMNS = ("month", "state", "run", "total", "currency", "as locked", "billed", "hash")


def lock(store: Store, month: int, today: date, now: int, say: Callable[[str], object]) -> Period:
    """Lock a month that is over; cut short, it is locked and lacks its sums: the same command gives it those."""
    [period] = runs.periods_of(store, [month])
    if period.hash:
        raise RepricingError(f"{date_of(month):%Y-%m} is locked already")
    if month_after(month) > day_of(today):
        raise RepricingError(f"{date_of(month):%Y-%m} has not ended; lock it when it has")
    if period.state != "locked":
        late = runs.free_number(store)
        write_facts(store, [
            PricingRun(run=late, version=now, created_at=now, books=[], rules="", state="late", from_day=month,
                       to_day=month_after(month))
        ])  # fmt: skip
        period = replace(period, state="locked", late_run=late, version=max(now, period.version + 1))
        runs.save_periods(store, [period])
    wait_for_collectors.wait(
        store, store_clock(store), lambda names: say(f"waiting for collectors to hear: {', '.join(names)}")
    )
    totals, digest = totals_and_hash(store, period)
    only = next(iter(totals.values())) if len(totals) == 1 else None
    period = replace(
        period, version=period.version + 1, hash=digest, total=None if only is None else CONTEXT.create_decimal(only),
        totals=totals,
    )  # fmt: skip
    runs.save_periods(store, [period])
    return period


def unlock(store: Store, month: int, now: int, say: Callable[[str], object]) -> None:
    """Open a locked month, and let its bill take over what arrived late; not when that has been booked elsewhere."""
    [period] = runs.periods_of(store, [month])
    if period.state != "locked":
        raise RepricingError(f"{date_of(month):%Y-%m} is not locked")
    bounds = {"month": month, "after": month_after(month)}
    ((booked,),) = store.query_rows(
        f"SELECT count() FROM {DATABASE}.cost_current WHERE corrects >= toDate({{month:UInt16}}) "
        "AND corrects < toDate({after:UInt16})",
        bounds,
    )
    if booked:
        raise RepricingError(f"{date_of(month):%Y-%m} has {booked} corrections booked in open months; it stays locked")
    opened = replace(period, state="open", version=max(now, period.version + 1), total=None, hash="", totals={})
    runs.save_periods(store, [opened])
    wait_for_collectors.wait(
        store, store_clock(store), lambda names: say(f"waiting for collectors to hear: {', '.join(names)}")
    )
    names = [f"`{column.name}`" for column in POD_COST.stored]
    taken = ", ".join("{run:UInt32}" if name == "`run`" else name for name in names)
    store.command(
        f"INSERT INTO {DATABASE}.pod_cost ({', '.join(names)}) SELECT {taken} FROM {DATABASE}.pod_cost FINAL "
        f"WHERE run = {{late:UInt32}} AND {IN_MONTH}",
        {"run": period.active_run, "late": period.late_run, **bounds},
    )


def totals_and_hash(store: Store, period: Period) -> tuple[dict[str, str], str]:
    """The exact sums of a month's charges by currency, and a hash that any change of one of them changes."""
    bounds = {"run": period.active_run, "month": period.month, "after": month_after(period.month)}
    sums = store.query_rows(
        f"SELECT currency, sum(cost) FROM {DATABASE}.pod_cost FINAL WHERE run = {{run:UInt32}} AND {IN_MONTH} "
        "GROUP BY currency ORDER BY currency",
        bounds,
    )
    ((digest,),) = store.query_rows(
        f"SELECT lower(hex(sum(toUInt256(reinterpretAsUInt128(sipHash128({_HASHED})))))) FROM {DATABASE}.pod_cost FINAL "
        f"WHERE run = {{run:UInt32}} AND {IN_MONTH}",
        bounds,
    )
    return {currency: amount(cost) for currency, cost in sums if cost is not None}, str(digest)


_HASHED = (
    "cluster, namespace, pod_uid, day, entry, department, project, class, currency, "
    "ifNull(toString(cost), ''), ifNull(toString(rounded_cost), '')"
)
"""Whose charge it is, and how much: what a bill is made of."""


def list_months(store: Store) -> Report:
    """Every month that has charges: its state, and of a locked one whether it is still as it was locked."""
    rows = [
        row
        for period in sorted(read_facts(store, Period, "FINAL"), key=lambda p: p.month)
        for row in _rows(store, period)
    ]
    return Report("Months", COLUMNS, rows, nothing="")


def _rows(store: Store, period: Period) -> list[tuple[object, ...]]:
    totals, digest = totals_and_hash(store, period)
    same = None if not period.hash else "yes" if (totals, digest) == (period.totals, period.hash) else "NO"
    month = f"{date_of(period.month):%Y-%m}"
    billed = ", ".join(f"{name} {told}".strip() for name, told in sorted(period.billed.items())) or None
    return [
        (month, period.state, period.active_run, total, currency, same, billed, period.hash)
        for currency, total in (totals or {"": "0"}).items()
    ]
