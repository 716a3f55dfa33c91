"""
The spool's positions and states as rows of `live_state`: another replica resumes from them when this disk is gone.

A copy belongs to one spool, and copies never mix. Each round adds the changes since the last round, positions after all
states, so that up to 10,000 changes are one atomic insert. A round that ended between two inserts is visible: its states
are newer than its newest position. A new copy begins each day, so that old copies, with their deletions, can expire.
"""

import sqlite3
import uuid
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from collector.catalog.schema import DATABASE
from collector.catalog.watches import LIVE_STATE
from collector.core.facts.watches import LiveState
from collector.core.messages import WORKLOAD_KINDS, Cursor
from collector.core.model import Instant
from collector.core.units import DAY_MS
from collector.store.clickhouse import Store

CURSOR = "cursor"
"""The kind of the rows that hold positions."""
READ_TRIES = 5

State = tuple[str, str, str, bytes]
"""(cluster, kind, uid, state)"""

_cursor = msgspec.msgpack.Decoder(Cursor).decode


class Copy(NamedTuple):
    """The positions and states of one cluster in the store."""

    cursors: list[Cursor]
    states: list[State]


class Past(NamedTuple):
    """What the store knows about a cluster without states."""

    cluster_uid: str
    at: Instant
    """When the newest position was reached."""
    totals: dict[str, str]


class Round(NamedTuple):
    """The copy that is written, and its round."""

    snapshot: str
    number: int


def begin(connection: sqlite3.Connection, now: Instant) -> Round:
    """Begins the next round; the first round of a copy sends everything again."""
    name, begun_at, last = connection.execute("SELECT name, begun_at, round FROM snapshot").fetchone()
    number = max(now, last + 1)  # after a clock was set back a newer state must not look older
    if not begun_at <= now < begun_at + DAY_MS:
        name, begun_at = f"{now}-{uuid.uuid4().hex[:12]}", now
        connection.execute("UPDATE checkpoint SET dirty = 1 WHERE dirty = 0")
        connection.execute("UPDATE cursor SET dirty = 1 WHERE dirty = 0")
    connection.execute("UPDATE snapshot SET name = ?, begun_at = ?, round = ?", (name, begun_at, number))
    return Round(name, number)


def end(connection: sqlite3.Connection) -> None:
    """Ends the present copy: the next round begins another, which sends everything again."""
    connection.execute("UPDATE snapshot SET begun_at = 0")


def changed(connection: sqlite3.Connection, written: Round) -> Iterator[LiveState]:
    """All states that changed since the last round, then all positions."""
    states = "SELECT cluster, kind, uid, CAST(state AS BLOB) FROM checkpoint WHERE dirty = 1"
    positions = f"SELECT cluster, '{CURSOR}', kind, CAST(body AS BLOB) FROM cursor WHERE dirty = 1"
    for query in (states, positions):
        for cluster, kind, uid, state in connection.execute(query):
            yield LiveState(
                cluster=cluster,
                snapshot=written.snapshot,
                kind=kind,
                uid=uid,
                version=written.number,
                is_deleted=int(state is None),
                state=state or b"",
            )


def newest(store: Store, cluster: str) -> Copy | None:
    """Reads the newest complete copy of a cluster; None: there is none. Raises StoreError."""
    for _ in range(READ_TRIES):
        before = _complete(store, cluster)
        if not before:
            return None
        snapshot = max(before, key=lambda name: progress(before[name].values()))
        states = [*_states(store, cluster, snapshot)]
        # The owner of this copy may still write to it: read again until nothing was written meanwhile.
        if _complete(store, cluster).get(snapshot) == before[snapshot]:
            return Copy([*before[snapshot].values()], states)
    return None


def past(store: Store, cluster: str) -> Past | None:
    """Reads identity, counters and time from acknowledged positions; None: there is no position. Raises StoreError."""
    sql = f"""
        SELECT kind, cluster_uid, toUnixTimestamp64Milli(at), totals
        FROM {DATABASE}.watch_cursor FINAL WHERE cluster = {{cluster:String}}
    """
    rows = store.query_rows(sql, {"cluster": cluster})
    if not rows:
        return None
    uid = next((uid for _, uid, _, _ in rows if uid), "")
    reached = [at for kind, _, at, _ in rows if kind in WORKLOAD_KINDS]
    totals: dict[str, str] = next((totals for kind, _, _, totals in rows if kind == "workflows"), {})
    # The older of the two: changes after it may have been missed.
    return Past(uid, min(reached, default=0), totals)


def progress(cursors: Iterable[Cursor]) -> list[tuple[int, int]]:
    """How far positions of one cluster have come; of two copies the further one is used."""
    by_kind = {c.kind: (c.epoch, int(c.resource_version)) for c in cursors if c.resource_version.isdecimal()}
    return [by_kind.get(kind, (0, 0)) for kind in WORKLOAD_KINDS]


def _complete(store: Store, cluster: str) -> dict[str, dict[str, Cursor]]:
    """Reads the positions, by kind, of all copies whose last round is complete."""
    table = f"{DATABASE}.{LIVE_STATE.name}"
    newest_of = f"""
        SELECT snapshot, maxIf(version, kind = '{CURSOR}') AS position, maxIf(version, kind != '{CURSOR}') AS state
        FROM {table} WHERE cluster = {{cluster:String}} GROUP BY snapshot
    """
    complete = {
        name for name, position, state in store.query_rows(newest_of, {"cluster": cluster}) if position >= state
    }
    positions = f"""
        SELECT snapshot, uid, base64Encode(state) FROM {table} FINAL
        WHERE cluster = {{cluster:String}} AND kind = '{CURSOR}'
    """
    found: dict[str, dict[str, Cursor]] = {}
    for name, kind, body in store.query_rows(positions, {"cluster": cluster}):
        if name in complete:
            found.setdefault(name, {})[kind] = _cursor(b64decode(body))
    return found


def _states(store: Store, cluster: str, snapshot: str) -> Iterator[State]:
    # Base64: the driver decodes a String as text.
    sql = f"""
        SELECT kind, uid, base64Encode(state) FROM {DATABASE}.{LIVE_STATE.name} FINAL
        WHERE cluster = {{cluster:String}} AND snapshot = {{snapshot:String}} AND kind != '{CURSOR}'
    """
    for kind, uid, state in store.query_stream(sql, {"cluster": cluster, "snapshot": snapshot}):
        yield cluster, kind, uid, b64decode(state)
