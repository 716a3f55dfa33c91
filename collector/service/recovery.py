"""
Going on from the store when the disk is gone: positions, states and counters as the last acknowledged round left them.

Asked only for clusters of which the spool knows nothing. A new embedded store has nothing to tell and is not waited for; any
other store is, since a collector that starts from lists while its store is merely slow would tear a hole that nobody needed.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from collector import connect
from collector.core.messages import Checkpoint, Commit
from collector.core.model import Instant
from collector.pipeline.pipeline import Pipeline
from collector.settings.model import Settings
from collector.store.clickhouse import Store, StoreError
from collector.store.spool import snapshot
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOST = "the disk was lost, and the store has no state to go on from"
STRANGE = "state of another release"
PAUSE_S = 0.5


class Found(NamedTuple):
    """What the store has of one cluster: a copy, or at least its past, or nothing."""

    copy: snapshot.Copy | None
    past: snapshot.Past | None


async def look(
    settings: Settings, clusters: Iterable[str], *, up: asyncio.Event, stop: asyncio.Event
) -> dict[str, Found]:
    """What the store has of some clusters, asked once it is `up`; nothing when it takes too long, or on `stop`."""
    # Our own child comes up or says why not; somebody else's store may be away for a day.
    patience_s = settings.store.wait_seconds if settings.store.url else None
    asked, stopped = asyncio.create_task(_asked(settings, clusters, up)), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([asked, stopped], timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        if not stopped.done():
            log.warning("the store was not ready in time, watching starts from lists", extra={"waited_s": patience_s})
        return {}
    finally:
        asked.cancel()
        stopped.cancel()


async def _asked(settings: Settings, clusters: Iterable[str], up: asyncio.Event) -> dict[str, Found]:
    await up.wait()
    worker, store = Worker("take over"), connect.writing_store(settings)
    try:
        return await _found(worker, store, clusters)
    finally:
        worker.close()
        store.close()


def adopt(pipeline: Pipeline, found: Mapping[str, Found], now: Instant) -> Commit | None:
    """Go on from what was found; what the spool must hold of it before anything is watched, None when nothing."""
    for name, (copy, past) in found.items():
        if copy is None and past is not None:
            pipeline.restore_identity(name, past.cluster_uid, past.totals, past.at)
            pipeline.positions.mark_state_lost(now, LOST, [name])
    copies = {name: copy for name, (copy, _) in found.items() if copy is not None}
    strange = pipeline.restore(
        [cursor for copy in copies.values() for cursor in copy.cursors],
        [state for copy in copies.values() for state in copy.states],
    )
    if strange:
        log.warning(
            "state that cannot be read, of another release or damaged, is set aside: watching starts from lists",
            extra={"clusters": strange},
        )
        pipeline.positions.mark_state_lost(now, STRANGE, strange)
    taken = {name: copy for name, copy in copies.items() if name not in strange}
    if not taken:
        return None
    log.info("went on from the store", extra={"clusters": sorted(taken)})
    return _kept(taken.values(), now)


async def _found(worker: Worker, store: Store, clusters: Iterable[str]) -> dict[str, Found]:
    """Ask until the store has answered for every cluster."""
    found: dict[str, Found] = {}
    for name in clusters:
        while name not in found:
            try:
                found[name] = await worker.run(_look, store, name)
            except StoreError as error:
                log.warning("the store does not say how far it is, asking again", extra={"reason": str(error)})
                await asyncio.sleep(PAUSE_S)
    return found


def _look(store: Store, cluster: str) -> Found:
    copy = snapshot.newest(store, cluster)
    return Found(copy, None if copy else snapshot.past(store, cluster))


def _kept(copies: Iterable[snapshot.Copy], now: Instant) -> Commit:
    """What was taken over, for the new spool: it is the next copy's beginning."""
    known = list(copies)
    return Commit(
        at=now,
        cursors=[cursor for copy in known for cursor in copy.cursors],
        upserts=[
            Checkpoint(cluster=cluster, kind=kind, uid=uid, state=state)
            for copy in known
            for cluster, kind, uid, state in copy.states
        ],
    )
