"""
What was observed and not yet acknowledged by the store, on disk: facts, watch positions and live state, in SQLite.

A commit is one transaction, synced to disk: after a crash a position is there with all of its facts, or not at all.
Facts leave in sealed batches whose boundaries are stored, so that a retry sends the same bytes under the same token; each
round of batches ends with the positions and live rows that belong to it. Only one thread may use a spool (worker.py);
other threads may read `rows`, `bytes` and `full`. Nothing here knows ClickHouse.
"""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collector.core.facts.watches import Quarantine, WatchGap
from collector.core.facts.workflows import WorkflowLive
from collector.core.messages import Commit, Cursor
from collector.core.model import Instant
from collector.store.spool import packing, resume, salvage, snapshot
from collector.store.spool.batches import (
    Batch,
    BatchRows,
    delete_batch,
    insert_facts,
    read_batch,
    seal_round,
    sealed_batches,
    unseal_damaged,
)
from collector.store.spool.failpoints import Failpoint, no_failpoint
from collector.store.spool.file import SpoolDamagedError, SpoolFullError, connect, sqlite_errors
from collector.store.spool.lost import Lost
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
    """Why an earlier file was moved aside, and what was read back from it; empty: no file was moved."""
    lost: Sequence[Lost]
    """What could not be read of that file; its gaps are among the facts."""
    damaged: frozenset[str]
    """Clusters with a damaged position or state: they start from lists."""


class Spool:
    """An open spool."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        max_bytes: int,
        *,
        damage: str = "",
        lost: Sequence[Lost] = (),
        folder: Path | None = None,
        failpoint: Failpoint = no_failpoint,
    ):
        self._connection = connection
        self._max_bytes = max_bytes
        self._damage, self._lost = damage, lost
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
        """Reads everything that a collector needs to resume. Forgets the positions of clusters with a damaged row."""
        with self._transaction("load") as connection:
            unseal_damaged(connection)
            damaged = resume.forget_damaged(connection)
            return Loaded(
                resume.read_cursors(connection), resume.read_states(connection), self._damage, self._lost, damaged
            )

    def load_cluster(self, name: str) -> Loaded:
        """The same of one cluster, while others are written."""
        with self._transaction("load") as connection:
            damaged = resume.forget_damaged_of(connection, name)
            return Loaded(resume.read_cursors(connection, name), resume.read_states(connection, name), "", (), damaged)

    def clusters(self) -> list[str]:
        """Names of the clusters that have a position or a state here."""
        with sqlite_errors():
            return resume.read_clusters(self._connection)

    def commit(self, commit: Commit) -> None:
        """Makes a commit durable, whole; without room raises SpoolFullError and keeps nothing of the commit."""
        self._demand_room()
        packed = pack_facts(commit.facts, commit.at)
        upserts = [(c.cluster, c.kind, c.uid, c.state, _live(c.live, packed, commit.at)) for c in commit.upserts]
        deletes = [(c.cluster, c.kind, c.uid, None, _live(c.live, packed, commit.at)) for c in commit.deletes]
        with self._transaction("commit") as connection:
            insert_facts(connection, packed, commit.at)
            self._failpoint("commit:facts")
            resume.write_cursors(connection, commit.cursors)
            # Rows without state stay until their last live row is sealed.
            resume.write_checkpoints(connection, [*upserts, *deletes])
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

    def read(self, batch: Batch) -> BatchRows:
        """Reads the rows of a batch, each a list in the order of the table's columns, and what of it is damaged."""
        with sqlite_errors():
            return read_batch(self._connection, batch)

    def acknowledge(
        self, batch: Batch, instead: Sequence[Quarantine | WatchGap] = (), *, send_copy: bool = False
    ) -> None:
        """
        Deletes a batch that the store has.

        `instead` replaces rows that the store will never have. `send_copy` sends all states and positions again.
        """
        packed = pack_facts(instead, batch.sealed_at)
        with self._transaction("acknowledge") as connection:
            delete_batch(connection, batch)
            insert_facts(connection, packed, batch.sealed_at)
            if send_copy:
                snapshot.end(connection)
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


def open_spool(
    file: Path,
    max_bytes: int,
    now: Instant,
    *,
    clusters: Iterable[str] = (),
    failpoint: Failpoint = no_failpoint,
) -> Spool:
    """
    Opens the spool in a file, creating the file if needed.

    A damaged file is moved aside, and what can be read of it goes into a new one, see `Loaded`. What cannot becomes a gap of
    each of the `clusters`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    salvage.finish_replacing(file)
    damage, lost = "", tuple[Lost, ...]()
    try:
        connection = connect(file)
    except SpoolDamagedError as error:
        aside, salvaged = salvage.replace(file, now, clusters)
        damage, lost = f"{error}; moved to {aside}; {salvaged.summary()}", tuple(salvaged.lost)
        connection = connect(file)
    return Spool(connection, max_bytes, damage=damage, lost=lost, folder=file.parent, failpoint=failpoint)


def _live(live: WorkflowLive | None, packed: list[Packed], at: Instant) -> bytes | None:
    """Packs a live row, if there is one; an unpackable row goes to quarantine."""
    if live is None:
        return None
    try:
        return packing.encode(live)
    except packing.UNPACKABLE:
        packed += pack_facts([live], at)
        return None
