"""
The framing of a watch stream: chunks of a socket to complete lines, and the repair of bytes that a decoder refuses.

Splits on b"\\n" only: U+0085 and U+2028 are legal inside JSON, and a split there would break a watch.
Never parses a line, never holds more than one unfinished line of at most MAX_LINE_BYTES.
"""

import re
from dataclasses import dataclass, field

MAX_LINE_BYTES = 16 * 2**20
"""etcd accepts objects up to 1.5 MiB by default; ten times that is a mistake or an attack."""

MAX_DEPTH = 64
"""All fields that are read are above depth 20. Argo's open schemas allow 10,000 levels, decoders stop at 1,000."""


@dataclass(slots=True)
class Frames:
    """The unfinished end of a stream."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    skipping: int = 0
    """Bytes of an oversized line dropped so far; 0 when no line is being skipped."""

    def take(self, chunk: bytes) -> tuple[bytes, list[int]]:
        """Takes a chunk; returns the lines that it completes, as one block, and the sizes of oversized lines that it ends."""
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
        """Does the same line by line, for chunks in which a line exceeds the limit."""
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
        """Drops the unfinished line; the server sends it again when the watch resumes."""
        self.pieces.clear()
        self.size = self.skipping = 0


_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
"""A string without an end is one token too; otherwise each quote in it would be tried again up to the end."""


def without_depths(text: bytes) -> bytes:
    """Replaces everything nested deeper than MAX_DEPTH by null; no recursion, one pass."""
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
