"""
How the spool's facts become batches: packed at a commit, cut at a seal, read again for each try.

Functions over an open SQLite connection of spool.py; nothing here begins or ends a transaction.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
import zstandard

from collector.catalog.schema import Table
from collector.catalog.tables import TABLE_NAMED, TABLE_OF
from collector.catalog.watches import LIVE_STATE, WATCH_CURSOR
from collector.catalog.workflows import WORKFLOW_LIVE
from collector.core.facts.watches import Quarantine, WatchCursor
from collector.core.messages import Cursor
from collector.core.model import Fact, Instant, version_of
from collector.store.spool import snapshot

BATCH_ROWS = 10_000
ROUND_ROWS = 200_000
"""Rows sealed at once; bounds the time of one transaction when a long outage is over."""

SAMPLE_CHARACTERS = 2_000

Packed = tuple[str, int, bytes]
"""(table, rows, the rows as one msgpack array of arrays, compressed where they are many)"""

WORTH_BYTES = 1024
"""Of rows, from which on they are compressed: each byte is written to a journal and to the file, and read twice."""
_LEVEL = 1
UNPACKED_BYTES = 1 << 28
"""No piece is nearly as large; a damaged frame may claim any size, and would be given the memory."""

encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_decode = msgspec.msgpack.Decoder().decode

INSERT_FACT = "INSERT INTO fact (name, rows, body) VALUES (?, ?, ?)"

UNPACKABLE = (OverflowError, TypeError, ValueError)
"""What the encoder raises for a value that MessagePack cannot carry."""

UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, zstandard.ZstdError)
"""What comes of bytes that were changed on disk: SQLite has no checksums, and finds nothing wrong with them."""

decode_cursor = msgspec.msgpack.Decoder(Cursor).decode


def packed(facts: Iterable[Fact], at: Instant) -> list[Packed]:
    """Facts by table, in order, in pieces no larger than a batch. One that cannot be packed becomes a quarantine row."""
    by_type: dict[type[Fact], list[Fact]] = {}
    for fact in facts:
        by_type.setdefault(type(fact), []).append(fact)
    pieces: list[Packed] = []
    for kind, group in by_type.items():
        table = TABLE_OF[kind]
        for piece in _pieces(group):
            try:
                pieces.append((table.name, len(piece), body_of(piece)))
            except UNPACKABLE:
                pieces += _packed_one_by_one(table, piece, at)
    return pieces


def body_of(rows: Sequence[Any]) -> bytes:
    """Rows as the spool keeps them; raises one of UNPACKABLE."""
    body = encode(rows)
    return zstandard.compress(body, _LEVEL) if len(body) >= WORTH_BYTES else body


def rows_of(body: bytes) -> list[list[Any]]:
    """The rows of a body, whose array begins with no frame's magic number; raises one of UNREADABLE."""
    if body.startswith(zstandard.FRAME_HEADER):
        if (size := zstandard.frame_content_size(body)) > UNPACKED_BYTES:
            raise ValueError(f"claims to be {size} bytes")
        body = zstandard.decompress(body)
    rows: list[list[Any]] = _decode(body)
    return rows


def _packed_one_by_one(table: Table, facts: Sequence[Fact], at: Instant) -> Iterator[Packed]:
    for fact in facts:
        try:
            yield table.name, 1, encode([fact])
        except UNPACKABLE as error:
            values = [getattr(fact, name) for name in fact.__struct_fields__]
            yield "quarantine", 1, encode([quarantined(table, values, f"{type(error).__name__}: {error}", at)])


def quarantined(table: Table, row: Sequence[Any], reason: str, at: Instant) -> Quarantine:
    """What is kept of a row that cannot be stored. Facts hold allow-listed fields only, so a sample shows no secret."""
    values = dict(zip((column.name for column in table.columns), row, strict=False))
    sample = repr(list(row))
    digest = hashlib.sha256(sample.encode(errors="backslashreplace")).hexdigest()[:16]
    return Quarantine(
        cluster=_clean(values.get("cluster", "")),
        kind=table.name,
        uid=_clean(values.get("uid") or values.get("pod_uid") or digest),
        at=at,
        version=1,
        reason=_clean(reason)[:SAMPLE_CHARACTERS],
        sample=_clean(sample)[:SAMPLE_CHARACTERS],
    )


def _clean(value: object) -> str:
    """Text that UTF-8 can carry, whatever it was."""
    return str(value).encode(errors="backslashreplace").decode()


