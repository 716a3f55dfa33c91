"""
The rows that a workflow's life leads to: a finished attempt, the present state, and the latencies they hold.

Two clocks meet here. Where both ends of a duration were live it is our own clock's, in milliseconds; else it is the object's,
in whole seconds, and says so. None is ever negative; a figure that would be is 0 and is counted as clamped.
"""

from typing import Any

import msgspec

from collector.core.facts.workflows import WorkflowLive, WorkflowRun
from collector.core.model import REASONS, Instant
from collector.core.workflow.lifecycle import WorkflowState

_COLUMNS = tuple(f"{reason}_ms" for reason in REASONS)


class Latency(msgspec.Struct, frozen=True):
    """A duration, whose clock it is, and whether it had to be set to 0."""

    ms: int | None = None
    source: str = ""
    """`watch`: our clock when both ends were live. `object`: the object's whole seconds. Empty: no honest figure exists."""
    clamped: bool = False


NONE = Latency()


def queue_latency(life: WorkflowState) -> Latency:
    """First seen to work begins; a later attempt that was not seen live from its reopening on has none."""
    if life.picked_up_at is None:
        return NONE
    if life.first_seen_live and life.picked_up_live:
        return _between(life.first_seen_at, life.picked_up_at, "watch")
    if life.attempt > 1 or life.started_at is None:
        return NONE
    return _between(life.created_at, life.started_at, "object")


def start_latency(life: WorkflowState) -> Latency:
    """First seen to the first main container running, by the same rule."""
    if life.first_main_at is None:
        return NONE
    if life.first_seen_live and life.first_main_live:
        return _between(life.first_seen_at, life.first_main_at, "watch")
    if life.attempt > 1 or life.first_main_live:
        return NONE
    return _between(life.created_at, life.first_main_at, "object")


def completion_delay(life: WorkflowState) -> Latency:
    """Last container finished to workflow finished: what the controller took to notice."""
    if life.finished_at is None or life.last_end_at is None:
        return NONE
    return _between(life.last_end_at, life.finished_at, "object")


def _between(begin: Instant, end: Instant, source: str) -> Latency:
    return Latency(max(0, end - begin), source, end < begin)


def spent_ms(life: WorkflowState) -> dict[str, Any]:
    """The reason columns of a row."""
    amounts = life.spent or [0] * len(REASONS)
    return dict(zip(_COLUMNS, amounts, strict=True))


def run_of(cluster: str, life: WorkflowState, version: int) -> WorkflowRun:
    """The row of a finished attempt, above the one told before."""
    queued, started = queue_latency(life), start_latency(life)
    life.row_version = max(version, life.row_version + 1)
    return WorkflowRun(
        cluster=cluster, namespace=life.namespace, created_at=life.created_at, uid=life.uid, attempt=life.attempt,
        version=life.row_version, name=life.name, template=life.template, queue=life.queue, priority=life.priority,
        labels=life.labels or {}, department=life.department, project=life.project, creator=life.creator,
        first_seen_at=life.first_seen_at, picked_up_at=life.picked_up_at, first_pod_at=life.first_pod_at,
        started_at=life.started_at, finished_at=life.finished_at or life.reason_since, phase=life.phase,
        outcome=life.outcome, reason=life.outcome_reason, message=life.message, queue_latency_ms=queued.ms,
        latency_source=queued.source, pods=life.pods, failed_pods=life.failed_pods, retries=life.retries,
        complete=life.complete, start_latency_ms=started.ms, start_latency_source=started.source,
        completion_delay_ms=completion_delay(life).ms, deciding_node=life.deciding_node,
        deciding_step=life.deciding_step, node_status=life.node_status, waited_on=life.waited_on or {},
        service_account=life.service_account, template_version=life.template_version,
        **spent_ms(life),
    )  # fmt: skip


def live_of(cluster: str, life: WorkflowState) -> WorkflowLive:
    """The row of the present state; a finished or deleted workflow's takes it away."""
    return WorkflowLive(
        cluster=cluster, uid=life.uid, version=life.version, is_deleted=int(life.finished or life.deleted),
        namespace=life.namespace, name=life.name, created_at=life.created_at, attempt=life.attempt,
        template=life.template, queue=life.queue, department=life.department, phase=life.phase,
        waiting_reason=life.reason, waiting_since=life.reason_since, waiting_on=life.reason_on,
        first_seen_at=life.first_seen_at, waiting_words=life.reason_words, progress=life.progress,
        moved_at=life.moved_at, **spent_ms(life),
    )  # fmt: skip
