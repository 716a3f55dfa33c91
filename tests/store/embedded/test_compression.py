"""Packed bodies of strangers: decoded to what they hold, in time that grows with their size, never beyond a bound."""

import gzip
import random
import tracemalloc
import zlib
from typing import Any

import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.store.embedded import compression
from collector.store.embedded.compression import MAX_FRAMES, UnreadableBodyError, decompress

_lz4: Any = lz4.frame
PACK = {"gzip": gzip.compress, "deflate": zlib.compress, "lz4": _lz4.compress}
encodings = pytest.mark.parametrize("encoding", list(PACK))


@encodings
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 3_000_000])
def test_frames_of_all_sizes_are_decoded_in_order(encoding: str, size: int) -> None:
    """Frames that end at, before and after the end of what an unpacker was given."""
    noise = random.Random(size).randbytes(size)
    plain = [noise, b"", b"middle", noise[::-1], bytes(size), b"end"]

    assert decompress(b"".join(map(PACK[encoding], plain)), encoding, 4 * size + 9) == b"".join(plain)


@encodings
def test_a_body_of_very_many_frames_is_refused(encoding: str) -> None:
    """A megabyte holds 50,000 empty ones, and each costs a new unpacker."""
    with pytest.raises(UnreadableBodyError, match=f"more than {MAX_FRAMES} compressed frames"):
        decompress(PACK[encoding](b"") * (MAX_FRAMES + 1), encoding, 1 << 20)
    assert decompress(PACK[encoding](b"") * MAX_FRAMES, encoding, 1 << 20) == b""


@encodings
def test_the_rest_of_the_body_is_not_copied_for_each_frame(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the unpackers are given is a few times the body, however many frames it has."""
    given_bytes = 0

    class Counting:
        def __init__(self, of: Any) -> None:
            self.of = of

        def __getattr__(self, name: str) -> Any:
            return getattr(self.of, name)

        def decompress(self, piece: bytes, most: int) -> bytes:
            nonlocal given_bytes
            given_bytes += len(piece)
            return bytes(self.of.decompress(piece, most))

    body = PACK[encoding](b"x" * 1000) * 5_000 + PACK[encoding](random.Random(1).randbytes(20 << 20))
    windows = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
    window = windows.get(encoding)
    new = _lz4.LZ4FrameDecompressor if window is None else lambda: zlib.decompressobj(window)

    plain = compression._all_frames(body, 100 << 20, lambda: Counting(new()))

    assert len(plain) == 5_000_000 + (20 << 20)
    assert given_bytes < len(body) + 5_000 * compression.FIRST_STEP


@encodings
def test_a_bomb_is_not_unpacked(encoding: str) -> None:
    """One byte beyond the limit is enough to refuse it."""
    bomb = PACK[encoding](bytes(200 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableBodyError, match="more than 1048576 bytes when decompressed"):
            decompress(bomb, encoding, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@encodings
def test_exactly_the_limit_is_allowed(encoding: str) -> None:
    """The bound is on what is kept, not on a byte more."""
    assert decompress(PACK[encoding](bytes(5000)), encoding, 5000) == bytes(5000)
    with pytest.raises(UnreadableBodyError):
        decompress(PACK[encoding](bytes(5001)), encoding, 5000)


@given(
    st.sampled_from([*PACK, "identity", " GZIP ", "zstd", "br", "", "\udcff", "gzip, gzip"]),
    st.binary(max_size=200),
    st.binary(max_size=50),
    st.integers(0, 120),
)
def test_no_body_raises_anything_else(encoding: str, content: bytes, tail: bytes, cut: int) -> None:
    """Garbage, cut frames, frames with garbage behind them: decoded within the limit, or refused in words."""
    packed = PACK.get(encoding.strip().lower(), bytes)(content)[:cut] + tail
    try:
        assert len(decompress(packed, encoding, 300)) <= 300
    except UnreadableBodyError as error:
        str(error).encode()
