"""
The watches of all clusters. A failure in one cluster does not affect the others.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from collector.catalog.counters import Counters
from collector.core.argo import controller_health
from collector.core.live_view import Clock, WatchHealth
from collector.core.messages import WORKLOAD_KINDS
from collector.core.model import Instant
from collector.core.objects.kubernetes import Kind
from collector.kube.address import ClusterAddress
from collector.kube.connection import Connection
from collector.measured import Measure, unmeasured
from collector.pipeline.pipeline import Pipeline
from collector.service.tasks import background_task
from collector.settings.model import ClusterSettings, Settings
from collector.watch import kinds
from collector.watch.controller_poll import poll_for_ever
from collector.watch.installed import installed
from collector.watch.protocol import Watch
from collector.watch.reconcile import reconcile_for_ever
from collector.watch.reflector import Sink, watch_cluster

log = logging.getLogger(__name__)

LOOK_S = 600
"""Between two looks for kinds of other projects."""
RESTART_S = 30
"""Before the watches of a cluster are restarted after an unexpected error."""


class Watchers:
    """Owns the watches and the connections of all clusters."""

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        counters: Counters,
        *,
        measure: Measure = unmeasured,
    ) -> None:
        self._settings, self._pipeline, self._counters, self._measure = settings, pipeline, counters, measure
        self._watches: dict[str, list[Watch]] = {}
        self._connections: dict[str, Connection] = {}

    def health(self) -> dict[str, list[WatchHealth]]:
        """The health of every watch, by cluster."""
        return {name: [watch.health() for watch in watches] for name, watches in self._watches.items()}

    def clocks(self) -> list[Clock]:
        """The skew of the API servers' clocks, where it is known."""
        skews = ((name, connection.skew_ms) for name, connection in self._connections.items())
        return [Clock("cluster", name, skew_ms) for name, skew_ms in skews if skew_ms is not None]

    def credentials(self) -> dict[str, Instant]:
        """When the credentials of each cluster expire, where they do."""
        ends = ((name, connection.expires_at) for name, connection in self._connections.items())
        return {name: at for name, at in ends if at is not None}

    def with_crons_watched(self) -> set[str]:
        """The clusters in which no run of a cron can be missed: both kinds that would show it are watched now."""
        return self._watching("workflows", "cronworkflows")

    def with_queues_watched(self) -> set[str]:
        """The clusters whose queues are known now: both kinds that show whether work has begun are watched."""
        return self._watching(*WORKLOAD_KINDS)

    def _watching(self, *kinds: Kind) -> set[str]:
        """The clusters in which the watches of these kinds have synced and are open."""
        return {name for name, watches in self._watches.items() if _watched(watches) >= {*kinds}}

    @asynccontextmanager
    async def watching(self, address: ClusterAddress, cluster: ClusterSettings) -> AsyncIterator[None]:
        """Watches a cluster for as long as the block lasts, or until the cluster is refused."""
        name, listeners = address.name, self._pipeline.identities.listeners

        def close_refused(refused: str, reason: str) -> None:
            if refused == name:
                log.error("cluster refused, its watches are closed", extra={"cluster": name, "reason": reason})
                task.cancel()

        listeners.append(close_refused)
        try:
            async with background_task(self._watch(address, cluster), f"watch {name}") as task:
                yield
        finally:
            listeners.remove(close_refused)
            self._watches.pop(name, None)
            self._connections.pop(name, None)

    async def _watch(self, address: ClusterAddress, cluster: ClusterSettings) -> None:
        """Watches one cluster; restarts all its watches after an unexpected error."""
        name = address.name
        while True:
            rows = kinds.resources(labelled_pods=cluster.pods == "labelled")
            self._watches[name] = [self._new_watch(name, row) for row in rows if not row.is_foreign]
            try:
                async with Connection(address) as connection:
                    self._connections[name] = connection
                    await self._add_foreign(connection, name, rows)
                    await self._use(connection, name, cluster)
            except Exception:
                log.exception("unexpected error, all watches of the cluster restart", extra={"cluster": name})
            await asyncio.sleep(RESTART_S)

    async def _use(self, connection: Connection, name: str, cluster: ClusterSettings) -> None:
        """Runs all that one connection serves: the watches, the controller's poll and the reconciliation."""
        sink, lists = partial(self._pipeline.take, name), asyncio.Lock()
        poll = poll_for_ever(
            connection,
            cluster.controller_namespace,
            sink=sink,
            pods=partial(self._controller_pods, name),
            is_led=partial(self._is_led, name),
        )
        reconcile = self._reconcile(name, connection, sink, lists)
        watch = partial(
            watch_cluster, connection, sink=sink, room=self._pipeline.room, lists=lists, measure=self._measure
        )
        later = self._watch_later(connection, cluster, watch)
        async with (
            background_task(poll, f"readings {name}"),
            background_task(reconcile, f"reconcile {name}"),
            background_task(later, f"kinds {name}"),
        ):
            await watch([*self._watches[name]])

    async def _watch_later(
        self,
        connection: Connection,
        cluster: ClusterSettings,
        watch: Callable[[list[Watch]], Coroutine[Any, Any, None]],
    ) -> None:
        """Looks now and then for kinds that were installed meanwhile, and watches them too."""
        name, rows = connection.address.name, kinds.resources(labelled_pods=cluster.pods == "labelled")
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(LOOK_S)
                if added := await self._add_foreign(connection, name, rows):
                    group.create_task(watch(added))

    async def _add_foreign(self, connection: Connection, name: str, rows: Iterable[kinds.Resource]) -> list[Watch]:
        """Watches for the kinds of other projects that the cluster has and that are not watched yet."""
        known = {watch.resource.kind for watch in self._watches[name]}
        found = await installed(connection, [row for row in rows if row.is_foreign and row.kind not in known])
        added = [self._new_watch(name, row) for row in found]
        self._watches[name] += added
        return added

    async def _reconcile(self, name: str, connection: Connection, sink: Sink, lists: asyncio.Lock) -> None:
        """Compares the watched state with lists now and then, unless the settings switch it off."""
        if every_s := self._settings.reconcile_hours * 3600:
            watches = [watch for watch in self._watches[name] if watch.resource.kind in WORKLOAD_KINDS]
            is_relevant = partial(self._pipeline.is_relevant, name)
            await reconcile_for_ever(
                connection, watches, sink=sink, lists=lists, is_relevant=is_relevant, every_s=every_s
            )

    def _controller_pods(self, name: str) -> list[tuple[str, str, int | None]]:
        """The pods of the cluster's workflow controller, to be polled."""
        known = self._pipeline.clusters[name].controllers.pods.values()
        return [(pod.name, pod.container, None) for pod in known]

    def _is_led(self, name: str) -> bool:
        """Whether a controller of the cluster leads, as far as its Lease and its pods show."""
        return controller_health.is_led(self._pipeline.clusters[name].controllers)

    def _new_watch(self, name: str, resource: kinds.Resource) -> Watch:
        positions = self._pipeline.positions
        resume = positions.resume(name, resource.kind)
        return Watch(
            name,
            resource,
            dice=random.Random(),
            counters=self._counters,
            resume=resume,
            resumed_at=resume.at if resume else None,
            gap=positions.pending_gap(name, resource.kind),
        )


def _watched(watches: list[Watch]) -> set[Kind]:
    return {w.resource.kind for w in watches if w.synced and w.health().state == "watching"}
