"""
The storage of one cluster, as etcd's: objects, the window of events in which a watch may resume, one counter.

A step of the load is one transaction. It is durable against kill -9 before it is published, but not against a power cut,
which is acceptable for a demo. Nothing here depends on HTTP or on the meaning of the objects.
"""

import os
import sqlite3
from pathlib import Path

from collector.demo.objects import KINDS, ResourceKind, Saved, StepWrites, Write

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (kind TEXT, key TEXT, body BLOB, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS history (version INTEGER PRIMARY KEY, kind TEXT, line BLOB);
CREATE TABLE IF NOT EXISTS record (name TEXT PRIMARY KEY, body BLOB);
"""
FORMAT = 2
"""Format of the private records; a file of another format is refused."""


class FleetError(Exception):
    """A fleet that cannot start with its arguments."""


class ObjectStore:
    """The file of one cluster."""

    def __init__(self, path: Path, window: int = 4000) -> None:
        """A watch cannot resume from a version older than `window` events; one twice as old is compacted."""
        self._window = window
        self._db = _open(path)
        self._bodies: dict[str, dict[str, bytes]] = {plural: {} for plural in KINDS}
        for kind, key, body in self._db.execute("SELECT kind, key, body FROM object"):
            self._bodies[kind][key] = body
        (newest,) = self._db.execute("SELECT max(version) FROM history").fetchone()
        self.version: int = newest or 0

    @property
    def oldest(self) -> int:
        """The oldest version from which a watch can resume."""
        return max(0, self.version - self._window)

    @property
    def compacted(self) -> int:
        """Versions below this one are refused before a stream begins."""
        return max(0, self.version - 2 * self._window)

    def saved(self) -> Saved:
        """The cluster's last state, for the load to resume from."""
        objects = tuple((kind, key, body) for kind, bodies in self._bodies.items() for key, body in bodies.items())
        records = self._db.execute("SELECT name, body FROM record WHERE name NOT LIKE 'note/%'")
        return Saved(self.version, objects, dict(records))

    def commit(self, batch: StepWrites) -> None:
        """Makes a step durable; its events may be published only afterwards."""
        with self._db:
            for write in batch.writes:
                self._apply(write)
            for name, body in batch.records.items():
                self._write_record(name, body)
            self._db.execute("DELETE FROM history WHERE version <= ?", (self.version - self._window,))

    def _apply(self, write: Write) -> None:
        key, bodies = (write.kind, write.key), self._bodies[write.kind]
        self.version = write.version
        self._db.execute("INSERT INTO history VALUES (?, ?, ?)", (write.version, write.kind, write.line))
        if write.verb == "DELETED":
            del bodies[write.key]
            self._db.execute("DELETE FROM object WHERE kind = ? AND key = ?", key)
        else:
            bodies[write.key] = write.body
            self._db.execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", (*key, write.body))

    def _write_record(self, name: str, body: bytes | None) -> None:
        if body is None:
            self._db.execute("DELETE FROM record WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT OR REPLACE INTO record VALUES (?, ?)", (name, body))

    def snapshot(self, kind: ResourceKind) -> list[bytes]:
        """Every object of a kind, in the order of its keys."""
        bodies = self._bodies[kind.plural]
        return [bodies[key] for key in sorted(bodies)]

    def get(self, kind: ResourceKind, key: str) -> bytes | None:
        """One object."""
        return self._bodies[kind.plural].get(key)

    def since(self, kind: ResourceKind, version: int) -> list[bytes]:
        """The events of a kind after a version, which must not be below `oldest`."""
        rows = self._db.execute(
            "SELECT line FROM history WHERE version > ? AND kind = ? ORDER BY version", (version, kind.plural)
        )
        return [line for (line,) in rows]

    def note(self, name: str) -> str:
        """A note stored with the objects, such as the token; empty if it was never written."""
        row = self._db.execute("SELECT body FROM record WHERE name = ?", (f"note/{name}",)).fetchone()
        return row[0].decode() if row else ""

    def write_note(self, name: str, text: str) -> None:
        """Stores a note with the objects."""
        with self._db:
            self._write_record(f"note/{name}", text.encode())

    def history_size(self) -> int:
        """The number of stored events."""
        (count,) = self._db.execute("SELECT count(*) FROM history").fetchone()
        return int(count)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()


def _open(path: Path) -> sqlite3.Connection:
    """Opens the file for this process alone, readable by this user alone: it holds the cluster's token."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=0.5)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(SCHEMA)
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version not in (0, FORMAT):
            raise FleetError(f"{path}: written by another version of the demo; remove it to start again")
        db.execute(f"PRAGMA user_version = {FORMAT}")
    except sqlite3.OperationalError as error:
        db.close()
        raise FleetError(f"{path}: {error}; does another demo run on the same folder? Use another --data") from error
    return db
