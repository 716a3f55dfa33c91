"""
The connections of the web server, within bounds: how many there are, and how long each may take for what it does.

uvicorn bounds neither the connections nor the time of a request's head, and asyncio logs a failed accept some thousand times a
second. Sockets that send nothing would take all descriptors, so that no page answers and no watch can be opened. Here the
connection that has waited longest is closed for a new one, and descriptors are left for watches and files.
"""

import asyncio
import errno
import logging
import resource
import socket
import ssl
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

log = logging.getLogger(__name__)

MOST = 256
FEWEST = 8
SHARE = 4
"""One descriptor of so many may be a connection of the web server."""
BACKLOG = 64

HEAD_S = 10.0
"""For a TLS handshake, for a request's head, and between two requests."""
EXCHANGE_S = 60.0
"""From a request's head to the end of its answer."""
SATURATED_S = 0.002
SATURATED_ACCEPTS = 8
"""A pause after so many accepts while each new connection takes the place of another one: a storm leaves the loop its time."""
EXHAUSTED_S = 0.1
"""Before the next accept after one that failed."""

EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def most_connections() -> int:
    """The bound on connections: a part of the descriptors that this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(FEWEST, min(MOST, soft // SHARE))


class Connections:
    """The open connections, in the order in which they began to wait."""

    def __init__(self, most: int, *, head_s: float = HEAD_S, exchange_s: float = EXCHANGE_S) -> None:
        self._most, self._head_s, self._exchange_s = most, head_s, exchange_s
        self._waiting: dict[Visit, None] = {}
        self._busy: dict[Visit, None] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    async def accept_forever(
        self, listener: socket.socket, make: Callable[["Visit"], "BoundedProtocol"], tls: ssl.SSLContext | None
    ) -> None:
        """Accepts until cancelled."""
        loop, replaced = asyncio.get_running_loop(), 0
        while True:
            try:
                accepted, _ = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in EXHAUSTED:
                    log.warning("no descriptor is left for a new connection", extra={"detail": error.strerror})
                    self._close_first(self._waiting)
                await asyncio.sleep(EXHAUSTED_S)
                continue
            pause_s = 0.0
            if len(self) >= self._most:
                log.warning("too many connections, those that wait longest are closed", extra={"limit": self._most})
                self._close_first(self._waiting or self._busy)
                replaced += 1
                pause_s = 0.0 if replaced % SATURATED_ACCEPTS else SATURATED_S
            visit = Visit(self)
            self.waits(visit)
            visit.task = loop.create_task(visit.run(accepted, make, tls, self._head_s))
            await asyncio.sleep(pause_s)

    def waits(self, visit: "Visit") -> None:
        """A connection waits for its client; it is closed if that takes too long."""
        if visit not in self._waiting:
            self.ends(visit)
            self._waiting[visit] = None
            visit.limit(self._head_s)

    def works(self, visit: "Visit") -> None:
        """A connection's next request is answered."""
        self.ends(visit)
        self._busy[visit] = None
        visit.limit(self._exchange_s)

    def ends(self, visit: "Visit") -> None:
        """Forgets a connection."""
        self._waiting.pop(visit, None)
        self._busy.pop(visit, None)
        visit.limit(None)

    def _close_first(self, visits: dict["Visit", None]) -> None:
        if visits:
            next(iter(visits)).close()


class Visit:
    """One connection, from its accept on: first a socket, then a protocol's transport."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def run(
        self,
        accepted: socket.socket,
        make: Callable[["Visit"], "BoundedProtocol"],
        tls: ssl.SSLContext | None,
        handshake_s: float,
    ) -> None:
        """Shakes hands and hands the socket to a protocol; a client that fails at that is none of ours."""
        timeout_s = handshake_s if tls else None
        try:
            # asyncio does so for sockets that it accepts itself. Head and body are two writes: otherwise the body would wait
            # for a client that delays its acknowledgement of the head, on a connection that is used again.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: make(self), accepted, ssl=tls, ssl_handshake_timeout=timeout_s
            )
        except (OSError, asyncio.CancelledError):
            self.connections.ends(self)
            accepted.close()

    def limit(self, seconds: float | None) -> None:
        """Sets the time after which the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self.close)

    def close(self) -> None:
        """Closes the connection at once, whatever it does."""
        self.connections.ends(self)
        if self.transport is not None:
            self.transport.abort()
        elif self.task is not None:
            self.task.cancel()


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol, which reports whether it waits for its client or works."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], visit: Visit) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state)
        self._visit = visit
        self._begun: object = None
        """The exchange that was reported."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._visit.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._visit.connections.ends(self._visit)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not self._begun and not self.transport.is_closing():
            self._begun = self.cycle
            self._visit.connections.works(self._visit)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # A slow reader has the time of the exchange for what is not sent yet; the next request may be under way already.
        unsent = self.transport.is_closing() or self.transport.get_write_buffer_size()
        if self.cycle.response_complete and not unsent:
            self._visit.connections.waits(self._visit)
