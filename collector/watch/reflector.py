"""
The I/O around protocol.py: sockets, deadlines, cancellation, and back-pressure from the pipeline.

Decides nothing about Kubernetes. A stream is read as long as the pipeline has room. If it has none for some seconds, the
stream is closed and later resumed from its version, because a server cuts off a slow reader in the middle of events.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import aiohttp

from collector.clock import now_ms
from collector.core.messages import Outcome
from collector.kube.connection import AddressError, Connection
from collector.kube.credentials import Access
from collector.kube.request import TooLargeError, read_whole
from collector.measured import Measure, unmeasured
from collector.shown_text import redact
from collector.watch.api_errors import Cause
from collector.watch.arrivals import Arrivals
from collector.watch.kinds import stages
from collector.watch.pages import oversized
from collector.watch.protocol import Watch
from collector.watch.reachability import Reachability
from collector.watch.requests import LARGEST_PAGE_BYTES, Pause, Refresh, Request, Step
from collector.watch.silence import Silence

log = logging.getLogger(__name__)

Sink = Callable[[list[Outcome]], None]
"""Takes outcomes in order; must return quickly and must not raise."""

Room = asyncio.Event
"""Set while the pipeline has room."""

LARGEST_REFUSAL = 64 * 2**10
"""Bytes that are read of an answer that is not the expected one."""

UNANSWERED = "the server answers nothing any more; its open streams were closed"

BROKEN = (aiohttp.ClientError, TimeoutError, OSError, AddressError)


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits, in seconds."""

    connect_s: float = 10.0
    answer_s: float = 60.0
    """Until the head of an answer, and between two parts of a page."""
    page_s: float = 300.0
    """A page of 500 large workflows over a slow line."""
    idle_s: float = 100.0
    """A stream that is silent for longer is opened again. That costs little, and a bookmark arrives at least each 75 s."""
    grace_s: float = 30.0
    """How long a server may continue after the requested end of a watch."""
    room_s: float = 3.0
    stage_s: float = 60.0
    """How long the kinds of a later stage wait for those of an earlier stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the watches of one cluster share."""

    connection: Connection
    server: Reachability
    sink: Sink
    room: Room
    lists: asyncio.Lock
    """Allows one list of a cluster at a time."""
    patience: Patience = Patience()
    measure: Measure = unmeasured


