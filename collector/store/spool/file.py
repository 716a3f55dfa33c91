"""
The spool's file: how it is opened, its schema, and SQLite's errors, one class for each remedy.

SQLite because it is the best-tested crash-safe file format; WAL with synchronous = FULL, so that commits survive a power
cut.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from collector.core.model import Instant

SCHEMA_VERSION = 4

DATA_SUFFIXES = ("", "-wal")
"""Of the files of a database that hold rows: the file itself, and its journal."""

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

_CHECKSUMS = """
ALTER TABLE cursor ADD COLUMN checksum INTEGER;
ALTER TABLE checkpoint ADD COLUMN checksum INTEGER;
ALTER TABLE fact ADD COLUMN at INTEGER;
ALTER TABLE fact ADD COLUMN checksum INTEGER;
DROP INDEX fact_name;
CREATE INDEX fact_name ON fact (name, seq, rows, at);
"""
"""SQLite notices a damaged page, and no changed value. The index knows of pieces whose page cannot be read. Rows of an
older release have no checksum."""

UPGRADES = (_SCHEMA, _SNAPSHOT, _COMPRESSED, _CHECKSUMS)
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
    if is_empty_beside_journal(file):
        raise SpoolDamagedError(f"{file} is empty, but its journal is not")
    _make_private(file)
    with sqlite_errors(file):
        connection = sqlite3.connect(file, isolation_level=None, timeout=1.0)
    try:
        connection.text_factory = decode_text
        with sqlite_errors(file):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            # One collector, and no shared memory that could be torn.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise SpoolDamagedError(f"{file} is damaged: {' '.join(found.split())}")
            version = _version(connection, file)
            if not has_schema(connection, version):
                raise SpoolDamagedError(f"{file} is damaged: its tables are not those of a spool")
            _prepare(connection, version)
    except BaseException:
        connection.close()
        raise
    return connection


def decode_text(value: bytes) -> str:
    """Text out of the file. Damaged text raises no error here: its checksum shows it."""
    return value.decode(errors="backslashreplace")


def has_schema(connection: sqlite3.Connection, version: int) -> bool:
    """Whether the tables are those of a schema version: SQLite keeps their definitions as text, which may be damaged too."""
    query = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as expected:
        _upgrade(expected, 0, version)
        return connection.execute(query).fetchall() == expected.execute(query).fetchall()


def _version(connection: sqlite3.Connection, file: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise SpoolNewerError(
            f"{file} was written by a newer Lynceus (spool schema {version}, this one knows {SCHEMA_VERSION}); "
            "run that version until the spool is empty"
        )
    return version


def _make_private(file: Path) -> None:
    """Lets no other user read the spool, whatever made the file; SQLite's further files take its mode."""
    with contextlib.suppress(OSError):  # SQLite reports a file that cannot be used, with a remedy
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        for part in file.parent.glob(f"{file.name}*"):
            part.chmod(0o600)


def _prepare(connection: sqlite3.Connection, version: int) -> None:
    connection.execute("BEGIN IMMEDIATE")  # takes the lock and keeps it
    _upgrade(connection, version, SCHEMA_VERSION)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _upgrade(connection: sqlite3.Connection, version: int, to: int) -> None:
    for script in UPGRADES[version:to]:
        for statement in script.split(";\n"):
            connection.execute(statement)


def is_empty_beside_journal(file: Path) -> bool:
    """Whether the file lost its content and its journal did not: SQLite takes such a file for a new one, without a word."""
    journal = file.with_name(f"{file.name}-wal")
    return journal.exists() and journal.stat().st_size > 0 and not (file.exists() and file.stat().st_size)


def written_at(file: Path) -> Instant:
    """When a spool was last written, by the file system's time: a damaged file cannot prove its own. 0: no spool."""
    parts = (file.with_name(file.name + suffix) for suffix in DATA_SUFFIXES)
    return max((part.stat().st_mtime_ns // 1_000_000 for part in parts if part.exists()), default=0)


@contextmanager
def sqlite_errors(file: Path | str = "the spool") -> Iterator[None]:
    """Raises SQLite's errors as SpoolError."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite's message quotes a name that is damaged
        raise SpoolDamagedError(f"{file}: names in it are damaged") from error
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

NO_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_FULL,
    }
)
"""Codes of errors that say nothing about the content of the file."""

READ_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""Errors of reading a damaged file; the second of a message that quotes a damaged name."""

_IN_USE = "; another Lynceus uses it: stop that process, or give this one its own data_dir"
_NOT_OURS = "; let this user read and write the file and its folder, or choose another data_dir"

_REMEDIES = {
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_CANTOPEN: _NOT_OURS,
    sqlite3.SQLITE_READONLY: _NOT_OURS,
    sqlite3.SQLITE_PERM: _NOT_OURS,
}
