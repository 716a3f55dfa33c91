"""
SQL of the page of one workflow: by its uid alone, which the index of the store finds in months of rows, so that the chosen
time never hides a fact. Its newest attempt is shown; until that has finished, the facts are those of the live table.
"""

from collections.abc import Mapping

from collector.catalog.bills import COST_CURRENT, POD_COST, POD_RUN
from collector.catalog.schema import DATABASE, Table
from collector.catalog.workflows import STEP_RUN, WORKFLOW_LIVE, WORKFLOW_RUN
from collector.core.model import REASONS
from dashboards import sql

UID = sql.text("uid")


def _of_it(table: Table) -> str:
    """Its rows, whose keys are looked up first: FINAL alone reads every part that overlaps, 0.6 s in a million pods."""
    key = "cluster, namespace, created_at"
    keys = f"SELECT {key} FROM {DATABASE}.{table.name} WHERE workflow_uid = {UID}"
    return f"workflow_uid = {UID} AND ({key}) IN ({keys})"


PODS_OF_IT, CHARGES_OF_IT = _of_it(POD_RUN), _of_it(POD_COST)
LANES = 30
"""Steps that are drawn: more are too thin to read."""
GROUPS = "('Steps', 'StepGroup', 'DAG', 'TaskGroup', 'Retry', 'Skipped')"
"""Nodes that last as long as the steps inside them, or that never ran."""
INSTANT, MAP = "'Nullable(DateTime64(3, \\'UTC\\'))'", "'Map(String, String)'"
NEVER = f"CAST(NULL, {INSTANT})"
WHOLE = (
    "multiIf(step = workflow_name, '(whole)', startsWith(step, concat(workflow_name, '[')),"
    " substring(step, position(step, '].') + 2), startsWith(step, concat(workflow_name, '.')),"
    " substring(step, length(workflow_name) + 2), step)"
)
"""A step's own name: of a workflow of one pod it is the workflow's, and a pod's step has the workflow's before it."""


def _filled(*texts: str) -> str:
    """An array of those texts that say something."""
    return f"arrayFilter(x -> x != '', [{', '.join(texts)}])"


_COUNTED = (
    "if(failed_pods = 0, '', concat(toString(failed_pods), ' failed'))",
    "if(retries = 0, '', concat(toString(retries), ' retries'))",
)
COMMON = ("uid", "cluster", "namespace", "name", "attempt", "template", "queue", "created_at", "first_seen_at")
EITHER: Mapping[str, tuple[str, str]] = {
    "state": ("toString(outcome)", "toString(waiting_reason)"),
    "why": ("toString(reason)", "''"),
    "words": ("message", "waiting_words"),
    "decided_by": ("if(deciding_step = name, '(whole)', deciding_step)", "''"),
    "waits": (
        f"CAST(waited_on, {MAP})",
        f"CAST(if(waiting_on = '', map(), map(toString(waiting_reason), waiting_on)), {MAP})",
    ),
    "picked_up": ("picked_up_at", NEVER),
    "first_pod": ("first_pod_at", NEVER),
    "started": ("started_at", NEVER),
    "finished": ("finished_at", NEVER),
    "since": (NEVER, f"CAST(waiting_since, {INSTANT})"),
    "latency_ms": ("queue_latency_ms", "CAST(NULL, 'Nullable(UInt64)')"),
    "size": (f"arrayStringConcat({_filled('toString(pods)', *_COUNTED)}, ', ')", "''"),
    "progress_": ("''", "if(progress = '0/0', '', progress)"),
    "owner": (
        "arrayStringConcat(arrayFilter(x -> x != '', [department, project, creator]), ', ')",
        "toString(department)",
    ),
    "version_": ("toString(template_version)", "''"),
    "trace": ("trace_id", "''"),
    "hidden": ("if(complete, '', 'a part: the collector had a gap or a restart')", "''"),
}
"""Columns of a workflow, of a finished attempt and of one that lives."""


def _rows(table: str, at: int, condition: str, more: Mapping[str, tuple[str, str]]) -> str:
    columns = (*COMMON, *(f"{either[at]} AS {name}" for name, either in more.items()))
    return f"SELECT {', '.join(columns)}, {1 - at} AS ended FROM {table} WHERE uid = {UID}{condition}"


