"""
What was observed and not yet acknowledged by the store, on disk: facts, watch positions and live state, in SQLite.

A commit is one transaction, synced to disk: after a crash a position is there with all of its facts, or not at all.
Facts leave in sealed batches whose boundaries are stored, so that a retry sends the same bytes under the same token; each
round of batches ends with the positions and live rows that belong to it. Only one thread may use a spool (worker.py);
other threads may read `rows`, `bytes` and `full`. Nothing here knows ClickHouse.
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
from collector.store.spool import packing
from collector.store.spool.batches import Batch, bodies, delete_batch, insert_facts, seal_round, sealed_batches
from collector.store.spool.failpoints import Failpoint, no_failpoint
from collector.store.spool.file import SpoolDamagedError, SpoolFullError, connect, sqlite_errors
from collector.store.spool.packing import Packed, pack_facts

_VACUUM_PAGES = 2_000

RESERVE_BYTES = 32 << 20
"""Left free on the disk: removing rows from a spool needs room too, and on a full disk no row could ever leave."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The content of a spool at the start."""

    cursors: list[Cursor]
    checkpoints: list[tuple[str, str, str, bytes]]
    """(cluster, kind, uid, state)"""
    damage: str
    """Why an earlier file was moved aside, and its content is a gap; empty: no file was moved."""


class Spool:
    """An open spool."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        max_bytes: int,
        damage: str,
        *,
        folder: Path | None = None,
        failpoint: Failpoint = no_failpoint,
    ):
        self._connection = connection
        self._max_bytes = max_bytes
        self._damage = damage
        self._folder = folder
        self._failpoint = failpoint
        self.rows: int = 0
        self.bytes: int = 0
        self._reusable = 0
        self._measure(self._count())

    @property
    def full(self) -> bool:
        """Whether the spool refuses commits now."""
        return self.bytes >= self._max_bytes

    def load(self) -> Loaded:
        """Reads everything that a collector needs to resume."""
        cursors = self.cursors()
        with sqlite_errors():
            states = self._connection.execute(
                "SELECT cluster, kind, uid, state FROM checkpoint WHERE state IS NOT NULL"
            ).fetchall()
        return Loaded(cursors, states, self._damage)

    def cursors(self) -> list[Cursor]:
        """Reads the positions; raises SpoolDamagedError when one is not as it was written."""
        with sqlite_errors():
            bodies = self._connection.execute("SELECT body FROM cursor").fetchall()
        try:
            return [packing.decode_cursor(body) for (body,) in bodies]
        except packing.UNREADABLE as error:
            raise SpoolDamagedError(f"a position in the spool is damaged: {error}") from error

    def commit(self, commit: Commit) -> None:
        """Makes a commit durable, whole; without room raises SpoolFullError and keeps nothing of the commit."""
        self._demand_room()
        packed = pack_facts(commit.facts, commit.at)
        upserts = [(c.cluster, c.kind, c.uid, c.state, _live(c.live, packed, commit.at)) for c in commit.upserts]
        deletes = [(c.cluster, c.kind, c.uid, None, _live(c.live, packed, commit.at)) for c in commit.deletes]
        with self._transaction("commit") as connection:
            insert_facts(connection, packed)
            self._failpoint("commit:facts")
            connection.executemany(
                "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, 1)",
                [(cursor.cluster, cursor.kind, packing.encode(cursor)) for cursor in commit.cursors],
            )
            # Rows without state stay until their last live row is sealed.
            connection.executemany("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?, 1)", [*upserts, *deletes])
        self._measure(self.rows + sum(rows for _, rows, _ in packed))

    def seal(self, now: Instant, *, positions: bool = True) -> list[Batch]:
        """Returns the batches to send, in order; cuts new batches only when all earlier ones are acknowledged."""
        batches = self._batches()
        if batches:
            return batches
        with self._transaction("seal") as connection:
            seal_round(connection, now, positions=positions, failpoint=self._failpoint)
        batches = self._batches()
        self._measure(self._count())
        return batches

    def read(self, batch: Batch) -> list[list[Any]]:
        """Reads the rows of a batch, each a list in the order of the table's columns."""
        with sqlite_errors():
            packed = bodies(self._connection, batch.table, batch.first_seq, batch.last_seq)
        if packing.hash_rows(batch.table, packed) != batch.content:
            raise SpoolDamagedError(f"batch {batch.id} of {batch.table} is not as it was sealed")
        try:
            rows = packing.unpack_table(batch.table, packed)
        except packing.UNREADABLE as error:  # changed before it was sealed
            raise SpoolDamagedError(f"batch {batch.id} of {batch.table} cannot be read: {error}") from error
        if not all(isinstance(row, list) for row in rows):
            raise SpoolDamagedError(f"batch {batch.id} of {batch.table} has a value that is not a row")
        return rows

    def acknowledge(self, batch: Batch, instead: Sequence[Quarantine] = ()) -> None:
        """Deletes a batch that the store has; `instead` replaces rows that the store will never accept."""
        packed = pack_facts(instead, batch.sealed_at)
        with self._transaction("acknowledge") as connection:
            delete_batch(connection, batch)
            insert_facts(connection, packed)
        with sqlite_errors():
            self._connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
        self._failpoint("acknowledge:vacuumed")
        self._measure(self.rows - batch.rows + len(instead))

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _demand_room(self) -> None:
        if self.full:
            raise SpoolFullError(
                f"the spool holds {self.bytes} of {self._max_bytes} bytes; wait until the store accepts rows, "
                "or raise spool.max_bytes"
            )
        if self._folder is None:
            return
        # Rows that left the file make room long before the file shrinks.
        if (room := shutil.disk_usage(self._folder).free + self._reusable) < RESERVE_BYTES:
            raise SpoolFullError(
                f"the disk of {self._folder} has {room} bytes left and {RESERVE_BYTES} stay free, so that the spool can be "
                "emptied; free some space, or move data_dir to a larger disk"
            )

    def _batches(self) -> list[Batch]:
        with sqlite_errors():
            return sealed_batches(self._connection)

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
        with sqlite_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._failpoint(f"{step}:begun")
                yield self._connection
                self._failpoint(f"{step}:written")
                self._connection.execute("COMMIT")
                self._failpoint(f"{step}:durable")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def open_spool(file: Path, max_bytes: int, now: Instant, *, failpoint: Failpoint = no_failpoint) -> Spool:
    """Opens the spool in a file, creating the file if needed. A damaged file is moved aside, see `Loaded.damage`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _checked(Spool(connect(file), max_bytes, "", folder=file.parent, failpoint=failpoint))
    except SpoolDamagedError as error:
        aside = file.with_name(f"{file.name}.damaged-{now}")
        for suffix in ("", "-wal", "-shm"):
            part = file.with_name(file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        return Spool(connect(file), max_bytes, f"{error}; moved to {aside}", folder=file.parent, failpoint=failpoint)


def _checked(spool: Spool) -> Spool:
    """Returns the spool if its positions are readable, else closes it: nothing can resume without positions."""
    try:
        spool.cursors()
    except SpoolDamagedError:
        spool.close()
        raise
    return spool


def _live(live: WorkflowLive | None, packed: list[Packed], at: Instant) -> bytes | None:
    """Packs a live row, if there is one; an unpackable row goes to quarantine."""
    if live is None:
        return None
    try:
        return packing.encode(live)
    except packing.UNPACKABLE:
        packed += pack_facts([live], at)
        return None
