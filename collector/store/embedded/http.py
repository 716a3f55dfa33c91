"""
The embedded store's HTTP, as far as it is not ClickHouse's: bounded connections, answers in pieces, errors in one shape.
"""

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from aiohttp import web

from collector.store.embedded.access import ANSWER_HEADERS
from collector.store.embedded.connections import BoundConnection, OpenConnections

log = logging.getLogger(__name__)

HEAD_S = 10.0
"""From the first byte of a request to the end of its head."""
IDLE_S = 30.0
"""Between two requests, as in ClickHouse."""
BODY_S = 30.0
"""For a reader's whole body, and between two pieces of the writer's."""
SEND_S = 60.0
SEND_RATE = 256 << 10
"""For an answer: SEND_S, and a second more for so many bytes."""
LINGER_S = 2.0
"""How long the rest of a refused body is read and dropped, so that its sender gets to read why."""

MAX_LINE = 1 << 20
"""Bytes of a request's first line: drivers put parameters into the address."""
PIECE = 256 << 10
"""Bytes of an answer that are handed on at once: the rest is not copied before its client takes them."""
ERROR_TEXT = 16 << 10
"""Characters of an error's text; the engine's errors quote the whole statement."""

_STD_EXCEPTION = 1001
_BAD_REQUEST = 36


class HttpConnection(web.RequestHandler):
    """aiohttp's side of one connection, with bounds on how long its client may keep it waiting."""

    bound: BoundConnection

    def __init__(self, server: "HttpServer", connections: OpenConnections, **options: Any) -> None:
        super().__init__(server, **options)
        self._connections = connections
        self._is_idle = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes its place among the others."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream server
        super().connection_made(transport)
        self.bound = self._connections.opened(transport)
        self.idle()

    def idle(self) -> None:
        """It waits for a request."""
        self._is_idle = True
        self.bound.receives(IDLE_S)

    def busy(self) -> None:
        """It has a request's head."""
        self._is_idle = False
        self.bound.works()

    def data_received(self, data: bytes) -> None:
        """Gives a request that has begun less time than an idle connection has."""
        if self._is_idle and data:
            self._is_idle = False
            self.bound.receives(HEAD_S)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Gives up its place."""
        self.bound.closed()
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answers what is not a request, without a line in the log, and what the store itself fails at, with one."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionError from exc
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return failure(f"not a request: {message or exc}", _BAD_REQUEST, HTTPStatus(status), close=True)
        log.error("a request failed", exc_info=exc)
        return failure("the store failed; its log says why", _STD_EXCEPTION, close=True)


class HttpServer(web.Server):
    """Makes an HttpConnection of each client that connects."""

    def __init__(self, handler: Any, connections: OpenConnections) -> None:
        super().__init__(handler, handler_cancellation=True)  # a client that goes away takes its query with it
        self._bounds = connections

    def __call__(self) -> HttpConnection:
        """The protocol of a new connection."""
        return HttpConnection(
            self,
            self._bounds,
            loop=self._loop,
            keepalive_timeout=2 * IDLE_S,  # `bound` comes first, and drops what the client does not take
            access_log=None,
            auto_decompress=False,
            lingering_time=LINGER_S,
            max_line_size=MAX_LINE,
        )


def connection_of(request: web.BaseRequest) -> HttpConnection:
    """The connection of a request."""
    assert isinstance(request.protocol, HttpConnection)  # noqa: S101 - HttpServer makes no others
    return request.protocol


async def send(request: web.BaseRequest, headers: dict[str, str], body: bytes) -> web.StreamResponse:
    """Sends an answer in pieces, to a client that takes it in time."""
    connection_of(request).bound.sends(SEND_S + len(body) / SEND_RATE)
    response = web.StreamResponse(headers=ANSWER_HEADERS | headers)
    response.content_length = len(body)
    await response.prepare(request)
    rest = memoryview(body)
    while rest:
        await response.write(rest[:PIECE])
        rest = rest[PIECE:]
    await response.write_eof()
    return response


def ok() -> web.Response:
    """The answer to a ping and to a request without a statement."""
    return web.Response(text="Ok.\n", headers=ANSWER_HEADERS)


def failure(
    text: str,
    code: int,
    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR,
    *,
    close: bool = False,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> web.Response:
    """An error as ClickHouse writes it. Odd bytes of the request, if its text quotes them, are written as escapes."""
    if not text.startswith("Code: "):
        text = f"Code: {code}. DB::Exception: {text}"
    response = web.Response(
        body=f"{text[:ERROR_TEXT]}\n".encode(errors="backslashreplace"),
        status=status,
        headers={
            **ANSWER_HEADERS,
            **headers,
            "X-ClickHouse-Exception-Code": str(code),
            "X-ClickHouse-Timezone": "UTC",
        },
        content_type="text/plain",
        charset="utf-8",
    )
    if close:
        response.force_close()  # what is left of its body is not read
    return response