def _workflow(**more: tuple[str, str]) -> str:
    """A subquery of one row, the newest attempt; `more` are columns beside those of EITHER, of both kinds."""
    columns = {**EITHER, **more}
    finished = _rows(sql.name(WORKFLOW_RUN), 0, "", columns)
    lives = _rows(sql.name(WORKFLOW_LIVE), 1, " AND is_deleted = 0", columns)
    return f"(SELECT * FROM ({finished}\nUNION ALL\n{lives}) ORDER BY attempt DESC, ended DESC LIMIT 1)"


LENGTH_S = "dateDiff('second', created_at, if(ended, finished, now64(3)))"
BECAUSE = (
    "if(why = '', '', concat(' (', why, ')')), if(decided_by IN ('', '(whole)'), '', concat(' in step ', decided_by)),"
    " ' after ', formatReadableTimeDelta("
    f"{LENGTH_S}), if(latency_ms IS NULL, '', concat('; its work began after ',"
    " formatReadableTimeDelta(round(assumeNotNull(latency_ms) / 1000))))"
)
NOW_IS = (
    "if(state = 'running', 'has run for ', 'has waited '), formatReadableTimeDelta(dateDiff('second',"
    " assumeNotNull(since), now64(3))), if(state = 'running', '', concat(': ', state)),"
    " if(words = '', '', concat(' (', words, ')')), '; it is ', formatReadableTimeDelta("
    f"{LENGTH_S}), ' old'"
)
CLUSTER = f"SELECT toString(cluster) AS cluster FROM {_workflow()} ORDER BY cluster"
SENTENCE = f"SELECT concat(name, ' ', if(ended, concat(state, {BECAUSE}), concat({NOW_IS}))) AS line FROM {_workflow()} LIMIT 1"
STATE = f"SELECT state FROM {_workflow()} LIMIT 1"
LENGTH = (
    f"SELECT dateDiff('millisecond', created_at, if(ended, finished, now64(3))) AS lived FROM {_workflow()} LIMIT 1"
)
QUEUED = f"SELECT latency_ms FROM {_workflow()} WHERE latency_ms IS NOT NULL LIMIT 1"

PAIRS: Mapping[str, str] = {
    "Name": "name",
    "Template": "concat(toString(template), if(version_ = '', '', concat(', version ', version_)))",
    "Cluster, namespace": "concat(toString(cluster), ', ', toString(namespace))",
    "Queue": "toString(queue)",
    "Who": "owner",
    "Attempt": "toString(attempt)",
    "Reason": "why",
    "Decided by step": "decided_by",
    "Words": "words",
    "Waited for": "arrayStringConcat(arrayMap((k, v) -> concat(k, ' ', v), mapKeys(waits), mapValues(waits)), '; ')",
    "Pods": "size",
    "Steps finished": "progress_",
    "Not seen": "hidden",
    "Trace": "trace",
    "uid": "uid",
}
"""Facts by name, each as a text; an empty one is not shown."""
FACTS = f"""
SELECT pair.1 AS fact, pair.2 AS value
FROM (SELECT arrayJoin([{", ".join(f"('{name}', {text})" for name, text in PAIRS.items())}]) AS pair FROM {_workflow()})
WHERE pair.2 != ''
LIMIT 30
""".strip()

MOMENTS = ("created_at", "first_seen_at", "picked_up", "first_pod", "started", "since", "finished")
MOMENT_NAMES = (
    "created",
    "first seen",
    "its work began",
    "first pod",
    "started, says Argo",
    "in this state",
    "finished",
)
_INSTANTS = ", ".join(
    f"('{name}', CAST({moment}, {INSTANT}))" for name, moment in zip(MOMENT_NAMES, MOMENTS, strict=True)
)
MILESTONES = f"""
SELECT pair.1 AS what, assumeNotNull(pair.2) AS at, dateDiff('millisecond', created_at, at) AS after
FROM (SELECT created_at, arrayJoin([{_INSTANTS}]) AS pair FROM {_workflow()})
WHERE pair.2 IS NOT NULL
ORDER BY at
LIMIT 20
""".strip()

_WAITS: Mapping[str, tuple[str, str]] = {
    "spent": (
        f"[{', '.join(f'toUInt64({reason}_ms)' for reason in REASONS)}]",
        "["
        + ", ".join(
            f"toUInt64({reason}_ms + if(waiting_reason = '{reason}', greatest(dateDiff('millisecond', waiting_since,"
            " now64(3)), 0), 0))"
            for reason in REASONS
        )
        + "]",
    )
}
TIMES = f"""
SELECT 'its life' AS workflow, part.1 AS reason, part.2 AS spent_ms
FROM (
SELECT arrayJoin(arrayZip([{", ".join(f"'{reason}'" for reason in REASONS)}], spent)) AS part
FROM {_workflow(**_WAITS)}
)
WHERE part.2 > 0
ORDER BY indexOf([{", ".join(f"'{reason}'" for reason in REASONS)}], reason)
LIMIT 20
""".strip()
"""Rows `reason, spent_ms` of what is above 0: they make the time from its first appearance on."""