async def watch_cluster(
    connection: Connection,
    watches: Sequence[Watch],
    *,
    sink: Sink,
    room: Room,
    lists: asyncio.Lock | None = None,
    patience: Patience = Patience(),
    measure: Measure = unmeasured,
) -> None:
    """
    Runs all watches of one cluster until cancelled: namespaces first, then nodes, then workflows and pods.

    `lists` is shared with the reconciliation of the same cluster.
    """
    by_kind = {watch.resource.kind: watch for watch in watches}
    server, lists = Reachability(connection, Random()), lists or asyncio.Lock()
    shared = Shared(
        connection=connection, server=server, sink=sink, room=room, lists=lists, patience=patience, measure=measure
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(server.ask_forever(), name="reachability")
        for stage in stages(watch.resource for watch in watches):
            settled = []
            for resource in stage:
                watch, event = by_kind[resource.kind], asyncio.Event()
                settled.append(asyncio.ensure_future(event.wait()))
                group.create_task(reflect(watch, shared, event), name=f"{watch.cluster}/{resource.kind}")
            try:
                # A kind that cannot be reached must not delay the others for ever.
                await asyncio.wait(settled, timeout=patience.stage_s)
            finally:
                for waiter in settled:
                    waiter.cancel()


async def reflect(watch: Watch, shared: Shared, settled: asyncio.Event) -> None:
    """Runs one watch until cancelled; `settled` is set when it has synced."""
    await _WatchLoop(watch, shared, settled).run()


class _WatchLoop:
    """One watch's requests, one after the other, and the side requests of its stream."""

    def __init__(self, watch: Watch, shared: Shared, settled: asyncio.Event) -> None:
        self._watch, self._settled = watch, settled
        self._connection, self._server = shared.connection, shared.server
        self._sink, self._room, self._lists = shared.sink, shared.room, shared.lists
        self._patience, self._measure = shared.patience, shared.measure
        self._of_stream = aiohttp.ClientTimeout(total=None, sock_connect=shared.patience.connect_s)
        """Nothing for reads: aiohttp would move a timer at each, and silence.py has one for all."""
        self._access: Access | None = None
        self._absence_logged = False
        self._is_failing = False

    async def run(self) -> None:
        step = self._watch.step()
        while True:
            match step:
                case Pause():
                    self._log_pause(step)
                    await self._wait_out(step)
                case Refresh():
                    await self._refresh()
                case Request(verb="list"):
                    step = await self._list(step)
                    continue
                case Request():
                    await self._stream(step)
            step = self._watch.step()

    async def _wait_out(self, pause: Pause) -> None:
        if not pause.ends_on_return:
            await asyncio.sleep(pause.seconds)
        elif await self._server.wait(pause.seconds):
            self._watch.returned()

    def _log_pause(self, pause: Pause) -> None:
        """Logs a pause as a warning; that a cluster does not serve an optional kind is logged once, as information."""
        if pause.cause != "missing" or self._watch.resource.needed:
            self._is_failing = True
            log.warning("a watch failed and will be retried", extra=self._about() | _why(pause))
        elif not self._absence_logged:
            self._absence_logged = True
            log.info("a cluster does not serve an optional kind", extra=self._about() | _why(pause))

    def _log_opened(self) -> None:
        """Logs the end of a failure; that a watch is opened after it has ended as planned is for those who debug."""
        if self._is_failing:
            self._is_failing = False
            log.info("a watch is open again", extra=self._about())
        else:
            log.debug("a watch is open", extra=self._about())

    def _about(self) -> dict[str, object]:
        return {"cluster": self._watch.cluster, "resource": self._watch.resource.kind}

    def _emit(self, outcomes: list[Outcome]) -> None:
        if outcomes:
            self._sink(outcomes)
        if not self._settled.is_set() and self._watch.settled:
            self._settled.set()

    async def _refresh(self) -> None:
        try:
            await self._connection.refresh(self._access)
        except AddressError as error:
            self._emit(self._watch.broke(*_cause(error), now_ms()))

    async def _list(self, step: Step) -> Step:
        """Reads all pages of a list without another list between them: two at once could outlive their snapshots."""
        async with self._lists:
            with self._measure("list", cluster=self._watch.cluster, kind=self._watch.resource.kind):
                return await self._read_pages(step)

    async def _read_pages(self, step: Step) -> Step:
        while isinstance(step, Request) and step.verb == "list":
            await self._room.wait()
            try:
                status, headers, body = await self._fetch(step)
            except BROKEN as error:
                self._emit(self._watch.broke(*_cause(error), now_ms()))
            else:
                log.debug(
                    "a request for a list is answered", extra=self._about() | {"status": status, "bytes": len(body)}
                )
                self._emit(self._watch.answered(status, headers, body, now_ms()))
            step = self._watch.step()
        return step

    async def _fetch(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        """Reads a whole answer; of an unexpected one only the beginning."""
        patience = self._patience
        timeout = aiohttp.ClientTimeout(
            total=patience.page_s, sock_connect=patience.connect_s, sock_read=patience.answer_s
        )
        async with await self._get(request, timeout, "gzip") as answer:
            body = await (read_whole(answer, LARGEST_PAGE_BYTES) if answer.status == 200 else _beginning(answer))
            return answer.status, answer.headers, body

    async def _get(self, request: Request, within: aiohttp.ClientTimeout, encoding: str) -> aiohttp.ClientResponse:
        self._access = await self._connection.access()
        headers = {"Accept-Encoding": encoding}
        if self._watch.resource.metadata_only:
            what = "PartialObjectMetadata" if request.verb == "watch" else "PartialObjectMetadataList"
            headers["Accept"] = f"application/json;as={what};v=v1;g=meta.k8s.io,application/json"
        return await self._connection.request(
            "GET", self._access, request.path, params=request.params, headers=headers, timeout=within
        )

    async def _stream(self, request: Request) -> None:
        """Opens a watch and reads it until either side ends it."""
        watch, patience = self._watch, self._patience
        opened = False
        try:
            async with asyncio.timeout(request.timeout_s + patience.grace_s):
                # Uncompressed: a server would hold events back until its compressor has a full block.
                async with await self._get_head(request) as answer:
                    opened = watch.opened(answer.status, answer.headers, now_ms())
                    if opened:
                        self._log_opened()
                        await self._read(answer)
                    else:
                        body = await _beginning(answer)
                        self._emit(watch.answered(answer.status, answer.headers, body, now_ms()))
        except BROKEN as error:
            if watch.streaming or not opened:
                self._emit(self._failure(error, opened))

    async def _get_head(self, request: Request) -> aiohttp.ClientResponse:
        """Asks for a stream; its head must arrive as soon as any other answer."""
        async with asyncio.timeout(self._patience.answer_s):
            return await self._get(request, self._of_stream, "identity")

    def _failure(self, error: Exception, opened: bool) -> list[Outcome]:
        cause, detail = _cause(error)
        if not opened:
            return self._watch.broke(cause, detail, now_ms())
        if isinstance(error, TimeoutError):
            return self._watch.ended("deadline", now_ms())
        return self._watch.broke("cut", f"the stream broke off: {detail}", now_ms())

    async def _read(self, answer: aiohttp.ClientResponse) -> None:
        """Feeds the protocol until one side ends the stream or the pipeline has no room."""

        def end(outcomes: list[Outcome]) -> None:
            self._emit(outcomes)
            answer.close()

        watch = self._watch
        silence = Silence(self._patience.idle_s, lambda: end(watch.ended("idle", now_ms())))
        side_requests = asyncio.create_task(self._run_side_requests(answer))
        try:
            with silence, self._server.open_stream(lambda: end(watch.broke("deadline", UNANSWERED, now_ms()))):
                await self._feed(answer, silence)
        finally:
            side_requests.cancel()
            await asyncio.wait([side_requests])
        if not side_requests.cancelled():
            side_requests.result()

    async def _feed(self, answer: aiohttp.ClientResponse, silence: Silence) -> None:
        watch, server = self._watch, self._server
        with Arrivals(answer) as arrivals:
            while watch.streaming:
                if not await self._has_room():
                    answer.close()
                    self._emit(watch.ended("back_pressure", now_ms()))
                    await self._room.wait()
                    return
                pieces = await arrivals.next_block()
                server.received_at = silence.received_at = silence.now()
                self._emit(watch.feed_pieces(pieces) if pieces else watch.ended("closed", now_ms()))

    async def _has_room(self) -> bool:
        if self._room.is_set():
            return True
        try:
            async with asyncio.timeout(self._patience.room_s):
                await self._room.wait()
        except TimeoutError:
            return False
        return True

    async def _run_side_requests(self, answer: aiohttp.ClientResponse) -> None:
        """Reads the fence, without waiting for the cluster's lists: it costs one object and is useful only at once."""
        watch = self._watch
        while (step := watch.side_request()) is not None:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                continue
            try:
                status, headers, body = await self._fetch(step)
            except BROKEN as error:
                watch.side_request_broke(*_cause(error), now_ms())
            else:
                self._emit(watch.side_request_answered(status, headers, body, now_ms()))
        if not watch.streaming:
            answer.close()


def _why(pause: Pause) -> dict[str, object]:
    return {"cause": pause.cause, "wait_s": round(pause.seconds, 1), "detail": pause.detail}


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    """Reads the first bytes of a body."""
    pieces: list[bytes] = []
    size = 0
    while size < LARGEST_REFUSAL and (piece := await answer.content.readany()):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _cause(error: Exception) -> tuple[Cause, str]:
    """The cause of a failure, for the metric, and a message."""
    message = redact(str(error))[:300] or type(error).__name__
    if isinstance(error, AddressError):
        return "credentials", str(error)
    if isinstance(error, TooLargeError):
        return "oversized", oversized(f"{LARGEST_PAGE_BYTES // 2**20} MiB").detail
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch)):
        return "tls", f"TLS failed: {message}"
    if isinstance(error, TimeoutError):
        return "deadline", f"no answer in time: {message}"
    if isinstance(error, aiohttp.ClientPayloadError):
        # aiohttp's own message is about its parser, and names a status that was not sent.
        return "connection", "the other side closed the connection in the middle of an answer"
    return "connection", message
