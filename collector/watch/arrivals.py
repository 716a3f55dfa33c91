"""
When each piece of a stream arrived, although it is read later and together with others.

An event on its own is handed on at once. After that a stream rests for a tenth of a second, so that a busy one is read in
blocks: each read costs as much as decoding an event. Latencies in ms are by the arrival, so it is noted before any rest;
by the monotonic clock, and then expressed in the wall clock of one instant for the whole block.
"""

import asyncio
from collections import deque

import aiohttp

from collector.clock import now_ms
from collector.core.model import Instant

REST_S = 0.1
"""Between two blocks of one stream."""
LARGE_BYTES = 2**16
"""A block of this size is handed on at once: a stream that sends so much must not be slowed down."""

SAME_S = 0.0005
"""What arrives within this time of other bytes has arrived with them."""

Piece = tuple[bytes, Instant]
"""Bytes of a stream, and when they arrived."""


class Arrivals(asyncio.Protocol):
    """Stands between a stream's transport and aiohttp, and notes when bytes arrive. Its block lasts as long as the stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._content = answer.content
        transport = answer.connection.transport if answer.connection else None
        self._transport = transport
        self._inner: asyncio.Protocol | None = None
        self._clock = asyncio.get_running_loop().time
        self._marks = deque([(self._content.total_bytes, self._clock())])
        """How many bytes of the body had arrived by when."""
        self._read = 0
        self._rested_at = 0.0

    def __enter__(self) -> "Arrivals":
        """Takes its place, unless the stream has ended already."""
        if self._transport is not None and isinstance(inner := self._transport.get_protocol(), asyncio.Protocol):
            self._inner = inner
            self._transport.set_protocol(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves its place: aiohttp may use the connection for another request."""
        if self._transport is not None and self._inner is not None and self._transport.get_protocol() is self:
            self._transport.set_protocol(self._inner)

    async def next_block(self) -> list[Piece]:
        """The bytes that have arrived by the end of the rest, or at once a lone event; empty: the stream has ended."""
        content = self._content
        block = await content.readany()
        if not block:
            return []
        if len(block) < LARGE_BYTES and (rest_s := self._rested_at + REST_S - self._clock()) > 0:
            await asyncio.sleep(rest_s)
            if content.exception() is None:  # else the next call raises it
                block += content.read_nowait()
        self._rested_at = self._clock()
        return self._pieces(block)

    def _pieces(self, block: bytes) -> list[Piece]:
        """Cuts a block where bytes arrived at another instant."""
        pieces: list[Piece] = []
        now, clock, marks = now_ms(), self._clock(), self._marks
        at, end = 0, self._read + len(block)
        while marks and at < len(block):
            until, arrived = marks[0]
            cut = min(until, end) - self._read
            if cut > at:
                pieces.append((block[at:cut] if at or cut < len(block) else block, now - int((clock - arrived) * 1000)))
                at = cut
            if until > end:
                break
            marks.popleft()
        if at < len(block):
            pieces.append((block[at:], now))
        self._read = end
        return pieces

    # What a transport calls.

    def data_received(self, data: bytes) -> None:
        """Hands bytes on, and notes how far the body has arrived."""
        assert self._inner is not None  # noqa: S101 - it is called by a transport alone
        self._inner.data_received(data)
        marks, until, now = self._marks, self._content.total_bytes, self._clock()
        if marks and now - marks[-1][1] < SAME_S:
            marks[-1] = (until, marks[-1][1])
        elif not marks or marks[-1][0] < until:
            marks.append((until, now))

    def eof_received(self) -> bool | None:
        """Hands on the end of what the server sends."""
        return self._inner.eof_received() if self._inner else None

    def connection_lost(self, exc: Exception | None) -> None:
        """Hands on the end of the connection."""
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hands it on."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hands it on."""
        if self._inner is not None:
            self._inner.resume_writing()