def _amount(amount: str) -> str:
    """An amount as a text; a small one has more digits, so that it is not 0."""
    return f"if({amount} >= 1, toDecimalString({amount}, 2), toDecimalString({amount}, 6))"


def _money(amount: str) -> str:
    """An amount for each currency, as a text with its code."""
    return f"""
SELECT if(count(cost) = 0, 'unknown: no price', concat({_amount(f"assumeNotNull({amount})")}, ' ', currency)) AS amount
FROM {sql.name(COST_CURRENT)}
WHERE {CHARGES_OF_IT}
GROUP BY currency
ORDER BY currency
LIMIT 5
""".strip()


SPENT = _money("sum(cost)")
BEFORE_RUNNING = _money("sum(cost_pending)")
NOT_USEFUL = _money("sumIf(cost, class NOT IN ('useful', 'unknown'))")

LEADS_TO = f"""
SELECT template, queue, name, cluster, namespace, uid, {sql.life(end="finished")}
FROM {_workflow()}
LIMIT 1
""".strip()
IN_ARGO = f"""
SELECT name, namespace, uid
FROM {_workflow()}
WHERE {sql.text("argo_ui")} != ''
LIMIT 1
""".strip()

_NEWEST = f"(SELECT max(attempt) FROM {sql.name(STEP_RUN)} WHERE workflow_uid = {UID})"
_STEPS = f"""
SELECT step, workflow_name, critical, node_id, started_at, finished_at, pod_uid, phase, waiting_reason, waiting_ms
FROM {sql.name(STEP_RUN)}
WHERE workflow_uid = {UID} AND type NOT IN {GROUPS} AND attempt = {_NEWEST} AND started_at < finished_at
UNION ALL
SELECT step, workflow_name, false, node_id, created_at, finished_at, uid, phase, '', 0
FROM {sql.name(POD_RUN)}
WHERE {PODS_OF_IT} AND created_at < finished_at
  AND uid NOT IN (SELECT pod_uid FROM {sql.name(STEP_RUN)} WHERE workflow_uid = {UID})
"""
"""Steps of a finished attempt; of one that lives, the pods that have ended."""
GANTT = f"""
SELECT entry.1 AS time, lane, entry.2 AS Value
FROM (
SELECT if(count() OVER (PARTITION BY called) = 1, called, concat(called, ' #',
    toString(row_number() OVER (PARTITION BY called ORDER BY begins, node_id)))) AS lane, begins, node_id,
  arrayJoin(arrayFilter((entry, until) -> entry.1 < until, arrayZip(times, states),
    arrayPushBack(arrayPopFront(times), toDateTime64('2200-01-01', 3, 'UTC')))) AS entry
FROM (
SELECT concat(leftUTF8({WHOLE}, 36), if(critical, ' *', '')) AS called, node_id, assumeNotNull(started_at) AS begins,
  assumeNotNull(finished_at) AS ends, pod.uid = '' AS podless,
  greatest(begins, least(ends, if(podless, begins + toIntervalMillisecond(waiting_ms), made_at))) AS made,
  greatest(made, least(ends, ifNull(scheduled_at, if(podless, made, ends)))) AS scheduled,
  greatest(scheduled, least(ends, ifNull(main_started_at, if(podless, scheduled, ends)))) AS began,
  [begins, made, scheduled, began, ends] AS times,
  [if(waiting_reason = '', 'starting', toString(waiting_reason)), 'scheduling', 'starting',
    if(phase IN ('Failed', 'Error'), 'failed', 'running'), NULL] AS states
FROM (
SELECT * FROM ({_STEPS}) ORDER BY critical DESC, dateDiff('millisecond', started_at, finished_at) DESC LIMIT {LANES}
) AS steps
LEFT JOIN (
SELECT uid, created_at AS made_at, scheduled_at, main_started_at FROM {sql.name(POD_RUN)} WHERE {PODS_OF_IT}
) AS pod ON pod.uid = steps.pod_uid
)
UNION ALL
SELECT 'now', created_at, uid, arrayJoin([(created_at, CAST('earlier', 'Nullable(String)')),
  (waiting_since, toString(waiting_reason)), (now64(3), NULL)])
FROM {sql.name(WORKFLOW_LIVE)}
WHERE uid = {UID} AND is_deleted = 0
)
ORDER BY begins, node_id, time
LIMIT 1000
""".strip()

