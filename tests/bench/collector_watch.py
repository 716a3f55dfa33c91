"""
Ours: the reflector against the bench's server, alone, with the whole pipeline behind it, or for a large list.

    python -m tests.bench.collector_watch reflector|pipeline|list SERVER KIND EVENTS
"""

import asyncio
import contextlib
import gc
import json
import sys
import tempfile
from datetime import UTC
from pathlib import Path
from random import Random

from collector import __version__
from collector.catalog.counters import Counters
from collector.catalog.metrics import STORE_INSERTED_ROWS
from collector.catalog.schema import WRITER
from collector.clock import now_ms
from collector.core.messages import Observation, Outcome, Position, Synced
from collector.kube.address import ClusterAddress
from collector.kube.connection import Connection
from collector.pipeline.pipeline import Pipeline
from collector.prices import book
from collector.service.garbage import COLLECT_AFTER
from collector.service.storage import COMMIT_S
from collector.store.clickhouse import connect
from collector.store.embedded.child import start_child
from collector.store.schema.migrate import migrate
from collector.store.spool.inserter import Inserter
from collector.store.spool.spool import Spool, open_spool
from collector.store.worker import Worker
from collector.watch.kinds import resources
from collector.watch.protocol import Watch
from collector.watch.reachability import Reachability
from collector.watch.reflector import Room, Shared, Sink, reflect
from tests.bench.measure import Figures, Meter, cpu_s_of, resident_bytes, say
from tests.replay import RULES

CLUSTER = "bench"
SPOOL_BYTES = 8 << 30
VERSION = f"lynceus {__version__}"


def always_room() -> Room:
    """There is always room."""
    room = Room()
    room.set()
    return room


class Counted:
    """A sink that passes on, counts observations, and says when enough were seen."""

    def __init__(self, expected: int, inner: Sink | None = None, *, until_synced: bool = False) -> None:
        self.seen = 0
        self.last_version = ""
        self.done = asyncio.Event()
        self._expected, self._inner, self._until_synced = expected, inner, until_synced

    def __call__(self, outcomes: list[Outcome]) -> None:
        """Take outcomes."""
        if self._inner is not None:
            self._inner(outcomes)
        self.seen += sum(1 for outcome in outcomes if type(outcome) is Observation)
        last = outcomes[-1]
        if isinstance(last, (Position, Synced)):
            self.last_version = last.resource_version
        if self.seen >= self._expected and (isinstance(last, Synced) or not self._until_synced):
            self.done.set()


async def watch_until_done(
    server: str, kind: str, sink: Counted, *, room: Room, counters: Counters, folder: Path
) -> None:
    """Run the reflector of one kind until its sink has seen enough."""
    address = ClusterAddress(CLUSTER, kubeconfig=kubeconfig(server, folder))
    resource = next(r for r in resources() if r.kind == kind)
    watch = Watch(CLUSTER, resource, dice=Random(1), counters=counters)
    async with Connection(address) as connection:
        prober = Reachability(connection, Random(1))
        shared = Shared(connection=connection, server=prober, sink=sink, room=room, lists=asyncio.Lock())
        running = asyncio.create_task(reflect(watch, shared, asyncio.Event()))
        ended = asyncio.create_task(sink.done.wait())
        await asyncio.wait((running, ended), return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running  # raises what broke it


def kubeconfig(server: str, folder: Path) -> Path:
    """A kubeconfig file for the bench's server."""
    path = folder / "kubeconfig.json"
    entry = {"name": CLUSTER}
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": CLUSTER, "users": [{**entry, "user": {}}],
        "clusters": [{**entry, "cluster": {"server": server}}],
        "contexts": [{**entry, "context": {"cluster": CLUSTER, "user": CLUSTER}}],
    }  # fmt: skip
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


async def reflector(server: str, kind: str, expected: int, folder: Path) -> Figures:
    """Transport, framing, decoding and the version guard; nothing is done with the events."""
    sink, meter = Counted(expected), Meter()
    await watch_until_done(server, kind, sink, room=always_room(), counters=Counters(), folder=folder)
    return Figures("reflector", kind, sink.seen, sink.last_version, *meter.read(), VERSION)


