"""
What the store has of the workflows that the archive offers, and which breaks nobody has asked the archive about yet.

Every question is bounded by the workflows of one chunk, or by a period.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from collector.billing.rows import read_facts
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
"""How long after a break its relist may close what vanished in it."""
AGAIN_MS = HOUR_MS
"""After how long an archive is asked again that did not give all."""
GIVE_UP_MS = 7 * DAY_MS
"""Breaks older than this are left to `lynceus backfill`."""
LONGEST_MS = 31 * DAY_MS
"""Of a break that is longer only the end is asked about."""
KNOWN_DAYS = 14
"""From how far back labels of namespaces and machines are taken."""


def finished_runs(store: Store, cluster: str, uids: Iterable[str]) -> dict[str, list[WorkflowRun]]:
    """The rows of workflows, each attempt's newest, by uid."""
    return _by(
        _newest(
            read_facts(store, WorkflowRun, "WHERE cluster = {cluster:String} AND uid IN {uids:Array(String)}",
                  {"cluster": cluster, "uids": sorted(uids)})
        ), "uid",
    )  # fmt: skip


def rows_of(
    store: Store, cluster: str, runs: Mapping[str, Sequence[WorkflowRun]], uids: Sequence[str]
) -> dict[str, StoredRows]:
    """All that there is of some workflows, by uid."""
    asked = {"cluster": cluster, "uids": sorted(uids)}
    where = "WHERE cluster = {cluster:String} AND workflow_uid IN {uids:Array(String)}"
    pods = _by(_newest(read_facts(store, PodRun, where, asked)), "workflow_uid")
    charged: defaultdict[str, list[Charged]] = defaultdict(list)
    for workflow_uid, *row in store.query_rows(
        "SELECT workflow_uid, pod_uid, toUnixTimestamp64Milli(created_at), any(step), max(version), "
        f"toUInt16(min(day)), toUInt16(max(day)) FROM {DATABASE}.pod_cost {where} AND entry = 0 "
        "GROUP BY workflow_uid, pod_uid, created_at",
        asked,
    ):
        uid, created_at, step, *told = row
        charged[workflow_uid].append(Charged(uid, created_at, step, WrittenCharges(*told)))
    return {uid: StoredRows(runs.get(uid, ()), pods.get(uid, ()), charged.get(uid, ())) for uid in uids}


def unknown_runs(store: Store, cluster: str, begin: Instant, end: Instant) -> list[str]:
    """Workflows that vanished in a period; of some the end may have been told since."""
    rows = store.query_rows(
        f"SELECT DISTINCT uid FROM {DATABASE}.workflow_run WHERE cluster = {{cluster:String}} AND outcome = 'unknown' "
        "AND finished_at >= fromUnixTimestamp64Milli({begin:Int64}) "
        "AND finished_at < fromUnixTimestamp64Milli({end:Int64}) ORDER BY uid",
        {"cluster": cluster, "begin": begin, "end": end + LATE_MS},
    )
    return [uid for (uid,) in rows]


def open_gaps(store: Store, cluster: str, now: Instant) -> list[tuple[Instant, Instant]]:
    """
    Periods in which no workflow was seen to end and that the archive was not asked about, or gave not all of.

    What was before a cluster's first start, a break that begins in 1970, is asked about by hand only.
    """
    asked = {"cluster": cluster, "since": now - GIVE_UP_MS, "again": now - AGAIN_MS}
    found = read_facts(
        store, WatchGap,
        "FINAL WHERE cluster = {cluster:String} AND kind = 'workflows' AND from_at > toDateTime64(0, 3, 'UTC') "
        "AND to_at >= fromUnixTimestamp64Milli({since:Int64}) ORDER BY from_at", asked,
    )  # fmt: skip
    done = store.query_rows(
        f"SELECT toUnixTimestamp64Milli(from_at), toUnixTimestamp64Milli(to_at) FROM {DATABASE}.backfill FINAL "
        "WHERE cluster = {cluster:String} AND (failed = 0 OR at > fromUnixTimestamp64Milli({again:Int64}))",
        asked,
    )
    open_ones = [(max(gap.from_at, gap.to_at - LONGEST_MS), gap.to_at) for gap in found]
    return [(a, b) for a, b in open_ones if not any(first <= a and b <= last for first, last in done)]


def cluster_context(store: Store, cluster: str) -> ClusterContext:
    """Labels of namespaces and machines as rows of the last days kept them, for who does not watch the cluster."""
    since = f"cluster = {{cluster:String}} AND created_at > now() - INTERVAL {KNOWN_DAYS} DAY"
    namespaces = store.query_rows(
        f"SELECT namespace, argMax(labels, created_at) FROM {DATABASE}.workflow_run WHERE {since} GROUP BY namespace",
        {"cluster": cluster},
    )
    machines = store.query_rows(
        f"SELECT node_name, argMax(pricing, created_at) FROM {DATABASE}.pod_run WHERE {since} AND node_name != '' "
        "GROUP BY node_name",
        {"cluster": cluster},
    )
    return ClusterContext(
        {name: _under(NAMESPACE, labels) for name, labels in namespaces},
        {name: _under("node:", labels) for name, labels in machines},
    )


def _under(prefix: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(prefix): text for key, text in labels.items() if key.startswith(prefix)}


def _newest(rows: Iterable[F]) -> list[F]:
    """One row a key: reading with FINAL would merge whole partitions for a few of their rows."""
    newest: dict[tuple[object, ...], F] = {}
    for row in rows:
        key = (row.uid, row.created_at, row.attempt if isinstance(row, WorkflowRun) else 0)
        if key not in newest or newest[key].version < row.version:
            newest[key] = row
    return list(newest.values())


def _by(rows: Iterable[F], field: str) -> dict[str, list[F]]:
    found: defaultdict[str, list[F]] = defaultdict(list)
    for row in rows:
        found[getattr(row, field)].append(row)
    return dict(found)
