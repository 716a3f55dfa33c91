"""
Steps report: the critical path of one workflow, and its slowest steps.

Steps are rows of step_run, joined with the row of their pod in pod_run; both tables are read by the workflow's key.
"""

from typing import NamedTuple

from collector.core.model import Instant
from collector.reports.report import NO_VALUE, Query, Report, ReportError, Span
from collector.reports.sources import CREATED, parameters

SLOWEST = 20
SAME_NAME = 6
"""Workflows of the same name that are looked up, the newest included."""
GROUPS = "('Steps', 'StepGroup', 'DAG', 'TaskGroup', 'Retry')"
"""Nodes that last as long as the steps inside them."""

STEPS_UNAVAILABLE = {
    "offloaded": "its steps are unknown: Argo stores them in its own database; see ALWAYS_OFFLOAD_NODE_STATUS",
    "unreadable": "its steps could not be unpacked",
    "": "it had no step",
}
"""Why a workflow has no steps, by `node_status`: how its status held them."""

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
"""The conditions name as much of each key as is known: before merges, FINAL then takes a tenth of the time."""
CRITICAL = f"{STEPS} WHERE s.critical ORDER BY s.started_at, s.node_id"
SLOW = f"{STEPS} WHERE s.type NOT IN {GROUPS} ORDER BY length DESC NULLS LAST, s.node_id LIMIT {SLOWEST}"
ATTEMPTS = f"""
    SELECT cluster, namespace, toUnixTimestamp64Milli(created_at), uid, attempt, name, outcome, reason,
           deciding_step, node_status, dateDiff('millisecond', started_at, finished_at)
    FROM workflow_run FINAL
    WHERE (name = {{workflow:String}} OR uid = {{workflow:String}}) AND {CREATED}
    ORDER BY created_at DESC, attempt DESC
    LIMIT {SAME_NAME}
"""
"""Selects the fields of FinishedAttempt, in their order."""


class FinishedAttempt(NamedTuple):
    """A finished attempt of a workflow."""

    cluster: str
    namespace: str
    created: Instant
    uid: str
    attempt: int
    name: str
    outcome: str
    reason: str
    deciding_step: str
    node_status: str
    length_ms: int | None


def steps(query: Query, workflow: str, span: Span) -> Report:
    """Reports the critical path and the slowest steps of a finished workflow, by name or uid: of its newest attempt."""
    attempt, *others = _attempts(query, workflow, span)
    key = {
        "cluster": attempt.cluster,
        "namespace": attempt.namespace,
        "created": attempt.created,
        "uid": attempt.uid,
        "attempt": attempt.attempt,
    }
    path = [tuple(row) for row in query(CRITICAL, key)]
    slow = [tuple(row) for row in query(SLOW, key)]
    notes = [_ending(attempt, sum(row[COLUMNS.index("critical ms")] for row in path))]
    if not slow:
        notes.append(STEPS_UNAVAILABLE.get(attempt.node_status, "none of its steps is in the store"))
    if others:
        same_name = ", ".join(f"{one.cluster} {one.namespace} {one.uid} attempt {one.attempt}" for one in others)
        notes.append(f"other workflows with this name; give a uid to see one: {same_name}")
    return Report(
        title=f"Critical path of {attempt.name}, attempt {attempt.attempt}, in {attempt.cluster} {attempt.namespace}",
        columns=COLUMNS,
        rows=path,
        notes=notes,
        nothing=NO_VALUE,
        parts=[Report("Slowest steps", COLUMNS, slow, nothing=NO_VALUE)],
    )


def _attempts(query: Query, workflow: str, span: Span) -> list[FinishedAttempt]:
    """Finds the attempts that a name or uid may mean, newest first."""
    rows = query(ATTEMPTS, parameters(span, workflow=workflow))
    if not rows:
        raise ReportError(f"--workflow {workflow}: no finished workflow of this name or uid was created in {span}")
    return [FinishedAttempt(*row) for row in rows]


def _ending(attempt: FinishedAttempt, critical_ms: int) -> str:
    """States the outcome, and how much of the workflow's length its critical path explains."""
    outcome = " ".join(word for word in (attempt.outcome, attempt.reason) if word)
    decided = f", decided by {attempt.deciding_step}" if attempt.deciding_step else ""
    if not attempt.length_ms:
        return f"{outcome}{decided}"
    return f"{outcome}{decided}; its critical path accounts for {critical_ms} of its {attempt.length_ms} ms"
