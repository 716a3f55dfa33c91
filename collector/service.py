"""
Wires the parts together: the collector as one asyncio process, with its store as a child.

Only this module knows all rooms. What can fail by itself is kept apart here: a cluster's watches from the other clusters,
the store from the watches, a slow disk from the sockets.
"""

import asyncio
import contextlib
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Container, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from collector import asking, backfilling, rounds, takeover
from collector import settings as configuration
from collector.asking import Failure
from collector.catalog.tally import Tally
from collector.core.model import Instant
from collector.core.stream import Commit
from collector.core.view import Clock, LiveView, StoreHealth
from collector.exposition import logs
from collector.pipeline import MOVING, Pipeline
from collector.serving import serving
from collector.settings import ClusterSettings, Settings
from collector.store import child, inserter, spool_file
from collector.store import migrate as migrations
from collector.store.clickhouse import Store, connect
from collector.store.sealing import BATCH_ROWS
from collector.store.spool import Spool, open_spool
from collector.store.spool_file import SpoolError
from collector.store.worker import Worker
from collector.watch import kinds
from collector.watch.address import ClusterAddress
from collector.watch.connection import Connection
from collector.watch.protocol import Watch
from collector.watch.readings import read_for_ever
from collector.watch.reconcile import reconcile_for_ever
from collector.watch.reflector import Sink, watch_cluster
from collector.web.ready import SKEWED_MS

log = logging.getLogger(__name__)

COMMIT_S = 0.2
"""How often what was observed becomes durable; what a crash may have to be replayed."""
SAMPLE_S = 15
ACCRUE_S = 3600
RESTART_S = 30
"""Before a cluster whose watches failed in an unforeseen way is started again."""
SPOOL_RETRY_S = 2.0
"""Before a commit that the spool could not take is tried again."""
FLUSH_S = 1.0
"""For a last round to the store at the end; what it does not take stays in the spool."""
STORE_USER = asking.EMBEDDED_WRITER


@dataclass(slots=True)
class Parts:
    """What runs, for whoever serves or ends it."""

    settings: Settings
    folder: Path
    data: Path
    addresses: dict[str, ClusterAddress]
    pipeline: Pipeline
    tally: Tally
    stop: asyncio.Event
    accrue_s: int = ACCRUE_S
    watches: dict[str, list[Watch]] = field(default_factory=dict)
    store: Store | None = None
    inserts: inserter.Inserter | None = None
    spool: Spool | None = None
    spool_detail: str = ""
    connections: dict[str, Connection] = field(default_factory=dict)
    failure: str = ""
    """Why everything was stopped, when nobody asked for it."""
    store_detail: str = "starting"
    migrated: asyncio.Event = field(default_factory=asyncio.Event)
    """The store answers, and its tables are this release's."""
    rolled_up_at: dict[str, Instant] = field(default_factory=dict)
    """Until when each rollup holds everything."""

    def view(self) -> LiveView:
        """What is known now."""
        health = {name: [watch.health() for watch in watches] for name, watches in self.watches.items()}
        view = self.pipeline.view(now_ms(), health, self._store_health())
        return msgspec.structs.replace(view, clocks=self.clocks())

    def clocks(self) -> list[Clock]:
        """How far other clocks are from ours, where they were heard."""
        told = {("cluster", name): connection.skew_ms for name, connection in self.connections.items()}
        told["store", ""] = self.inserts.skew_ms if self.inserts else None
        return [Clock(subject, name, skew_ms) for (subject, name), skew_ms in told.items() if skew_ms is not None]

    def _store_health(self) -> StoreHealth:
        rows, size = (self.spool.rows, self.spool.bytes) if self.spool else (0, 0)
        if self.inserts is None:
            return StoreHealth(False, self.store_detail, rows, size, None, "store_starts", self.spool_detail)
        inserts = self.inserts
        return StoreHealth(
            inserts.reachable,
            inserts.detail,
            rows,
            size,
            inserts.last_insert_at,
            inserts.cause,
            self.spool_detail,
            self.rolled_up_at,
        )


def now_ms() -> Instant:
    """The wall clock."""
    return time.time_ns() // 1_000_000


