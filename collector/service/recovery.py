"""
Recovery from the store when the disk is lost: positions, states and counters as of the last acknowledged round.

Only for clusters that the spool knows nothing of. A new embedded store is empty and is not waited for. Any other store is: a
collector that starts from lists while its store is merely slow would create an avoidable gap.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from collector import connect
from collector.core.messages import Checkpoint, Commit, Cursor, Gone
from collector.core.model import Instant
from collector.core.slices import Slices
from collector.pipeline.pipeline import Pipeline
from collector.service.tasks import own_thread
from collector.settings.model import Settings
from collector.store.clickhouse import Store, StoreError
from collector.store.spool import snapshot
from collector.store.spool.snapshot import progress
from collector.store.spool.spool import Loaded
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOST = "the disk was lost, and the store has no state to go on from"
UNREADABLE = "state of another release"
UNANSWERED = "another replica ended, and the store did not say how far it had come"
BLIND_MS = 15_000
"""A shard is taken over within this time."""
PAUSE_S = 0.5


class Found(NamedTuple):
    """The store's knowledge of one cluster: a copy of its state, or only its past, or nothing."""

    copy: snapshot.Copy | None
    past: snapshot.Past | None


async def look_up(
    settings: Settings, clusters: Iterable[str], *, up: asyncio.Event, stop: asyncio.Event
) -> dict[str, Found]:
    """Queries the store for some clusters once it is `up`; returns nothing when it takes too long, or on `stop`."""
    # An embedded store comes up or fails; a store elsewhere may be down for a day.
    patience_s = settings.store.wait_seconds if settings.store.url else None
    query, stopped = asyncio.create_task(_query(settings, clusters, up)), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([query, stopped], timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        if query.done():
            return query.result()
        if not stopped.done():
            log.warning("the store did not answer in time, starting from full lists", extra={"waited_s": patience_s})
        return {}
    finally:
        query.cancel()
        stopped.cancel()


async def _query(settings: Settings, clusters: Iterable[str], up: asyncio.Event) -> dict[str, Found]:
    await up.wait()
    store = connect.writing_store(settings)
    with own_thread("recovery", store) as worker:
        return await _find(worker, store, clusters)


def restore(
    pipeline: Pipeline,
    cursors: Iterable[Cursor],
    states: Sequence[tuple[str, str, str, bytes]],
    now: Instant,
    *,
    damaged: Collection[str] = (),
) -> Slices[list[str]]:
    """
    Restores the pipeline; returns the clusters whose saved state is unreadable, which start from full lists.

    `damaged` are clusters with a position or a state that is known to be lost.
    """
    cursors = list(cursors)
    unreadable = yield from pipeline.restore(cursors, states, damaged)
    for name in {cursor.cluster for cursor in cursors if cursor.at > now and cursor.cluster in pipeline.clusters}:
        pipeline.distrust_arrivals(name)
    if unreadable:
        log.warning(
            "saved state is unreadable (other version or corrupt), starting from full lists",
            extra={"clusters": unreadable},
        )
        pipeline.positions.mark_state_lost(now, UNREADABLE, unreadable)
    return unreadable


def adopt(pipeline: Pipeline, found: Mapping[str, Found], now: Instant) -> Slices[Commit | None]:
    """Continues from what was found; returns the commit that the spool needs before any watch starts, or None."""
    for name, (copy, past) in found.items():
        if copy is None and past is not None:
            pipeline.restore_identity(name, past.cluster_uid, past.totals, past.at)
            pipeline.positions.mark_state_lost(now, LOST, [name])
    copies = {name: copy for name, (copy, _) in found.items() if copy is not None}
    unreadable = yield from restore(
        pipeline,
        [cursor for copy in copies.values() for cursor in copy.cursors],
        [state for copy in copies.values() for state in copy.states],
        now,
    )
    adopted = {name: copy for name, copy in copies.items() if name not in unreadable}
    if not adopted:
        return None
    log.info("recovered from the store", extra={"clusters": sorted(adopted)})
    return _as_commit(list(adopted.values()), now)


def take_over(
    pipeline: Pipeline, name: str, found: Found | None, loaded: Loaded, began: Instant
) -> Slices[Commit | None]:
    """
    Continues a cluster that another replica may have watched until `began`; returns the commit that the spool needs, or None.

    The store's copy counts unless this disk is further, which holds what the store has not acknowledged yet. Without an answer
    and without a state here the time since then is a gap.
    """
    copy = found.copy if found else None
    is_local = bool(loaded.cursors) and not (copy and progress(copy.cursors) > progress(loaded.cursors))
    if is_local:
        yield from restore(pipeline, loaded.cursors, loaded.checkpoints, now=began, damaged=loaded.damaged)
        return None
    if found is None:
        pipeline.positions.mark_state_lost(began - BLIND_MS, UNANSWERED, [name])
        return None
    commit = yield from adopt(pipeline, {name: found}, began)
    if commit is None or copy is None:
        return commit
    kept = {(kind, uid) for _, kind, uid, _ in copy.states}
    stale = [Gone(cluster=name, kind=k, uid=uid) for _, k, uid, _ in loaded.checkpoints if (k, uid) not in kept]
    return msgspec.structs.replace(commit, deletes=stale)


async def _find(worker: Worker, store: Store, clusters: Iterable[str]) -> dict[str, Found]:
    """Queries the store until it has answered for every cluster."""
    found: dict[str, Found] = {}
    for name in clusters:
        while name not in found:
            try:
                found[name] = await worker.run(_look_up, store, name)
            except StoreError as error:
                log.warning("cannot read saved positions from the store, retrying", extra={"reason": str(error)})
                await asyncio.sleep(PAUSE_S)
    return found


def _look_up(store: Store, cluster: str) -> Found:
    copy = snapshot.newest(store, cluster)
    return Found(copy, None if copy else snapshot.past(store, cluster))


def _as_commit(copies: Sequence[snapshot.Copy], now: Instant) -> Commit:
    """The copies as the new spool's first content: the next copies are made from it."""
    return Commit(
        at=now,
        cursors=[cursor for copy in copies for cursor in copy.cursors],
        upserts=[
            Checkpoint(cluster=cluster, kind=kind, uid=uid, state=state)
            for copy in copies
            for cluster, kind, uid, state in copy.states
        ],
    )
