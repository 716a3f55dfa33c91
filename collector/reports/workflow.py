"""
One workflow by its uid, for its page: the attempt, its steps and pods, what they cost, and other runs of its template.

Every statement names as much of a table's key as is known, and what it returns is bounded. Of a workflow of 50,000 steps the
critical path, failed steps and the longest are read.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from collector.catalog.bills import POD_RUN
from collector.catalog.rows import fact_of, select_columns
from collector.catalog.schema import DATABASE, Table
from collector.catalog.workflows import STEP_RUN, WORKFLOW_LIVE, WORKFLOW_RUN
from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun, WorkflowLive, WorkflowRun
from collector.core.history.workflow import ClassCost, OtherAttempt, OtherRun, PodCharge, StoredWorkflow
from collector.core.model import Fact, Instant
from collector.core.units import DAY_MS
from collector.reports.report import Query
from collector.reports.steps import GROUPS

STEPS_READ = 1000
PODS_READ = 1000
OTHER_RUNS = 30
BEFORE_MS = (DAY_MS, 30 * DAY_MS)
"""How far back other runs are looked for: a busy template has enough in a day."""

CREATED = f"""
    SELECT cluster, namespace, toUnixTimestamp64Milli(created_at) AS created FROM (
        SELECT cluster, namespace, created_at FROM {DATABASE}.workflow_run WHERE uid = {{uid:String}}
        UNION ALL
        SELECT cluster, namespace, created_at FROM {DATABASE}.workflow_live
        WHERE cluster IN {{clusters:Array(String)}} AND uid = {{uid:String}}
    ) ORDER BY created DESC LIMIT 1
"""
"""The rest of the key, which no other statement has to look for: in the finished ones an index finds the uid."""

_AT = "fromUnixTimestamp64Milli({created:Int64})"
_PLACE = "cluster = {cluster:String} AND namespace = {namespace:String}"
RUNS = f"FINAL WHERE {_PLACE} AND created_at = {_AT} AND uid = {{uid:String}} ORDER BY attempt"
LIVE = "FINAL WHERE cluster = {cluster:String} AND uid = {uid:String}"
_OF_STEPS = f"""{_PLACE} AND workflow_created_at = {_AT} AND workflow_uid = {{uid:String}}
    AND attempt = {{attempt:UInt32}} AND type NOT IN {GROUPS}"""
STEPS = f"""FINAL WHERE {_OF_STEPS}
    ORDER BY critical DESC, phase IN ('Failed', 'Error') DESC, finished_at - started_at DESC, node_id
    LIMIT {STEPS_READ}"""
STEP_COUNT = f"SELECT count() FROM {DATABASE}.step_run FINAL WHERE {_OF_STEPS}"
_OF_PODS = f"{_PLACE} AND created_at >= {_AT} AND workflow_uid = {{uid:String}}"
_IN_ATTEMPT = f"""{_OF_PODS} AND attempt = {{attempt:UInt32}}
    AND created_at IN (SELECT created_at FROM {DATABASE}.pod_run WHERE {_OF_PODS})"""
"""With the creations of its pods, FINAL merges the rows of this workflow instead of all later ones."""
PODS = f"""FINAL WHERE {_IN_ATTEMPT}
    ORDER BY has({{of_steps:Array(String)}}, uid) DESC, phase = 'Failed' DESC, finished_at - created_at DESC, uid
    LIMIT {PODS_READ}"""
POD_COUNT = f"SELECT count() FROM {DATABASE}.pod_run FINAL WHERE {_IN_ATTEMPT}"
_CHARGED = f"""{_OF_PODS}
    AND created_at IN (SELECT created_at FROM {DATABASE}.pod_cost WHERE {_OF_PODS})"""
COSTS = f"""
    SELECT attempt, class, currency, sum(cost), uniqExact(pod_uid), uniqExactIf(pod_uid, cost IS NULL),
           countIf(status = 'accruing') > 0, sumIf(billed_seconds, entry = 0)
    FROM {DATABASE}.cost_current WHERE {_CHARGED} GROUP BY attempt, class, currency ORDER BY attempt, class, currency
"""
CHARGES = f"""
    SELECT pod_uid, any(product), any(purchase), any(instance_type), currency, sum(cost), sum(cost_pending),
           sumIf(billed_seconds, entry = 0), any(rule), any(confidence)
    FROM {DATABASE}.cost_current WHERE {_CHARGED} AND has({{pods:Array(String)}}, pod_uid)
    GROUP BY pod_uid, currency ORDER BY pod_uid, currency
"""
OTHERS = f"""
    SELECT uid, name, attempt, toUnixTimestamp64Milli(created_at), outcome, reason,
           dateDiff('millisecond', if(attempt = 1, created_at, started_at), finished_at), running_ms
    FROM {DATABASE}.workflow_run
    WHERE {_PLACE} AND template = {{template:String}}
      AND created_at > fromUnixTimestamp64Milli({{since:Int64}}) AND created_at <= {_AT}
    ORDER BY created_at DESC, uid, attempt DESC, version DESC LIMIT 1 BY uid, attempt LIMIT {OTHER_RUNS}