async def run(
    settings: Settings,
    folder: Path,
    *,
    stop: asyncio.Event | None = None,
    accrue_s: int = ACCRUE_S,
    ready: Callable[[Parts], object] = str,
) -> Parts:
    """Watch and serve until told to stop; returns what ran, for a summary."""
    logs.to_stderr()
    known, zone = asking.addresses(settings), ZoneInfo(settings.billing_timezone)
    loaded, data, tally = asking.books(settings, folder), configuration.data_dir(settings), Tally()
    rules = {name: configuration.rules_of(settings, cluster) for name, (_, cluster) in known.items()}
    pipeline = Pipeline(rules, loaded, zone, tally, settings.stuck_after_minutes * 60_000)
    where = {name: address for name, (address, _) in known.items()}
    parts = Parts(settings, folder, data, where, pipeline, tally, stop or asyncio.Event(), accrue_s)
    with _signals(parts.stop):
        async with AsyncExitStack() as stack:
            await _start(parts, stack)
            ready(parts)
            await parts.stop.wait()
    if parts.failure:
        raise Failure(parts.failure)
    return parts


async def _start(parts: Parts, stack: AsyncExitStack) -> None:
    """Start everything; what is entered last is ended first, so that watches end before the spool does."""
    await stack.enter_async_context(serving(parts.settings, parts.view, parts.tally))
    disk = Worker("spool")
    stack.callback(disk.close)
    parts.spool = await _open_spool(parts, disk)
    stack.push_async_callback(disk.run, parts.spool.close)
    fresh = not parts.settings.store.url and not (parts.data / "store").exists()
    await stack.enter_async_context(_storing(parts, disk))
    await _take_over(parts, disk, fresh)
    await stack.enter_async_context(_committing(parts, disk))
    await stack.enter_async_context(_ticking(parts))
    await stack.enter_async_context(_task(rounds.look_for_ever(parts.settings, parts.pipeline), "runs"))
    await stack.enter_async_context(_task(rounds.correct_for_ever(parts.settings, parts.accrue_s), "corrections"))
    rolling = rounds.roll_up_for_ever(parts.settings, parts.tally, parts.rolled_up_at)
    await stack.enter_async_context(_task(rolling, "rollups"))
    await stack.enter_async_context(_task(rounds.retain_once(parts.settings), "retention"))
    fill = backfilling.backfill_for_ever(parts.settings, parts.pipeline, parts.tally, lambda: _caught_up(parts))
    await stack.enter_async_context(_task(fill, "backfill"))
    for name in parts.addresses:
        await stack.enter_async_context(_watching(parts, name))


async def _open_spool(parts: Parts, disk: Worker) -> Spool:
    file = parts.data / "spool.sqlite"
    try:
        written_at = await disk.run(spool_file.written_at, file)
        spool = await disk.run(open_spool, file, configuration.spool_bytes(parts.settings), now_ms())
        loaded = await disk.run(spool.load)
    except SpoolError as error:
        raise Failure(f"{error}") from None
    if strange := parts.pipeline.restore(loaded.cursors, loaded.checkpoints):
        log.warning("state of another release is set aside, watching starts from lists", extra={"clusters": strange})
        parts.pipeline.lost_state(now_ms(), takeover.STRANGE, strange)
    if loaded.damage:
        log.error("the spool was damaged and set aside", extra={"reason": loaded.damage})
        parts.pipeline.lost_state(written_at, f"spool: {loaded.damage}", parts.pipeline.unknown())
    return spool


async def _take_over(parts: Parts, disk: Worker, fresh: bool) -> None:
    """Go on from the store where this disk knows nothing, once it answers; `fresh`: it was only just made."""
    unknown = parts.pipeline.unknown()
    if fresh or not unknown:
        return
    found = await takeover.look(parts.settings, unknown, up=parts.migrated, stop=parts.stop)
    if commit := takeover.adopt(parts.pipeline, found, now_ms()):
        await _commit_until_done(parts, disk, commit)


