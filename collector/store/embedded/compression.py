"""
Undoes a request body's Content-Encoding, within a bound: a body that would grow beyond it is refused, not unpacked.
"""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import lz4.frame


class UnreadableBodyError(ValueError):
    """The body cannot be decompressed; its text says why."""


def decompressed(body: bytes, encoding: str, most: int) -> bytes:
    """The body without its encoding, at most that many bytes."""
    try:
        plain = _UNDO[encoding.strip().lower()](body, most + 1)
    except KeyError:
        raise UnreadableBodyError(f"Content-Encoding {encoding!r} is not spoken here; use lz4 or gzip") from None
    except (RuntimeError, zlib.error, EOFError) as error:
        raise UnreadableBodyError(f"the body is not {encoding}: {error}") from None
    if len(plain) > most:
        raise UnreadableBodyError(f"the body is more than {most} bytes when decompressed; send smaller batches")
    return plain


def _lz4(body: bytes, most: int) -> bytes:
    return _whole(body, most, lz4.frame.LZ4FrameDecompressor)


def _zlib(window: int, body: bytes, most: int) -> bytes:
    return _whole(body, most, lambda: zlib.decompressobj(window))


def _whole(body: bytes, most: int, new_unpacker: Callable[[], Any]) -> bytes:
    """Every frame of the body, one behind the other: clickhouse-connect writes one a block."""
    parts: list[bytes] = []
    while body and most > 0:
        unpacker = new_unpacker()
        part = bytes(unpacker.decompress(body, most))
        if len(part) < most and not unpacker.eof:
            raise EOFError("it ends early")
        parts.append(part)
        most -= len(part)
        body = unpacker.unused_data or b""
    return b"".join(parts)


def _as_it_is(body: bytes, _most: int) -> bytes:
    return body


_UNDO: dict[str, Callable[[bytes, int], bytes]] = {
    "identity": _as_it_is,
    "lz4": _lz4,
    "gzip": partial(_zlib, 16 + zlib.MAX_WBITS),
    "deflate": partial(_zlib, zlib.MAX_WBITS),
}
