"""
Imports missed workflows from a cluster's Argo archive after each gap, while the collector runs.

Runs beside the pipeline: an archive that does not answer is asked again later and delays nothing else.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

from collector import connect
from collector.backfill import stored
from collector.backfill.argo_server import REASONS, ArchiveError, ArgoServer
from collector.backfill.importer import UNREADABLE, Work, backfill, settled_before
from collector.backfill.withdraw import withdraw
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.archive.restore import ClusterContext
from collector.core.cluster.state import Cluster
from collector.pipeline.pipeline import Pipeline
from collector.service.tasks import background_task, every, own_thread
from collector.settings.model import ClusterSettings, Settings
from collector.store.clickhouse import Store, StoreError
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOOK_S = 60.0
LONGEST_PAUSE_S = 900.0


@asynccontextmanager
async def filling(filler: "GapFiller", look_s: float = LOOK_S) -> AsyncIterator[None]:
    """Imports each gap of a cluster once, for as long as the block lasts; nothing when the cluster has no archive."""
    name, counters = filler.cluster.name, filler.counters
    if not filler.cluster.archive.url:
        yield
        return
    counters.initialise(metrics.BACKFILLED, cluster=name)
    for reason in (*REASONS, UNREADABLE):
        counters.initialise(metrics.BACKFILL_FAILURES, cluster=name, reason=reason)
    async with background_task(filler.run(look_s), f"backfill {name}"):
        yield


@dataclass(frozen=True, slots=True)
class GapFiller:
    """Imports the missed workflows of one cluster."""

    settings: Settings
    cluster: ClusterSettings
    pipeline: Pipeline
    counters: Counters
    caught_up: Callable[[], bool]
    """Whether the store has everything that was watched."""

    async def run(self, look_s: float) -> None:
        """Looks for gaps every so often; waits longer each time the archive fails."""
        store, pause_s = connect.writing_store(self.settings), look_s
        with own_thread("backfill", store) as worker:

            async def look() -> float:
                nonlocal pause_s
                pause_s = await self._look(worker, store, pause_s, look_s)
                return pause_s

            await every(look_s, look)

    async def _look(self, worker: Worker, store: Store, pause_s: float, look_s: float) -> float:
        """Fills gaps once the store has caught up; returns the pause until the next look."""
        name = self.cluster.name
        try:
            if self.caught_up():
                await self._fill_gaps(worker, store)
        except StoreError:
            return look_s
        except ArchiveError as error:
            self.counters.add(metrics.BACKFILL_FAILURES, cluster=name, reason=error.reason)
            log.warning("the archive failed, retrying later", extra={"cluster": name, "reason": str(error)})
            return min(2 * pause_s, LONGEST_PAUSE_S)
        except Exception:
            log.exception("unexpected error while filling gaps, retrying later", extra={"cluster": name})
            return LONGEST_PAUSE_S
        return look_s

    async def _fill_gaps(self, worker: Worker, store: Store) -> None:
        name, live, now = self.cluster.name, self.pipeline.clusters[self.cluster.name], now_ms()
        if name in self.pipeline.identities.refused:
            return
        gaps = await worker.run(stored.open_gaps, store, name, now)
        settled = [(begin, end) for begin, end in gaps if end < settled_before(now)]
        if not settled:
            return
        async with ArgoServer(self.cluster.archive) as archive:
            work = Work(
                cluster=name,
                archive=archive,
                store=store,
                in_thread=worker.run,
                rules=live.rules,
                books=self.pipeline.books,
                zone=ZoneInfo(self.settings.billing_timezone),
                context=ClusterContext(dict(live.namespaces), dict(live.plain_nodes.labels)),
                now=now_ms,
                is_watched=partial(_is_watched, live),
                counters=self.counters,
            )
            for begin, end in settled:
                made = await backfill(work, begin, end)
                await worker.run(withdraw, store, name, begin, end)
                log.info(
                    "filled a gap from the archive",
                    extra={"cluster": name, "taken": made.taken, "failed": made.failed},
                )


def _is_watched(live: Cluster, uid: str) -> bool:
    """Whether the rows of a workflow are written by the watches; not if it vanished, since then no more follow."""
    workflow = live.workflows.get(uid)
    return workflow is not None and workflow.attempt.outcome != "unknown"
