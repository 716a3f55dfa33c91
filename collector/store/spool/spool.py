"""
What was observed and not yet acknowledged by the store, on disk: facts, watch positions and live state, in SQLite.

A commit is one transaction, synced to disk: after a crash a position is there with everything it led to, or not at all.
Facts leave in sealed batches whose boundaries are kept, so that a retry sends the same bytes under the same token; each
round of batches ends with the positions and live rows that belong to it. To be used from one thread (worker.py); only
`rows`, `bytes` and `full` may be read from another. Nothing here knows ClickHouse.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.core.facts.watches import Quarantine
from collector.core.facts.workflows import WorkflowLive
from collector.core.messages import Commit, Cursor
from collector.core.model import Instant
from collector.store.spool import batches as sealing
from collector.store.spool.batches import Packed
from collector.store.spool.failpoints import Failpoint, passed
from collector.store.spool.file import SpoolDamagedError, SpoolFullError, connect, told_apart

_VACUUM_PAGES = 2_000

RESERVE_BYTES = 32 << 20
"""Left free on the disk: taking rows out of a spool needs room as well, and on a full disk nothing could ever leave."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a start finds."""

    cursors: list[Cursor]
    checkpoints: list[tuple[str, str, str, bytes]]
    """(cluster, kind, uid, state)"""
    damage: str
    """Why an earlier file was moved aside; empty: it was not. Whatever it held is a gap."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table that are sent together, always the same ones."""

    id: int
    table: str
    first_seq: int
    last_seq: int
    rows: int
    content: str
    """Hash of the rows; the store's deduplication token."""
    sealed_at: Instant


