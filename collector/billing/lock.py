"""
Locks months: a locked month never changes again, and its row holds the sums and a hash of its charges.

From the lock on, collectors write what arrives for the month under a late run, so that no charge of the bill changes. The
sums are taken when all running collectors have read the lock. An unlocked month takes over its late charges.
"""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace

from collector.billing import runs, wait_for_collectors
from collector.billing.queries import POINTERS, charges, copy_charges, run_month
from collector.billing.rows import read_facts, store_clock, write_facts
from collector.billing.runs import RepricingError
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.core.cost.meters import CONTEXT
from collector.core.facts.bills import Period, PricingRun
from collector.reports.report import Report, amount
from collector.store.clickhouse import Store
from collector.store.replicas import wait_for_replicas

COLUMNS = ("month", "state", "run", "total", "currency", "as locked", "billed", "hash")
_HASHED = (
    "cluster, namespace, pod_uid, day, entry, department, project, class, currency, "
    "ifNull(toString(cost), ''), ifNull(toString(rounded_cost), '')"
)
"""The columns that make up a bill: whose charge it is, and how much."""
HASH = f"SELECT lower(hex(sum(toUInt256(reinterpretAsUInt128(sipHash128({_HASHED})))))) FROM {charges()}"
SUMS = f"SELECT currency, sum(cost) FROM {charges()} GROUP BY currency ORDER BY currency"
CORRECTIONS_OF_MONTH = f"""
    SELECT count() FROM {DATABASE}.cost_current
    WHERE corrects >= toDate({{month:UInt16}}) AND corrects < toDate({{after:UInt16}})
"""


class Seal(NamedTuple):
    """What a lock records of a month's charges."""

    totals: dict[str, str]
    """Exact sums by currency."""
    hash: str
    """Differs if any charge differs."""


def lock(store: Store, month: int, today: date, now: int, report_step: Callable[[str], object]) -> Period:
    """Locks a month that is over. After an interruption the month is locked without sums; the same command adds them."""
    [period] = runs.periods_of(store, [month])
    if period.hash:
        raise RepricingError(f"{date_of(month):%Y-%m} is already locked")
    if month_after(month) > day_of(today):
        raise RepricingError(f"{date_of(month):%Y-%m} has not ended; lock it after its last day")
    if period.state != "locked":
        period = _begin_lock(store, period, now)
    _wait(store, report_step)
    seal = seal_of(store, period)
    only = next(iter(seal.totals.values())) if len(seal.totals) == 1 else None
    period = replace(
        period,
        version=period.version + 1,
        hash=seal.hash,
        total=None if only is None else CONTEXT.create_decimal(only),
        totals=seal.totals,
    )
    runs.save_periods(store, [period])
    return period


def _begin_lock(store: Store, period: Period, now: int) -> Period:
    """Locks a month without its sums yet; charges that arrive from now on go to a late run."""
    late = PricingRun(
        run=runs.free_number(store),
        version=now,
        created_at=now,
        books=[],
        rules="",
        state="late",
        from_day=period.month,
        to_day=month_after(period.month),
    )
    write_facts(store, [late])
    period = replace(period, state="locked", late_run=late.run, version=max(now, period.version + 1))
    runs.save_periods(store, [period])
    return period


def unlock(store: Store, month: int, now: int, report_step: Callable[[str], object]) -> None:
    """Unlocks a month, and copies its late charges into its bill. Refused if corrections of the month are booked."""
    [period] = runs.periods_of(store, [month])
    if period.state != "locked":
        raise RepricingError(f"{date_of(month):%Y-%m} is not locked")
    bounds = run_month(period.late_run, month, to_run=period.active_run)
    wait_for_replicas(store, "pod_cost")
    ((booked,),) = store.query_rows(CORRECTIONS_OF_MONTH, bounds)
    if booked:
        raise RepricingError(f"{date_of(month):%Y-%m} has {booked} corrections booked in open months; it stays locked")
    opened = replace(period, state="open", version=max(now, period.version + 1), total=None, hash="", totals={})
    runs.save_periods(store, [opened])
    _wait(store, report_step)
    store.command(copy_charges(), bounds)


def _wait(store: Store, report_step: Callable[[str], object]) -> None:
    """Waits until no collector writes what it would have written before the change, and replicas have what was written."""
    wait_for_replicas(store, *POINTERS, everywhere=True)
    wait_for_collectors.wait(
        store,
        store_clock(store),
        lambda names: report_step(f"waiting for collectors to read the change: {', '.join(names)}"),
    )
    wait_for_replicas(store, "pod_cost")


def seal_of(store: Store, period: Period) -> Seal:
    """Computes the exact sums of a month's charges, and their hash."""
    bounds = run_month(period.active_run, period.month)
    sums = store.query_rows(SUMS, bounds)
    ((digest,),) = store.query_rows(HASH, bounds)
    return Seal({currency: amount(cost) for currency, cost in sums if cost is not None}, str(digest))


def list_months(store: Store) -> Report:
    """Reports every month that has charges: its state, and whether a locked month is unchanged."""
    wait_for_replicas(store, "pod_cost")
    periods = sorted(read_facts(store, Period, "FINAL"), key=lambda period: period.month)
    return Report("Months", COLUMNS, [row for period in periods for row in _rows(store, period)], nothing="")


def _rows(store: Store, period: Period) -> list[tuple[object, ...]]:
    """Returns a row for each currency of a month."""
    seal = seal_of(store, period)
    as_locked = None if not period.hash else "yes" if seal == (period.totals, period.hash) else "NO"
    billed = ", ".join(f"{product} {cost}".strip() for product, cost in sorted(period.billed.items())) or None
    month = f"{date_of(period.month):%Y-%m}"
    return [
        (month, period.state, period.active_run, total, currency, as_locked, billed, period.hash)
        for currency, total in (seal.totals or {"": "0"}).items()
    ]