"""
"""Attempts up to this one. LIMIT BY instead of FINAL: only the newest few are wanted of what may be a million."""
_OF_OTHERS = f"""{_PLACE} AND created_at >= fromUnixTimestamp64Milli({{since:Int64}})
    AND has({{uids:Array(String)}}, workflow_uid)"""
OTHER_COSTS = f"""
    SELECT workflow_uid, attempt, currency, sum(cost) FROM {DATABASE}.cost_current
    WHERE {_OF_OTHERS} AND created_at IN (SELECT created_at FROM {DATABASE}.pod_cost WHERE {_OF_OTHERS})
    GROUP BY workflow_uid, attempt, currency
"""

F = TypeVar("F", bound=Fact)
Key = dict[str, Any]


def read_workflow(query: Query, uid: str, attempt: int | None, clusters: Sequence[str]) -> StoredWorkflow | None:
    """
    Reads an attempt of a workflow: the given one, else what is live, else the newest; None: the store has no such thing.

    `clusters`: those that are watched, in which it may be live.
    """
    found = query(CREATED, {"uid": uid, "clusters": list(clusters)})
    if not found:
        return None
    cluster, namespace, created = found[0]
    key: Key = {"uid": uid, "cluster": cluster, "namespace": namespace, "created": created}
    runs = _facts(query, WORKFLOW_RUN, WorkflowRun, RUNS, key)
    live = next(iter(_facts(query, WORKFLOW_LIVE, WorkflowLive, LIVE, key)), None)
    if live is not None and any(run.attempt >= live.attempt for run in runs):
        live = None  # it has finished; the row that removes this one is on its way
    shown = _chosen(runs, live, attempt)
    if shown is None:
        return None
    known = StoredWorkflow(shown=shown, live_attempt=live.attempt if live else None, attempts=[*map(_attempt, runs)])
    return _with_parts(query, known, key | {"attempt": shown.attempt, "template": shown.template})


def _chosen(
    runs: Sequence[WorkflowRun], live: WorkflowLive | None, attempt: int | None
) -> WorkflowRun | WorkflowLive | None:
    """The attempt of that number; without one the live attempt, else the newest."""
    known: list[WorkflowRun | WorkflowLive] = [*runs, *([live] if live else [])]
    return next((one for one in reversed(known) if attempt in (None, one.attempt)), None)


def _with_parts(query: Query, known: StoredWorkflow, key: Key) -> StoredWorkflow:
    steps = _facts(query, STEP_RUN, StepRun, STEPS, key)
    of_steps = [step.pod_uid for step in steps if step.pod_uid]
    pods = _facts(query, POD_RUN, PodRun, PODS, key | {"of_steps": of_steps})
    uids = [pod.uid for pod in pods]
    return msgspec.structs.replace(
        known,
        steps=steps,
        step_count=_count(query, STEP_COUNT, key) if len(steps) == STEPS_READ else len(steps),
        pods=pods,
        pod_count=_count(query, POD_COUNT, key) if len(pods) == PODS_READ else len(pods),
        costs=[ClassCost(*row) for row in query(COSTS, key)],
        charges=[PodCharge(*row) for row in query(CHARGES, key | {"pods": uids})] if uids else [],
        others=_others(query, key) if key["template"] else [],
    )


def _facts(query: Query, table: Table, kind: type[F], where: str, key: Key) -> list[F]:
    return [fact_of(kind, row) for row in query(select_columns(table) + where, key)]


def _count(query: Query, sql: str, key: Key) -> int:
    ((number,),) = query(sql, key)
    return int(number)


def _attempt(run: WorkflowRun) -> OtherAttempt:
    return OtherAttempt(run.attempt, run.outcome, run.reason, run.started_at, run.finished_at)


def _others(query: Query, key: Key) -> list[OtherRun]:
    """The newest runs of the template that were submitted before this one, and this one."""
    rows: Sequence[Sequence[Any]] = ()
    for before_ms in BEFORE_MS:
        rows = query(OTHERS, key | {"since": key["created"] - before_ms})
        if len(rows) == OTHER_RUNS:
            break
    if not rows:
        return []
    since: Instant = min(row[3] for row in rows)
    charged = query(OTHER_COSTS, key | {"since": since, "uids": sorted({row[0] for row in rows})})
    costs = single_currency(charged)
    return [other_run(row, costs.get((row[0], row[2]), (None, ""))) for row in rows]


def other_run(row: Sequence[Any], cost: tuple[Any, str]) -> OtherRun:
    """A row of OTHERS with its cost and currency."""
    values: list[Any] = [*row, *cost]
    return OtherRun(*values)


def single_currency(charged: Iterable[Sequence[Any]]) -> dict[tuple[str, int], tuple[Any, str]]:
    """Cost and currency by uid and attempt; currencies are not added up, so one with two has neither."""
    costs: dict[tuple[str, int], tuple[Any, str]] = {}
    for uid, attempt, currency, cost in charged:
        costs[uid, attempt] = (None, "") if (uid, attempt) in costs else (cost, currency)
    return costs
