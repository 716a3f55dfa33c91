"""
Waits until the replicas of a cluster have what was written before, for sums that are written down or made the bill.

A replica has a row when it has read Keeper's log up to the row's insert and has fetched the parts that the log names. One
that lags by more than LAG_S is not read by a writer's queries (sharded.py), so they need not wait for it; users read it
all the same, so what a pointer is about to point to must be on every replica that is up. A single server has no replicas.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.catalog.schema import DATABASE
from collector.catalog.tables import local_name
from collector.store.clickhouse import Store, StoreError
from collector.store.sharded import LAG_S

WAIT_S = 60.0
POLL_S = 0.2
SETTLED_S = float(LAG_S)
"""What a replica lacks at the first look makes it lag by more than LAG_S after this time, or is there."""

_ENGINE = f"SELECT engine, engine_full FROM system.tables WHERE database = '{DATABASE}' AND name = 'pod_cost'"
_DISTRIBUTED = re.compile(r"Distributed\('([^']+)'")
_REPLICAS = f"""
    SELECT concat(hostName(), ':', toString(tcpPort())) AS server, table, zookeeper_path, log_pointer, log_max_index,
        inserts_in_queue, absolute_delay, is_readonly OR is_session_expired AS is_readonly
    FROM clusterAllReplicas({{cluster:String}}, system.replicas)
    WHERE database = '{DATABASE}' AND table IN {{tables:Array(String)}} ORDER BY server, table
    SETTINGS skip_unavailable_shards = 1
"""
_PARTS = f"""
    SELECT concat(hostName(), ':', toString(tcpPort())) AS server, table, new_part_name
    FROM clusterAllReplicas({{cluster:String}}, system.replication_queue)
    WHERE database = '{DATABASE}' AND table IN {{tables:Array(String)}} AND type IN ('GET_PART', 'ATTACH_PART')
    SETTINGS skip_unavailable_shards = 1
"""


class ReplicasBehindError(StoreError):
    """Replicas lack rows that were written before."""

    @property
    def cause(self) -> str:
        return "store_replicas"


class Replica(NamedTuple):
    """One server's copy of one table."""

    server: str
    table: str
    path: str
    log_pointer: int
    log_max_index: int
    waiting: int
    """Inserts that it has not fetched."""
    delay_s: int
    is_readonly: bool

    @property
    def key(self) -> tuple[str, str]:
        return self.server, self.table


@dataclass(slots=True)
class Progress:
    """What each replica must have, as of the first look at it."""

    written: dict[str, int] = field(default_factory=dict)
    """The last entry of each log."""
    lacking: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """The parts that each replica must fetch, once it has read its log up to there."""
    done: dict[tuple[str, str], str] = field(default_factory=dict)
    """The path of each replica that has all."""

    def look(self, replicas: Iterable[Replica], parts: dict[tuple[str, str], set[str]]) -> list[Replica]:
        """Returns the replicas that still lack something."""
        replicas = list(replicas)
        if not self.written:
            for one in replicas:
                self.written[one.path] = max(self.written.get(one.path, 0), one.log_max_index)
        return [one for one in replicas if one.key not in self.done and not self._is_done(one, parts)]

    def _is_done(self, one: Replica, parts: dict[tuple[str, str], set[str]]) -> bool:
        written = self.written.get(one.path, 0)
        if one.is_readonly or (one.log_pointer <= written and written > 0):
            return False
        queued = parts.get(one.key, set()) if one.waiting else set()
        lacking = self.lacking.setdefault(one.key, queued)
        lacking &= queued
        if lacking:
            return False
        self.done[one.key] = one.path
        return True


def wait_for_replicas(store: Store, *tables: str, everywhere: bool = False, wait_s: float | None = None) -> None:
    """Returns when the replicas that are read have all rows of tables, or all that are up; ReplicasBehindError names others."""
    cluster, is_sharded = _cluster(store)
    if not cluster:
        return
    names = [local_name(table) if is_sharded else table for table in tables]
    begun, progress = time.monotonic(), Progress()
    while behind := _look(store, cluster, names, progress):
        waited = time.monotonic() - begun
        if not everywhere and waited >= SETTLED_S and _are_not_read(behind, progress):
            return
        if waited >= (WAIT_S if wait_s is None else wait_s):
            lags = ", ".join(f"{one.server} ({one.table}, {one.waiting} inserts, {one.delay_s} s)" for one in behind)
            raise ReplicasBehindError(
                f"replicas lack rows after {int(waited)} s: {lags}; see system.replication_queue there, or stop the server"
            )
        time.sleep(POLL_S)


def _cluster(store: Store) -> tuple[str, bool]:
    """Returns the name of the store's cluster, empty for a single server; and whether its tables are sharded."""
    for engine, full in store.query_rows(_ENGINE):
        if found := _DISTRIBUTED.match(full):
            return found[1], True
        if engine.startswith("Replicated"):
            return DATABASE, False  # such a database is a cluster of its own name
    return "", False


def _look(store: Store, cluster: str, tables: list[str], progress: Progress) -> list[Replica]:
    parameters = {"cluster": cluster, "tables": tables}
    replicas = [Replica(*row) for row in store.query_rows(_REPLICAS, parameters)]
    parts: dict[tuple[str, str], set[str]] = {}
    if any(one.waiting for one in replicas):
        for server, table, part in store.query_rows(_PARTS, parameters):
            parts.setdefault((server, table), set()).add(part)
    return progress.look(replicas, parts)


def _are_not_read(behind: list[Replica], progress: Progress) -> bool:
    """Whether all of these lag too much to be read, and another replica of the same shard has all rows."""
    complete = set(progress.done.values())
    return all(one.delay_s > LAG_S and one.path in complete for one in behind)
