"""
What took the time in one workflow: its critical path, and its slowest steps.

Steps are rows of step_run, each with its pod's row of pod_run where it had one; both are read by the workflow's key.
"""

from collections.abc import Mapping
from typing import Any

from collector.reports.queue import NOTHING
from collector.reports.report import Query, Report, ReportError, Span

SLOWEST = 20
GROUPS = "('Steps', 'StepGroup', 'DAG', 'TaskGroup', 'Retry')"
"""Steps that are as long as what is in them."""

STEPS_UNAVAILABLE = {
    "offloaded": "Argo keeps its steps in a database of its own, so none is known; see ALWAYS_OFFLOAD_NODE_STATUS",
    "unreadable": "its steps could not be unpacked",
    "": "it had no step",
}
"""Why a workflow has no steps, by how its status told them."""

KEY = ("cluster", "namespace", "created", "uid", "attempt")
COLUMNS = (
    "step", "template", "phase", "try", "after ms", "length ms", "critical ms", "pod start ms", "waited for",
    "waited ms", "exit code", "node", "message",
)  # fmt: skip

OF_WORKFLOW = "cluster = {cluster:String} AND namespace = {namespace:String} AND workflow_uid = {uid:String}"
STEPS = f"""
    SELECT s.step, s.template, s.phase, s.try_number, dateDiff('millisecond', s.workflow_created_at, s.started_at),
           dateDiff('millisecond', s.started_at, s.finished_at) AS length, s.critical_ms, p.start_latency_ms,
           concat(s.waiting_reason, if(s.waiting_on = '', '', ' '), s.waiting_on),
           if(s.waiting_ms = 0, NULL, s.waiting_ms), s.exit_code, p.node_name, substringUTF8(s.message, 1, 200)
    FROM (
        SELECT * FROM step_run FINAL
        WHERE {OF_WORKFLOW} AND workflow_created_at = fromUnixTimestamp64Milli({{created:Int64}})
          AND attempt = {{attempt:UInt32}}
    ) AS s
    LEFT JOIN (
        SELECT uid, start_latency_ms, node_name FROM pod_run FINAL
        WHERE {OF_WORKFLOW} AND created_at >= fromUnixTimestamp64Milli({{created:Int64}})
          AND created_at IN (SELECT created_at FROM pod_run WHERE {OF_WORKFLOW})
    ) AS p ON p.uid = s.pod_uid
"""
"""What of a key is known spares FINAL from comparing all that lies near a uid's rows: a tenth of the time before merges."""
CRITICAL = f"{STEPS} WHERE s.critical ORDER BY s.started_at, s.node_id"
SLOW = f"{STEPS} WHERE s.type NOT IN {GROUPS} ORDER BY length DESC NULLS LAST, s.node_id LIMIT {SLOWEST}"


def steps(query: Query, workflow: str, span: Span) -> Report:
    """The critical path of a finished workflow by name or uid, then its slowest steps; the newest attempt counts."""
    run, *others = _runs(query, workflow, span)
    key = {name: run[name] for name in KEY}
    path, slow = (Report(title, COLUMNS, [tuple(row) for row in query(sql, key)], nothing=NOTHING)
                  for title, sql in (("", CRITICAL), ("Slowest steps", SLOW)))  # fmt: skip
    title = f"Critical path of {run['name']}, attempt {run['attempt']}, in {run['cluster']} {run['namespace']}"
    notes = [
        _length(run, path),
        *([] if slow.rows else [STEPS_UNAVAILABLE.get(run["node_status"], "none of its steps is in the store")]),
    ]
    if others:
        known = ", ".join(f"{o['cluster']} {o['namespace']} {o['uid']} attempt {o['attempt']}" for o in others)
        notes.append(f"also called so, give the uid to see one: {known}")
    return Report(title, COLUMNS, path.rows, notes, NOTHING, [slow])


def _runs(query: Query, workflow: str, span: Span) -> list[dict[str, Any]]:
    """The attempts that a name or uid may mean, newest first."""
    names = (*KEY, "name", "outcome", "reason", "deciding_step", "node_status", "length_ms")
    sql = """
        SELECT cluster, namespace, toUnixTimestamp64Milli(created_at), uid, attempt, name, outcome, reason,
               deciding_step, node_status, dateDiff('millisecond', started_at, finished_at)
        FROM workflow_run FINAL
        WHERE (name = {workflow:String} OR uid = {workflow:String})
          AND created_at >= toDateTime64({begin:Date}, 3, {zone:String})
          AND created_at < toDateTime64({end:Date}, 3, {zone:String})
        ORDER BY created_at DESC, attempt DESC
        LIMIT 6
    """
    rows = query(sql, {"workflow": workflow, **span.parameters()})
    if not rows:
        raise ReportError(f"--workflow {workflow}: no finished workflow of this name or uid was created in {span}")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _length(run: Mapping[str, Any], path: Report) -> str:
    """How the workflow ended, and how much of its length its critical path explains."""
    ended = " ".join(word for word in (run["outcome"], run["reason"]) if word)
    decided = f", decided by {run['deciding_step']}" if run["deciding_step"] else ""
    if not run["length_ms"]:
        return f"{ended}{decided}"
    critical = sum(row[COLUMNS.index("critical ms")] for row in path.rows)
    return f"{ended}{decided}; its critical path accounts for {critical} of its {run['length_ms']} ms"
