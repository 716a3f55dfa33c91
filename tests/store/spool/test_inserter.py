"""From spool to store: each row arrives once, whatever happens to store, network and rows."""

import asyncio
import contextlib
import os
import random
import select
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.catalog.rollups import Housekeeping
from collector.catalog.schema import Table
from collector.catalog.tables import TABLES
from collector.core.facts.workflows import QueueSample
from collector.core.messages import Commit, Cursor
from collector.store.clickhouse import Store, StoreUnreachableError, connect
from collector.store.embedded import child
from collector.store.schema.migrate import SchemaError, migrate
from collector.store.spool import inserter
from collector.store.spool.inserter import Inserter
from collector.store.spool.spool import Spool, open_spool
from collector.store.worker import Worker
from tests.store.facts import a_sample
from tests.store.running import Running, free_address, start
from tests.store.spool.spooled import NOW


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter intervals."""
    monkeypatch.setattr(inserter, "EVERY_S", 0.02)
    monkeypatch.setattr(inserter, "POSITIONS_EVERY_S", 0.0)
    monkeypatch.setattr(inserter, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(inserter, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(child, "FIRST_PAUSE_S", 0.05)


@pytest.fixture
def store(running: Running, writer: Store) -> Iterator[Store]:
    """A connection for the inserter alone, to a store whose tables are empty."""
    for table in ("queue_sample", "watch_cursor", "watch_gap", "quarantine"):
        writer.command(f"TRUNCATE TABLE lynceus.{table}")
    writer = running.writer()
    yield writer
    writer.close()


@asynccontextmanager
async def inserting(
    file: Path, store: Store, **more: Any
) -> AsyncIterator[tuple[Inserter, Callable[[Commit], Awaitable[None]]]]:
    """A running inserter, and a function that commits to its spool."""
    disk, asking = Worker("spool"), Worker("store")
    spool: Spool = await disk.run(open_spool, file, 1 << 30, NOW)
    work = Inserter(
        spool=spool, spool_worker=disk, store=store, store_worker=asking, counters=Counters(), now=lambda: NOW
    )
    task = asyncio.create_task(work.run(**more))
    try:
        yield work, lambda commit: disk.run(spool.commit, commit)
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])
        await disk.run(spool.close)
        await asking.run(store.close)
        disk.close()
        asking.close()


async def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.01)


def samples(first: int, count: int) -> list[QueueSample]:
    return [a_sample(number) for number in range(first, first + count)]


def a_commit(first: int, count: int) -> Commit:
    cursor = Cursor(
        cluster="c", kind="pods", resource_version=str(first + count), epoch=0, cluster_uid="u", at=NOW, totals={}
    )  # fmt: skip
    return Commit(at=NOW, facts=samples(first, count), cursors=[cursor])


def depths(writer: Store) -> tuple[int, int, int]:
    """(rows, distinct rows, their sum), without asking the engine to merge first."""
    ((rows, distinct, total),) = writer.query_rows(
        "SELECT count(), uniqExact(at), sum(depth) FROM lynceus.queue_sample FINAL"
    )
    return rows, distinct, total


def position(writer: Store) -> list[tuple[Any, ...]]:
    return writer.query_rows("SELECT resource_version FROM lynceus.watch_cursor FINAL")


async def test_what_is_committed_arrives(spool_file: Path, store: Store, writer: Store) -> None:
    """Facts first, then their position; the spool is empty, metrics show the rows, health is good."""
    async with inserting(spool_file, store) as (work, commit):
        await commit(a_commit(0, 100))
        await until(lambda: work.spool.rows == 0 and work.last_insert_at is not None)
        await until(lambda: position(writer) == [("100",)])
        inserted = work.counters.series[metrics.STORE_INSERTED_ROWS.name]

    assert depths(writer) == (100, 100, 4950)
    assert inserted == {("queue_sample",): 100, ("live_state",): 1, ("watch_cursor",): 1}
    assert work.counters.histograms[metrics.STORE_INSERT_SECONDS.name].keys() == inserted.keys()
    assert (work.reachable, work.detail, work.last_insert_at) == (True, "", NOW)


async def test_a_backlog_is_sent_without_pauses(
    spool_file: Path, store: Store, writer: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage the store gets full batches without pauses, instead of one per second."""
    monkeypatch.setattr(inserter, "EVERY_S", 3600.0)
    spool = open_spool(spool_file, 1 << 30, NOW)
    for first in range(0, 60_000, 2_000):
        spool.commit(a_commit(first, 2_000))
    spool.close()

    async with inserting(spool_file, store) as (work, _):
        await until(lambda: work.spool.rows == 0)

    assert depths(writer)[0] == 60_000


