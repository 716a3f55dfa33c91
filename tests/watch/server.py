"""
A scripted API server on a real socket: each kind of request has a queue of answers, and an answer may misbehave in any way.

Writes HTTP by hand, because no library sends half a chunk, resets within a character or falls silent on demand.
"""

import asyncio
import json
import ssl
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from collector.catalog.counters import Counters
from collector.core.messages import Outcome
from collector.kube.connection import ClusterAddress, Connection
from collector.watch.kinds import RESOURCES, Resource
from collector.watch.protocol import Watch
from collector.watch.reachability import READY, Reachability
from collector.watch.reflector import Patience, Room, Shared, reflect
from tests.watch.steps import WORKFLOWS, page


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it arrived."""

    verb: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass(eq=False)
class Exchange:
    """One request's socket, to answer on."""

    request: ReceivedRequest
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int = 200, **headers: str) -> None:
        named = {"Content-Type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{k}: {v}" for k, v in named.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def body(self, data: bytes, status: int = 200, **headers: str) -> None:
        await self.head(status, Content_Length=str(len(data)), **headers)
        await self.send(data)

    async def chunks(self, *pieces: bytes) -> None:
        for piece in pieces:
            await self.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


Answer = Callable[[Exchange], Awaitable[None]]


def body(data: bytes, status: int = 200, **headers: str) -> Answer:
    """A whole answer."""

    async def answer(exchange: Exchange) -> None:
        await exchange.body(data, status, **headers)

    return answer


def stream(*pieces: bytes, then: str = "stay") -> Answer:
    """A watch that sends these chunks and then ends well (`end`), resets (`reset`), or stays open and silent (`stay`)."""

    async def answer(exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        await exchange.chunks(*pieces)
        if then == "end":
            await exchange.send(b"0\r\n\r\n")
        elif then == "reset":
            exchange.writer.transport.abort()
        else:
            await silence(exchange)

    return answer


def raw(data: bytes) -> Answer:
    """These bytes, and then the end of the connection."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(data)
        exchange.writer.close()

    return answer


async def silence(exchange: Exchange) -> None:
    """Sends nothing until the client closes the connection."""
    await exchange.reader.read()
    exchange.writer.close()


def discovery(rows: Iterable[Resource]) -> bytes:
    """The answer to /apis of a server that has these kinds."""
    groups = [
        {
            "metadata": {"name": row.group},
            "versions": [{"version": row.version, "resources": [{"resource": row.plural}]}],
        }
        for row in rows
    ]
    return json.dumps({"kind": "APIGroupDiscoveryList", "items": groups}).encode()


class ApiServer:
    """
    Answers from scripts; without a script, with an empty list at version 100, or with a silent watch.

    The fence is far above, as on a busy cluster: below what a watch has seen it would mean a restored etcd.
    """

    def __init__(self) -> None:
        self.requests: list[ReceivedRequest] = []
        self.scripts: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self.otherwise: dict[str, Answer] = {
            "list": body(page(version=100)),
            "fence": body(page(version=1_000_000)),
            "watch": stream(),
            READY: body(b"ok", Content_Type="text/plain"),
            "/apis": body(discovery(row for row in RESOURCES if row.group)),
        }
        self.open = 0
        """Connections, idle ones too."""
        self.answering: Counter[str] = Counter()
        """Requests whose answer goes on."""
        self.port = 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def script(self, verb: str, *answers: Answer) -> None:
        self.scripts[verb].extend(answers)

    def of(self, verb: str) -> list[ReceivedRequest]:
        return [request for request in self.requests if request.verb == verb]

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["ApiServer"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        try:
            yield self
        finally:
            server.close()
            await self.cut()

    async def cut(self) -> None:
        """Ends all connections as a server does that dies; new ones are accepted."""
        await asyncio.sleep(0)  # one that was accepted this instant is known by then
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open += 1
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                script = self.scripts[request.verb]
                answer = script.popleft() if script else self.otherwise[request.verb]
                self.answering[request.verb] += 1
                try:
                    await answer(Exchange(request, reader, writer))
                finally:
                    self.answering[request.verb] -= 1
                if writer.is_closing():
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader) -> ReceivedRequest | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *rest = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in rest if line)
    parts = urlsplit(target)
    params = dict(parse_qsl(parts.query))
    content = await reader.readexactly(int(headers.get("Content-Length", "0")))
    verb = "watch" if "watch" in params else "fence" if params.get("limit") == "1" else "list"
    if method != "GET" or parts.path in ("/version", READY, "/apis"):
        verb = parts.path
    return ReceivedRequest(
        verb=verb, path=parts.path, params=params, headers=headers, body=content, at=asyncio.get_running_loop().time()
    )


def kubeconfig(folder: Path, server: str, *, user: Any = None, **cluster: Any) -> ClusterAddress:
    """A kubeconfig file with one context, and its address."""
    document = {
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
        "clusters": [{"name": "lab", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "me", "user": user or {}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return ClusterAddress("prod", kubeconfig=path, exec_plugins=(str(folder / "plugin"), "/no/such/plugin"))


class Impatient(Random):
    """Dice that always fall on the shortest wait, so that tests wait for what they test."""

    def uniform(self, a: float, b: float) -> float:
        return a

    def random(self) -> float:
        return 0.0


QUICK = Patience(connect_s=2, answer_s=2, page_s=5, idle_s=5, grace_s=2, room_s=0.05, stage_s=5)


always_room = Room()
"""A pipeline that is never behind."""
always_room.set()


@dataclass
class Run:
    """A running watch and its outcomes."""

    watch: Watch
    connection: Connection
    counters: Counters
    emitted: list[Outcome] = field(default_factory=list)


@asynccontextmanager
async def running(
    address: ClusterAddress,
    *,
    patience: Patience = QUICK,
    room: Room = always_room,
    plugin_patience_s: float = 5,
    ask_every_s: float = 60,
    answer_s: float = 5,
    resource: Resource = WORKFLOWS,
    **more: Any,
) -> AsyncIterator[Run]:
    """Run the reflector on one kind until the block ends; the task must end with it."""
    counters = Counters()
    watch = Watch("prod", resource, dice=Impatient(1), counters=counters, **more)
    async with Connection(address, plugin_patience_s=plugin_patience_s) as connection:
        run = Run(watch, connection, counters)
        lists, settled = asyncio.Lock(), asyncio.Event()
        server = Reachability(connection, Impatient(1), ask_every_s=ask_every_s, answer_s=answer_s)
        shared = Shared(
            connection=connection, server=server, sink=run.emitted.extend, room=room, lists=lists, patience=patience
        )
        going = reflect(watch, shared, settled)
        asking = asyncio.create_task(server.ask_forever())
        task = asyncio.create_task(going)
        try:
            yield run
        finally:
            if task.done():
                task.result()
            task.cancel()
            asking.cancel()
            await asyncio.wait([task, asking], timeout=5)
            assert task.cancelled()
            assert asking.cancelled()


async def eventually(condition: Callable[[], object], within_s: float = 10) -> None:
    """Wait until the condition holds."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition did not become true in time"
        await asyncio.sleep(0.002)