@asynccontextmanager
async def _task(work: Any, name: str, patience_s: float = 2.0) -> AsyncIterator[asyncio.Task[Any]]:
    """A task for as long as the block lasts."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=patience_s)


@asynccontextmanager
async def _storing(parts: Parts, disk: Worker) -> AsyncIterator[None]:
    """The store, and the way of facts into it; a store that is down holds up nothing but its own inserts."""
    asking, last_call = Worker("store"), asyncio.Event()
    task = asyncio.create_task(_store(parts, disk, asking, last_call), name="store")
    task.add_done_callback(lambda done: _ended(parts, done))
    try:
        yield
    finally:
        # By now the last commit is in the spool: one more round to the store, if it takes it in time.
        last_call.set()
        await asyncio.wait([task], timeout=FLUSH_S + 1)
        task.cancel()
        await asyncio.wait([task], timeout=1)
        asking.close()


def _ended(parts: Parts, task: asyncio.Task[None]) -> None:
    """Only what cannot be mended by trying again ends the store's task: say why and stop, nothing would be stored."""
    if not task.cancelled() and (error := task.exception()):
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        parts.failure = str(error)
        parts.stop.set()


async def _store(parts: Parts, disk: Worker, asking: Worker, last_call: asyncio.Event) -> None:
    settings = parts.settings.store
    if settings.url:
        password = Path(settings.password_file) if settings.password_file else None
        parts.store = connect(settings.url, settings.username, password, sharded=bool(settings.cluster))
        await _insert(parts, disk, asking, last_call)
        return
    token, up, flushed = parts.data / "store.token", asyncio.Event(), asyncio.Event()

    def answers(url: str) -> None:
        parts.store = parts.store or connect(url, STORE_USER, token)
        up.set()

    engine, listen = parts.data / "store", parts.settings.embedded.listen
    async with asyncio.TaskGroup() as group:
        group.create_task(child.supervise(engine, listen, token, stop=flushed, on_ready=answers))
        await up.wait()
        await _insert(parts, disk, asking, last_call)
        flushed.set()


async def _insert(parts: Parts, disk: Worker, asking: Worker, last_call: asyncio.Event) -> None:
    """Migrate as soon as the store answers, then insert until the last call, and once more after it."""
    assert parts.store is not None  # noqa: S101 - set before this is called
    assert parts.spool is not None  # noqa: S101
    parts.inserts = inserter.Inserter(parts.spool, disk, parts.store, asking, parts.tally, now_ms)
    on_cluster = parts.settings.store.cluster
    loop = asyncio.get_running_loop()

    def prepare(store: Store) -> None:
        migrations.migrate(store, on_cluster)
        loop.call_soon_threadsafe(parts.migrated.set)

    run = asyncio.create_task(parts.inserts.run(prepare=prepare))
    call = asyncio.create_task(last_call.wait())
    await asyncio.wait([run, call], return_when=asyncio.FIRST_COMPLETED)
    call.cancel()
    if run.done():
        run.result()
    run.cancel()
    await asyncio.wait([run], timeout=FLUSH_S)
    await parts.inserts.finish(FLUSH_S)


@asynccontextmanager
async def _committing(parts: Parts, disk: Worker) -> AsyncIterator[None]:
    async with _task(_commit_for_ever(parts, disk), "commit"):
        yield
    # What the watches brought since the last commit; they have ended by now.
    if (commit := parts.pipeline.drain(now_ms())) is not None:
        with contextlib.suppress(SpoolError):
            await _commit(parts, disk, commit)


async def _commit_for_ever(parts: Parts, disk: Worker) -> None:
    while True:
        await asyncio.sleep(COMMIT_S)
        commit = parts.pipeline.drain(now_ms())
        if commit is not None:
            # A commit under way is finished even when we are told to stop: it holds what was already drained.
            await asyncio.shield(_commit_until_done(parts, disk, commit))


async def _commit_until_done(parts: Parts, disk: Worker, commit: Commit) -> None:
    """A spool that takes nothing is waited out with the same commit; the pipeline fills up and the watches are closed."""
    while True:
        try:
            await _commit(parts, disk, commit)
        except SpoolError as error:
            if not parts.spool_detail:
                log.error("the spool takes nothing, watches will be paused", extra={"reason": str(error)})
            parts.spool_detail = str(error)
            await asyncio.sleep(SPOOL_RETRY_S)
        else:
            if parts.spool_detail:
                log.warning("the spool takes rows again")
            parts.spool_detail = ""
            return


