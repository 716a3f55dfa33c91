"""
The watches of each cluster, for ever; whatever goes wrong in one cluster stays there.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from collector.core.messages import WORKLOAD_KINDS
from collector.kube.connection import Connection
from collector.service.runtime import Runtime, background_task
from collector.settings.model import ClusterSettings
from collector.watch import kinds
from collector.watch.controller_poll import read_for_ever
from collector.watch.protocol import Watch
from collector.watch.reconcile import reconcile_for_ever
from collector.watch.reflector import Sink, watch_cluster

log = logging.getLogger(__name__)

RESTART_S = 30
"""Before a cluster whose watches failed in an unforeseen way is started again."""


@asynccontextmanager
async def watching(parts: Runtime, name: str) -> AsyncIterator[None]:
    """Watch a cluster for as long as the block lasts, or until it turns out to be another one."""
    async with background_task(_watch(parts, name), f"watch {name}") as task:

        def close_refused(cluster: str, reason: str) -> None:
            if cluster == name:
                log.error("cluster refused, its watches are closed", extra={"cluster": name, "reason": reason})
                task.cancel()

        parts.pipeline.identities.listeners.append(close_refused)
        yield


async def _watch(parts: Runtime, name: str) -> None:
    """One cluster's watches for ever; whatever goes wrong in them stays in this cluster."""
    cluster = next((c for c in parts.settings.clusters if c.name == name), ClusterSettings(name=name))
    while True:
        resources = kinds.resources(labelled_pods=cluster.pods == "labelled")
        parts.watches[name] = [_one_watch(parts, name, resource) for resource in resources]
        sink = lambda outcomes: parts.pipeline.take(name, outcomes)  # noqa: E731 - bound to this cluster
        try:
            async with Connection(parts.addresses[name]) as connection:
                parts.connections[name] = connection
                ask = read_for_ever(
                    connection, cluster.controller_namespace, sink=sink, pods=lambda: _controller_pods(parts, name)
                )
                lists = asyncio.Lock()
                look = _reconcile(parts, name, connection, sink, lists)
                async with background_task(ask, f"readings {name}"), background_task(look, f"reconcile {name}"):
                    room = parts.pipeline.wait_for_room
                    await watch_cluster(connection, parts.watches[name], sink=sink, room=room, lists=lists)
        except Exception:
            log.exception("the watches of a cluster failed and start again", extra={"cluster": name})
        await asyncio.sleep(RESTART_S)


async def _reconcile(parts: Runtime, name: str, connection: Connection, sink: Sink, lists: asyncio.Lock) -> None:
    """Compare what is known of a cluster with lists, if the settings want it."""
    if every_s := parts.settings.reconcile_hours * 3600:
        moving = [watch for watch in parts.watches[name] if watch.resource.kind in WORKLOAD_KINDS]
        concerns = partial(parts.pipeline.is_relevant, name)
        await reconcile_for_ever(connection, moving, sink=sink, lists=lists, concerns=concerns, every_s=every_s)


def _controller_pods(parts: Runtime, name: str) -> list[tuple[str, str, int | None]]:
    """The controller's pods, to be asked how they do."""
    known = parts.pipeline.clusters[name].controllers.pods.values()
    return [(pod.name, pod.container, None) for pod in known]


def _one_watch(parts: Runtime, name: str, resource: kinds.Resource) -> Watch:
    resume = parts.pipeline.positions.resume(name, resource.kind)
    at = resume.at if resume else None
    gap = parts.pipeline.positions.pending_gap(name, resource.kind)
    return Watch(name, resource, dice=random.Random(), counters=parts.counters, resume=resume, resumed_at=at, gap=gap)
