"""
Locks months: a locked month never changes again. Its row holds the sums and a hash of its charges, and a hash of its lines.

From the lock on, collectors write what arrives for the month under a late run, so that no charge of the bill changes. The
sums are taken when all running collectors have read the lock. An unlocked month takes over its late charges.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from collector.billing import runs, wait_for_collectors
from collector.billing.faults import TOLERANCE, Judged, find_faults, refusal
from collector.billing.queries import POINTERS, charges, copy_charges, run_month
from collector.billing.rows import store_clock, write_facts
from collector.billing.runs import RepricingError
from collector.billing.shared import MonthOfRun, StatementTerms
from collector.billing.statement import TABLES, compute, stored_lines, write
from collector.billing.usage import month_usage
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.core.cost.meters import CONTEXT
from collector.core.cost.statement import hash_of
from collector.core.facts.bills import Period, PricingRun, StatementLine
from collector.core.model import Instant
from collector.reports.report import amount
from collector.store.clickhouse import Store, StoreRows
from collector.store.replicas import wait_for_replicas

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOrder:
    """Which month is to be locked, and on which terms."""

    month: int
    today: date
    now: Instant
    terms: StatementTerms
    """Of these books the statement is computed once more, when no charge changes any longer."""
    tolerance: Decimal = TOLERANCE
    """How far the recorded bill may be off, in percent."""
    accept: str = ""
    """Why the month is locked in spite of its faults; empty: it is not."""


class Seal(NamedTuple):
    """What a lock records of a month's charges and lines."""

    totals: dict[str, str]
    """Exact sums of the charges by currency."""
    hash: str
    """Differs if any charge differs."""
    statement_hash: str
    """Differs if any line differs."""
    lines: list[StatementLine]


def lock(store: Store, order: LockOrder, report_step: Callable[[str], object]) -> Period:
    """
    Locks a month that is over and has no fault, or whose faults are accepted.

    After an interruption the month is locked without sums; the same command adds them.
    """
    [period] = runs.periods_of(store, [order.month])
    if period.hash:
        raise RepricingError(f"{date_of(order.month):%Y-%m} is already locked")
    if month_after(order.month) > day_of(order.today):
        raise RepricingError(f"{date_of(order.month):%Y-%m} has not ended; lock it after its last day")
    wait_for_replicas(store, "pod_cost", *TABLES)
    _faults(store, period, order)
    if period.state != "locked":
        period = _begin_lock(store, period, order.now)
    _wait(store, report_step)
    accepted = _faults(store, period, order)  # again: charges may have arrived before all collectors read the lock
    of = MonthOfRun(month=period.month, run=period.active_run, now=order.now)
    write(store, compute(store, of, order.terms), every=True)
    seal = seal_of(store, period)
    only = next(iter(seal.totals.values())) if len(seal.totals) == 1 else None
    period = replace(
        period,
        version=period.version + 1,
        hash=seal.hash,
        total=None if only is None else CONTEXT.create_decimal(only),
        totals=seal.totals,
        statement_hash=seal.statement_hash,
        accepted=dict.fromkeys(accepted, order.accept),
    )
    runs.save_periods(store, [period])
    return period


def _faults(store: Store, period: Period, order: LockOrder) -> list[str]:
    """Returns the faults that are accepted, or raises RepricingError with all of them."""
    usage = month_usage(store, period.month, period.active_run, rolled_up=False)
    found = find_faults(store, Judged(period, usage, order.terms, order.tolerance))
    if found and not order.accept:
        raise RepricingError(refusal(order.month, found))
    return [fault.what for fault in found]


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
    version = max(now, period.version + 1)
    opened = replace(
        period, state="open", version=version, total=None, hash="", totals={}, statement_hash="", accepted={}
    )
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


def seal_of(store: StoreRows, period: Period) -> Seal:
    """Computes the exact sums of a month's charges, their hash, and that of the statement's lines."""
    bounds = run_month(period.active_run, period.month)
    sums = store.query_rows(SUMS, bounds)
    ((digest,),) = store.query_rows(HASH, bounds)
    lines = stored_lines(store, period.month, period.active_run)
    totals = {currency: amount(cost) for currency, cost in sums if cost is not None}
    return Seal(totals, str(digest), hash_of(lines), lines)
