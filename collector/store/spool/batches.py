"""
Batches: sealed boundaries over the spool's facts, so that each try sends the same rows under the same hash.

Functions over the open SQLite connection of spool.py, which begins and ends their transactions.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from collector.catalog.watches import LIVE_STATE, WATCH_CURSOR
from collector.catalog.workflows import WORKFLOW_LIVE
from collector.core.facts.watches import WatchCursor
from collector.core.messages import Cursor
from collector.core.model import Instant, version_of
from collector.store.spool import packing, snapshot
from collector.store.spool.failpoints import Failpoint
from collector.store.spool.lost import Lost
from collector.store.spool.packing import Packed, checksum, decode_cursor, hash_rows, pack_rows, unpack_piece

ROUND_ROWS = 200_000
"""Rows sealed at once; bounds the time of one transaction after a long outage."""

NAME = "coalesce(CAST(name AS TEXT), '')"
_ROWS, _BODY = "coalesce(CAST(rows AS INTEGER), 0)", "coalesce(CAST(body AS BLOB), x'')"
"""Damage may change a value's type too. Its checksum shows that when it is read."""

OLD_PIECE = f"seq, {NAME}, {_ROWS}, {_BODY}, NULL, NULL"
"""The columns of a piece, of a release that wrote neither instants nor checksums."""
PIECE = f"seq, {NAME}, {_ROWS}, {_BODY}, CAST(at AS INTEGER), CAST(checksum AS INTEGER)"
"""The columns of a piece."""

INSERT_FACT = "INSERT INTO fact (name, rows, body, at, checksum) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table that are sent together, always the same rows."""

    id: int
    table: str
    first_seq: int
    last_seq: int
    rows: int
    content: str
    """Hash of the rows; the store's deduplication token."""
    sealed_at: Instant


class Cut(NamedTuple):
    """The boundaries of a batch to be."""

    table: str
    first_seq: int
    last_seq: int
    rows: int


class StoredPiece(NamedTuple):
    """Rows of one table that were committed together."""

    seq: int
    table: str
    rows: int
    body: bytes
    at: Instant | None
    """When the rows were committed; None: by a release that did not note it."""
    checksum: int | None

    def is_sound(self) -> bool:
        """Whether the piece is as it was written. One without a checksum, of an older release, passes."""
        old = self.checksum is None and self.at is None
        return old or self.checksum == checksum(self.table, self.rows, self.at, self.body)


class BatchRows(NamedTuple):
    """What a batch holds: the rows that are as they were written, and what is lost of it."""

    rows: list[list[Any]]
    lost: Lost | None


def insert_facts(connection: sqlite3.Connection, packed: Iterable[Packed], at: Instant) -> None:
    """Adds packed facts behind all others."""
    connection.executemany(INSERT_FACT, (_with_checksum(piece, at) for piece in packed))


def _with_checksum(packed: Packed, at: Instant) -> tuple[str, int, bytes, Instant, int]:
    table, rows, body = packed
    return table, rows, body, at, checksum(table, rows, at, body)


def sealed_batches(connection: sqlite3.Connection) -> list[Batch]:
    """Reads the sealed batches that the store has not acknowledged, in order."""
    return [Batch(*row) for row in connection.execute("SELECT * FROM batch ORDER BY id")]


def seal_round(connection: sqlite3.Connection, now: Instant, *, positions: bool, failpoint: Failpoint) -> None:
    """Cuts the facts since the last round into batches; a round with all facts may end with positions and live rows."""
    before: int = connection.execute("SELECT seq FROM sealed").fetchone()[0]
    last, complete = _end_of_round(connection, before)
    if complete and positions:  # all facts up to the newest position are in this round, so the position may follow them
        last = max(last, _append_positions(connection, now))
        failpoint("seal:positions")
    for cut in _cuts(connection, before, last):
        packed = [piece.body for piece in pieces(connection, cut.table, cut.first_seq, cut.last_seq)]
        content = hash_rows(cut.table, packed)
        connection.execute(
            "INSERT INTO batch (name, first_seq, last_seq, rows, content, sealed_at) VALUES (?, ?, ?, ?, ?, ?)",
            (*cut, content, now),
        )
    connection.execute("UPDATE sealed SET seq = ?", (last,))


def pieces(connection: sqlite3.Connection, table: str, first_seq: int, last_seq: int) -> list[StoredPiece]:
    """Reads the pieces of one table between two sequence numbers."""
    rows = connection.execute(
        f"SELECT {PIECE} FROM fact WHERE name = ? AND seq BETWEEN ? AND ? ORDER BY seq",
        (table, first_seq, last_seq),
    )
    return [StoredPiece(*row) for row in rows]


