"""
Reads finished attempts from the store: the rows of some, then the steps, pods and charges of a few at a time.

Of an attempt with tens of thousands of steps only those are read that its trace has room for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from collector.billing.rows import read_facts, read_rows
from collector.catalog.schema import DATABASE
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowRun
from collector.core.model import Instant
from collector.store.clickhouse import Store
from collector.traces.attempt import Cost, StoredAttempt
from collector.traces.feed import AttemptKey, key_of

_PLACES = "cluster IN {clusters:Array(String)} AND namespace IN {namespaces:Array(String)}"
_FROM = "fromUnixTimestamp64Milli({begin:Int64})"
_UNTIL = "fromUnixTimestamp64Milli({end:Int64})"
_OF_WORKFLOWS = f"{_PLACES} AND workflow_uid IN {{uids:Array(String)}}"
_RUNS = f"FINAL WHERE {_PLACES} AND created_at BETWEEN {_FROM} AND {_UNTIL} AND uid IN {{uids:Array(String)}}"
_STEPS = f"""FINAL WHERE {_OF_WORKFLOWS} AND workflow_created_at BETWEEN {_FROM} AND {_UNTIL}
    ORDER BY critical DESC, phase IN ('Failed', 'Error') DESC, finished_at - started_at DESC, node_id
    LIMIT {{most:UInt32}} BY cluster, workflow_uid, attempt"""
_STEP_COUNTS = f"""
    SELECT cluster, workflow_uid, attempt, count() AS steps FROM {DATABASE}.step_run FINAL
    WHERE {_OF_WORKFLOWS} AND workflow_created_at BETWEEN {_FROM} AND {_UNTIL} GROUP BY cluster, workflow_uid, attempt
"""
_OF_PODS = f"{_OF_WORKFLOWS} AND created_at >= {_FROM}"
_PODS = f"FINAL WHERE {_OF_PODS} AND uid IN {{pods:Array(String)}}"
_LONE_PODS = f"""FINAL WHERE {_OF_PODS}
    AND created_at IN (SELECT created_at FROM {DATABASE}.pod_run WHERE {_OF_WORKFLOWS})
    AND uid NOT IN (SELECT pod_uid FROM {DATABASE}.step_run WHERE {_OF_WORKFLOWS})
    ORDER BY phase = 'Failed' DESC, finished_at - created_at DESC, uid
    LIMIT {{most:UInt32}} BY cluster, workflow_uid, attempt"""
"""Pods without a step, like those of Jobs, and all of a workflow whose steps Argo keeps in its own database."""
_SUMS = "currency, sum(cost) AS amount, countIf(cost IS NULL) AS unpriced"
_COSTS = f"""
    SELECT cluster, workflow_uid, attempt, '' AS pod, {_SUMS} FROM {DATABASE}.cost_current WHERE {_OF_PODS}
    GROUP BY cluster, workflow_uid, attempt, currency
"""
_POD_COSTS = f"""
    SELECT cluster, workflow_uid, attempt, pod_uid AS pod, {_SUMS} FROM {DATABASE}.cost_current
    WHERE {_OF_PODS} AND pod_uid IN {{pods:Array(String)}}
    GROUP BY cluster, workflow_uid, attempt, pod_uid, currency
