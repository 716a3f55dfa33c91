"""
The way of observations to the disk and from there to the store.

A store that is down delays nothing but its own inserts. A spool that is full or fails pauses the watches and loses nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from collector import connect
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.connect import ExternalError
from collector.core.live_view import Clock, StoreHealth
from collector.core.messages import Commit
from collector.core.model import Instant
from collector.core.slices import freed
from collector.measured import Measure, unmeasured
from collector.pipeline.pipeline import Pipeline
from collector.service import recovery
from collector.service.store_ping import ping_forever
from collector.service.tasks import background_task, in_slices
from collector.settings.derived import make_data_dir, spool_limit_bytes
from collector.settings.model import Settings
from collector.store.clickhouse import Store
from collector.store.embedded import child
from collector.store.schema import migrate as migrations
from collector.store.spool import file as spool_file
from collector.store.spool.file import SpoolError
from collector.store.spool.inserter import Inserter, initialise_counters
from collector.store.spool.packing import BATCH_ROWS
from collector.store.spool.spool import Loaded, Spool, open_spool
from collector.store.worker import Worker

log = logging.getLogger(__name__)

COMMIT_S = 0.5
"""Between two commits to the spool; a crash loses at most this much, and the watches replay it."""
SPOOL_RETRY_S = 2.0
"""Before a commit that the spool refused is tried again."""
FLUSH_S = 1.0
"""Time limit of the last inserts at the end; rows that the store does not take in time stay in the spool."""
STORE_ENDS_S = 5.0
"""Time limit for the end of the store's process: longer than the time after which it is killed."""