async def _commit(parts: Parts, disk: Worker, commit: Commit) -> None:
    assert parts.spool is not None  # noqa: S101 - opened before any commit
    await disk.run(parts.spool.commit, commit)


def _caught_up(parts: Parts) -> bool:
    """Whether the store has what was watched, but for the last seconds."""
    inserts = parts.inserts
    return bool(inserts and inserts.reachable and parts.spool and parts.spool.rows < BATCH_ROWS)


@asynccontextmanager
async def _ticking(parts: Parts) -> AsyncIterator[None]:
    warned: set[tuple[str, str]] = set()
    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None})
    pipeline = parts.pipeline

    async def sample() -> None:
        now, watched = now_ms(), {name for name, watches in parts.watches.items() if _hears_crons(watches)}
        pipeline.sample_queues(now)
        pipeline.tick(now, watched)
        warned.update(_warn_of_clocks(parts.clocks(), warned))

    async def accrue() -> None:
        pipeline.accrue(now_ms())

    scheduler.add_job(sample, "interval", seconds=SAMPLE_S)
    scheduler.add_job(accrue, "interval", seconds=parts.accrue_s)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _warn_of_clocks(clocks: list[Clock], warned: Container[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Say once of each clock that is off; yields whose it was."""
    for clock in clocks:
        whose = (clock.subject, clock.cluster)
        if abs(clock.skew_ms) > SKEWED_MS and whose not in warned:
            about = {"subject": clock.subject, "cluster": clock.cluster, "theirs_minus_ours_s": clock.skew_ms // 1000}
            log.warning("a clock is off: set both by NTP", extra=about)
            yield whose


def _hears_crons(watches: list[Watch]) -> bool:
    """Whether a cron's run could not be missed: both kinds that would show it are watched now."""
    return {w.resource.kind for w in watches if w.synced and w.health().state == "watching"} >= {
        "workflows",
        "cronworkflows",
    }


@asynccontextmanager
async def _watching(parts: Parts, name: str) -> AsyncIterator[None]:
    async with _task(_watch(parts, name), f"watch {name}") as task:
        previous = parts.pipeline.on_refused

        def refused(cluster: str) -> None:
            previous(cluster)
            if cluster == name:
                log.error("a cluster is refused", extra={"cluster": name, "reason": parts.pipeline.refused[name]})
                task.cancel()

        parts.pipeline.on_refused = refused
        yield


async def _watch(parts: Parts, name: str) -> None:
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
                async with _task(ask, f"readings {name}"), _task(look, f"reconcile {name}"):
                    room = parts.pipeline.room
                    await watch_cluster(connection, parts.watches[name], sink=sink, room=room, lists=lists)
        except Exception:
            log.exception("the watches of a cluster failed and start again", extra={"cluster": name})
        await asyncio.sleep(RESTART_S)


async def _reconcile(parts: Parts, name: str, connection: Connection, sink: Sink, lists: asyncio.Lock) -> None:
    """Compare what is known of a cluster with lists, if the settings want it."""
    if every_s := parts.settings.reconcile_hours * 3600:
        moving = [watch for watch in parts.watches[name] if watch.resource.kind in MOVING]
        concerns = partial(parts.pipeline.concerns, name)
        await reconcile_for_ever(connection, moving, sink=sink, lists=lists, concerns=concerns, every_s=every_s)


def _controller_pods(parts: Parts, name: str) -> list[tuple[str, str, int | None]]:
    """The controller's pods, to be asked how they do."""
    known = parts.pipeline.clusters[name].controllers.pods.values()
    return [(pod.name, pod.container, None) for pod in known]


def _one_watch(parts: Parts, name: str, resource: kinds.Resource) -> Watch:
    resume = parts.pipeline.resume(name, resource.kind)
    at = resume.at if resume else None
    gap = parts.pipeline.gap_before(name, resource.kind)
    return Watch(name, resource, dice=random.Random(), tally=parts.tally, resume=resume, resumed_at=at, gap=gap)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
