"""
The spool's file: how it is opened, its schema, and SQLite's errors, one class for each remedy.

SQLite because it is the best-tested crash-safe file format; WAL with synchronous = FULL, so that commits survive a power
cut.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector.core.model import Instant

SCHEMA_VERSION = 3

_SCHEMA = """
CREATE TABLE cursor (cluster TEXT, kind TEXT, body BLOB NOT NULL, dirty INTEGER NOT NULL, PRIMARY KEY (cluster, kind))
    WITHOUT ROWID;
CREATE TABLE checkpoint (cluster TEXT, kind TEXT, uid TEXT, state BLOB, live BLOB, dirty INTEGER NOT NULL,
    PRIMARY KEY (cluster, kind, uid)) WITHOUT ROWID;
CREATE INDEX checkpoint_dirty ON checkpoint (dirty) WHERE dirty = 1;
CREATE INDEX checkpoint_gone ON checkpoint (dirty) WHERE state IS NULL;
CREATE TABLE fact (seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, rows INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX fact_name ON fact (name, seq);
CREATE TABLE batch (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL, rows INTEGER NOT NULL, content TEXT NOT NULL, sealed_at INTEGER NOT NULL);
CREATE TABLE sealed (seq INTEGER NOT NULL);
INSERT INTO sealed VALUES (0);
"""

_SNAPSHOT = """
CREATE TABLE snapshot (name TEXT NOT NULL, begun_at INTEGER NOT NULL, round INTEGER NOT NULL);
INSERT INTO snapshot VALUES ('', 0, 0);
"""

_COMPRESSED = ""
"""Only the number differs: facts may be compressed, which an older program would read as damage."""

_UPGRADES = (_SCHEMA, _SNAPSHOT, _COMPRESSED)
"""The steps from each version to the next."""


class SpoolError(Exception):
    """The operation failed; nothing of the commit is kept."""


class SpoolFullError(SpoolError):
    """No room, by spool.max_bytes or on the disk. Stop reading; try again when batches are acknowledged."""


class SpoolDamagedError(SpoolError):
    """The file or a batch in it is not as it was written."""


class SpoolBusyError(SpoolError):
    """Another process uses the file."""


class SpoolNewerError(SpoolError):
    """A newer program wrote the file."""


def connect(file: Path) -> sqlite3.Connection:
    """Opens the file for this process alone; raises SpoolDamagedError if the file must not be used."""
    with sqlite_errors(file):
        connection = sqlite3.connect(file, isolation_level=None, timeout=1.0)
    try:
        with sqlite_errors(file):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute(
                "PRAGMA locking_mode = EXCLUSIVE"
            )  # one collector, and no shared memory that could be torn
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise SpoolDamagedError(f"{file} is damaged: {found}")
            _prepare(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise SpoolNewerError(
            f"{file} was written by a newer Lynceus (spool schema {version}, this one knows {SCHEMA_VERSION}); "
            "run that version until the spool is empty"
        )
    connection.execute("BEGIN IMMEDIATE")  # takes the lock and keeps it
    for script in _UPGRADES[version:]:
        for statement in script.split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def written_at(file: Path) -> Instant:
    """When a spool was last written, by the file system's time: a damaged file cannot prove its own. 0: no spool."""
    parts = (file.with_name(file.name + suffix) for suffix in ("", "-wal"))
    return max((part.stat().st_mtime_ns // 1_000_000 for part in parts if part.exists()), default=0)


@contextmanager
def sqlite_errors(file: Path | str = "the spool") -> Iterator[None]:
    """Raises SQLite's errors as SpoolError."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise _KINDS.get(code, SpoolError)(f"{file}: {error}{_REMEDIES.get(code, '')}") from error


_KINDS: dict[int, type[SpoolError]] = {
    sqlite3.SQLITE_FULL: SpoolFullError,
    sqlite3.SQLITE_CORRUPT: SpoolDamagedError,
    sqlite3.SQLITE_NOTADB: SpoolDamagedError,
    sqlite3.SQLITE_BUSY: SpoolBusyError,
    sqlite3.SQLITE_LOCKED: SpoolBusyError,
}

_IN_USE = "; another Lynceus uses it: stop that process, or give this one its own data_dir"
_NOT_OURS = "; let this user read and write the file and its folder, or choose another data_dir"

_REMEDIES = {
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_CANTOPEN: _NOT_OURS,
    sqlite3.SQLITE_READONLY: _NOT_OURS,
    sqlite3.SQLITE_PERM: _NOT_OURS,
}
