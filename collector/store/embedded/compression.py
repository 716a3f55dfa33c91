"""
Decodes the Content-Encoding of a request body, up to a maximum size: a larger body is refused before it is decoded.
"""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import lz4.frame

MAX_FRAMES = 10_000
"""Frames, or members of gzip, of one body. clickhouse-connect writes one for each block, an empty one takes 13 bytes."""

FIRST_STEP = 4 << 10
LAST_STEP = 1 << 20
"""Bytes that an unpacker is given at once: few at first, since what follows a short frame is copied."""


class UnreadableBodyError(ValueError):
    """The body cannot be decompressed; the text says why."""


def decompress(body: bytes | bytearray, encoding: str, max_bytes: int) -> bytes:
    """Decodes a body to at most `max_bytes`."""
    try:
        plain = _DECODERS[encoding.strip().lower()](body, max_bytes + 1)
    except KeyError:
        raise UnreadableBodyError(f"Content-Encoding {encoding!r} is not supported; use lz4 or gzip") from None
    except (RuntimeError, zlib.error, EOFError) as error:
        raise UnreadableBodyError(f"the body is not {encoding}: {error}") from None
    if len(plain) > max_bytes:
        raise UnreadableBodyError(f"the body is more than {max_bytes} bytes when decompressed; send smaller batches")
    return plain


def _lz4(body: bytes | bytearray, max_bytes: int) -> bytes:
    return _all_frames(body, max_bytes, lz4.frame.LZ4FrameDecompressor)


def _zlib(window: int, body: bytes | bytearray, max_bytes: int) -> bytes:
    return _all_frames(body, max_bytes, lambda: zlib.decompressobj(window))


def _all_frames(body: bytes | bytearray, max_bytes: int, new_unpacker: Callable[[], Any]) -> bytes:
    """Decodes all frames of the body in order, until `max_bytes` are reached."""
    parts: list[bytes] = []
    at = frames = 0
    while at < len(body) and max_bytes > 0:
        frames += 1
        if frames > MAX_FRAMES:
            raise UnreadableBodyError(f"the body has more than {MAX_FRAMES} compressed frames; send larger ones")
        unpacker, step = new_unpacker(), FIRST_STEP
        while not unpacker.eof and max_bytes > 0:
            if at >= len(body):
                raise EOFError("it ends early")
            piece = body[at : at + step]
            parts.append(unpacker.decompress(piece, max_bytes))
            at += len(piece) - len(unpacker.unused_data or b"")
            max_bytes -= len(parts[-1])
            step = min(step * 2, LAST_STEP)
    return b"".join(parts)


def _identity(body: bytes | bytearray, _max_bytes: int) -> bytes:
    return bytes(body)


_DECODERS: dict[str, Callable[[bytes | bytearray, int], bytes]] = {
    "identity": _identity,
    "lz4": _lz4,
    "gzip": partial(_zlib, 16 + zlib.MAX_WBITS),
    "deflate": partial(_zlib, zlib.MAX_WBITS),
}