async def pipeline(server: str, kind: str, expected: int, folder: Path) -> Figures:
    """The reflector, core, spool and embedded store together, wired as service/storage.py wires them."""
    counters, token = Counters(), folder / "store.token"
    pipe = a_pipeline(counters)
    child = await start_child(folder / "store", "127.0.0.1:0", token)
    store, disk, asking = connect(child.url, WRITER, token), Worker("spool"), Worker("store")
    spool = await disk.run(open_spool, folder / "spool.sqlite", SPOOL_BYTES, now_ms())
    await asking.run(migrate, store)
    inserts = Inserter(
        spool=spool, spool_worker=disk, store=store, store_worker=asking, counters=counters, now=now_ms, reachable=True
    )
    pipe.open_pricing_run(now_ms(), "bench")
    await commit(pipe, disk, spool)
    await inserts.finish(within_s=60)  # a first insert makes the client import what it needs
    warm = inserted(counters)
    sink, meter, store_cpu = Counted(expected, lambda o: pipe.take(CLUSTER, o)), Meter(), cpu_s_of(child.process.pid)
    background = [asyncio.create_task(inserts.run()), asyncio.create_task(commit_for_ever(pipe, disk, spool))]
    await watch_until_done(server, kind, sink, room=pipe.room, counters=counters, folder=folder)
    await commit(pipe, disk, spool)
    await inserts.finish(within_s=60)
    figures = Figures(
        "pipeline", kind, sink.seen, sink.last_version, *meter.read(), VERSION,
        store_cpu_s=cpu_s_of(child.process.pid) - store_cpu, rows=inserted(counters) - warm,
    )  # fmt: skip
    for task in background:
        task.cancel()
    await child.stop()
    return figures


def a_pipeline(counters: Counters) -> Pipeline:
    """A pipeline with the shipped price books and rules as an operator writes them."""
    return Pipeline({CLUSTER: RULES}, book.load(book.shipped_ids(), Path()), UTC, counters)


async def commit_for_ever(pipe: Pipeline, disk: Worker, spool: Spool) -> None:
    """Commits as service/storage.py does."""
    while True:
        await asyncio.sleep(COMMIT_S)
        await asyncio.shield(commit(pipe, disk, spool))


async def commit(pipe: Pipeline, disk: Worker, spool: Spool) -> None:
    """Make durable what the pipeline has gathered."""
    gathered = pipe.drain(now_ms())
    if gathered is not None:
        await disk.run(spool.commit, gathered)


def inserted(counters: Counters) -> int:
    """Rows that the store has taken."""
    return int(sum(counters.values(STORE_INSERTED_ROWS)))


async def listing(server: str, kind: str, expected: int, folder: Path) -> Figures:
    """A list in pages of 500 through reflector and core; bytes are those of states, versions and indexes."""
    counters = Counters()
    pipe = a_pipeline(counters)

    def take(outcomes: list[Outcome]) -> None:
        pipe.take(CLUSTER, outcomes)
        pipe.drain(0)

    before, sink, meter = resident_bytes(), Counted(expected, take, until_synced=True), Meter()
    await watch_until_done(server, kind, sink, room=pipe.room, counters=counters, folder=folder)
    spent = meter.read()
    kept = (resident_bytes() - before) / expected
    return Figures("list", kind, sink.seen, sink.last_version, *spent, VERSION, kept_bytes=kept)


CASES = {"reflector": reflector, "pipeline": pipeline, "list": listing}


def main() -> None:
    """Run one case in a folder of its own and print its figures."""
    case, server, kind, expected = sys.argv[1:]
    gc.set_threshold(COLLECT_AFTER)  # as service.py does
    with tempfile.TemporaryDirectory() as folder:
        say(asyncio.run(CASES[case](server, kind, int(expected), Path(folder))))


if __name__ == "__main__":
    main()