_TOOK = f"""
SELECT {WHOLE} AS called, phase, dateDiff('millisecond', started_at, finished_at) AS length_ms,
  if(waiting_ms = 0, NULL, waiting_ms) AS waited_ms,
  if(waiting_ms = 0, '', concat(toString(waiting_reason), ' ', waiting_on)) AS waited_for
""".strip()
_OF_NEWEST = f"""
FROM {sql.name(STEP_RUN)}
WHERE workflow_uid = {UID} AND attempt = {_NEWEST}
""".strip()
CRITICAL_PATH = f"{_TOOK}, critical_ms, message\n{_OF_NEWEST} AND critical\nORDER BY started_at, node_id\nLIMIT 100"
SLOWEST = f"{_TOOK}\n{_OF_NEWEST} AND type NOT IN {GROUPS}\nORDER BY length_ms DESC NULLS LAST\nLIMIT 20"

PODS = f"""
SELECT any({WHOLE}) AS called, if(countIf(ended) = 0, 'Running', maxIf(phase, ended)) AS state,
   max(reason) AS why, max(product) AS made_of, max(size) AS sized,
  max(node) AS on_node, max(latency_ms) AS started_in, max(ran_ms) AS ran,
  if(countIf(NOT ended) = 0, 'no charge yet', if(countIf(cost IS NOT NULL) = 0, 'unknown: no price',
    concat({_amount("assumeNotNull(sum(cost))")}, ' ', max(currency)))) AS spent, max(hint) AS words
FROM (
SELECT uid, step, workflow_name, true AS ended, toString(phase) AS phase, toString(reason) AS reason, '' AS product, '' AS size,
  node_name AS node, start_latency_ms AS latency_ms, dateDiff('millisecond', main_started_at, finished_at) AS ran_ms,
  CAST(NULL, 'Nullable(Decimal(38, 18))') AS cost, '' AS currency, hint, created_at
FROM {sql.name(POD_RUN)}
WHERE {PODS_OF_IT}
UNION ALL
SELECT pod_uid, step, workflow_name, false, '', '', trim(concat(product, ' ', purchase)),
  if(instance_type != '', toString(instance_type),
    concat(toString(round(toFloat64(billed_vcpu), 2)), ' vCPU ', toString(round(toFloat64(billed_memory_gib), 2)), ' GiB')),
  toString(node_name), NULL, NULL, cost, toString(currency), '', created_at
FROM {sql.name(COST_CURRENT)}
WHERE {CHARGES_OF_IT}
)
GROUP BY uid
ORDER BY min(created_at), uid
LIMIT 200
""".strip()
"""Pods that ended, and those that run and are charged for."""

_NEAR = 31
"""Days before and after a workflow in which runs of its template are looked for."""
_OTHERS = ("succeeded", "failed", "platform", "cancelled", "invalid", "unknown")
SIBLINGS = f"""
WITH (SELECT tuple(cluster, namespace, template, created_at) FROM {_workflow()}) AS subject
SELECT formatDateTime(created_at, '%d %b %H:%i:%S') AS created, uid, from_ms, to_ms, if(mine, took, NULL) AS `this run`,
  {", ".join(f"if(NOT mine AND outcome = '{outcome}', took, NULL) AS `{outcome}`" for outcome in _OTHERS)}
FROM (
SELECT created_at, uid, outcome, uid = {UID} AS mine, dateDiff('millisecond', created_at, finished_at) / 1000 AS took,
  {sql.life()}
FROM {sql.name(WORKFLOW_RUN)}
WHERE cluster = subject.1 AND namespace = subject.2 AND template = subject.3 AND finished_at IS NOT NULL
  AND created_at >= subject.4 - INTERVAL {_NEAR} DAY AND created_at <= subject.4 + INTERVAL {_NEAR} DAY
ORDER BY abs(dateDiff('millisecond', created_at, subject.4)), attempt DESC
LIMIT 30
)
ORDER BY created_at
LIMIT 30
""".strip()
"""The runs of the same template nearest in time, this one among them: from its creation to its end, seconds."""