class Storage:
    """Owns the spool, the embedded store if there is one, and the inserts from one to the other."""

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        counters: Counters,
        stop: asyncio.Event,
        *,
        committed: Callable[[Commit], object] | None = None,
        measure: Measure = unmeasured,
        was_held_before: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._was_held_before = was_held_before
        """Whether another replica may have watched a cluster since this one did."""
        self._settings, self._pipeline, self._counters, self._stop = settings, pipeline, counters, stop
        self._measure = measure
        self._committed = committed
        """Gets each commit that the spool has taken, and returns at once."""
        self._data = make_data_dir(settings)
        initialise_counters(counters, pipeline.clusters)
        self._had_no_store = not settings.store.url and not (self._data / "store").exists()
        self.disk = Worker("spool")
        self.inserter: Inserter | None = None
        """None until the spool is open."""
        self.spool_detail = ""
        """Why the spool takes no rows; empty: it does."""
        self.failure = ""
        """Why the store's task ended the collector; empty: it did not."""
        self.rolled_up_at: dict[str, Instant] = {}
        """The instant up to which each rollup is complete, as the store last answered."""
        self.saved_until: dict[str, Instant] = {}
        """Of each cluster in the spool when it was opened, the time of its newest position."""
        self._hangs = ""
        """Why the store counts as hanging; empty: it answers pings."""
        self._readers = ""
        """The embedded store's own message of readers that are not answered; empty: they are."""
        self._is_starting = True
        self._one_commit = asyncio.Lock()
        """Held from a drain until the spool has what was drained: commits reach the spool in their order."""
        self._migrated = asyncio.Event()
        """Set when the store answers and its tables are this release's."""

    def health(self) -> StoreHealth:
        """The state of spool and store."""
        inserter = self.inserter
        rows, size = (inserter.spool.rows, inserter.spool.bytes) if inserter else (0, 0)
        started = None if self._is_starting else inserter
        reachable, detail, cause = False, "starting", "store_starts"
        if started:
            reachable, detail, cause = started.reachable, started.detail, started.cause
        if reachable and self._hangs:
            reachable, detail, cause = False, self._hangs, "store_hangs"
        return StoreHealth(
            reachable=reachable,
            detail=detail,
            cause=cause,
            last_insert_at=started.last_insert_at if started else None,
            spooled_rows=rows,
            spooled_bytes=size,
            spool_detail=self.spool_detail,
            spool_limit_bytes=spool_limit_bytes(self._settings),
            rolled_up_at=dict(self.rolled_up_at),
            readers=self._readers,
        )

    def clocks(self) -> list[Clock]:
        """The skew of the store's clock, if it is known."""
        skew_ms = self.inserter.skew_ms if self.inserter else None
        return [] if skew_ms is None else [Clock("store", "", skew_ms)]

    def is_caught_up(self) -> bool:
        """Whether the store has all rows but those of the last seconds."""
        inserter = self.inserter
        return bool(inserter and inserter.reachable and not self._hangs and inserter.spool.rows < BATCH_ROWS)

    def stored_until(self) -> Instant:
        """The store has all that was committed before this instant; 0: not known yet."""
        return self.inserter.sent_until if self.inserter else 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Opens the spool, starts the store, and commits and inserts for as long as the block lasts."""
        try:
            spool = await self._open_spool()
            try:
                ping = ping_forever(self._address, self._note_ping)
                async with self._inserting(spool), background_task(ping, "store ping"):
                    await self._recover(spool, self._pipeline.positions.clusters_without_position())
                    async with self._committing(spool):
                        yield
            finally:
                await self.disk.run(spool.close)
        finally:
            self.disk.close()

    def _address(self) -> str:
        return self.inserter.store.address if self.inserter else ""

    def _note_ping(self, hangs: str) -> None:
        if hangs and not self._hangs:
            log.warning("the store hangs, rows wait in the spool", extra={"reason": hangs})
        self._hangs = hangs

    async def _open_spool(self) -> Spool:
        """Opens the spool and restores the pipeline from it; Failure names the remedy when it cannot be used."""
        file = self._data / "spool.sqlite"
        try:
            written_at = await self.disk.run(spool_file.written_at, file)
            limit, clusters = spool_limit_bytes(self._settings), self._pipeline.clusters
            spool = await self.disk.run(open_spool, file, limit, now_ms(), clusters=clusters)
            loaded = await self.disk.run(spool.load)
        except SpoolError as error:
            raise ExternalError(str(error)) from None
        for cursor in loaded.cursors:
            self.saved_until[cursor.cluster] = max(cursor.at, self.saved_until.get(cursor.cluster, 0))
        await self._restore(loaded)
        if loaded.damage:
            self._report_damage(loaded, written_at)
        return spool

    async def _restore(self, loaded: Loaded) -> None:
        """Takes up what the spool saved; the cluster's watches have not begun."""
        states, damaged = loaded.checkpoints, loaded.damaged
        await in_slices(recovery.restore(self._pipeline, loaded.cursors, states, now_ms(), damaged=damaged))
        await in_slices(freed(states))

    def _report_damage(self, loaded: Loaded, written_at: Instant) -> None:
        """Logs and counts what was lost with a damaged spool; clusters whose position was lost with it start from lists."""
        log.error("the spool was damaged and set aside", extra={"reason": loaded.damage})
        for lost in loaded.lost:
            self._counters.add(metrics.QUARANTINED, cluster="", kind=lost.table, reason="store")
        positions = self._pipeline.positions
        positions.mark_state_lost(written_at, f"spool: {loaded.damage}", positions.clusters_without_position())

    async def take_up(self, name: str) -> None:
        """Continues a cluster that was added, from what spool or store saved of it, as a start does; or raises SpoolError."""
        assert self.inserter is not None, "clusters are added once the spool is open"  # noqa: S101
        spool = self.inserter.spool
        loaded = await self.disk.run(spool.load_cluster, name)
        if self._was_held_before(name):
            await self._take_over(spool, name, loaded)
        else:
            await self._restore(loaded)
            await self._recover(spool, [n for n in self._pipeline.positions.clusters_without_position() if n == name])
        initialise_counters(self._counters, [name])

    async def _take_over(self, spool: Spool, name: str, loaded: Loaded) -> None:
        """Continues a cluster from the store's copy, or from this disk if that is further."""
        began = now_ms()
        await self.commit_gathered(spool)  # what makes room for the copy
        found = await recovery.look_up(self._settings, [name], up=self._migrated, stop=self._stop)
        if commit := await in_slices(recovery.take_over(self._pipeline, name, found.get(name), loaded, began)):
            await self.commit(spool, commit)

    async def _recover(self, spool: Spool, unknown: list[str]) -> None:
        """Continues from the store's copy where the disk knows nothing of a cluster, unless the store is new."""
        if self._had_no_store or not unknown:
            return
        await self.commit_gathered(spool)  # what makes room for the copy
        found = await recovery.look_up(self._settings, unknown, up=self._migrated, stop=self._stop)
        if commit := await in_slices(recovery.adopt(self._pipeline, found, now_ms())):
            await self.commit(spool, commit)

    @asynccontextmanager
    async def _inserting(self, spool: Spool) -> AsyncIterator[None]:
        """Runs the store and the inserts; at the end sends what was committed last, if the store takes it in time."""
        thread, store, last_call = Worker("store"), connect.writing_store(self._settings), asyncio.Event()
        inserter = Inserter(
            spool=spool,
            spool_worker=self.disk,
            store=store,
            store_worker=thread,
            counters=self._counters,
            now=now_ms,
            measure=self._measure,
        )
        self.inserter = inserter
        work = self._insert(inserter, last_call) if self._settings.store.url else self._embedded(inserter, last_call)
        task = asyncio.create_task(work, name="store")
        task.add_done_callback(self._end_on_failure)
        try:
            yield
        finally:
            last_call.set()
            await asyncio.wait([task], timeout=FLUSH_S + 1)
            task.cancel()
            await asyncio.wait([task], timeout=STORE_ENDS_S)
            thread.close()

    def _end_on_failure(self, task: asyncio.Task[None]) -> None:
        """Stops the collector with a reason: only an error that a retry cannot fix ends the store's task."""
        if not task.cancelled() and (error := task.exception()):
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            self.failure = str(error)
            self._stop.set()

    async def _embedded(self, inserter: Inserter, last_call: asyncio.Event) -> None:
        """Runs the embedded store, and the inserts once it answers."""
        # Of releases before: the writer comes through a socket now, and this opens nothing any more.
        (self._data / "store.token").unlink(missing_ok=True)
        embedded, up, flushed = self._settings.embedded, asyncio.Event(), asyncio.Event()
        keep_running = child.supervise(
            self._data / "store",
            embedded.listen,
            stop=flushed,
            on_ready=lambda _url: up.set(),
            on_readers=self._note_readers,
            reader_token_file=Path(embedded.reader_token_file) if embedded.reader_token_file else None,
            token_files=[Path(file) for file in self._settings.access.token_files],
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_running)
            await up.wait()
            await self._insert(inserter, last_call)
            flushed.set()

    def _note_readers(self, problem: str) -> None:
        if problem != self._readers:
            self._readers = problem
            log.warning("readers of the embedded store", extra={"state": problem or "are answered"})

    async def _insert(self, inserter: Inserter, last_call: asyncio.Event) -> None:
        """Migrates as soon as the store answers, inserts until the last call, and once more after it."""
        on_cluster, loop = self._settings.store.cluster, asyncio.get_running_loop()
        self._is_starting = False

        def prepare(store: Store) -> None:
            migrations.migrate(store, on_cluster)
            loop.call_soon_threadsafe(self._migrated.set)

        run = asyncio.create_task(inserter.run(prepare=prepare))
        call = asyncio.create_task(last_call.wait())
        await asyncio.wait([run, call], return_when=asyncio.FIRST_COMPLETED)
        call.cancel()
        if run.done():
            run.result()
        run.cancel()
        await asyncio.wait([run], timeout=FLUSH_S)
        await inserter.finish(FLUSH_S)

    @asynccontextmanager
    async def _committing(self, spool: Spool) -> AsyncIterator[None]:
        """Commits what is observed, now and then, and the rest at the end."""
        async with background_task(self._commit_forever(spool), "commit"):
            yield
        # The watches have ended: their last observations are gathered by now.
        if (commit := self._pipeline.drain(now_ms())) is not None:
            with contextlib.suppress(SpoolError):
                await self.disk.run(spool.commit, commit)

    async def _commit_forever(self, spool: Spool) -> None:
        while True:
            await asyncio.sleep(COMMIT_S)
            await self.commit_gathered(spool)

    async def commit_gathered(self, spool: Spool | None = None) -> None:
        """Commits what is gathered, once the spool takes it."""
        spool = spool or (self.inserter.spool if self.inserter else None)
        async with self._one_commit:
            await in_slices(self._pipeline.pack())
            if spool is not None and (commit := self._pipeline.drain(now_ms())) is not None:
                # Also a cancelled task finishes its commit: what was drained exists nowhere else.
                await asyncio.shield(self.commit(spool, commit))

    async def commit(self, spool: Spool, commit: Commit) -> None:
        """Commits to the spool, and retries while the spool refuses; meanwhile the pipeline fills up and watches pause."""
        while True:
            try:
                await self.disk.run(spool.commit, commit)
            except SpoolError as error:
                if not self.spool_detail:
                    log.error("the spool takes no rows, watches will pause", extra={"reason": str(error)})
                self.spool_detail = str(error)
                await asyncio.sleep(SPOOL_RETRY_S)
            else:
                if self.spool_detail:
                    log.warning("the spool takes rows again")
                self.spool_detail = ""
                if self._committed is not None:
                    self._committed(commit)
                for rows in (commit.facts, commit.upserts, commit.deletes):
                    await in_slices(freed(rows))
                return