"""
PAGE = 1000
"""Uids of pods in one query: parameters are part of its address, which servers limit."""


class CountRow(msgspec.Struct, frozen=True, kw_only=True):
    """The number of steps of an attempt."""

    cluster: str
    workflow_uid: str
    attempt: int
    steps: int


class ChargeRow(msgspec.Struct, frozen=True, kw_only=True):
    """The charges of an attempt, or of one of its pods, in one currency."""

    cluster: str
    workflow_uid: str
    attempt: int
    pod: str
    """Uid; empty: the whole attempt."""
    currency: str
    amount: Any
    unpriced: int


Id = tuple[str, str, int]
"""Cluster and uid of a workflow, and the number of the attempt."""
R = TypeVar("R", StepRun, PodRun, ChargeRow)


def read_runs(store: Store, keys: Collection[AttemptKey]) -> list[WorkflowRun]:
    """The rows of attempts, without those that the store does not have."""
    if not keys:
        return []
    values = _bounds([(key.cluster, key.namespace, key.uid, key.created_at) for key in keys])
    return [run for run in read_facts(store, WorkflowRun, _RUNS, values) if key_of(run) in keys]


def groups(runs: Sequence[WorkflowRun], most: int) -> Iterator[list[WorkflowRun]]:
    """Attempts in groups that are read and held at once: so many pods at most, unless one alone has more."""
    group: list[WorkflowRun] = []
    size = 0
    for run in runs:
        weight = 1 + min(run.pods, most)
        if group and size + weight > most:
            yield group
            group, size = [], 0
        group.append(run)
        size += weight
    if group:
        yield group


def read_attempts(store: Store, runs: Sequence[WorkflowRun], most: int) -> list[StoredAttempt]:
    """Attempts with at most so many steps, and so many pods beside those of the steps, each."""
    values = _bounds([(run.cluster, run.namespace, run.uid, run.created_at) for run in runs]) | {"most": most}
    steps = _by_attempt(read_facts(store, StepRun, _STEPS, values))
    counts = {_id(row): row.steps for row in read_rows(store, CountRow, _STEP_COUNTS, values)}
    of_steps = {step.pod_uid for each in steps.values() for step in each} - {""}
    found = [pod for page in _pages(of_steps) for pod in read_facts(store, PodRun, _PODS, values | page)]
    found += read_facts(store, PodRun, _LONE_PODS, values)
    charged = read_rows(store, ChargeRow, _COSTS, values)
    for page in _pages({pod.uid for pod in found}):
        charged += read_rows(store, ChargeRow, _POD_COSTS, values | page)
    pods, costs = _by_attempt(found), _by_attempt(charged)
    return [
        _attempt(run, steps.get(_id(run), []), pods.get(_id(run), []), costs.get(_id(run), []), counts.get(_id(run), 0))
        for run in runs
    ]


def _attempt(
    run: WorkflowRun, steps: Sequence[StepRun], pods: Sequence[PodRun], charged: Sequence[ChargeRow], step_count: int
) -> StoredAttempt:
    by_pod: defaultdict[str, list[Cost]] = defaultdict(list)
    for row in charged:
        by_pod[row.pod].extend(_costs(row))
    return StoredAttempt(
        run=run,
        steps=steps,
        pods=pods,
        step_count=step_count,
        costs=by_pod.pop("", []),
        pod_costs={uid: costs[0] for uid, costs in by_pod.items() if len(costs) == 1},
    )


def _pages(uids: Collection[str]) -> Iterator[dict[str, list[str]]]:
    ordered = sorted(uids)
    return ({"pods": ordered[begin : begin + PAGE]} for begin in range(0, len(ordered), PAGE))


def _costs(row: ChargeRow) -> Iterator[Cost]:
    if row.amount is not None:
        yield Cost(row.amount, row.currency)
    if row.unpriced:
        yield Cost(None, row.currency)


def _by_attempt(rows: Sequence[R]) -> dict[Id, list[R]]:
    found: defaultdict[Id, list[R]] = defaultdict(list)
    for row in rows:
        found[_id(row)].append(row)
    return dict(found)


def _id(row: WorkflowRun | StepRun | PodRun | CountRow | ChargeRow) -> Id:
    return row.cluster, row.uid if isinstance(row, WorkflowRun) else row.workflow_uid, row.attempt


def _bounds(keys: Sequence[tuple[str, str, str, Instant]]) -> dict[str, Any]:
    """The parameters of all queries: the key's parts, each on its own, so that the tables' order and indexes help."""
    clusters, namespaces, uids, created = (sorted(set(part)) for part in zip(*keys, strict=True))
    return {
        "clusters": clusters,
        "namespaces": namespaces,
        "uids": uids,
        "begin": created[0],
        "end": created[-1],
    }