async def test_a_restart_repeats_an_unacknowledged_batch_and_nothing_doubles(
    spool_file: Path, store: Store, writer: Store
) -> None:
    """The batch was stored, the acknowledgement was lost: same bytes, same token, no second row."""

    class Deaf(Store):
        """Stores, and ends before the acknowledgement."""

        def insert(
            self, table: Table | Housekeeping, rows: Sequence[Any], token: str, *, database: str = "lynceus"
        ) -> None:
            store.insert(table, rows, token)
            raise StoreUnreachableError("connection lost")

        def ping(self) -> int:
            raise StoreUnreachableError("connection lost")

    deaf = Deaf(lambda: pytest.fail("not to be asked"))
    async with inserting(spool_file, deaf) as (work, commit):
        await commit(a_commit(0, 50))
        await until(lambda: work.detail == "connection lost")
        assert not work.reachable

    async with inserting(spool_file, store) as (work, _):
        await until(lambda: work.spool.rows == 0)

    assert depths(writer) == (50, 50, 1225)
    assert position(writer) == [("50",)]


async def test_a_lost_reply_changes_nothing(spool_file: Path, running: Running, store: Store, writer: Store) -> None:
    """The driver re-sends by itself when a connection breaks; the store sees the batch twice and keeps it once."""
    with dropping_replies(running, every=3) as (address, dropped):
        through = connect(f"http://{address}", "lynceus", running.token_file)
        async with inserting(spool_file, through) as (work, commit):
            for first in range(0, 200, 20):
                await commit(a_commit(first, 20))
                await until(lambda: work.spool.rows == 0)
        assert dropped() > 3

    assert depths(writer) == (200, 200, 19900)


@contextlib.contextmanager
def dropping_replies(running: Running, every: int) -> Iterator[tuple[str, Callable[[], int]]]:
    """A proxy that passes every request and drops each n-th reply; and the number of dropped replies."""
    host, _, port = running.address.partition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    requests = 0

    def serve(outer: socket.socket) -> None:
        nonlocal requests
        with outer, socket.create_connection((host, int(port))) as inner, contextlib.suppress(OSError):
            inner.settimeout(20)
            while request := outer.recv(1 << 20):
                inner.sendall(request)
                # One request a connection is enough here: a body's end is where the reply begins.
                while not _readable(inner):
                    if _readable(outer):
                        inner.sendall(outer.recv(1 << 20))
                reply = inner.recv(1 << 20)
                requests += 1
                if requests % every == 0:
                    return
                outer.sendall(reply)
                while _readable(inner):
                    outer.sendall(inner.recv(1 << 20))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}", lambda: requests // every
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def _readable(one: socket.socket) -> bool:
    return bool(select.select([one], [], [], 0.01)[0])


def test_each_table_has_its_counters_at_0() -> None:
    """The first insert that fails is an increase, and so is the first row that the store refuses."""
    counters = Counters()
    inserter.initialise_counters(counters, ["c1"])
    tables = {(table.name,): 0 for table in TABLES}

    assert counters.series[metrics.STORE_INSERT_ERRORS.name] == tables
    assert counters.series[metrics.STORE_INSERTED_ROWS.name] == tables
    assert {key[:2] for key in counters.series[metrics.QUARANTINED.name]} == {
        (cluster, *table) for cluster in ("", "c1") for table in tables
    }


async def test_bad_rows_are_set_aside_and_their_neighbours_stored(
    spool_file: Path, store: Store, writer: Store
) -> None:
    """A batch is halved until each bad row is alone; bad rows are counted and stored in quarantine."""
    facts: list[QueueSample] = samples(0, 500)
    facts[7] = a_sample(7, depth=-1)
    facts[400] = a_sample(400, depth=2**40, cluster="other")
    async with inserting(spool_file, store) as (work, commit):
        await commit(Commit(at=NOW, facts=facts))
        await until(lambda: work.spool.rows == 0)

    aside = writer.query_rows("SELECT cluster, kind, at, reason, sample FROM lynceus.quarantine FINAL ORDER BY cluster")
    assert depths(writer)[0] == 498
    assert [(cluster, kind) for cluster, kind, *_ in aside] == [("c", "queue_sample"), ("other", "queue_sample")]
    assert "depth" in aside[0][3]
    assert "1099511627776" in aside[1][4]
    assert work.counters.series[metrics.QUARANTINED.name] == {
        ("c", "queue_sample", "store"): 1,
        ("other", "queue_sample", "store"): 1,
    }


async def test_what_the_spool_cannot_read_is_set_aside(spool_file: Path, store: Store, writer: Store) -> None:
    """
    Rows changed on disk, or of a table this version has not, are reported and do not delay others.

    What was lost is a gap of each cluster, from a minute before it was committed.
    """
    spool = open_spool(spool_file, 1 << 30, NOW)
    spool.commit(a_commit(0, 3))
    spool.commit(a_commit(3, 4))
    spool.seal(NOW, positions=False)
    spool._connection.execute("UPDATE fact SET body = x'90' WHERE seq = 1")
    spool._connection.execute("INSERT INTO fact (name, rows, body) VALUES ('no_such_table', 1, x'9190')")
    spool.close()

    async with inserting(spool_file, store) as (work, commit):
        await commit(a_commit(10, 5))
        await until(lambda: work.spool.rows == 0)

    reasons = [reason for (reason,) in writer.query_rows("SELECT reason FROM lynceus.quarantine FINAL ORDER BY reason")]
    gaps = writer.query_rows(
        "SELECT cluster, kind, cause, toUnixTimestamp64Milli(from_at), toUnixTimestamp64Milli(to_at) "
        "FROM lynceus.watch_gap FINAL"
    )
    assert depths(writer)[0] == 9
    assert reasons == ["1 rows: no such table in this version", "3 rows: damaged in the spool"]
    assert gaps == [("c", "workflows", "spool damaged", NOW - 60_000, NOW)]
    assert work.counters.series[metrics.WATCH_GAPS.name] == {("c", "workflows"): 1}


