"""
The spool's file: opening it, its schema, and what SQLite says when it cannot, told apart by what has to be done about it.

SQLite because it is the best-tested crash-safe file format there is; WAL with synchronous = FULL, so that what is
committed survives a power cut.
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
"""Nothing but the number differs: facts may be compressed, which a program before that would take for damage."""

_UPGRADES = (_SCHEMA, _SNAPSHOT, _COMPRESSED)
"""What leads from each version to the next."""


class SpoolError(Exception):
    """The spool could not do what it was asked; nothing of the commit is kept."""


class SpoolFullError(SpoolError):
    """No room, by our own bound or the disk's. Stop reading; try again when batches were acknowledged."""


class SpoolDamagedError(SpoolError):
    """The file or a batch in it is not what was written."""


class SpoolBusyError(SpoolError):
    """Another process uses the file."""


class SpoolNewerError(SpoolError):
    """A newer program wrote the file."""


def connect(file: Path) -> sqlite3.Connection:
    """The file, open and ours alone; raises SpoolDamagedError if it should not be used."""
    with told_apart(file):
        connection = sqlite3.connect(file, isolation_level=None, timeout=1.0)
    try:
        with told_apart(file):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # one collector, and no shared memory to be torn
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
    connection.execute("BEGIN IMMEDIATE")  # takes the lock, which is kept from here on
    for script in _UPGRADES[version:]:
        for statement in script.split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def written_at(file: Path) -> Instant:
    """When a spool was last written to, by the file system: what a damaged one says is no proof. 0: there is none."""
    parts = (file.with_name(file.name + suffix) for suffix in ("", "-wal"))
    return max((part.stat().st_mtime_ns // 1_000_000 for part in parts if part.exists()), default=0)


@contextmanager
def told_apart(file: Path | str = "the spool") -> Iterator[None]:
    """SQLite's errors as ours."""
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

_IN_USE = "; another Lynceus uses it: stop that, or give this one its own data_dir"
_NOT_OURS = "; let this user read and write it and its folder, or choose another data_dir"

_REMEDIES = {
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_CANTOPEN: _NOT_OURS,
    sqlite3.SQLITE_READONLY: _NOT_OURS,
    sqlite3.SQLITE_PERM: _NOT_OURS,
}
