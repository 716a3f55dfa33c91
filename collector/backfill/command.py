"""
`lynceus backfill`: imports missed workflows of a period from Argo's archives.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from collector import connect
from collector.backfill import stored
from collector.backfill.argo_server import ArchiveError, ArgoServer
from collector.backfill.importer import Work, backfill, settled_before
from collector.backfill.withdraw import withdraw
from collector.clock import now_ms
from collector.core.cost.billing_days import midnight
from collector.core.facts.watches import Backfill
from collector.core.model import Instant
from collector.desired import keys_of_clusters
from collector.prices.lookup import Books
from collector.reports.report import Report, ReportError, Span
from collector.settings.derived import rules_of
from collector.settings.model import ClusterSettings, Settings
from collector.store.clickhouse import Store
from collector.store.schema.retention import kept_days

IMPORTED = ("workflow_run", "step_run")
"""What an archive fills of the tables whose rows age."""
COLUMNS = ("cluster", "found", "taken", "absent", "failed")

Progress = Callable[[int, int], object]
"""Called with the hours that are done, and with their total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """One period of all chosen clusters."""

    settings: Settings
    books: Books
    store: Store
    begin: Instant
    end: Instant
    dry_run: bool
    progress: Progress


def backfill_span(
    settings: Settings,
    folder: Path,
    span: Span,
    only: str = "",
    *,
    dry_run: bool,
    progress: Progress | None = None,
    copied: Path | None = None,
) -> Report:
    """
    Imports the missed workflows of a period, of one cluster or all; a cluster whose archive fails is a note.

    For `copied` see collector/desired.py.
    """
    known = keys_of_clusters(settings, copied)
    clusters = [cluster for cluster in known.values() if cluster.archive.url and only in ("", cluster.name)]
    if not clusters:
        problem = _no_archive(known, only)
        raise ReportError(f"--cluster {only}: {problem}" if only else problem)
    zone = ZoneInfo(settings.billing_timezone)
    begin = midnight(span.begin, zone)
    work = _Import(
        settings=settings,
        books=connect.books(settings, folder),
        store=connect.writing_store(settings),
        begin=begin,
        end=max(begin, min(midnight(span.end, zone), settled_before(now_ms()))),
        dry_run=dry_run,
        progress=progress or (lambda _done, _total: None),
    )
    with connect.store_failures():
        refuse_expired(kept_days(work.store, settings.store.cluster), span.begin, datetime.now(zone).date())
    made, notes = asyncio.run(_import_all(work, clusters))
    rows = [(row.cluster, row.found, row.taken, row.absent, row.failed) for row in made]
    notes += ["dry run: nothing was fetched or written; `taken` counts what would be imported"] if dry_run else []
    return Report(f"Workflows that ended from {span}, by Argo's archive", COLUMNS, rows, notes)


def refuse_expired(kept: Mapping[str, int], begin: date, today: date) -> None:
    """Raises ReportError for a day whose rows the store would delete again."""
    days = min((kept[table] for table in IMPORTED if kept[table]), default=0)
    if days and begin <= today - timedelta(days):
        raise ReportError(
            f"--from {begin}: the store keeps rows for {days} days and would delete what is imported; import later days, or set"
            f" {' and '.join(f'retention.{table}' for table in IMPORTED)} to forever and start the collector once"
        )


def _no_archive(known: Collection[str], only: str) -> str:
    problem = "no cluster has an archive" if not only else "has no archive" if only in known else "no such cluster"
    return f"{problem}; set `archive: {{url: https://…}}` for it in the settings"


async def _import_all(work: _Import, clusters: list[ClusterSettings]) -> tuple[list[Backfill], list[str]]:
    """Imports cluster by cluster; a failed archive is a note, and Failure is raised if all of them failed."""
    made, notes = list[Backfill](), list[str]()
    with connect.store_failures():
        for cluster in clusters:
            try:
                made.append(await _import_cluster(work, cluster))
            except ArchiveError as error:
                notes.append(f"{cluster.name}: {error}")
    if notes and not made:
        raise connect.ExternalError("; ".join(notes))
    return made, notes


async def _import_cluster(work: _Import, cluster: ClusterSettings) -> Backfill:
    context = await asyncio.to_thread(stored.cluster_context, work.store, cluster.name)
    async with ArgoServer(cluster.archive) as archive:
        row = await backfill(
            Work(
                cluster=cluster.name,
                archive=archive,
                store=work.store,
                in_thread=asyncio.to_thread,
                rules=rules_of(work.settings, cluster),
                books=work.books,
                zone=ZoneInfo(work.settings.billing_timezone),
                context=context,
                now=now_ms,
                dry_run=work.dry_run,
                progress=work.progress,
            ),
            work.begin,
            work.end,
        )
    if not work.dry_run:
        await asyncio.to_thread(withdraw, work.store, cluster.name, work.begin, work.end)
    return row