def unseal_damaged(connection: sqlite3.Connection) -> None:
    """Removes all boundaries when they do not match the facts: else facts between them would never be sent."""
    count = "SELECT coalesce(sum(rows), 0) FROM"
    ((sealed,),) = connection.execute("SELECT seq FROM sealed").fetchall() or [(0,)]
    (in_batches,) = connection.execute(f"{count} batch").fetchone()
    (in_facts,) = connection.execute(f"{count} fact WHERE seq <= ?", (sealed,)).fetchone()
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'fact'").fetchone()
    if in_batches != in_facts or sealed > last:
        connection.execute("DELETE FROM batch")
        connection.execute("DELETE FROM sealed")
        connection.execute("INSERT INTO sealed VALUES (0)")


def read_batch(connection: sqlite3.Connection, batch: Batch) -> BatchRows:
    """Reads the rows of a batch; a damaged piece costs its own rows only."""
    found = pieces(connection, batch.table, batch.first_seq, batch.last_seq)
    # Pieces of an older release have no checksum of their own, but their batch may have been hashed before the damage.
    old = any(piece.checksum is None for piece in found)
    as_sealed = not old or hash_rows(batch.table, [piece.body for piece in found]) == batch.content
    rows: list[list[Any]] = []
    damaged: list[StoredPiece] = []
    for piece in found:
        content = unpacked(piece) if as_sealed or piece.checksum is not None else None
        if content is None:
            damaged.append(piece)
        else:
            rows += content
    missing = batch.rows - len(rows)
    if not damaged and missing == 0:
        return BatchRows(rows, None)
    times = [piece.at or batch.sealed_at for piece in damaged] or [batch.sealed_at]
    return BatchRows(rows, Lost(batch.table, max(missing, 1), min(times), max(times)))


def unpacked(piece: StoredPiece) -> list[list[Any]] | None:
    """The rows of a piece; None: they are not as they were written."""
    if not piece.is_sound():
        return None
    try:
        return unpack_piece(piece.table, piece.body)
    except packing.UNREADABLE:  # of an older release, without a checksum
        return None


def delete_batch(connection: sqlite3.Connection, batch: Batch) -> None:
    """Deletes a batch and its facts."""
    connection.execute(
        "DELETE FROM fact WHERE name = ? AND seq BETWEEN ? AND ?", (batch.table, batch.first_seq, batch.last_seq)
    )
    connection.execute("DELETE FROM batch WHERE id = ?", (batch.id,))


def _end_of_round(connection: sqlite3.Connection, after: int) -> tuple[int, bool]:
    """(last sequence number to seal now, whether no fact is left behind it)"""
    last, rows = after, 0
    for seq, count in connection.execute(f"SELECT seq, {_ROWS} FROM fact WHERE seq > ? ORDER BY seq", (after,)):
        if rows >= ROUND_ROWS:
            return last, False
        last, rows = seq, rows + count
    return last, True


def _append_positions(connection: sqlite3.Connection, now: Instant) -> int:
    """Adds changed live rows, states and positions as facts behind all others; returns the last seq, 0: none changed."""
    written = snapshot.begin(connection, now)
    live = connection.execute("SELECT CAST(live AS BLOB) FROM checkpoint WHERE dirty = 1 AND live IS NOT NULL")
    cursors = [
        decode_cursor(body) for (body,) in connection.execute("SELECT CAST(body AS BLOB) FROM cursor WHERE dirty = 1")
    ]
    last = 0
    for table, rows in (
        (WORKFLOW_LIVE, (msgspec.Raw(body) for (body,) in live)),
        (LIVE_STATE, snapshot.changed(connection, written)),
        (WATCH_CURSOR, map(_position, cursors)),
    ):
        for piece in _chunks(rows):
            packed = (table.name, len(piece), pack_rows(piece))
            last = connection.execute(INSERT_FACT, _with_checksum(packed, now)).lastrowid or 0
    connection.execute("DELETE FROM checkpoint WHERE dirty = 1 AND state IS NULL")
    connection.execute("UPDATE checkpoint SET dirty = 0 WHERE dirty = 1")
    connection.execute("UPDATE cursor SET dirty = 0 WHERE dirty = 1")
    return last


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """Lists no larger than a piece, so that a large round is never in memory whole."""
    while piece := list(islice(rows, min(packing.PIECE_ROWS, packing.BATCH_ROWS))):
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


def _cuts(connection: sqlite3.Connection, after: int, last: int) -> list[Cut]:
    """Cuts the facts between two sequence numbers into batches, positions last."""
    rows = connection.execute(
        f"SELECT {NAME}, seq, {_ROWS} FROM fact WHERE seq > ? AND seq <= ? ORDER BY name, seq", (after, last)
    )
    cuts: list[Cut] = []
    for name, seq, count in rows:
        if cuts and cuts[-1].table == name and cuts[-1].rows + count <= packing.BATCH_ROWS:
            former = cuts.pop()
            cuts.append(Cut(name, former.first_seq, seq, former.rows + count))
        else:
            cuts.append(Cut(name, seq, seq, count))
    return sorted(cuts, key=lambda cut: (_LAST.get(cut.table, 0), cut.first_seq))


_LAST = {WORKFLOW_LIVE.name: 1, LIVE_STATE.name: 2, WATCH_CURSOR.name: 3}
"""A position is sent after all rows that it stands for: a collector that resumes from the position needs those rows."""