def _pieces(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]


def next_round(connection: sqlite3.Connection, after: int) -> tuple[int, bool]:
    """(last seq to seal now, whether nothing is left behind it)"""
    last, rows = after, 0
    for seq, count in connection.execute("SELECT seq, rows FROM fact WHERE seq > ? ORDER BY seq", (after,)):
        if rows >= ROUND_ROWS:
            return last, False
        last, rows = seq, rows + count
    return last, True


def append_positions(connection: sqlite3.Connection, now: Instant) -> int:
    """Turn changed live rows, states and positions into facts behind all others; the last seq, 0 if nothing changed."""
    written = snapshot.begin(connection, now)
    live = connection.execute("SELECT live FROM checkpoint WHERE dirty = 1 AND live IS NOT NULL")
    cursors = [decode_cursor(body) for (body,) in connection.execute("SELECT body FROM cursor WHERE dirty = 1")]
    last = 0
    for table, rows in (
        (WORKFLOW_LIVE, (msgspec.Raw(body) for (body,) in live)),
        (LIVE_STATE, snapshot.changed(connection, written)),
        (WATCH_CURSOR, map(_position, cursors)),
    ):
        for piece in _chunks(rows):
            last = connection.execute(INSERT_FACT, (table.name, len(piece), body_of(piece))).lastrowid or 0
    connection.execute("DELETE FROM checkpoint WHERE dirty = 1 AND state IS NULL")
    connection.execute("UPDATE checkpoint SET dirty = 0 WHERE dirty = 1")
    connection.execute("UPDATE cursor SET dirty = 0 WHERE dirty = 1")
    return last


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """No more of a large round in memory than a batch."""
    while piece := list(islice(rows, BATCH_ROWS)):
        yield piece


def _position(cursor: Cursor) -> WatchCursor:
    number = int(cursor.resource_version) if cursor.resource_version.isdecimal() else 0
    return WatchCursor(
        cluster=cursor.cluster,
        kind=cursor.kind,
        version=version_of(cursor.epoch, number),
        resource_version=cursor.resource_version,
        cluster_uid=cursor.cluster_uid,
        at=cursor.at,
        totals=cursor.totals,
    )


def cut(connection: sqlite3.Connection, after: int, last: int) -> list[tuple[str, int, int, int]]:
    """Boundaries of the batches between two seqs: (table, first seq, last seq, rows), positions last."""
    rows = connection.execute(
        "SELECT name, seq, rows FROM fact WHERE seq > ? AND seq <= ? ORDER BY name, seq", (after, last)
    )
    batches: list[tuple[str, int, int, int]] = []
    for name, seq, count in rows:
        if batches and batches[-1][0] == name and batches[-1][3] + count <= BATCH_ROWS:
            _, first, _, so_far = batches.pop()
            batches.append((name, first, seq, so_far + count))
        else:
            batches.append((name, seq, seq, count))
    return sorted(batches, key=lambda batch: (_LAST.get(batch[0], 0), batch[1]))


_LAST = {WORKFLOW_LIVE.name: 1, LIVE_STATE.name: 2, WATCH_CURSOR.name: 3}
"""A position is sent when everything it led to is there: whoever resumes from it must find the rest."""


def bodies(connection: sqlite3.Connection, table: str, first_seq: int, last_seq: int) -> list[bytes]:
    """The packed rows of one table between two seqs."""
    found = connection.execute(
        "SELECT body FROM fact WHERE name = ? AND seq BETWEEN ? AND ? ORDER BY seq", (table, first_seq, last_seq)
    )
    return [body for (body,) in found]


def content_of(table: str, packed_rows: Iterable[bytes]) -> str:
    """The hash by which the same rows are known again."""
    digest = hashlib.sha256(table.encode())
    for body in packed_rows:
        digest.update(len(body).to_bytes(8, "little"))
        digest.update(body)
    return digest.hexdigest()


def unpacked(table: str, packed_rows: Iterable[bytes]) -> list[list[Any]]:
    """The rows, each a list in the order of the table's columns; fields an older release did not know have their default."""
    fields = msgspec.structs.fields(TABLE_NAMED[table].fact)
    rows: list[list[Any]] = []
    for body in packed_rows:
        piece = rows_of(body)
        known = len(piece[0]) if piece else 0  # one release packed the whole piece
        missing = [_default(field) for field in fields[known:]]
        rows += [row + missing for row in piece] if missing else piece
    return rows


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