async def test_a_damaged_copy_is_sent_again(spool_file: Path, store: Store, writer: Store) -> None:
    """Positions and states stand in the spool itself: nothing is lost with a damaged copy of them, and there is no gap."""
    spool = open_spool(spool_file, 1 << 30, NOW)
    spool.commit(a_commit(0, 3))
    spool.seal(NOW)
    spool._connection.execute("UPDATE fact SET body = x'90' WHERE name IN ('watch_cursor', 'live_state')")
    spool.close()

    async with inserting(spool_file, store) as (work, _):
        await until(lambda: work.spool.rows == 0 and bool(position(writer)))

    assert position(writer) == [("3",)]
    assert writer.query_rows("SELECT count() FROM lynceus.watch_gap") == [(0,)]


async def test_a_store_that_comes_up_later_gets_everything(spool_file: Path, tmp_path: Path) -> None:
    """Without a store rows wait and health names the cause; then the store starts, is migrated and filled."""
    address = free_address()
    store = connect(f"http://{address}", "lynceus", tmp_path / "store.token", connect_timeout_s=1)
    async with inserting(spool_file, store, prepare=migrate) as (work, commit):
        await commit(a_commit(0, 30))
        await until(lambda: work.detail not in ("", inserter.UNKNOWN))
        assert (work.reachable, work.spool.rows) == (False, 30)

        late = await asyncio.to_thread(start, tmp_path, address)
        await until(lambda: work.spool.rows == 0)
    assert work.reachable

    writer = late.writer()
    assert depths(writer) == (30, 30, 435)
    writer.close()
    late.stop()


async def test_a_store_of_a_newer_version_ends_the_inserter(spool_file: Path, store: Store) -> None:
    """Retries do not help; the error with the remedy reaches the caller of the inserter."""

    def prepare(_store: Store) -> None:
        raise SchemaError("run that version")

    async with inserting(spool_file, store) as (work, _):
        with pytest.raises(SchemaError, match="run that version"):
            await asyncio.wait_for(work.run(prepare=prepare), 10)


async def test_a_last_flush_sends_what_is_there(
    spool_file: Path, store: Store, writer: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector that is stopped leaves an up-to-date store behind, position included."""
    monkeypatch.setattr(inserter, "EVERY_S", 3600.0)
    monkeypatch.setattr(inserter, "POSITIONS_EVERY_S", 3600.0)
    async with inserting(spool_file, store) as (work, commit):
        await until(lambda: work.reachable)
        await commit(a_commit(0, 10))
        await work.finish()

    assert work.spool.rows == 0
    assert position(writer) == [("10",)]


async def test_after_kill_9_of_the_store_no_row_is_missing_or_doubled(spool_file: Path, tmp_path: Path) -> None:
    """The engine is killed repeatedly during inserts; each time it is restarted and the same batches are sent again."""
    dice, address, token = random.Random(11), free_address(), tmp_path / "store.token"
    stop, pids = asyncio.Event(), asyncio.Queue[int]()
    started = child.start_child

    async def noted(*where: Any, **more: Any) -> child.StoreChild:
        one = await started(*where, **more)
        pids.put_nowait(one.process.pid)
        return one

    child.start_child = noted
    try:
        keep = asyncio.create_task(
            child.supervise(tmp_path / "chdb", address, token, stop=stop, on_ready=lambda _url: None)
        )
        store = connect(f"http://{address}", "lynceus", token, timeout_s=5, connect_timeout_s=1)
        async with inserting(spool_file, store, prepare=migrate) as (work, commit):
            for round_ in range(6):
                pid = await asyncio.wait_for(pids.get(), 20)
                end = dice.randrange(40) if round_ < 5 else None
                for part in range(40):
                    await commit(a_commit(round_ * 4000 + part * 100, 100))
                    await asyncio.sleep(dice.uniform(0, 0.01))
                    if part == end:
                        os.kill(pid, signal.SIGKILL)
            await until(lambda: work.spool.rows == 0)
            writer = connect(f"http://{address}", "lynceus", token)
            found, reached = depths(writer), position(writer)
            writer.close()
        stop.set()
        await keep
    finally:
        child.start_child = started

    count = 24_000
    assert found == (count, count, count * (count - 1) // 2)
    assert reached == [(str(count),)]