class Spool:
    """An open spool."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        max_bytes: int,
        damage: str,
        *,
        folder: Path | None = None,
        reached: Failpoint = passed,
    ):
        self._connection = connection
        self._max_bytes = max_bytes
        self._damage = damage
        self._folder = folder
        self._reached = reached
        self.rows: int = 0
        self.bytes: int = 0
        self._reusable = 0
        self._measure(self._count())

    @property
    def full(self) -> bool:
        """No commit is taken now."""
        return self.bytes >= self._max_bytes

    def load(self) -> Loaded:
        """Everything a collector needs to go on from here."""
        cursors = self.cursors()
        with told_apart():
            states = self._connection.execute(
                "SELECT cluster, kind, uid, state FROM checkpoint WHERE state IS NOT NULL"
            ).fetchall()
        return Loaded(cursors, states, self._damage)

    def cursors(self) -> list[Cursor]:
        """The positions; SpoolDamagedError when one of them is not what was written."""
        with told_apart():
            bodies = self._connection.execute("SELECT body FROM cursor").fetchall()
        try:
            return [sealing.decode_cursor(body) for (body,) in bodies]
        except sealing.UNREADABLE as error:
            raise SpoolDamagedError(f"a position in the spool is damaged: {error}") from error

    def commit(self, commit: Commit) -> None:
        """Make it durable, whole; raises SpoolFullError, and keeps nothing of it, when there is no room."""
        self._demand_room()
        packed = sealing.packed(commit.facts, commit.at)
        upserts = [(c.cluster, c.kind, c.uid, c.state, _live(c.live, packed, commit.at)) for c in commit.upserts]
        deletes = [(c.cluster, c.kind, c.uid, None, _live(c.live, packed, commit.at)) for c in commit.deletes]
        with self._transaction("commit") as connection:
            connection.executemany(sealing.INSERT_FACT, packed)
            self._reached("commit:facts")
            connection.executemany(
                "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, 1)",
                [(cursor.cluster, cursor.kind, sealing.encode(cursor)) for cursor in commit.cursors],
            )
            # Without state they are kept until their last row has been sealed.
            connection.executemany("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?, 1)", [*upserts, *deletes])
        self._measure(self.rows + sum(rows for _, rows, _ in packed))

    def seal(self, now: Instant, *, positions: bool = True) -> list[Batch]:
        """The batches to be sent, in order. New ones are cut only when the earlier ones are acknowledged."""
        batches = self._batches()
        if batches:
            return batches
        with self._transaction("seal") as connection:
            before: int = connection.execute("SELECT seq FROM sealed").fetchone()[0]
            last, complete = sealing.next_round(connection, before)
            if complete and positions:  # every fact up to the newest position is in this round: it may follow them
                last = max(last, sealing.append_positions(connection, now))
                self._reached("seal:positions")
            for table, first_seq, last_seq, rows in sealing.cut(connection, before, last):
                content = sealing.content_of(table, sealing.bodies(connection, table, first_seq, last_seq))
                connection.execute(
                    "INSERT INTO batch (name, first_seq, last_seq, rows, content, sealed_at) VALUES (?, ?, ?, ?, ?, ?)",
                    (table, first_seq, last_seq, rows, content, now),
                )
            connection.execute("UPDATE sealed SET seq = ?", (last,))
        batches = self._batches()
        self._measure(self._count())
        return batches

    def read(self, batch: Batch) -> list[list[Any]]:
        """The rows of a batch, each a list in the order of the table's columns."""
        with told_apart():
            bodies = sealing.bodies(self._connection, batch.table, batch.first_seq, batch.last_seq)
        if sealing.content_of(batch.table, bodies) != batch.content:
            raise SpoolDamagedError(f"batch {batch.id} of {batch.table} is not what was sealed")
        try:
            rows = sealing.unpacked(batch.table, bodies)
        except sealing.UNREADABLE as error:  # changed before it was sealed
            raise SpoolDamagedError(f"batch {batch.id} of {batch.table} cannot be read: {error}") from error
        if not all(isinstance(row, list) for row in rows):
            raise SpoolDamagedError(f"batch {batch.id} of {batch.table} holds what is no row")
        return rows

    def acknowledge(self, batch: Batch, instead: Sequence[Quarantine] = ()) -> None:
        """Forget a batch that the store has; `instead` takes the place of rows it will never take."""
        packed = sealing.packed(instead, batch.sealed_at)
        with self._transaction("acknowledge") as connection:
            connection.execute(
                "DELETE FROM fact WHERE name = ? AND seq BETWEEN ? AND ?",
                (batch.table, batch.first_seq, batch.last_seq),
            )
            connection.execute("DELETE FROM batch WHERE id = ?", (batch.id,))
            connection.executemany(sealing.INSERT_FACT, packed)
        with told_apart():
            self._connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
        self._reached("acknowledge:vacuumed")
        self._measure(self.rows - batch.rows + len(instead))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _demand_room(self) -> None:
        if self.full:
            raise SpoolFullError(
                f"the spool holds {self.bytes} of {self._max_bytes} bytes; the store must take some first, "
                "or raise spool.max_bytes"
            )
        if self._folder is None:
            return
        # What has left the file is room again long before the file has shrunk.
        if (room := shutil.disk_usage(self._folder).free + self._reusable) < RESERVE_BYTES:
            raise SpoolFullError(
                f"the disk of {self._folder} has {room} bytes left and {RESERVE_BYTES} are kept free, so that the spool can be "
                "emptied; free some, or give data_dir a larger disk"
            )

    def _batches(self) -> list[Batch]:
        with told_apart():
            return [Batch(*row) for row in self._connection.execute("SELECT * FROM batch ORDER BY id")]

    def _count(self) -> int:
        count: int = self._connection.execute("SELECT coalesce(sum(rows), 0) FROM fact").fetchone()[0]
        return count

    def _measure(self, rows: int) -> None:
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        self.rows, self.bytes, self._reusable = rows, (pages - free) * size, free * size

    @contextmanager
    def _transaction(self, step: str) -> Iterator[sqlite3.Connection]:
        with told_apart():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._reached(f"{step}:begun")
                yield self._connection
                self._reached(f"{step}:written")
                self._connection.execute("COMMIT")
                self._reached(f"{step}:durable")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def open_spool(file: Path, max_bytes: int, now: Instant, *, reached: Failpoint = passed) -> Spool:
    """The spool in a file, made if it is not there. A damaged file is moved aside, see `Loaded.damage`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _sound(Spool(connect(file), max_bytes, "", folder=file.parent, reached=reached))
    except SpoolDamagedError as error:
        aside = file.with_name(f"{file.name}.damaged-{now}")
        for suffix in ("", "-wal", "-shm"):
            part = file.with_name(file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        return Spool(connect(file), max_bytes, f"{error}; moved to {aside}", folder=file.parent, reached=reached)


def _sound(spool: Spool) -> Spool:
    """The spool, if its positions can be read; else it is closed: without them nothing in it can be gone on from."""
    try:
        spool.cursors()
    except SpoolDamagedError:
        spool.close()
        raise
    return spool


def _live(live: WorkflowLive | None, packed: list[Packed], at: Instant) -> bytes | None:
    """The packed row, if there is one; one that cannot be packed goes to quarantine."""
    if live is None:
        return None
    try:
        return sealing.encode(live)
    except sealing.UNPACKABLE:
        packed += sealing.packed([live], at)
        return None
