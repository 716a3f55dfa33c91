"""
Reads a damaged spool: every piece, position and state that is still as it was written.

SQLite refuses a file with one bad page, though the others are sound. Here each piece is looked up alone where a range fails,
and the index names the pieces whose page is gone. What cannot be read is reported, never passed over.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.core.model import Instant
from collector.store.spool import batches
from collector.store.spool.batches import StoredPiece
from collector.store.spool.file import (
    DATA_SUFFIXES,
    NO_DAMAGE,
    READ_ERRORS,
    SpoolError,
    connect,
    decode_text,
    has_schema,
    is_empty_beside_journal,
    sqlite_errors,
    written_at,
)
from collector.store.spool.lost import COPIES, Lost, facts_of
from collector.store.spool.packing import pack_facts

RANGE = 1_000
"""Sequence numbers that are read at once."""

WHY = "could not be read from a damaged spool"

_NUMBERS = (
    "SELECT seq FROM fact ORDER BY seq LIMIT 1",
    "SELECT seq FROM fact ORDER BY seq DESC LIMIT 1",
    "SELECT min(first_seq) FROM batch",
    "SELECT max(last_seq) FROM batch",
    "SELECT seq FROM sqlite_sequence WHERE name = 'fact'",
)
_SUFFIXES = (*DATA_SUFFIXES, "-shm")
"""Of the files of one SQLite database."""
_PAGE_BYTES = 4096
"""SQLite's page size, and so the spool's."""
_SIZE_IN_PAGES = slice(28, 32)
"""Where SQLite's header holds the size of the database in pages."""


@dataclass(slots=True)
class Salvage:
    """What was read of a damaged spool, and what is known to be lost."""

    rows: dict[str, int] = field(default_factory=dict)
    """Rows that were read, by table."""
    lost: list[Lost] = field(default_factory=list)
    resumes: bool = False
    """Whether all positions and states were read, so that the watches resume."""

    def summary(self) -> str:
        """What was read and what was not, in one clause."""
        missing = sum(one.rows for one in self.lost)
        more = " and an unknown number of others" if any(not one.table for one in self.lost) else ""
        watches = "the watches resume" if self.resumes else "positions and states are lost"
        return f"{sum(self.rows.values())} rows were read back, {missing}{more} are lost, {watches}"


def replace(file: Path, now: Instant, clusters: Iterable[str]) -> tuple[Path, Salvage]:
    """Puts a new spool in the place of a damaged one, which is kept beside it; returns its new name and what was read."""
    new = _replacement(file)
    _remove(new)
    with closing(connect(new)) as into:
        salvaged = take_over(file, into, now, clusters)
    aside = file.with_name(f"{file.name}.damaged-{now}")
    for suffix in reversed(_SUFFIXES):  # an old journal beside the new spool would be played into it
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    new.rename(file)
    return aside, salvaged


def finish_replacing(file: Path) -> None:
    """Finishes a replacement that was interrupted between its two renamings: the new spool was whole before the first."""
    new = _replacement(file)
    if new.exists() and not file.exists():
        new.rename(file)


def take_over(damaged: Path, into: sqlite3.Connection, now: Instant, clusters: Iterable[str]) -> Salvage:
    """Copies what can be read of a damaged spool into a new one, with gaps of these clusters for what cannot."""
    until = written_at(damaged) or now
    result = Salvage()
    with opened(damaged) as source:
        into.execute("BEGIN IMMEDIATE")
        if source is None:
            result.lost.append(Lost("", 0, until, until))
        else:
            cursors, states = _positions(source)
            result.resumes = bool(cursors)
            into.executemany("INSERT INTO cursor VALUES (?, ?, ?, 1, ?)", cursors)
            into.executemany("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?, 1, ?)", states)
            into.executemany(batches.INSERT_FACT, (piece[1:] for piece in read_pieces(source, result, until)))
        facts = [fact for lost in result.lost for fact in facts_of(lost, sorted(clusters), WHY)]
        batches.insert_facts(into, pack_facts(facts, now), now)
        into.execute("COMMIT")
    return result


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection | None]:
    """Opens a damaged spool as far as it can be; None: not at all. Raises SpoolBusyError while a collector uses it."""
    _fill_empty(file)
    with sqlite_errors(file), closing(_connect(file)) as connection:
        if _has_tables(connection):
            yield connection
            return
    with (
        sqlite_errors(file),
        _with_another_first_page(file) as repaired,
        closing(_connect(repaired)) as connection,
    ):
        yield connection if _has_tables(connection) else None


