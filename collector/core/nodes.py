"""
The steps of a workflow: status.nodes as typed values, packed or not.

Kept apart from decode.py because most events are judged without looking into a thousand of them.
"""

import base64
import zlib

import msgspec

from collector.core.decode import WorkflowStatus
from collector.core.mending import mend, printable, untyped


class NodeFlag(msgspec.Struct, gc=False):
    retried: bool | None = None
    hooked: bool | None = None


class NodeLock(msgspec.Struct, gc=False):
    waiting: str | None = None


class Node(msgspec.Struct, gc=False):
    """One entry of status.nodes: a step, not a machine."""

    id: str | None = None
    displayName: str | None = None
    type: str | None = None
    templateName: str | None = None
    phase: str | None = None
    message: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None
    children: list[str] | None = None
    nodeFlag: NodeFlag | None = None
    synchronizationStatus: NodeLock | None = None


_NODES = msgspec.json.Decoder(dict[str, Node] | None)


UNPACKED_LIMIT = 64 * 1024**2
"""Bytes of unpacked steps; a workflow of a hundred thousand has less, a bomb more."""


def read_nodes(status: WorkflowStatus | None) -> dict[str, Node]:
    """The steps of a workflow by node id; empty when there are none, or when they are offloaded or cannot be read."""
    if status is None:
        return {}
    found = _nodes(status.nodes)
    return found or _nodes(_unpacked(status.compressedNodes)) if status.compressedNodes else found


def _nodes(raw: bytes | msgspec.Raw) -> dict[str, Node]:
    try:
        return _NODES.decode(raw) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        entries = (untyped(bytes(raw)) or {}).items()
        mended = {printable(k): mend(v, Node).object for k, v in entries}
        return {k: v for k, v in mended.items() if v is not None}


def _unpacked(text: str) -> bytes:
    """The JSON of packed steps; empty when it is no whole gzip. Argo 4.1 can be told to pack otherwise; that is not read."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        raw = unpacker.decompress(base64.b64decode(text, validate=True), UNPACKED_LIMIT)
    except (ValueError, zlib.error):
        return b""
    return raw if unpacker.eof else b""
