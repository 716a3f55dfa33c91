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
from collector.billing import commitments, corrections, exclusive, runs, totals
from collector.billing import lock as locking
from collector.billing import reconcile as reconciling
from collector.billing.queries import PRICED_FROM
from collector.billing.reprice import CARRIED, Preparation, Terms, activate, commitments_of, prepare, price_pods
from collector.catalog.retention import retention_days
from collector.clock import now_ms
from collector.connect import ExternalError
from collector.core.cost.billing_days import date_of, day_of, month_after, months_of
from collector.core.rules import Rules
from collector.prices import book
from collector.reports import shared_costs
from collector.reports.report import Report, Span
from collector.settings.derived import rules_of
from collector.settings.model import ClusterSettings, Settings
from collector.store.replicas import wait_for_replicas

EVIDENCE = ("pod_run", "workflow_run")
"""The tables from which charges are computed."""

ReportStep = Callable[[str], object]
"""Called with a sentence on each step of a command that takes time."""


def terms(settings: Settings, folder: Path) -> Terms:
    """Returns the price books and rules of the settings."""
    loaded = connect.books(settings, folder)
    clusters = {cluster.name: cluster for cluster in settings.clusters}

    def rules(name: str) -> Rules:
        return rules_of(settings, clusters.get(name) or ClusterSettings(name=name))

    hashed = [settings.attribution, settings.billing_timezone, settings.clusters]
    digest = hashlib.sha256(book.digest(loaded).encode() + msgspec.json.encode(hashed)).hexdigest()[:16]
    return Terms(books=loaded, zone=ZoneInfo(settings.billing_timezone), rules=rules, digest=digest)


def reprice(
    settings: Settings,
    folder: Path,
    span: Span,
    *,
    dry_run: bool,
    report_step: ReportStep,
    progress: Callable[[int, int], object],
) -> Report:
    """Computes a new pricing run for the months of a period and activates it, or only compares it (dry run)."""
    in_force, store = terms(settings, folder), connect.writing_store(settings)
    with connect.store_failures():
        months = runs.periods_of(store, months_of(span.begin, span.end))
        work = Preparation(
            store=store, terms=in_force, months=months, now=now_ms, report_step=report_step, progress=progress
        )
        runs.refuse_locked(months)
        refuse_expired(retention_days(settings.retention), [period.month for period in months], day_of(today(settings)))
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


def months(settings: Settings) -> Report:
    """Reports all months with their states and sums."""
    with connect.store_failures():
        return locking.list_months(connect.writing_store(settings))


def lock(settings: Settings, month: int, report_step: ReportStep) -> str:
    """Locks a month, and returns a sentence with its sums and hash."""
    store = connect.writing_store(settings)
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        period = locking.lock(store, month, today(settings), now_ms(), report_step)
    sums = ", ".join(f"{total} {currency}" for currency, total in period.totals.items()) or "no charges"
    return f"{date_of(month):%Y-%m} is locked: {sums}; hash {period.hash}"


def unlock(settings: Settings, month: int, report_step: ReportStep) -> str:
    """Unlocks a month."""
    store = connect.writing_store(settings)
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        locking.unlock(store, month, now_ms(), report_step)
    return f"{date_of(month):%Y-%m} is open again and includes its late charges"


def reconcile(settings: Settings, folder: Path, month: int, billed: dict[str, Decimal], tolerance: Decimal) -> Report:
    """Records the provider's bill of a month and compares it with ours."""
    store, loaded = connect.writing_store(settings), connect.books(settings, folder)
    span = Span(date_of(month), date_of(month_after(month)), settings.billing_timezone)
    query = connect.reader(settings, "")
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        shared = shared_costs.shared_costs(query, span, loaded, now_ms()).total
        bill = reconciling.Bill(billed=billed, shared=shared, currency=settings.currency, tolerance=tolerance)
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