def read_pieces(source: sqlite3.Connection, result: Salvage, until: Instant) -> Iterator[StoredPiece]:
    """Reads all sound pieces of facts, in order; adds what was read and what was not to `result`."""
    listed, whole = _listed(source)
    numbers = [*listed, *_known_numbers(source)]
    seen: set[int] = set()
    latest = 0
    for begin in range(min(numbers, default=1), max(numbers, default=0) + 1, RANGE):
        for piece in _in_range(source, begin, begin + RANGE - 1):
            if batches.unpacked(piece) is None:
                continue
            seen.add(piece.seq)
            latest = piece.at or latest
            if piece.table not in COPIES:  # the copy in the new spool starts again
                result.rows[piece.table] = result.rows.get(piece.table, 0) + piece.rows
                yield piece
    result.lost += [
        Lost(table, rows or 1, at or latest or until, at or until)
        for seq, (table, rows, at) in sorted(listed.items())
        if seq not in seen
    ]
    if not whole:
        result.lost.append(Lost("", 0, latest or until, until))


def _known_numbers(source: sqlite3.Connection) -> Iterator[int]:
    """The least and the largest sequence number of a fact, from wherever they can be read."""
    for query in _NUMBERS:
        with suppress(*READ_ERRORS):
            yield from (number for (number,) in source.execute(query) if isinstance(number, int))


def _listed(source: sqlite3.Connection) -> tuple[dict[int, tuple[str, int | None, Instant | None]], bool]:
    """(table, rows and instant of each piece by its number, as the index has them; whether all of the index was read)"""
    extra = "CAST(rows AS INTEGER), CAST(at AS INTEGER)" if _has_checksums(source) else "NULL, NULL"
    found: dict[int, tuple[str, int | None, Instant | None]] = {}
    for order in ("ASC", "DESC"):
        query = f"SELECT seq, {batches.NAME}, {extra} FROM fact INDEXED BY fact_name ORDER BY name {order}, seq {order}"
        try:
            for seq, *piece in source.execute(query):
                found[seq] = tuple(piece)
        except READ_ERRORS:
            continue  # from the other end
        return found, order == "ASC"
    return found, False


def _positions(source: sqlite3.Connection) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """All positions and all states; none of either if one table cannot be read whole: states and positions go together."""
    last = "checksum" if _has_checksums(source) else "NULL"
    try:
        for table in ("cursor", "checkpoint"):
            # A page may lack rows without an error.
            if source.execute(f"PRAGMA integrity_check({table})").fetchone()[0] != "ok":
                return [], []
        cursors = source.execute(f"SELECT cluster, kind, CAST(body AS BLOB), {last} FROM cursor").fetchall()
        states = source.execute(
            f"SELECT cluster, kind, uid, CAST(state AS BLOB), CAST(live AS BLOB), {last} FROM checkpoint"
        ).fetchall()
    except READ_ERRORS:
        return [], []
    return cursors, states


def _in_range(source: sqlite3.Connection, first: int, last: int) -> Iterator[StoredPiece]:
    """Reads the pieces between two sequence numbers; halves a range that cannot be read."""
    try:
        columns = batches.PIECE if _has_checksums(source) else batches.OLD_PIECE
        query = f"SELECT {columns} FROM fact WHERE seq BETWEEN ? AND ? ORDER BY seq"
        found = [StoredPiece(*row) for row in source.execute(query, (first, last))]
    except READ_ERRORS:
        if first == last:
            return
        middle = (first + last) // 2
        yield from _in_range(source, first, middle)
        yield from _in_range(source, middle + 1, last)
    else:
        yield from found


def _replacement(file: Path) -> Path:
    return file.with_name(f"{file.name}.new")


def _remove(file: Path) -> None:
    for suffix in _SUFFIXES:
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _has_checksums(source: sqlite3.Connection) -> bool:
    """Whether the spool is of a release that writes instants and checksums."""
    return any(row[1] == "checksum" for row in source.execute("PRAGMA table_info(fact)"))


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, timeout=1.0)
    connection.text_factory = decode_text
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _has_tables(connection: sqlite3.Connection) -> bool:
    """Whether the file's first page, which lists the tables, can be read. Raises SQLite's error when the file is in use."""
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        return version > 0 and has_schema(connection, version)
    except READ_ERRORS as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in NO_DAMAGE:
            raise
        return False


def _fill_empty(file: Path) -> None:
    """Gives an empty file one page, for else SQLite throws the journal away that holds all others."""
    if is_empty_beside_journal(file):
        file.write_bytes(bytes(_PAGE_BYTES))


@contextmanager
def _with_another_first_page(file: Path) -> Iterator[Path]:
    """A copy with the page that lists the tables of a new spool: it is the same in each spool but for the size."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f"{file.name}.") as folder:
        new, copy = Path(folder) / "new.sqlite", Path(folder) / "copy.sqlite"
        connect(new).close()
        page = bytearray(new.read_bytes()[:_PAGE_BYTES])
        page[_SIZE_IN_PAGES] = (file.stat().st_size // _PAGE_BYTES).to_bytes(4, "big")
        try:
            for suffix in DATA_SUFFIXES:
                if (part := file.with_name(file.name + suffix)).exists():
                    shutil.copyfile(part, copy.with_name(copy.name + suffix))
        except OSError as error:
            raise SpoolError(f"{file} is damaged, and cannot be copied to be read: {error}; free some space") from error
        with copy.open("r+b") as damaged:
            damaged.write(page)
        yield copy
