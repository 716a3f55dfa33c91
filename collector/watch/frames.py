"""
Chunks of a socket to complete lines: the framing of a watch stream, and the repair of bytes a decoder refuses to walk.

Splits on b"\\n" and on nothing else: U+0085 and U+2028 are legal inside JSON, and splitting there kills a watch.
Never looks into a line, never holds more than one unfinished line of at most MAX_LINE_BYTES.
"""

import re
from dataclasses import dataclass, field

MAX_LINE_BYTES = 16 * 2**20
"""etcd takes objects up to 1.5 MiB unless told otherwise; ten times that is somebody's mistake or attack."""

MAX_DEPTH = 64
"""All fields we read lie above depth 20. Argo's open schemas admit 10,000 levels, decoders stop at 1,000."""


@dataclass(slots=True)
class Frames:
    """The unfinished end of a stream."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    skipping: int = 0
    """Bytes of an oversized line thrown away so far; 0 when none is being skipped."""

    def take(self, chunk: bytes) -> tuple[bytes, list[int]]:
        """The complete lines that this chunk ends, as one block, and the sizes of oversized lines it ended."""
        if self.skipping or self.size + len(chunk) > MAX_LINE_BYTES:
            return self._take_carefully(chunk)
        end = chunk.rfind(b"\n") + 1
        if not end:
            self._keep(chunk)
            return b"", []
        if self.pieces:
            self.pieces.append(chunk[:end])
            block = b"".join(self.pieces)
            self.pieces.clear()
            self.size = 0
        else:
            block = chunk if end == len(chunk) else chunk[:end]
        self._keep(chunk[end:])
        return block, []

    def _take_carefully(self, chunk: bytes) -> tuple[bytes, list[int]]:
        """The same line by line, for the chunks in which a line outgrows the limit."""
        done: list[bytes] = []
        oversized: list[int] = []
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            size = self.skipping + self.size + len(piece)
            if size > MAX_LINE_BYTES:
                oversized.append(size)
            else:
                done.append(b"".join((*self.pieces, piece, b"\n")))
            self.clear()
        if self.skipping or self.size + len(rest) > MAX_LINE_BYTES:
            self.skipping += self.size + len(rest)
            self.pieces.clear()
            self.size = 0
        else:
            self._keep(rest)
        return b"".join(done), oversized

    def _keep(self, piece: bytes) -> None:
        if piece:
            self.pieces.append(piece)
            self.size += len(piece)

    def clear(self) -> None:
        """Forget the unfinished line; what a stream ended in the middle of comes again on resuming."""
        self.pieces.clear()
        self.size = self.skipping = 0


_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
"""A string that never ends is one token too, else each quote in it would be tried again up to the end."""


def without_depths(text: bytes) -> bytes:
    """The JSON text with everything nested deeper than MAX_DEPTH replaced by null; no recursion, one pass."""
    kept: list[bytes] = []
    depth = start = 0
    for token in _STRUCTURE.finditer(text):
        mark = token[0]
        if mark in (b"[", b"{"):
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += text[start : token.start()], b"null"
        elif mark in (b"]", b"}"):
            if depth == MAX_DEPTH + 1:
                start = token.end()
            depth -= 1
    if depth > MAX_DEPTH:
        return b"".join(kept)
    return b"".join((*kept, text[start:]))
