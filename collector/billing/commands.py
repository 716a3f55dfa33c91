"""
Commands about months: reprice, reconcile, lock, unlock, correct.

Opens settings, price books and store for the other modules of this folder; every failure is one sentence for the user.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from collector import connect
from collector.billing import commitments, corrections, exclusive, month_list, runs, totals
from collector.billing import lock as locking
from collector.billing import reconcile as reconciling
from collector.billing.billed_month import BilledMonth, billed_month
from collector.billing.faults import TOLERANCE, shared_total
from collector.billing.lock import LockOrder
from collector.billing.queries import PRICED_FROM
from collector.billing.reprice import CARRIED, Preparation, Terms, activate, commitments_of, prepare, price_pods
from collector.billing.statement import stored_lines
from collector.clock import now_ms
from collector.connect import ExternalError
from collector.core.cost.billing_days import date_of, day_of, months_of
from collector.core.cost.statement import exact, to_pay
from collector.core.rules import Rules
from collector.desired import keys_by_name, keys_of_clusters
from collector.prices import book
from collector.reports.report import Report, Span, amount
from collector.settings.derived import rules_of
from collector.settings.model import Settings
from collector.store.replicas import wait_for_replicas
from collector.store.schema.retention import kept_days

EVIDENCE = ("pod_run", "workflow_run")
"""The tables from which charges are computed."""

ReportStep = Callable[[str], object]
"""Called with a sentence on each step of a command that takes time."""


def terms(settings: Settings, folder: Path, copied: Path | None = None) -> Terms:
    """Returns the price books and rules of the settings; for `copied` see collector/desired.py."""
    loaded, clusters = connect.books(settings, folder), keys_of_clusters(settings, copied)

    def rules(name: str) -> Rules:
        return rules_of(settings, clusters.get(name) or keys_by_name(settings, name))

    hashed: list[object] = [settings.attribution, settings.billing_timezone, settings.clusters]
    if by_rule := [*settings.match, *([settings.cluster_defaults] if settings.cluster_defaults.is_set else [])]:
        hashed.append(by_rule)  # without any, the digest is that of releases that had none
    zone = ZoneInfo(settings.billing_timezone)
    digest = hashlib.sha256(book.digest(loaded).encode() + msgspec.json.encode(hashed)).hexdigest()[:16]
    return Terms(books=loaded, zone=zone, rules=rules, digest=digest, bill=settings.bill.rules)


def reprice(
    settings: Settings,
    folder: Path,
    span: Span,
    *,
    dry_run: bool,
    report_step: ReportStep,
    progress: Callable[[int, int], object],
    copied: Path | None = None,
) -> Report:
    """Computes a new pricing run for the months of a period and activates it, or only compares it (dry run)."""
    in_force, store = terms(settings, folder, copied), connect.writing_store(settings)
    with connect.store_failures():
        months = runs.periods_of(store, months_of(span.begin, span.end))
        work = Preparation(
            store=store, terms=in_force, months=months, now=now_ms, report_step=report_step, progress=progress
        )
        runs.refuse_locked(months)
        kept = kept_days(store, settings.store.cluster)
        refuse_expired(kept, [period.month for period in months], day_of(today(settings)))
        names, books = totals.month_names(months), ", ".join(in_force.books.names())
        report_step(f"pricing {names} as a whole with {books}")
        if dry_run:
            return _compare(work)
        with exclusive.claim_months(store, connect.writing_store(settings), now_ms):
            return _activate(work)


def _compare(work: Preparation) -> Report:
    """Prices the months without writing anything."""
    wait_for_replicas(work.store, *PRICED_FROM)
    active = [(period.month, period.active_run) for period in work.months]
    new = totals.sum_runs(work.store, active, CARRIED)
    applied = commitments_of(work)
    for charges in applied.apply_to(lambda: price_pods(work)):
        totals.add_charges(new, charges)
    title = f"Would change {totals.month_names(work.months)}; nothing was written"
    report = totals.difference_report(title, work.months, totals.sum_runs(work.store, active), new)
    report.notes.extend(commitments.notes(applied))
    return report


def _activate(work: Preparation) -> Report:
    """Prepares the new run, makes it the bill of its months, and reports old and new sums."""
    active = [(period.month, period.active_run) for period in work.months]
    prepare(work)
    old = totals.sum_runs(work.store, active)
    new = totals.sum_runs(work.store, [(month, work.run) for month, _ in active])
    activate(work)
    title = f"Run {work.run} is now the bill of {totals.month_names(work.months)}"
    report = totals.difference_report(title, work.months, old, new)
    report.notes.extend(commitments.notes(work.commitments))
    before = ", ".join(dict.fromkeys(str(run) for _, run in active))
    report.notes.append(f"the bill before is still available: `lynceus report cost --run {before}`")
    return report


def refuse_expired(retention: Mapping[str, int], months: Iterable[int], today: int) -> None:
    """Raises Failure for a month whose evidence may be deleted: a new run would silently lack it. Days since 1970."""
    for month in months:
        for table in EVIDENCE:
            if retention[table] and today >= month + retention[table]:
                raise ExternalError(
                    f"{date_of(month):%Y-%m} cannot be priced again: retention.{table} is {retention[table]}d, so the "
                    "rows it is computed from may be deleted; its charges stay as they are"
                )


def months(settings: Settings, url: str, token_file: Path | None = None) -> Report:
    """Reports all months with their states and sums; any reader of the store may."""
    with connect.store_failures():
        return month_list.list_months(connect.reading_store(settings, url, sequential=True, token_file=token_file))


def lock_order(
    settings: Settings, folder: Path, month: int, *, tolerance: Decimal = TOLERANCE, accept: str = ""
) -> LockOrder:
    """Returns the order to lock a month on the terms of the settings."""
    return LockOrder(
        month=month,
        today=today(settings),
        now=now_ms(),
        terms=terms(settings, folder).statement,
        tolerance=tolerance,
        accept=accept,
    )


def lock(settings: Settings, order: LockOrder, report_step: ReportStep) -> str:
    """Locks a month, and returns a sentence with what is to pay and its hashes."""
    store = connect.writing_store(settings)
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        period = locking.lock(store, order, report_step)
        lines = stored_lines(store, period.month, period.active_run)
    rounded, before = to_pay(lines), exact(lines)
    sums = (f"to pay {amount(cost)} {name} (exact {amount(before[name])})" for name, cost in sorted(rounded.items()))
    month = f"{date_of(order.month):%Y-%m}"
    hashes = f"hash of the charges {period.hash}, of the lines {period.statement_hash}"
    return f"{month} is locked: {', '.join(sums) or 'no charges'}; {hashes}"


def unlock(settings: Settings, month: int, report_step: ReportStep) -> str:
    """Unlocks a month."""
    store = connect.writing_store(settings)
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        locking.unlock(store, month, now_ms(), report_step)
    return f"{date_of(month):%Y-%m} is open again and includes its late charges"


def reconcile(settings: Settings, month: int, billed: dict[str, Decimal], tolerance: Decimal) -> Report:
    """Records the provider's bill of a month and compares it with ours; without amounts the imported bill."""
    store = connect.writing_store(settings)
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        [period] = runs.periods_of(store, [month])
        shared = shared_total(stored_lines(store, month, period.active_run), settings.currency)
        found = BilledMonth(billed, "")
        if not billed:
            found = billed_month(store, period, settings.bill.rules, settings.currency)
        bill = reconciling.Bill(
            billed=found.amounts,
            shared=shared,
            currency=settings.currency,
            tolerance=tolerance,
            provisional=found.provisional,
        )
        return reconciling.reconcile(store, month, bill, today=today(settings), now=now_ms())


def correct(settings: Settings) -> str:
    """Books late charges of locked months."""
    store = connect.writing_store(settings)
    with connect.store_failures():
        booked = corrections.book(store, today(settings))
    return f"{booked} corrections booked" if booked else "nothing to correct"


def today(settings: Settings) -> date:
    """Returns the current billing day."""
    return datetime.now(ZoneInfo(settings.billing_timezone)).date()
