"""
The way of what was observed to the disk and from there to the store: what a start finds, commits, the store's own life.

A store that is down holds up nothing but its own inserts; a spool that takes nothing closes the watches and loses nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from collector.catalog.schema import WRITER
from collector.clock import now_ms
from collector.connect import Failure
from collector.core.messages import Commit
from collector.service import recovery
from collector.service.runtime import Runtime, background_task
from collector.settings.derived import spool_limit_bytes
from collector.store.clickhouse import Store, connect
from collector.store.embedded import child
from collector.store.schema import migrate as migrations
from collector.store.spool import file as spool_file
from collector.store.spool import inserter
from collector.store.spool.file import SpoolError
from collector.store.spool.packing import BATCH_ROWS
from collector.store.spool.spool import Spool, open_spool
from collector.store.worker import Worker

log = logging.getLogger(__name__)

COMMIT_S = 0.2
"""How often what was observed becomes durable; what a crash may have to be replayed."""
SPOOL_RETRY_S = 2.0
"""Before a commit that the spool could not take is tried again."""
FLUSH_S = 1.0
"""For a last round to the store at the end; what it does not take stays in the spool."""
STORE_ENDS_S = 5.0
"""For the store's process to be gone: longer than it is given before it is killed."""


async def opened_spool(parts: Runtime, disk: Worker) -> Spool:
    """The spool, with what it holds taken up by the pipeline; Failure names what to do where it cannot be used."""
    file = parts.data / "spool.sqlite"
    try:
        written_at = await disk.run(spool_file.written_at, file)
        spool = await disk.run(open_spool, file, spool_limit_bytes(parts.settings), now_ms())
        loaded = await disk.run(spool.load)
    except SpoolError as error:
        raise Failure(f"{error}") from None
    if strange := parts.pipeline.restore(loaded.cursors, loaded.checkpoints):
        log.warning(
            "state that cannot be read, of another release or damaged, is set aside: watching starts from lists",
            extra={"clusters": strange},
        )
        parts.pipeline.positions.mark_state_lost(now_ms(), recovery.STRANGE, strange)
    if loaded.damage:
        log.error("the spool was damaged and set aside", extra={"reason": loaded.damage})
        parts.pipeline.positions.mark_state_lost(
            written_at, f"spool: {loaded.damage}", parts.pipeline.positions.clusters_without_position()
        )
    return spool


async def take_over(parts: Runtime, disk: Worker, fresh: bool) -> None:
    """Go on from the store where this disk knows nothing, once it answers; `fresh`: it was only just made."""
    unknown = parts.pipeline.positions.clusters_without_position()
    if fresh or not unknown:
        return
    found = await recovery.look(parts.settings, unknown, up=parts.migrated, stop=parts.stop)
    if commit := recovery.adopt(parts.pipeline, found, now_ms()):
        await commit_until_done(parts, disk, commit)


@asynccontextmanager
async def storing(parts: Runtime, disk: Worker) -> AsyncIterator[None]:
    """The store, and the way of facts into it; a store that is down holds up nothing but its own inserts."""
    sender, last_call = Worker("store"), asyncio.Event()
    task = asyncio.create_task(_store(parts, disk, sender, last_call), name="store")
    task.add_done_callback(lambda done: _ended(parts, done))
    try:
        yield
    finally:
        # By now the last commit is in the spool: one more round to the store, if it takes it in time.
        last_call.set()
        await asyncio.wait([task], timeout=FLUSH_S + 1)
        task.cancel()
        await asyncio.wait([task], timeout=STORE_ENDS_S)
        sender.close()


def _ended(parts: Runtime, task: asyncio.Task[None]) -> None:
    """Only what cannot be mended by trying again ends the store's task: say why and stop, nothing would be stored."""
    if not task.cancelled() and (error := task.exception()):
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        parts.failure = str(error)
        parts.stop.set()


async def _store(parts: Runtime, disk: Worker, sender: Worker, last_call: asyncio.Event) -> None:
    settings = parts.settings.store
    if settings.url:
        password = Path(settings.password_file) if settings.password_file else None
        parts.store = connect(settings.url, settings.username, password, sharded=bool(settings.cluster))
        await _insert(parts, disk, sender, last_call)
        return
    token, up, flushed = parts.data / "store.token", asyncio.Event(), asyncio.Event()

    def answers(url: str) -> None:
        parts.store = parts.store or connect(url, WRITER, token)
        up.set()

    embedded = parts.settings.embedded
    keep_running = child.supervise(
        parts.data / "store",
        embedded.listen,
        token,
        stop=flushed,
        on_ready=answers,
        reader_token_file=Path(embedded.reader_token_file) if embedded.reader_token_file else None,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(keep_running)
        await up.wait()
        await _insert(parts, disk, sender, last_call)
        flushed.set()


async def _insert(parts: Runtime, disk: Worker, sender: Worker, last_call: asyncio.Event) -> None:
    """Migrate as soon as the store answers, then insert until the last call, and once more after it."""
    assert parts.store is not None  # noqa: S101 - set before this is called
    assert parts.spool is not None  # noqa: S101
    parts.inserts = inserter.Inserter(parts.spool, disk, parts.store, sender, parts.counters, now_ms)
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
async def committing(parts: Runtime, disk: Worker) -> AsyncIterator[None]:
    """Make durable what is observed, now and then, and the rest at the end."""
    async with background_task(_commit_for_ever(parts, disk), "commit"):
        yield
    # What the watches brought since the last commit; they have ended by now.
    if (commit := parts.pipeline.drain(now_ms())) is not None:
        with contextlib.suppress(SpoolError):
            await _commit(parts, disk, commit)


async def _commit_for_ever(parts: Runtime, disk: Worker) -> None:
    while True:
        await asyncio.sleep(COMMIT_S)
        commit = parts.pipeline.drain(now_ms())
        if commit is not None:
            # A commit under way is finished even when we are told to stop: it holds what was already drained.
            await asyncio.shield(commit_until_done(parts, disk, commit))


async def commit_until_done(parts: Runtime, disk: Worker, commit: Commit) -> None:
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


async def _commit(parts: Runtime, disk: Worker, commit: Commit) -> None:
    assert parts.spool is not None  # noqa: S101 - opened before any commit
    await disk.run(parts.spool.commit, commit)


def caught_up(parts: Runtime) -> bool:
    """Whether the store has what was watched, but for the last seconds."""
    inserts = parts.inserts
    return bool(inserts and inserts.reachable and parts.spool and parts.spool.rows < BATCH_ROWS)
