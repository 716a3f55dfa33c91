"""Clients that keep the embedded store waiting: bounded in number and in time, and nothing of it floods the log."""

import asyncio
import os
import resource
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, web

from collector.store.embedded import connections, http, request, server
from collector.store.embedded.access import Authenticator
from collector.store.embedded.connections import OpenConnections
from collector.store.embedded.handle import Answer, Statement
from collector.store.embedded.http import HttpServer
from collector.store.embedded.server import Server
from tests.processes import until
from tests.reused_connections import median_seconds
from tests.store.running import Running, ask, ready, spawn

HEAD = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n"
WRITERS = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-ClickHouse-User: lynceus\r\nX-ClickHouse-Key: secret\r\n"
    b"Content-Length: 10\r\n\r\n"
)


class FakeEngine:
    """Answers every statement with so many bytes as it has digits for, once it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.may.set()
        self.statements = 0

    async def read(self, statement: Statement, *_who: Any, **_more: Any) -> Answer:
        self.statements += 1
        await self.may.wait()
        return Answer(bytes(int(statement.statement)), "TSV")

    write = read


@asynccontextmanager
async def served(most: int = 8) -> AsyncIterator[tuple[OpenConnections, FakeEngine, int]]:
    """A store's server without an engine; its connections, what it asks, and its port."""
    engine, bounds = FakeEngine(), OpenConnections(most)
    runner = web.ServerRunner(
        HttpServer(Server(engine, Authenticator("secret", None, True)).answer, bounds),  # type: ignore[arg-type]
        shutdown_timeout=0.1,
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield bounds, engine, runner.addresses[0][1]
    finally:
        engine.may.set()
        await runner.cleanup()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What a client got before its connection ended."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def ping(port: int) -> bytes:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/ping") as answer:
        return await answer.read()


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "sent"),
    [
        ("IDLE_S", b""),
        ("HEAD_S", b"G"),
        ("HEAD_S", HEAD),
        ("HEAD_S", b"GET /" + b"x" * 100_000),
        ("IDLE_S", HEAD + b"\r\n"),
        ("IDLE_S", HEAD + b"\r\nG"),
        ("BODY_S", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nSEL"),
        ("BODY_S", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nSEL"),
        ("BODY_S", WRITERS + b"SEL"),
    ],
    ids=["nothing", "byte", "head", "line", "idle", "second head", "body", "chunks", "writer's body"],
)
async def test_a_client_that_sends_no_more_is_let_go(bound: str, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of a request it stops in, only the bound of that part is short here."""
    _only_short(bound, monkeypatch)
    async with served() as (bounds, engine, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await ended(reader)
        writer.close()

        assert (len(bounds.open), len(bounds.receiving), engine.statements) == (0, 0, 0)


def _only_short(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDLE_S", "HEAD_S", "SEND_S"):
        monkeypatch.setattr(http, name, 0.05 if name == bound else 60.0)
    monkeypatch.setattr(request, "BODY_S", 0.05 if bound == "BODY_S" else 60.0)


async def test_drops_of_a_head_or_body_gain_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not hold a reader's connection."""
    for bound, sent in (
        ("HEAD_S", HEAD),
        ("BODY_S", b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999\r\n\r\n"),
    ):
        _only_short(bound, monkeypatch)
        async with served() as (_, _, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            end = asyncio.create_task(ended(reader))
            async with asyncio.timeout(10):
                while not end.done():
                    writer.write(b"x")
                    await asyncio.wait({end}, timeout=0.01)
            writer.close()


async def test_the_writers_body_may_take_long_as_long_as_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large insert over a slow line is welcome."""
    monkeypatch.setattr(request, "BODY_S", 0.5)
    async with served() as (_, _, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(WRITERS)
        answered = asyncio.create_task(reader.readline())
        for digit in b"0000000003":
            await asyncio.wait({answered}, timeout=0.1)
            writer.write(bytes([digit]))
        assert await answered == b"HTTP/1.1 200 OK\r\n"
        writer.close()


async def test_a_client_that_does_not_take_its_answer_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its answer with it; a client that takes it gets all of it."""
    _only_short("SEND_S", monkeypatch)
    monkeypatch.setattr(http, "SEND_RATE", 1 << 30)
    async with served() as (bounds, _, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 10)
        writer.write(b"GET /?query=50000000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await _until(lambda: bool(bounds.sending))
        await _until(lambda: not bounds.open)
        writer.close()
    _only_short("", monkeypatch)
    async with served() as (_, _, port), ClientSession() as session:
        for size in (0, 1, http.PIECE, 50_000_001):
            async with session.get(f"http://127.0.0.1:{port}/", params={"query": str(size)}) as answer:
                assert len(await answer.read()) == size


async def test_an_answer_on_a_connection_that_is_used_again_is_as_fast() -> None:
    """Head and body leave at once, for every query of a dashboard and every insert after the first."""
    async with served() as (_, _, port):
        fresh_s, reused_s = await median_seconds(port, "/?query=500")
    assert reused_s < 5 * fresh_s


async def _until(holds: Any) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_work_has_no_end_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a query runs, its client owes nothing."""
    for name in ("IDLE_S", "HEAD_S", "SEND_S"):
        monkeypatch.setattr(http, name, 0.05)
    async with served(most=2) as (_, engine, port):
        engine.may.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /?query=3 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await _until(lambda: engine.statements)
        for _ in range(5):
            late, other = await asyncio.open_connection("127.0.0.1", port)
            await ended(late)
            other.close()
        engine.may.set()
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.close()


# --- number -----------------------------------------------------------------------------------------------------------


async def test_a_new_client_takes_the_place_of_the_one_that_waited_longest() -> None:
    """Strangers that hold all connections lock out no other."""
    async with served(most=4) as (bounds, _, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        held[0][1].write(HEAD + b"\r\n")
        await held[0][0].readline()

        assert await ping(port) == b"Ok.\n"
        await ended(held[1][0])
        held[0][1].write(HEAD + b"\r\n")
        assert await held[0][0].readline()
        assert len(bounds.open) <= 4
        for _, writer in held:
            writer.close()


async def test_clients_that_take_no_answer_make_room_last() -> None:
    """And where all are at work, the new one ends: they owe nothing."""
    async with served(most=2) as (bounds, engine, port):
        slow = [await asyncio.open_connection("127.0.0.1", port, limit=1 << 10) for _ in range(2)]
        for _, writer in slow:
            writer.write(b"GET /?query=90000000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await _until(lambda: len(bounds.sending) == 2)
        assert await ping(port) == b"Ok.\n"

        engine.may.clear()
        for _ in range(2):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /?query=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            slow.append((_, writer))
        await _until(lambda: engine.statements == 4)
        late, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await ended(late) == b""
        for _, each in [*slow, (late, writer)]:
            each.close()


async def test_answers_that_are_not_taken_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A further large one is refused, a small one is not."""
    monkeypatch.setattr(server, "MAX_BEING_SENT", 60_000_000)
    async with served() as (bounds, _, port), ClientSession() as session:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 10)
        writer.write(b"GET /?query=50000000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await _until(lambda: bool(bounds.sending))
        got = []
        for size in ("50000000", "1000"):
            async with session.get(f"http://127.0.0.1:{port}/", params={"query": size}) as answer:
                got.append((answer.status, answer.headers.get("X-ClickHouse-Exception-Code")))
        writer.close()
        assert got == [(500, "241"), (200, None)]
        await _until(lambda: len(bounds.sending) == 0)
        async with session.get(f"http://127.0.0.1:{port}/", params={"query": "50000000"}) as answer:
            assert answer.status == 200


def test_the_limit_leaves_room_for_the_stores_own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of what the process may open, and never more than a server needs."""
    for soft, most in ((256, 64), (1024, 256), (1 << 20, 256), (resource.RLIM_INFINITY, 256), (16, 8)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert connections.limit() == most


# --- the real process -------------------------------------------------------------------------------------------------


@contextmanager
def quiet_store(folder: Path, files: int) -> Iterator[tuple[Running, Path]]:
    """A store with so many files at most, and the file of its messages."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, before[1]))
    try:
        process = spawn(folder / "chdb", folder / "token")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    running = ready(process, folder / "chdb", folder / "token")
    yield running, folder / "stderr"
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert running.process.stderr is not None
    (folder / "stderr").write_text(running.process.stderr.read())
    assert running.reap() == 0


@pytest.mark.parametrize(("sent", "files"), [(b"", 1024), (HEAD, 512)], ids=["nothing", "half a head"])
def test_a_thousand_idle_clients_do_not_stop_the_store(sent: bytes, files: int, tmp_path: Path) -> None:
    """It answers at once while they hold on, and writes next to nothing about them."""
    with quiet_store(tmp_path, files) as (running, messages):
        address, held = ("127.0.0.1", urlsplit(running.url).port or 0), []
        for number in range(1_150):
            client = socket.create_connection(address, timeout=20)
            client.sendall(sent)
            held.append(client)
            if number % 100 == 0:
                assert ask(running, "SELECT 1").text == "1\n"
        assert ask(running, "SELECT 1").text == "1\n"
        assert ask(running, "SELECT getSetting('readonly')", user="lynceus", key=running.token()).text == "0\n"
        assert len(os.listdir(f"/proc/{running.process.pid}/fd")) < files
        for client in held:
            client.close()
    assert len(messages.read_text().splitlines()) < 50


def test_garbage_and_aborted_answers_are_not_logged(tmp_path: Path) -> None:
    """What a stranger sends must not fill a disk; a log has one line of each kind."""
    with quiet_store(tmp_path, 1024) as (running, messages):
        address = ("127.0.0.1", urlsplit(running.url).port or 0)
        for number in range(300):
            with socket.create_connection(address, timeout=20) as client:
                garbage = (b"\x16\x03\x01\x02", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n")
                client.sendall(garbage[number % 3])
                if number % 3:
                    assert client.recv(1 << 16).startswith(b"HTTP/1.")
        for _ in range(20):
            with socket.create_connection(address, timeout=20) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                query = b"/?query=SELECT+repeat('x',1000000)+FROM+numbers(20)"
                client.sendall(b"GET " + query + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                client.recv(10)
        assert ask(running, "SELECT 1").text == "1\n"
    assert messages.read_text() == ""


def test_a_client_that_is_gone_leaves_no_connection(running: Running) -> None:
    """Places are given back."""
    files = f"/proc/{running.process.pid}/fd"
    before = len(os.listdir(files))
    for _ in range(600):
        socket.create_connection(("127.0.0.1", urlsplit(running.url).port or 0)).close()
    until(lambda: len(os.listdir(files)) < before + 50, 10, "files are closed")
