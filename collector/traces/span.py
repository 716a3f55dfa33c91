"""
A span as a value, before any exporter sees it, and the ids of spans.

Ids are hashes of what a span is about: a second export of an attempt gives the same trace, and a receiver that already has a
span recognises it. Times are Unix milliseconds, as in rows.
"""

import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec

from collector.core.model import Instant

Attribute = str | bool | int | float
Kind = Literal["server", "internal"]


class SpanId(msgspec.Struct, frozen=True):
    """Where a span stands: its trace, and its own id in it."""

    trace_id: int
    span_id: int


class TraceSpan(msgspec.Struct, frozen=True, kw_only=True):
    """One span."""

    name: str
    """Of low cardinality: never the name of one workflow or pod."""
    place: SpanId
    parent: SpanId | None
    start: Instant
    end: Instant
    kind: Kind = "internal"
    attributes: Mapping[str, Attribute] = {}
    failed: bool = False
    message: str = ""
    """Why it failed."""
    links: tuple[SpanId, ...] = ()


def trace_id(*parts: str) -> int:
    """The id of a trace, 128 bits and never 0."""
    return _hash("trace", parts, 16)


def span_id(*parts: str) -> int:
    """The id of a span, 64 bits and never 0."""
    return _hash("span", parts, 8)


def _hash(kind: str, parts: tuple[str, ...], size: int) -> int:
    digest = hashlib.sha256("\0".join(("lynceus", kind, *parts)).encode()).digest()
    return int.from_bytes(digest[:size], "big") or 1
