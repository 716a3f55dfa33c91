"""
The clusters that are watched, brought in line with those that are wanted while the collector runs.

Each cluster is a task with a connection of its own: starting, stopping or restarting one touches no stream of another.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.core.live_view import ClusterInfo, RemovedCluster, SourceProblem
from collector.core.model import Instant
from collector.core.units import DAY_MS
from collector.desired import Desired, WantedCluster
from collector.pipeline.pipeline import Pipeline
from collector.service.gap_filler import GapFiller, filling
from collector.service.garbage import leave_out_present
from collector.service.storage import Storage
from collector.service.tasks import background_task, every
from collector.service.watchers import Watchers
from collector.settings.derived import info_of, rules_of
from collector.settings.model import Settings, SettingsError

log = logging.getLogger(__name__)

CORRECT = "correct it; until then the clusters stay as they are"
LOOK_S = 3.0
"""Between two looks at what is wanted."""
STOP_S = 5.0
"""Time limit for the end of a cluster's watches."""
TAKE_UP_AGAIN_S = 2.0
SHOWN_MS = DAY_MS
"""How long a removed cluster is reported."""

Wanted = Callable[[str], bool]
"""Whether this collector is to watch a cluster of this name."""


def all_clusters(_name: str) -> bool:
    """Wants every cluster."""
    return True


class FleetParts(NamedTuple):
    """What a cluster's work needs."""

    settings: Settings
    pipeline: Pipeline
    storage: Storage
    watchers: Watchers
    counters: Counters


class RunningCluster(NamedTuple):
    """A watched cluster and its work."""

    cluster: WantedCluster
    task: asyncio.Task[None]

    def is_as(self, wanted: WantedCluster) -> bool:
        """Whether the cluster is watched as it is wanted, no matter which place names it."""
        return (self.cluster.address, self.cluster.settings) == (wanted.address, wanted.settings)


class WatchedFleet:
    """Owns the work of each cluster."""

    def __init__(
        self, parts: FleetParts, first: Desired, desired: Callable[[], Desired], wanted: Wanted = all_clusters
    ) -> None:
        self._parts, self._first, self._desired, self._wanted = parts, first, desired, wanted
        self._running: dict[str, RunningCluster] = {}
        self._removed: dict[str, Instant] = {}
        self._looking = asyncio.Lock()
        self.problems: list[SourceProblem] = []
        """The places that should name clusters and do not, at the last look."""

    def infos(self) -> list[ClusterInfo]:
        """What the settings say of each watched cluster."""
        return [info_of(name, running.cluster.settings) for name, running in self._running.items()]

    def removed(self, now: Instant) -> list[RemovedCluster]:
        """The clusters that were removed within a day."""
        self._removed = {name: at for name, at in self._removed.items() if now - at < SHOWN_MS}
        return [RemovedCluster(name, at) for name, at in self._removed.items()]

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watches for as long as the block lasts; the first clusters are in the pipeline already, with their saved state."""
        self._report(self._first.problems)
        if not self._first.problems:  # else a place with a problem may name them
            left = self._parts.storage.saved_until
            self._removed = {name: at for name, at in left.items() if name not in self._first.clusters}
        for name in self._parts.pipeline.clusters:
            self._start(name, self._first.clusters[name], is_restored=True)
        try:
            async with background_task(every(LOOK_S, self.look), "clusters", STOP_S):
                yield
        finally:
            tasks = [running.task for running in self._running.values()]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=STOP_S)

    async def look(self) -> None:
        """Stops the clusters that are not wanted any more, and starts those that are new; one that changed is restarted."""
        async with self._looking:
            # Independent of the settings: another replica may watch them.
            for name in [name for name in self._running if not self._wanted(name)]:
                await self._stop(name, is_gone=False)
            for name in [name for name, running in self._running.items() if running.task.done()]:
                log.error("the work of a cluster ended, it starts again", exc_info=_why_ended(self._running[name].task))
                await self._stop(name, is_gone=False)
            try:
                desired = await asyncio.to_thread(self._desired)
            except SettingsError as error:
                # Nothing is known of what is wanted, so nothing is removed.
                self._report([SourceProblem(("clusters",), str(error), CORRECT)])
                return
            self._report(desired.problems)
            wanted = {name: cluster for name, cluster in desired.clusters.items() if self._wanted(name)}
            for name in self._to_stop(wanted, desired.problems):
                await self._stop(name, is_gone=name not in desired.clusters)
            for name in wanted.keys() - self._running.keys():
                self._parts.pipeline.add_cluster(name, rules_of(self._parts.settings, wanted[name].settings))
                leave_out_present()
                self._start(name, wanted[name])

    def _to_stop(self, wanted: dict[str, WantedCluster], problems: list[SourceProblem]) -> list[str]:
        """The clusters to stop now, among them those that start again in another way."""
        unclear = {problem.cluster for problem in problems}
        unclear |= {place for problem in problems for place in problem.places}
        stop = [
            name
            for name, running in self._running.items()
            if not (name in wanted and running.is_as(wanted[name])) and not {name, running.cluster.place} & unclear
        ]
        # A refused cluster may have had to give way to one that is gone now.
        refused = self._parts.pipeline.identities.refused.keys() & self._running.keys()
        return [*stop, *(refused - {*stop})] if stop else []

    def _start(self, name: str, cluster: WantedCluster, *, is_restored: bool = False) -> None:
        self._removed.pop(name, None)
        work = self._watch(name, cluster, is_restored=is_restored)
        self._running[name] = RunningCluster(cluster, asyncio.create_task(work, name=f"cluster {name}"))
        log.info("cluster is watched", extra={"cluster": name, "place": cluster.place})

    async def _watch(self, name: str, cluster: WantedCluster, *, is_restored: bool) -> None:
        """Takes up a cluster's saved state, then watches it until the task is cancelled."""
        settings, pipeline, storage, watchers, counters = self._parts
        if not is_restored:
            await self._take_up(name)
            # Not before: a counter that jumps from 0 to what was saved looks like so many events at once.
            pipeline.initialise_counters(name)
        filler = GapFiller(settings, cluster.settings, pipeline, counters, storage.is_caught_up)
        async with watchers.watching(cluster.address, cluster.settings), filling(filler):
            await asyncio.Event().wait()

    async def _take_up(self, name: str) -> None:
        while True:
            try:
                await self._parts.storage.take_up(name)
            except Exception:
                log.exception("cannot read the saved state of a cluster, retrying", extra={"cluster": name})
                await asyncio.sleep(TAKE_UP_AGAIN_S)
            else:
                return

    async def _stop(self, name: str, *, is_gone: bool) -> None:
        """Ends a cluster's work and keeps its last state in the spool, once that has room; `is_gone`: nothing names it."""
        task = self._running[name].task
        task.cancel()
        await asyncio.wait([task], timeout=STOP_S)
        del self._running[name]
        self._parts.pipeline.remove_cluster(name, now_ms())
        if is_gone:
            self._removed[name] = now_ms()
        await self._parts.storage.commit_gathered()
        log.info("cluster is not watched any more", extra={"cluster": name, "removed": is_gone})

    def _report(self, problems: list[SourceProblem]) -> None:
        for problem in problems:
            if problem not in self.problems:
                report = log.error if problem.blocking else log.warning
                report(
                    "a problem with what names the clusters",
                    extra={"place": " and ".join(problem.places), "reason": problem.reason},
                )
        self.problems = problems


def _why_ended(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
