"""The web server's connections: a storm of them stops neither pages nor watches, and fills no log."""

import asyncio
import contextlib
import signal
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from collector.logs import MOST_LINES, Scarce
from collector.service import connections as module
from collector.service.connections import Connections
from collector.service.http_server import BoundedServer
from collector.web.headers import RefuseAmbiguousLength
from tests.kube.certificates import make
from tests.ports import free_port
from tests.processes import lynceus, until
from tests.reused_connections import median_seconds
from tests.watch.server import ApiServer, Exchange, eventually, kubeconfig

DESCRIPTORS = 120
STORM = 600


async def some_bytes(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that answers with as many bytes as its path says."""
    size = int(scope["path"][1:] or 1)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(size).encode())]})
    for at in range(0, size, 65536):
        await send({"type": "http.response.body", "body": b"x" * min(65536, size - at), "more_body": at + 65536 < size})


@asynccontextmanager
async def bounded(tls: tuple[Path, Path] | None = None, **limits: Any) -> AsyncIterator[tuple[Connections, int]]:
    """A server with these limits; yields its connections and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    files: dict[str, Any] = {"ssl_certfile": str(tls[0]), "ssl_keyfile": str(tls[1])} if tls else {}
    app = RefuseAmbiguousLength(some_bytes)
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1, http="h11", **files
    )
    config.load()
    connections = Connections(**({"most": 20} | limits))
    server = BoundedServer(config, connections)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield connections, listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that arrives until the server closes the connection."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), 10)
    return b""


