"""
Packs facts as the spool stores them, and reads them back. Pure: nothing here knows a file or a store.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import zstandard

from collector.catalog.schema import Table
from collector.catalog.tables import TABLE_NAMED, TABLE_OF
from collector.catalog.watches import QUARANTINE
from collector.core.facts.watches import Quarantine
from collector.core.messages import Cursor
from collector.core.model import Fact, Instant

BATCH_ROWS = 10_000
"""The most rows of a batch."""
PIECE_ROWS = 250
"""The most rows of a piece: as many are lost with one damaged byte, and a compressor gains little from more."""

SAMPLE_CHARACTERS = 2_000

Packed = tuple[str, int, bytes]
"""(table, rows, the rows as one msgpack array of arrays, compressed if large)"""

COMPRESS_FROM_BYTES = 1024
"""Rows of this size and more are compressed: each byte is written to a journal and to the file, and read twice."""
_LEVEL = 1
UNPACKED_BYTES = 1 << 28
"""No piece is nearly this large; a damaged frame may claim any size, and would be given the memory."""

encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_decode = msgspec.msgpack.Decoder().decode

UNPACKABLE = (OverflowError, TypeError, ValueError)
"""Errors of the encoder for a value that MessagePack cannot represent."""

UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, zstandard.ZstdError)
"""Errors of bytes that were changed on disk: SQLite has no checksums and does not notice the change."""

decode_cursor = msgspec.msgpack.Decoder(Cursor).decode


def pack_facts(facts: Iterable[Fact], at: Instant) -> list[Packed]:
    """Packs facts by table, in order, in pieces; an unpackable fact becomes a quarantine row."""
    by_type: dict[type[Fact], list[Fact]] = {}
    for fact in facts:
        by_type.setdefault(type(fact), []).append(fact)
    pieces: list[Packed] = []
    for kind, group in by_type.items():
        table = TABLE_OF[kind]
        for piece in _pieces(group):
            try:
                pieces.append((table.name, len(piece), pack_rows(piece)))
            except UNPACKABLE:
                pieces += _pack_one_by_one(table, piece, at)
    return pieces


def pack_rows(rows: Sequence[Any]) -> bytes:
    """Packs rows as the spool stores them; raises one of UNPACKABLE."""
    body = encode(rows)
    return zstandard.compress(body, _LEVEL) if len(body) >= COMPRESS_FROM_BYTES else body


def checksum(*parts: str | int | bytes | None) -> int:
    """The checksum of what stands in one row of the spool. CRC-32 notices damage; nothing here guards against forgery."""
    encoded = [part if isinstance(part, bytes) else b"" if part is None else str(part).encode() for part in parts]
    return zlib.crc32(b"\0".join(encoded))


def unpack_rows(body: bytes) -> list[list[Any]]:
    """Reads packed rows; raises one of UNREADABLE. An uncompressed array never begins with a frame's magic number."""
    if body.startswith(zstandard.FRAME_HEADER):
        if (size := zstandard.frame_content_size(body)) > UNPACKED_BYTES:
            raise ValueError(f"claims to be {size} bytes")
        body = zstandard.decompress(body)
    rows: list[list[Any]] = _decode(body)
    return rows


def unpack_piece(table: str, body: bytes) -> list[list[Any]]:
    """Reads rows as lists in the order of the table's columns; fields that an older release lacks get their default."""
    rows = unpack_rows(body)
    if not all(isinstance(row, list) for row in rows):
        raise TypeError("has a value that is not a row")
    stored = len(rows[0]) if rows else 0  # one release packed the whole piece
    missing = [_default(field) for field in msgspec.structs.fields(TABLE_NAMED[table].fact)[stored:]]
    return [row + missing for row in rows] if missing else rows


def hash_rows(table: str, bodies: Iterable[bytes]) -> str:
    """Hashes packed rows; the same rows always have the same hash."""
    digest = hashlib.sha256(table.encode())
    for body in bodies:
        digest.update(len(body).to_bytes(8, "little"))
        digest.update(body)
    return digest.hexdigest()


def quarantine_row(table: Table, row: Sequence[Any], reason: str, at: Instant) -> Quarantine:
    """Describes a row that cannot be stored. Facts hold allow-listed fields only, so the sample shows no secret."""
    values = dict(zip((column.name for column in table.columns), row, strict=False))
    sample = repr(list(row))
    digest = hashlib.sha256(sample.encode(errors="backslashreplace")).hexdigest()[:16]
    return Quarantine(
        cluster=_encodable(values.get("cluster", "")),
        kind=table.name,
        uid=_encodable(values.get("uid") or values.get("pod_uid") or digest),
        at=at,
        version=1,
        reason=_encodable(reason)[:SAMPLE_CHARACTERS],
        sample=_encodable(sample)[:SAMPLE_CHARACTERS],
    )


def _pack_one_by_one(table: Table, facts: Sequence[Fact], at: Instant) -> Iterator[Packed]:
    for fact in facts:
        try:
            yield table.name, 1, encode([fact])
        except UNPACKABLE as error:
            values = [getattr(fact, name) for name in fact.__struct_fields__]
            yield QUARANTINE.name, 1, encode([quarantine_row(table, values, f"{type(error).__name__}: {error}", at)])


def _encodable(value: object) -> str:
    """The value as text that UTF-8 can encode."""
    return str(value).encode(errors="backslashreplace").decode()


def _pieces(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    size = min(PIECE_ROWS, BATCH_ROWS)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
