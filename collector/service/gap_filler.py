"""
Imports missed workflows from Argo's archives after each gap, while the collector runs.

Runs beside the pipeline: an archive that does not answer is asked again later and delays nothing else.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

from collector import connect
from collector.backfill import stored
from collector.backfill.argo_server import REASONS, ArchiveError, ArgoServer
from collector.backfill.importer import UNREADABLE, Work, backfill, clusters_with_archive, settled_before
from collector.backfill.withdraw import withdraw
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.archive.restore import ClusterContext
from collector.core.cluster.state import Cluster
from collector.pipeline.pipeline import Pipeline
from collector.settings.model import ClusterSettings, Settings
from collector.store.clickhouse import Store, StoreError
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOOK_S = 60.0
LONGEST_PAUSE_S = 900.0


async def backfill_for_ever(
    settings: Settings, pipeline: Pipeline, counters: Counters, caught_up: Callable[[], bool], look_s: float = LOOK_S
) -> None:
    """Ask the archives about each gap, once; returns at once where no cluster names one."""
    clusters = clusters_with_archive(settings)
    for cluster in clusters:
        counters.initialise(metrics.BACKFILLED, cluster=cluster.name)
        for reason in (*REASONS, UNREADABLE):
            counters.initialise(metrics.BACKFILL_FAILURES, cluster=cluster.name, reason=reason)
    async with asyncio.TaskGroup() as group:
        for cluster in clusters:
            group.create_task(_one_for_ever(settings, cluster, pipeline, counters, caught_up, look_s))


async def _one_for_ever(
    settings: Settings,
    cluster: ClusterSettings,
    pipeline: Pipeline,
    counters: Counters,
    caught_up: Callable[[], bool],
    look_s: float,
) -> None:
    worker, store, pause_s = Worker("backfill"), connect.writing_store(settings), look_s
    try:
        while True:
            await asyncio.sleep(pause_s)
            try:
                if caught_up():
                    await _fill_gaps(settings, cluster, pipeline, counters, worker, store)
                pause_s = look_s
            except StoreError:
                pause_s = look_s
            except ArchiveError as error:
                counters.add(metrics.BACKFILL_FAILURES, cluster=cluster.name, reason=error.reason)
                log.warning("the archive cannot be asked", extra={"cluster": cluster.name, "reason": str(error)})
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            except Exception:
                log.exception("filling the gaps of a cluster failed and starts again", extra={"cluster": cluster.name})
                pause_s = LONGEST_PAUSE_S
    finally:
        worker.close()
        store.close()


async def _fill_gaps(
    settings: Settings, cluster: ClusterSettings, pipeline: Pipeline, counters: Counters, worker: Worker, store: Store
) -> None:
    live, name = pipeline.clusters[cluster.name], cluster.name
    if name in pipeline.identities.refused:
        return
    now = now_ms()
    gaps = await worker.run(stored.open_gaps, store, name, now)
    over = [(begin, end) for begin, end in gaps if end < settled_before(now)]
    if not over:
        return
    around = ClusterContext(dict(live.namespaces), dict(live.plain_nodes.labels))
    async with ArgoServer(cluster.archive) as archive:
        work = Work(
            cluster=name,
            archive=archive,
            store=store,
            ask=worker.run,
            rules=live.rules,
            books=pipeline.books,
            zone=ZoneInfo(settings.billing_timezone),
            around=around,
            now=now_ms,
            known=partial(_watched, live),
            counters=counters,
        )
        for begin, end in over:
            made = await backfill(work, begin, end)
            await worker.run(withdraw, store, name, begin, end)
            log.info(
                "a gap was filled from the archive", extra={"cluster": name, "taken": made.taken, "failed": made.failed}
            )


def _watched(live: Cluster, uid: str) -> bool:
    """Whether a workflow's rows are on their way already; of one that vanished nothing more is."""
    workflow = live.workflows.get(uid)
    return workflow is not None and workflow.attempt.outcome != "unknown"
