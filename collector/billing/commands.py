"""
What the commands about months do: price them again, compare them with the bill, lock them, open them.

Wires settings, books and store to collector/repricing; a user reads every trouble as one sentence.
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
from collector.billing.reprice import CARRIED, Preparation, Terms, activate, commitments_of, prepare, price_pods
from collector.catalog.retention import retention_days
from collector.clock import now_ms
from collector.connect import Failure
from collector.core.cost.billing_days import date_of, day_of, month_after, months_of
from collector.core.rules import Rules
from collector.prices import book
from collector.reports import shared_costs
from collector.reports.report import Report, Span
from collector.settings.derived import rules_of
from collector.settings.model import ClusterSettings, Settings

EVIDENCE = ("pod_run", "workflow_run")
"""What charges are computed from."""


def terms(settings: Settings, folder: Path) -> Terms:
    """The books and rules that the settings put in force."""
    loaded = connect.books(settings, folder)
    clusters = {cluster.name: cluster for cluster in settings.clusters}

    def rules(name: str) -> Rules:
        return rules_of(settings, clusters.get(name) or ClusterSettings(name=name))

    ruled = [settings.attribution, settings.billing_timezone, settings.clusters]
    digest = hashlib.sha256(book.digest(loaded).encode() + msgspec.json.encode(ruled)).hexdigest()[:16]
    return Terms(loaded, ZoneInfo(settings.billing_timezone), rules, digest)


def reprice(
    settings: Settings,
    folder: Path,
    span: Span,
    *,
    dry_run: bool,
    say: Callable[[str], object],
    progress: Callable[[int, int], object],
) -> Report:
    """A new pricing run for the months of a period, made active unless it is a dry run; old and new side by side."""
    in_force, store = terms(settings, folder), connect.writing_store(settings)
    with connect.store_failures():
        months = runs.periods_of(store, months_of(span.begin, span.end))
        work = Preparation(store, in_force, months, now_ms, say, progress)
        runs.refuse_locked(months)
        refuse_expired(retention_days(settings.retention), [period.month for period in months], day_of(today(settings)))
        say(f"pricing {totals.month_names(months)} as a whole with {', '.join(in_force.books.names())}")
        active = [(period.month, period.active_run) for period in months]
        if dry_run:
            new = totals.sum_runs(store, active, CARRIED)
            work.commitments = commitments_of(work)
            for charges in work.commitments.to(lambda: price_pods(work, None)):
                totals.add_charges(new, charges)
            title = f"Would change {totals.month_names(months)}; nothing was written"
            made = totals.difference_report(title, months, totals.sum_runs(store, active), new)
            made.notes.extend(commitments.notes(work.commitments))
            return made
        with exclusive.claim_months(store, connect.writing_store(settings), now_ms):
            prepare(work)
            old, new = (
                totals.sum_runs(store, active),
                totals.sum_runs(store, [(month, work.run) for month, _ in active]),
            )
            activate(work)
        title = f"Run {work.run} is now the bill of {totals.month_names(months)}"
        made = totals.difference_report(title, months, old, new)
        made.notes.extend(commitments.notes(work.commitments))
        before = ", ".join(dict.fromkeys(str(run) for _, run in active))
        made.notes.append(f"what it was before stays readable: `lynceus report cost --run {before}`")
        return made


def refuse_expired(kept: Mapping[str, int], months: Iterable[int], now: int) -> None:
    """Raise Failure for a month, in days since 1970, whose evidence may be gone: a new run would silently lack it."""
    for month in months:
        for table in EVIDENCE:
            if kept[table] and now >= month + kept[table]:
                raise Failure(
                    f"{date_of(month):%Y-%m} cannot be priced again: retention.{table} is {kept[table]}d, so what it is "
                    "computed from may be gone; its charges stay as they are"
                )


def months(settings: Settings) -> Report:
    """All months with their states and sums."""
    with connect.store_failures():
        return locking.list_months(connect.writing_store(settings))


def lock(settings: Settings, month: int, say: Callable[[str], object]) -> str:
    """Lock a month; a sentence that says what it holds."""
    store = connect.writing_store(settings)
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        period = locking.lock(store, month, today(settings), now_ms(), say)
    held = ", ".join(f"{total} {currency}" for currency, total in period.totals.items()) or "nothing"
    return f"{date_of(month):%Y-%m} is locked: {held}; hash {period.hash}"


def unlock(settings: Settings, month: int, say: Callable[[str], object]) -> str:
    """Open a locked month again."""
    store = connect.writing_store(settings)
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        locking.unlock(store, month, now_ms(), say)
    return f"{date_of(month):%Y-%m} is open again; what had arrived late is in it"


def reconcile(settings: Settings, folder: Path, month: int, billed: dict[str, Decimal], tolerance: Decimal) -> Report:
    """Put the provider's bill of a month on record beside ours."""
    store, loaded = connect.writing_store(settings), connect.books(settings, folder)
    span = Span(date_of(month), date_of(month_after(month)), settings.billing_timezone)
    query = connect.reader(settings, "")
    with connect.store_failures(), exclusive.claim_months(store, connect.writing_store(settings), now_ms):
        fees = shared_costs.shared_costs(query, span, loaded, now_ms()).total
        return reconciling.reconcile(
            store, month, billed, fees, settings.currency, today(settings), now_ms(), tolerance
        )


def correct(settings: Settings) -> str:
    """Book what arrived late for locked months."""
    store = connect.writing_store(settings)
    with connect.store_failures():
        booked = corrections.book(store, today(settings))
    return f"{booked} corrections booked" if booked else "nothing to correct"


def today(settings: Settings) -> date:
    """The billing day of now."""
    return datetime.now(ZoneInfo(settings.billing_timezone)).date()
