"""
Positions and states in the spool: what a collector resumes from, each row with a checksum.

Functions over the open SQLite connection of spool.py, which begins and ends their transactions.
"""

import sqlite3
from collections.abc import Iterable

from collector.core.messages import Cursor
from collector.store.spool import packing
from collector.store.spool.packing import checksum, decode_cursor, encode
from collector.store.spool.snapshot import State

StoredCheckpoint = tuple[str, str, str, bytes | None, bytes | None]
"""(cluster, kind, uid, state, live row)"""

_CURSOR = ("cluster", "kind", "body")
_CHECKPOINT = ("cluster", "kind", "uid", "state", "live")


def write_cursors(connection: sqlite3.Connection, cursors: Iterable[Cursor]) -> None:
    """Adds positions, or replaces them."""
    rows = ((cursor.cluster, cursor.kind, encode(cursor)) for cursor in cursors)
    connection.executemany(
        "INSERT OR REPLACE INTO cursor (cluster, kind, body, dirty, checksum) VALUES (?, ?, ?, 1, ?)",
        ((*row, checksum(*row)) for row in rows),
    )


def write_checkpoints(connection: sqlite3.Connection, checkpoints: Iterable[StoredCheckpoint]) -> None:
    """Adds states, or replaces them."""
    connection.executemany(
        "INSERT OR REPLACE INTO checkpoint (cluster, kind, uid, state, live, dirty, checksum) "
        "VALUES (?, ?, ?, ?, ?, 1, ?)",
        ((*row, checksum(*row)) for row in checkpoints),
    )


def read_cursors(connection: sqlite3.Connection, cluster: str = "") -> list[Cursor]:
    """Reads the positions, of one cluster or of all. A value that lost its type alone is as it was written."""
    rows = connection.execute("SELECT CAST(body AS BLOB) FROM cursor WHERE ? IN (cluster, '')", (cluster,))
    return [decode_cursor(body) for (body,) in rows]


def read_states(connection: sqlite3.Connection, cluster: str = "") -> list[State]:
    """Reads the states of all objects, of one cluster or of all."""
    query = "SELECT cluster, kind, uid, CAST(state AS BLOB) FROM checkpoint WHERE state IS NOT NULL"
    if not cluster:
        return connection.execute(query).fetchall()
    return connection.execute(f"{query} AND cluster = ?", (cluster,)).fetchall()  # by the table's key


def read_clusters(connection: sqlite3.Connection) -> list[str]:
    """Reads the names of the clusters that have a position or a state."""
    query = "SELECT cluster FROM cursor UNION SELECT cluster FROM checkpoint ORDER BY 1"
    return [name for (name,) in connection.execute(query)]


def forget_damaged(connection: sqlite3.Connection) -> frozenset[str]:
    """Deletes damaged rows, and all positions of their clusters, which are returned: such a cluster starts from lists."""
    known = frozenset(name for (name,) in connection.execute("SELECT cluster FROM cursor"))
    damaged = frozenset((*_delete(connection, "cursor", _CURSOR), *_delete(connection, "checkpoint", _CHECKPOINT)))
    if not damaged <= known:  # the name itself may be what is damaged, and so any cluster's
        damaged |= known
    connection.executemany("DELETE FROM cursor WHERE cluster = ?", [(cluster,) for cluster in damaged])
    return damaged


def forget_damaged_of(connection: sqlite3.Connection, cluster: str) -> frozenset[str]:
    """The same of one cluster, whose rows were sound when the spool was opened; returns its name if one is damaged now."""
    damaged = [
        *_delete(connection, "cursor", _CURSOR, cluster),
        *_delete(connection, "checkpoint", _CHECKPOINT, cluster),
    ]
    if damaged:
        connection.execute("DELETE FROM cursor WHERE cluster = ?", (cluster,))
    return frozenset(damaged)


def _delete(connection: sqlite3.Connection, table: str, columns: tuple[str, ...], cluster: str = "") -> list[str]:
    """Deletes the damaged rows of a table, of one cluster or of all; returns the names of their clusters."""
    connection.create_function("is_sound", len(columns) + 1, _is_sound, deterministic=True)
    stored = ", ".join(f"CAST({column} AS BLOB)" for column in columns)  # a damaged value may also have lost its type
    chosen, values = ("cluster = ? AND", (cluster,)) if cluster else ("", ())
    query = f"DELETE FROM {table} WHERE {chosen} NOT is_sound(checksum, {stored}) RETURNING cluster"
    return [name for (name,) in connection.execute(query, values).fetchall()]


def _is_sound(found: object, *stored: bytes | None) -> bool:
    """Whether a row is as it was written. One without a checksum, of an older release, passes if its position is readable."""
    if len(stored) == len(_CURSOR):
        try:
            decode_cursor(stored[2] or b"")
        except packing.UNREADABLE:
            return False
    return found is None or found == checksum(*stored)