async def request(port: int, path: str = "/1") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    answer = await ended(reader)
    writer.close()
    return answer


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /"])
async def test_a_head_that_does_not_arrive_ends_the_connection(sent: bytes) -> None:
    """Nothing, half a head, and half of the next head; bytes that trickle in buy no time."""
    async with bounded(head_s=0.3) as (connections, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        trickle = asyncio.create_task(_trickle(writer))
        await ended(reader)
        trickle.cancel()
        writer.close()
        await eventually(lambda: len(connections) == 0)


async def test_an_answer_on_a_connection_that_is_used_again_is_as_fast() -> None:
    """Head and body leave at once: 40 ms of a delayed acknowledgement between them would be thirty times a fresh answer."""
    async with bounded() as (_, port):
        fresh_s, reused_s = await median_seconds(port, "/500")
    assert reused_s < 5 * fresh_s


async def _trickle(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            writer.write(b"a")
            await asyncio.sleep(0.05)


async def test_a_handshake_that_does_not_end_is_bounded_too(tmp_path: Path) -> None:
    """Behind TLS a connection belongs to no protocol yet while it shakes hands."""
    certificates = make(tmp_path)
    async with bounded(certificates.of("server"), head_s=0.3, most=5) as (connections, port):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        await eventually(lambda: len(connections) == 5)
        trust = ssl.create_default_context(cafile=str(certificates.authority))
        trust.check_hostname = False
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        writer.write(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await ended(reader)).endswith(b"\r\n\r\nx")
        writer.close()
        for closed, its_writer in silent:
            await ended(closed)
            its_writer.close()
        await eventually(lambda: len(connections) == 0)


async def test_a_new_connection_takes_the_place_of_the_one_that_waits_longest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A request under way is not ended for it; the log has a few lines."""
    caplog.handler.addFilter(scarce := Scarce())
    async with bounded(most=8) as (connections, port):
        busy_reader, busy = await asyncio.open_connection("127.0.0.1", port)
        busy.write(b"GET /30000000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await eventually(lambda: len(connections) == 1)
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        answers = [await request(port) for _ in range(10)]
        for reader, _ in idle[:20]:
            await ended(reader)
        whole = await ended(busy_reader)
        for _, writer in idle:
            writer.close()
        busy.close()
    caplog.handler.removeFilter(scarce)

    assert all(answer.endswith(b"x") for answer in answers)
    assert len(whole) > 30_000_000
    assert [r.message for r in caplog.records] == [
        "too many connections, those that wait longest are closed"
    ] * MOST_LINES


async def test_a_reader_that_does_not_read_is_left_in_the_end() -> None:
    """An answer that is never fetched holds its descriptor for a time, not for ever."""
    async with bounded(exchange_s=0.5, head_s=5) as (connections, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /90000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        await eventually(lambda: len(connections) == 1)
        await eventually(lambda: len(connections) == 0)
        assert len(await ended(reader)) < 90_000_000
        writer.close()


async def test_a_slow_reader_has_the_time_of_an_exchange() -> None:
    """What is written but not yet sent is not a pause between two requests."""
    async with bounded(exchange_s=20, head_s=0.2) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /8000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        got = 0
        while got < 8_000_000:
            got += len(await asyncio.wait_for(reader.read(400_000), 5))
            await asyncio.sleep(0.02)
        writer.close()

    assert got >= 8_000_000


async def test_without_descriptors_the_oldest_makes_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Other parts may have taken them all: the log has a line, and the next try finds one."""
    monkeypatch.setattr(module, "EXHAUSTED_S", 0.001)
    async with bounded() as (connections, port):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        await eventually(lambda: len(connections) == 5)
        loop, failures = asyncio.get_running_loop(), iter(range(3))
        accept = loop.sock_accept

        async def exhausted(listener: socket.socket) -> Any:
            if next(failures, None) is None:
                return await accept(listener)
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(loop, "sock_accept", exhausted)
        assert (await request(port)).endswith(b"x")
        assert (await request(port)).endswith(b"x")
        for reader, _ in idle[:3]:
            await ended(reader)
        for _, writer in idle:
            writer.close()

    assert {r.message for r in caplog.records} == {"no descriptor is left for a new connection"}


@pytest.mark.parametrize(
    "head", [b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"transfer-encoding: chunked\r\ncontent-length: 0"]
)
async def test_a_request_with_two_lengths_is_refused_once(head: bytes) -> None:
    """A lax proxy may read another end of it: what follows is not a request."""
    smuggled = b"0\r\n\r\nGET /7 HTTP/1.1\r\nHost: a\r\n\r\n"
    async with bounded() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /1 HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n" + smuggled)
        answer = await ended(reader)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"not both" in answer


@contextmanager
def limited(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A collector that may have few descriptors."""
    command = ["bash", "-c", f'ulimit -n {DESCRIPTORS}; exec "$0" "$@"', *lynceus("run", "--config", str(config))]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return path == "/readyz" and b"problems" in error.read()


def is_up(port: int) -> bool:
    try:
        return answers(port, "/healthz")
    except OSError:
        return False


async def test_a_storm_of_idle_connections_stops_nothing(tmp_path: Path) -> None:
    """More sockets than the process may have descriptors: pages answer, watches are opened, the log stays small."""
    server, port, log, storm = ApiServer(), free_port(), tmp_path / "log", asyncio.Event()

    async def cut_in_the_storm(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        await storm.wait()
        exchange.writer.transport.abort()

    server.otherwise["watch"] = cut_in_the_storm
    async with server.serving():
        address = kubeconfig(tmp_path, server.url)
        config = tmp_path / "lynceus.yaml"
        config.write_text(f"""
clusters: [{{name: a, kubeconfig: '{address.kubeconfig}'}}]
data_dir: {tmp_path / "data"}
http: {{listen: '127.0.0.1:{port}'}}
store: {{url: 'http://127.0.0.1:1', wait_seconds: 0}}
""")
        with limited(config, log), contextlib.ExitStack() as held:
            await asyncio.to_thread(until, lambda: is_up(port), 30, "the pages answer")
            await eventually(lambda: server.answering["watch"] >= 2, 30)
            before, watches = log.stat().st_size, len(server.of("watch"))
            for i in range(STORM):
                idle = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
                idle.sendall(b"" if i % 2 else b"GET / HTTP/1.1\r\n")
            for path in ("/healthz", "/readyz", "/metrics", "/api/v1/live"):
                assert await asyncio.to_thread(answers, port, path), path
            storm.set()
            await eventually(lambda: len(server.of("watch")) > watches, 30)
            grown = log.stat().st_size - before
        await eventually(lambda: server.open == 0)

    text = log.read_text()
    assert grown < 50_000, text[-2000:]
    assert "out of system resource" not in text
    assert "too many connections" in text
