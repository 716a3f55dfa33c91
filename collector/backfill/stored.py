"""
Reads what the store has of archived workflows, and the gaps that were not imported yet.

Every query is bounded by the workflows of one chunk, or by a period.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from collector.billing.rows import read_facts, read_rows
from collector.catalog.schema import DATABASE
from collector.core.archive.restore import Charged, ClusterContext, StoredRows
from collector.core.cost.attribution import NAMESPACE
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.facts.bills import PodRun
from collector.core.facts.watches import WatchGap
from collector.core.facts.workflows import WorkflowRun
from collector.core.model import Instant
from collector.core.units import DAY_MS, HOUR_MS
from collector.store.clickhouse import Store

F = TypeVar("F", WorkflowRun, PodRun)

LATE_MS = 600_000
"""How long after a gap its relist may record the workflows that vanished in it."""
AGAIN_MS = HOUR_MS
"""Pause before a gap is imported again for which the archive did not give everything."""
GIVE_UP_MS = 7 * DAY_MS
"""Older gaps are imported only by `lynceus backfill`."""
LONGEST_MS = 31 * DAY_MS
"""Of a longer gap only the end is imported."""
CONTEXT_DAYS = 14
"""Age of the rows from which labels of namespaces and nodes are taken."""


class ChargedRow(msgspec.Struct, frozen=True, kw_only=True):
    """The charges of a pod."""

    workflow_uid: str
    pod_uid: str
    created_ms: Instant
    pod_step: str
    last_version: int
    first_day: int
    last_day: int


CHARGED = f"""
    SELECT workflow_uid, pod_uid, toUnixTimestamp64Milli(created_at) AS created_ms, any(step) AS pod_step,
           max(version) AS last_version, toUInt16(min(day)) AS first_day, toUInt16(max(day)) AS last_day
    FROM {DATABASE}.pod_cost WHERE cluster = {{cluster:String}} AND workflow_uid IN {{uids:Array(String)}} AND entry = 0
    GROUP BY workflow_uid, pod_uid, created_at
"""
IMPORTED = f"""
    SELECT toUnixTimestamp64Milli(from_at), toUnixTimestamp64Milli(to_at) FROM {DATABASE}.backfill FINAL
    WHERE cluster = {{cluster:String}} AND (failed = 0 OR at > fromUnixTimestamp64Milli({{again:Int64}}))
"""


def finished_runs(store: Store, cluster: str, uids: Iterable[str]) -> dict[str, list[WorkflowRun]]:
    """Reads the newest row of each attempt of some workflows, by uid."""
    where = "WHERE cluster = {cluster:String} AND uid IN {uids:Array(String)}"
    return _by_field(_newest(read_facts(store, WorkflowRun, where, {"cluster": cluster, "uids": sorted(uids)})), "uid")


def rows_of(
    store: Store, cluster: str, runs: Mapping[str, Sequence[WorkflowRun]], uids: Sequence[str]
) -> dict[str, StoredRows]:
    """Reads everything that is stored of some workflows, by uid; `runs` holds their attempts."""
    parameters = {"cluster": cluster, "uids": sorted(uids)}
    where = "WHERE cluster = {cluster:String} AND workflow_uid IN {uids:Array(String)}"
    pods = _by_field(_newest(read_facts(store, PodRun, where, parameters)), "workflow_uid")
    charged: defaultdict[str, list[Charged]] = defaultdict(list)
    for row in read_rows(store, ChargedRow, CHARGED, parameters):
        written = WrittenCharges(row.last_version, row.first_day, row.last_day)
        charged[row.workflow_uid].append(Charged(row.pod_uid, row.created_ms, row.pod_step, written))
    return {uid: StoredRows(runs.get(uid, ()), pods.get(uid, ()), charged.get(uid, ())) for uid in uids}


def unknown_runs(store: Store, cluster: str, begin: Instant, end: Instant) -> list[str]:
    """Returns the uids of workflows that vanished in a period; the end of some may be known by now."""
    rows = store.query_rows(
        f"SELECT DISTINCT uid FROM {DATABASE}.workflow_run WHERE cluster = {{cluster:String}} AND outcome = 'unknown' "
        "AND finished_at >= fromUnixTimestamp64Milli({begin:Int64}) "
        "AND finished_at < fromUnixTimestamp64Milli({end:Int64}) ORDER BY uid",
        {"cluster": cluster, "begin": begin, "end": end + LATE_MS},
    )
    return [uid for (uid,) in rows]


def open_gaps(store: Store, cluster: str, now: Instant) -> list[tuple[Instant, Instant]]:
    """
    Returns the gaps in which no workflow was seen to end and that were not imported, or not completely.

    The time before a cluster's first start, a gap that begins in 1970, is imported only by hand.
    """
    parameters = {"cluster": cluster, "since": now - GIVE_UP_MS, "again": now - AGAIN_MS}
    where = (
        "FINAL WHERE cluster = {cluster:String} AND kind = 'workflows' AND from_at > toDateTime64(0, 3, 'UTC') "
        "AND to_at >= fromUnixTimestamp64Milli({since:Int64}) ORDER BY from_at"
    )
    gaps = [
        (max(gap.from_at, gap.to_at - LONGEST_MS), gap.to_at) for gap in read_facts(store, WatchGap, where, parameters)
    ]
    imported = store.query_rows(IMPORTED, parameters)
    return [(begin, end) for begin, end in gaps if not any(first <= begin and end <= last for first, last in imported)]


def cluster_context(store: Store, cluster: str) -> ClusterContext:
    """Reads the labels of namespaces and nodes from the rows of the last days, for a cluster that is not watched."""
    since = f"cluster = {{cluster:String}} AND created_at > now() - INTERVAL {CONTEXT_DAYS} DAY"
    namespaces = store.query_rows(
        f"SELECT namespace, argMax(labels, created_at) FROM {DATABASE}.workflow_run WHERE {since} GROUP BY namespace",
        {"cluster": cluster},
    )
    nodes = store.query_rows(
        f"SELECT node_name, argMax(pricing, created_at) FROM {DATABASE}.pod_run WHERE {since} AND node_name != '' "
        "GROUP BY node_name",
        {"cluster": cluster},
    )
    return ClusterContext(
        {name: _without_prefix(NAMESPACE, labels) for name, labels in namespaces},
        {name: _without_prefix("node:", labels) for name, labels in nodes},
    )


def _without_prefix(prefix: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(prefix): text for key, text in labels.items() if key.startswith(prefix)}


def _newest(rows: Iterable[F]) -> list[F]:
    """Keeps the newest row of each key: reading with FINAL would merge whole partitions for a few of their rows."""
    newest: dict[tuple[object, ...], F] = {}
    for row in rows:
        key = (row.uid, row.created_at, row.attempt if isinstance(row, WorkflowRun) else 0)
        if key not in newest or newest[key].version < row.version:
            newest[key] = row
    return list(newest.values())


def _by_field(rows: Iterable[F], field: str) -> dict[str, list[F]]:
    found: defaultdict[str, list[F]] = defaultdict(list)
    for row in rows:
        found[getattr(row, field)].append(row)
    return dict(found)
