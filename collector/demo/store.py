"""
Keeps one cluster on disk, as etcd would: objects, the window of events that a watch may resume in, one counter.

A step of the load is one transaction, durable against kill -9 before anyone hears of it; not against a power cut,
which a demo may lose. It knows nothing of HTTP and nothing of what the objects mean.
"""

import os
import sqlite3
from pathlib import Path

from collector.demo.objects import KINDS, Batch, Kind, Saved, Write

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (kind TEXT, key TEXT, body BLOB, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS history (version INTEGER PRIMARY KEY, kind TEXT, line BLOB);
CREATE TABLE IF NOT EXISTS record (name TEXT PRIMARY KEY, body BLOB);
"""
FORMAT = 2
"""Of the private records: a file of another format is refused, not guessed at."""


class FleetError(Exception):
    """The fleet cannot start as asked."""


class Store:
    """One cluster's file."""

    def __init__(self, path: Path, window: int = 4000) -> None:
        """A version older than `window` events cannot be resumed from; one twice as old is compacted away."""
        self._window = window
        self._db = _open(path)
        self._bodies: dict[str, dict[str, bytes]] = {plural: {} for plural in KINDS}
        for kind, key, body in self._db.execute("SELECT kind, key, body FROM object"):
            self._bodies[kind][key] = body
        (newest,) = self._db.execute("SELECT max(version) FROM history").fetchone()
        self.version: int = newest or 0

    @property
    def oldest(self) -> int:
        """The oldest version a watch can resume from."""
        return max(0, self.version - self._window)

    @property
    def compacted(self) -> int:
        """Versions below this one are refused before a stream begins."""
        return max(0, self.version - 2 * self._window)

    def saved(self) -> Saved:
        """The cluster as it was left, for the load to go on from."""
        objects = tuple((kind, key, body) for kind, held in self._bodies.items() for key, body in held.items())
        records = self._db.execute("SELECT name, body FROM record WHERE name NOT LIKE 'note/%'")
        return Saved(self.version, objects, dict(records))

    def commit(self, batch: Batch) -> None:
        """Makes a step durable; only then may its events be published."""
        with self._db:
            for write in batch.writes:
                self._apply(write)
            for name, body in batch.records.items():
                self._keep(name, body)
            self._db.execute("DELETE FROM history WHERE version <= ?", (self.version - self._window,))

    def _apply(self, write: Write) -> None:
        key, held = (write.kind, write.key), self._bodies[write.kind]
        self.version = write.version
        self._db.execute("INSERT INTO history VALUES (?, ?, ?)", (write.version, write.kind, write.line))
        if write.verb == "DELETED":
            del held[write.key]
            self._db.execute("DELETE FROM object WHERE kind = ? AND key = ?", key)
        else:
            held[write.key] = write.body
            self._db.execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", (*key, write.body))

    def _keep(self, name: str, body: bytes | None) -> None:
        if body is None:
            self._db.execute("DELETE FROM record WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT OR REPLACE INTO record VALUES (?, ?)", (name, body))

    def snapshot(self, kind: Kind) -> list[bytes]:
        """Every object of a kind, in the order of its keys."""
        held = self._bodies[kind.plural]
        return [held[key] for key in sorted(held)]

    def get(self, kind: Kind, key: str) -> bytes | None:
        """One object."""
        return self._bodies[kind.plural].get(key)

    def since(self, kind: Kind, version: int) -> list[bytes]:
        """The events of a kind after a version, which must not be below `oldest`."""
        rows = self._db.execute(
            "SELECT line FROM history WHERE version > ? AND kind = ? ORDER BY version", (version, kind.plural)
        )
        return [line for (line,) in rows]

    def note(self, name: str) -> str:
        """A word kept beside the objects, such as the token; empty if it was never written."""
        row = self._db.execute("SELECT body FROM record WHERE name = ?", (f"note/{name}",)).fetchone()
        return row[0].decode() if row else ""

    def keep_note(self, name: str, text: str) -> None:
        """Keeps a word beside the objects."""
        with self._db:
            self._keep(f"note/{name}", text.encode())

    def history_size(self) -> int:
        """How many events are kept."""
        (count,) = self._db.execute("SELECT count(*) FROM history").fetchone()
        return int(count)

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()


def _open(path: Path) -> sqlite3.Connection:
    """The file, for this process alone and readable by this user alone: it holds the cluster's token."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=0.5)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(SCHEMA)
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found not in (0, FORMAT):
            raise FleetError(f"{path}: written by another version of the demo; remove it to start afresh")
        db.execute(f"PRAGMA user_version = {FORMAT}")
    except sqlite3.OperationalError as error:
        db.close()
        raise FleetError(f"{path}: {error}; does another demo run on the same folder? Use another --data") from error
    return db
