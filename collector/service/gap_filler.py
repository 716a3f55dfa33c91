"""
When Argo's archive is asked: after each gap while the collector runs, and by hand.

A running collector does so beside its loop: an archive that does not answer is asked again later and holds up nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from collector import connect
from collector.backfill import stored
from collector.backfill.argo_server import REASONS, ArchiveError, ArgoServer
from collector.backfill.importer import UNREADABLE, Work, backfill
from collector.backfill.withdraw import withdraw
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.archive.restore import ClusterContext
from collector.core.cluster.state import Cluster
from collector.core.cost.billing_days import midnight
from collector.core.facts.watches import Backfill
from collector.pipeline.pipeline import Pipeline
from collector.reports.report import Report, ReportError, Span
from collector.settings.derived import rules_of
from collector.settings.model import ClusterSettings, Settings
from collector.store.clickhouse import Store, StoreError
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOOK_S = 60.0
LONGEST_PAUSE_S = 900.0
QUIET_MS = 120_000
"""Before a gap's end is behind us: what its relist showed is in the store by then, and Argo has archived what ended in it."""
COLUMNS = ("cluster", "found", "taken", "absent", "failed")


def archived(settings: Settings) -> list[ClusterSettings]:
    """The clusters that name an argo-server."""
    return [cluster for cluster in settings.clusters if cluster.archive.url]


async def backfill_for_ever(
    settings: Settings, pipeline: Pipeline, tally: Counters, caught_up: Callable[[], bool], look_s: float = LOOK_S
) -> None:
    """Ask the archives about each gap, once; returns at once where no cluster names one."""
    clusters = archived(settings)
    tally.touch(metrics.BACKFILLED, [(cluster.name,) for cluster in clusters])
    tally.touch(metrics.BACKFILL_FAILURES, [(c.name, reason) for c in clusters for reason in (*REASONS, UNREADABLE)])
    async with asyncio.TaskGroup() as group:
        for cluster in clusters:
            group.create_task(_one_for_ever(settings, cluster, pipeline, tally, caught_up, look_s))


async def _one_for_ever(
    settings: Settings,
    cluster: ClusterSettings,
    pipeline: Pipeline,
    tally: Counters,
    caught_up: Callable[[], bool],
    look_s: float,
) -> None:
    worker, store, pause_s = Worker("backfill"), connect.writing_store(settings), look_s
    try:
        while True:
            await asyncio.sleep(pause_s)
            try:
                if caught_up():
                    await _fill_gaps(settings, cluster, pipeline, tally, worker, store)
                pause_s = look_s
            except StoreError:
                pause_s = look_s
            except ArchiveError as error:
                tally.add(metrics.BACKFILL_FAILURES, (cluster.name, error.reason))
                log.warning("the archive cannot be asked", extra={"cluster": cluster.name, "reason": str(error)})
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            except Exception:
                log.exception("filling the gaps of a cluster failed and starts again", extra={"cluster": cluster.name})
                pause_s = LONGEST_PAUSE_S
    finally:
        worker.close()
        store.close()


async def _fill_gaps(
    settings: Settings, cluster: ClusterSettings, pipeline: Pipeline, tally: Counters, worker: Worker, store: Store
) -> None:
    live, name = pipeline.clusters[cluster.name], cluster.name
    if name in pipeline.refused:
        return
    now = now_ms()
    gaps = await worker.run(stored.gaps, store, name, now)
    over = [(begin, end) for begin, end in gaps if end < now - QUIET_MS]
    if not over:
        return
    around = ClusterContext(dict(live.namespaces), dict(live.plain_nodes.labels))
    async with ArgoServer(cluster.archive) as archive:
        work = Work(
            name, archive, store, worker.run, live.rules, pipeline.books, ZoneInfo(settings.billing_timezone), around,
            now_ms, partial(_watched, live), tally,
        )  # fmt: skip
        for begin, end in over:
            made = await backfill(work, begin, end)
            await worker.run(withdraw, store, name, begin, end)
            log.info(
                "a gap was filled from the archive", extra={"cluster": name, "taken": made.taken, "failed": made.failed}
            )


def _watched(live: Cluster, uid: str) -> bool:
    """Whether a workflow's rows are on their way already; of one that vanished nothing more is."""
    life = live.workflows.get(uid)
    return life is not None and life.outcome != "unknown"


def by_hand(
    settings: Settings,
    folder: Path,
    span: Span,
    only: str,
    *,
    dry_run: bool,
    progress: Callable[[int, int], object] = lambda done, total: None,  # noqa: ARG005 - nobody looks
) -> Report:
    """`lynceus backfill`: what the archives had of a period; a cluster whose archive fails has a row all the same."""
    clusters = [cluster for cluster in archived(settings) if only in ("", cluster.name)]
    if not clusters:
        raise ReportError(f"--cluster {only}: {_none_named(settings, only)}" if only else _none_named(settings, only))
    made, notes = asyncio.run(_all(settings, folder, span, clusters, dry_run, progress))
    title = f"Workflows that ended from {span}, by Argo's archive"
    rows = [(one.cluster, one.found, one.taken, one.absent, one.failed) for one in made]
    notes += ["nothing was fetched or written; taken is what would be"] if dry_run else []
    return Report(title, COLUMNS, rows, notes)


def _none_named(settings: Settings, only: str) -> str:
    known = only in {cluster.name for cluster in settings.clusters}
    what = "no cluster names an archive" if not only else "names no archive" if known else "no such cluster"
    return f"{what}; give it `archive: {{url: https://…}}` in the settings"


async def _all(
    settings: Settings,
    folder: Path,
    span: Span,
    clusters: list[ClusterSettings],
    dry_run: bool,
    progress: Callable[[int, int], object],
) -> tuple[list[Backfill], list[str]]:
    zone, books = ZoneInfo(settings.billing_timezone), connect.books(settings, folder)
    store, made, notes = connect.writing_store(settings), list[Backfill](), list[str]()
    begin = midnight(span.begin, zone)
    end = max(begin, min(midnight(span.end, zone), now_ms() - QUIET_MS))
    for cluster in clusters:
        rules = rules_of(settings, cluster)
        with connect.store_failures():
            around = await asyncio.to_thread(stored.surroundings, store, cluster.name)
            try:
                async with ArgoServer(cluster.archive) as archive:
                    work = Work(
                        cluster.name, archive, store, asyncio.to_thread, rules, books, zone, around, now_ms,
                        dry_run=dry_run, progress=progress,
                    )  # fmt: skip
                    made.append(await backfill(work, begin, end))
                if not dry_run:
                    await asyncio.to_thread(withdraw, store, cluster.name, begin, end)
            except ArchiveError as error:
                notes.append(f"{cluster.name}: {error}")
    if notes and not made:
        raise connect.Failure("; ".join(notes))
    return made, notes
