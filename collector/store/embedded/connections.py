"""
The open connections of one server: how many there may be, and how long each may keep the server waiting.

A client may send nothing, half a request, or never read the answer. Each such wait has an end, and a new connection
at the limit takes the place of the one that has waited longest for its client: strangers cannot lock out the rest.
"""

import asyncio
import resource

MOST = 256
"""Connections of one server. Browsers, dashboards and a collector need a few dozen."""

BACKLOG = 64
"""Connections that the kernel keeps until they are accepted; asyncio accepts so many at once."""


def limit() -> int:
    """How many connections fit beside the files of a process: a quarter of what it may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else max(min(MOST, soft // 4), 8)


class OpenConnections:
    """All connections of one server, which make room for one another."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: set[BoundConnection] = set()
        self.receiving: dict[BoundConnection, None] = {}
        """Those that wait for bytes of their client, the longest first."""
        self.sending: dict[BoundConnection, None] = {}
        """Those that wait until their client takes the answer, the longest first."""

    def opened(self, transport: asyncio.Transport) -> "BoundConnection":
        """A new connection. At the limit the one that has waited longest ends; if none waits, the new one."""
        connection = BoundConnection(self, transport)
        self.open.add(connection)
        if len(self.open) > self.most:
            next(iter(self.receiving or self.sending or (connection,))).end()
        return connection


class BoundConnection:
    """One connection, which says what it does next. A wait for its client ends after a time, and the connection with it."""

    __slots__ = ("_among", "_timer", "_transport")

    def __init__(self, among: OpenConnections, transport: asyncio.Transport) -> None:
        self._among, self._transport = among, transport
        self._timer: asyncio.TimerHandle | None = None

    def receives(self, within_s: float) -> None:
        """It waits for bytes of its client."""
        self._waits(self._among.receiving, within_s)

    def sends(self, within_s: float) -> None:
        """It waits until its client has taken the answer."""
        self._waits(self._among.sending, within_s)

    def works(self) -> None:
        """The server works for it, for as long as that takes."""
        if self._timer is not None:
            self._timer.cancel()
        self._among.receiving.pop(self, None)
        self._among.sending.pop(self, None)

    def closed(self) -> None:
        """It has ended, on either side."""
        self.works()
        self._among.open.discard(self)

    def end(self) -> None:
        """Ends it at once: what its client has not taken is dropped."""
        self.closed()
        self._transport.abort()

    def _waits(self, waiting: "dict[BoundConnection, None]", within_s: float) -> None:
        self.works()
        if self in self._among.open:
            waiting[self] = None
            self._timer = asyncio.get_running_loop().call_later(within_s, self.end)
