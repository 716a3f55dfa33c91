"""
Outages of API servers: how soon a cluster is seen again, how many requests a dead server gets, and what silence means.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import ClassVar

import pytest

from collector.catalog.counters import Counters
from collector.core.objects.owner_kinds import OWNER_NAMES
from collector.kube.connection import ClusterAddress, Connection
from collector.watch import reachability, reflector
from collector.watch.kinds import resources
from collector.watch.protocol import Watch
from collector.watch.reachability import READY, SPREAD_S, Reachability
from collector.watch.reflector import Patience, watch_cluster
from tests.watch.server import (
    ApiServer,
    Exchange,
    always_room,
    body,
    eventually,
    kubeconfig,
    raw,
    running,
    silence,
    stream,
)
from tests.watch.steps import added, changes_of, restarts

CLUSTERS = 20
DOWN_S = 7.0
SEEN_AGAIN_S = 5.0
USUAL = [row for row in resources() if not row.is_foreign or row.kind in OWNER_NAMES[:4]]
"""The kinds of a cluster with the operators of Ray and of Spark."""


@asynccontextmanager
async def fleet(address: ClusterAddress, clusters: int) -> AsyncIterator[list[Watch]]:
    """So many clusters behind one address, the usual kinds of each watched with dice and patience as in production."""
    every: list[Watch] = []
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        tasks = []
        for number in range(clusters):
            watches = [Watch(f"c{number}", r, dice=Random(), counters=Counters()) for r in USUAL]
            every += watches
            connection = await stack.enter_async_context(Connection(address))
            run = watch_cluster(connection, watches, sink=lambda _: None, room=always_room, patience=Patience())
            tasks.append(group.create_task(run))
        try:
            await eventually(lambda: all(watch.streaming for watch in every), within_s=30)
            yield every
        finally:
            for task in tasks:
                task.cancel()


class Attempts:
    """A port of a server that is down: resets and counts each connection, by hundredths of a second."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.at: list[float] = []

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._reset, "127.0.0.1", self.port, backlog=1000)
        try:
            yield
        finally:
            server.close()

    async def _reset(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at.append(asyncio.get_running_loop().time())
        writer.transport.abort()


class NotedDice(Random):
    """Dice that note when each watch of a returned server is due: a slow test process delays requests, not these."""

    due: ClassVar[list[float]] = []

    def uniform(self, a: float, b: float) -> float:
        drawn = super().uniform(a, b)
        if b == SPREAD_S:
            self.due.append(asyncio.get_running_loop().time() + drawn)
        return drawn


async def test_twenty_clusters_are_seen_again_within_five_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    All watches are open again in time, and neither the dead server nor the returned one is overwhelmed.

    While the server is away, each cluster asks about once a second, and not each of its ten watches.
    """
    monkeypatch.setattr(reflector, "Random", NotedDice)
    monkeypatch.setattr(NotedDice, "due", [])
    clock = asyncio.get_running_loop().time
    server = ApiServer()
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(AsyncExitStack())
        await up.enter_async_context(server.serving())
        every = await stack.enter_async_context(fleet(kubeconfig(tmp_path, server.url), CLUSTERS))
        lists = len(server.of("list"))
        await up.aclose()
        attempts = Attempts(server.port)
        async with attempts.counting():
            down_at = clock()
            await asyncio.sleep(DOWN_S)
        await stack.enter_async_context(server.serving())
        await eventually(lambda: all(watch.streaming for watch in every), within_s=SEEN_AGAIN_S)

    # aiohttp sends a request that is reset once more by itself.
    settled = [at for at in attempts.at if at > down_at + 3]
    assert len(settled) / 2 / (DOWN_S - 3) < 1.5 * CLUSTERS
    assert len(NotedDice.due) >= len(every)
    by_tenth = Counter(int(at * 10) for at in NotedDice.due)
    assert max(by_tenth.values()) < len(every) / 4
    assert len(server.of("list")) == lists


async def test_a_server_that_starts_is_waited_for_until_it_is_ready(tmp_path: Path) -> None:
    """A load balancer answers 503 for a server that is away, and each refusal must not double the wait."""
    server = ApiServer()
    unwell = body(b"no backend", 503, Content_Type="text/plain")
    async with server.serving(), running(kubeconfig(tmp_path, server.url)) as run:
        await eventually(lambda: run.watch.streaming)
        server.otherwise |= {"watch": unwell, READY: unwell}
        await server.cut()
        await eventually(lambda: run.watch.health().state == "retrying" and len(server.of(READY)) > 2)
        watches = len(server.of("watch"))
        await eventually(lambda: len(server.of(READY)) > 5)
        assert len(server.of("watch")) <= watches + 1
        server.otherwise |= {"watch": stream(added("a", 101)), READY: body(b"ok")}
        await eventually(lambda: changes_of(run.emitted), within_s=SEEN_AGAIN_S)


async def test_a_server_that_asks_for_fewer_requests_is_obeyed_also_when_it_is_ready(tmp_path: Path) -> None:
    """Only an outage ends with a server's return: a demanded wait is kept."""
    server = ApiServer()
    busy = body(b"busy", 503, Retry_After="2", Content_Type="text/plain")
    server.script("watch", busy)
    async with server.serving(), running(kubeconfig(tmp_path, server.url)) as run:
        await eventually(lambda: run.watch.streaming)
    first, second = server.of("watch")
    assert second.at - first.at >= 2
    assert not server.of(READY)


class Line:
    """A line to a server that can lose all packets in both directions, without closing anything."""

    def __init__(self, to: int) -> None:
        self.to, self.port = to, 0
        self.carries = asyncio.Event()
        self.carries.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Line"]:
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            # A task that was cancelled before its first step closed nothing.
            for end in self._ends:
                end.transport.abort()
            await asyncio.gather(*(end.wait_closed() for end in self._ends), return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.append(writer)
        there = await asyncio.open_connection("127.0.0.1", self.to)
        self._ends.append(there[1])
        for source, sink in ((reader, there[1]), (there[0], writer)):
            self._tasks.add(asyncio.create_task(self._carry(source, sink)))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self.carries.wait()
                sink.write(data)
        except ConnectionError:
            pass
        finally:
            sink.close()


async def test_a_line_that_loses_all_packets_is_an_outage_and_its_end_a_return(tmp_path: Path) -> None:
    """A half-open cluster is not up: its streams are ended, and resumed at their version as soon as the line carries again."""
    server = ApiServer()
    server.script("watch", stream(added("a", 101)))
    async with server.serving(), Line(server.port).open() as line:
        address = kubeconfig(tmp_path, f"http://127.0.0.1:{line.port}")
        async with running(address, ask_every_s=0.3, answer_s=0.3) as run:
            await eventually(lambda: changes_of(run.emitted))
            line.carries.clear()
            await eventually(lambda: run.watch.health().state == "retrying", within_s=5)
            assert "answers nothing" in run.watch.health().detail
            line.carries.set()
            await eventually(lambda: run.watch.streaming, within_s=SEEN_AGAIN_S)

    assert restarts(run.counters)["deadline"] == 1
    assert server.of("watch")[-1].params["resourceVersion"] == "101"
    assert len(server.of("list")) == 1


def test_a_half_open_cluster_is_noticed_within_a_minute() -> None:
    """The sum of the limits: the question after the last answer, and two that are not answered."""
    apart_s = reachability.SILENT * reachability.APART_S
    assert reachability.ASK_EVERY_S + reachability.SILENT * reachability.ANSWER_S + apart_s <= 45


async def test_a_quiet_cluster_is_not_half_open(tmp_path: Path) -> None:
    """A stream without events stays open as long as the server answers."""
    server = ApiServer()
    async with server.serving(), running(kubeconfig(tmp_path, server.url), ask_every_s=0.05, answer_s=0.05) as run:
        await eventually(lambda: len(server.of(READY)) > 5)
        assert run.watch.streaming
    assert len(server.of("watch")) == 1


async def _refused(exchange: Exchange) -> None:
    await exchange.body(b"{}", 403)


@pytest.mark.parametrize(
    "unheard", [silence, raw(b""), raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), _refused]
)
async def test_a_server_that_sends_events_is_not_silent(tmp_path: Path, unheard: Callable[[Exchange], object]) -> None:
    """A proxy may answer other paths in its own way; what arrives on the streams decides."""
    server = ApiServer()
    server.otherwise[READY] = unheard  # type: ignore[assignment]

    async def chatter(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        for version in range(101, 100_000):
            await exchange.chunks(added(str(version), version))
            await asyncio.sleep(0.01)

    server.script("watch", chatter)
    async with server.serving(), running(kubeconfig(tmp_path, server.url), ask_every_s=0.05, answer_s=0.1) as run:
        await eventually(lambda: len(server.of(READY)) > 4)
        assert run.watch.streaming
    assert len(server.of("watch")) == 1


async def test_without_the_provers_answer_a_watch_still_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prober may be answered differently from all others; it must not keep a cluster unobserved."""
    monkeypatch.setattr(reachability, "LONGEST_S", 0.5)
    server = ApiServer()
    server.otherwise[READY] = body(b"never", 503)
    server.script("watch", raw(b""), raw(b""))
    async with server.serving(), running(kubeconfig(tmp_path, server.url)) as run:
        await eventually(lambda: run.watch.streaming)
        assert len(server.of("watch")) == 3


async def test_credentials_that_cannot_be_read_end_no_stream(tmp_path: Path) -> None:
    """The fault is ours: an open watch is admitted already, and goes on."""
    server = ApiServer()
    async with server.serving():
        address = kubeconfig(tmp_path, server.url)
        async with Connection(address) as connection:
            prober = Reachability(connection, Random(1), ask_every_s=0.01)
            address.kubeconfig.unlink()  # type: ignore[union-attr]
            with prober.open_stream(lambda: pytest.fail("ended")):
                asking = asyncio.create_task(prober.ask_forever())
                await asyncio.sleep(1.0)
                asking.cancel()
            assert not prober.is_down
    assert not server.requests
