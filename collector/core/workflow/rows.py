"""
Rows of a workflow: a finished attempt, the present state, and the latencies in them.

Two clocks meet here. Where both ends of a duration were live it is the arrival clock's, in milliseconds; otherwise it is the
object's, in whole seconds, and says so. A negative duration becomes 0 and is counted as clamped.
"""

from typing import Any

import msgspec

from collector.core.facts.workflows import WorkflowLive, WorkflowRun
from collector.core.model import REASONS, Instant, LatencySource
from collector.core.workflow import units
from collector.core.workflow.state import Attempt, WorkflowState

_QUEUED = REASONS.index("queued")
_COLUMNS = tuple(f"{reason}_ms" for reason in REASONS)


class Latency(msgspec.Struct, frozen=True):
    """A duration, whose clock measured it, and whether it had to be set to 0."""

    ms: int | None = None
    source: LatencySource = ""
    """`watch`: the arrival clock, both ends were live. `object`: the object's whole seconds. Empty: no reliable figure."""
    clamped: bool = False


NONE = Latency()


def queue_latency(state: WorkflowState, attempt: Attempt) -> Latency:
    """
    First sight to the beginning of work; a later attempt whose reopening was not live has none. Nor has one that a queue
    manager held unobserved: the object's own start is when it began to be held.
    """
    if attempt.picked_up_at is None:
        return NONE
    if attempt.first_seen_live and attempt.picked_up_live:
        return _between(attempt.first_seen_at, attempt.picked_up_at, "watch")
    if attempt.number > 1 or attempt.started_at is None or _was_held(attempt):
        return NONE
    return _between(state.created_at, attempt.started_at, "object")


def start_latency(state: WorkflowState, attempt: Attempt) -> Latency:
    """First sight to the first running main container, by the same rule."""
    if attempt.first_main_at is None:
        return NONE
    if attempt.first_seen_live and attempt.first_main_live and not attempt.clock_stepped:
        return _between(attempt.first_seen_at, attempt.first_main_at, "watch")
    if attempt.number > 1 or attempt.first_main_live:
        return NONE
    return _between(state.created_at, attempt.first_main_at, "object")


def completion_delay(attempt: Attempt) -> Latency:
    """End of the last container to end of the workflow: the time that the controller took to notice."""
    if attempt.finished_at is None or attempt.last_end_at is None:
        return NONE
    return _between(attempt.last_end_at, attempt.finished_at, "object")


def duration(attempt: Attempt) -> Latency:
    """
    Begin of work to the end, by the controller's clock; none of an attempt that never began or vanished unobserved. Of one
    that a queue manager held, the begin is ours.
    """
    if attempt.finished_at is None or attempt.picked_up_at is None or attempt.outcome == "unknown":
        return NONE
    began_at = attempt.picked_up_at if _was_held(attempt) else attempt.started_at or attempt.picked_up_at
    return _between(began_at, attempt.finished_at, "object")


def _was_held(attempt: Attempt) -> bool:
    """Whether a queue manager held the attempt after Argo had seen it and before its work began."""
    queued = attempt.spent[_QUEUED] if attempt.spent else 0
    return queued > 0 and (attempt.picked_up_at or 0) > (attempt.started_at or 0)


def _between(begin: Instant, end: Instant, source: LatencySource) -> Latency:
    return Latency(max(0, end - begin), source, end < begin)


def spent_ms(attempt: Attempt) -> dict[str, Any]:
    """The columns of milliseconds by reason."""
    amounts = attempt.spent or [0] * len(REASONS)
    return dict(zip(_COLUMNS, amounts, strict=True))


def run_of(cluster: str, state: WorkflowState, attempt: Attempt, version: int) -> WorkflowRun:
    """The row of a finished attempt, with a version above the row before; owners are the workflow's present ones."""
    queued, started, decider = queue_latency(state, attempt), start_latency(state, attempt), attempt.decider
    attempt.row_version = max(version, attempt.row_version + 1)
    made = units.numbers(state.stated_units)
    return WorkflowRun(
        cluster=cluster, namespace=state.namespace, created_at=state.created_at, uid=state.uid, attempt=attempt.number,
        version=attempt.row_version, name=state.name, template=state.template, queue=state.queue,
        priority=state.priority, labels=state.labels or {}, department=state.department, project=state.project,
        creator=state.creator, first_seen_at=attempt.first_seen_at, picked_up_at=attempt.picked_up_at,
        first_pod_at=attempt.first_pod_at, started_at=attempt.started_at,
        finished_at=attempt.finished_at or attempt.reason_since, phase=attempt.phase, outcome=attempt.outcome,
        reason=attempt.outcome_reason, message=attempt.message, queue_latency_ms=queued.ms,
        latency_source=queued.source, pods=attempt.pods, failed_pods=attempt.failed_pods, retries=attempt.retries,
        complete=attempt.complete, start_latency_ms=started.ms, start_latency_source=started.source,
        completion_delay_ms=completion_delay(attempt).ms, deciding_node=decider.node_id if decider else "",
        deciding_step=decider.step if decider else "", node_status=attempt.node_status, waited_on=attempt.waited_on or {},
        service_account=state.service_account, template_version=state.template_version,
        units=next(iter(made.values()), None), trace_id=state.trace_id, made=made, **spent_ms(attempt),
    )  # fmt: skip


def live_of(cluster: str, state: WorkflowState) -> WorkflowLive:
    """The row of the present state; of a finished or deleted workflow the row that removes it."""
    attempt = state.attempt
    return WorkflowLive(
        cluster=cluster, uid=state.uid, version=state.version, is_deleted=int(attempt.finished or state.deleted),
        namespace=state.namespace, name=state.name, created_at=state.created_at, attempt=attempt.number,
        template=state.template, queue=state.queue, department=state.department, phase=attempt.phase,
        waiting_reason=attempt.reason, waiting_since=attempt.reason_since, waiting_on=attempt.reason_on,
        first_seen_at=attempt.first_seen_at, waiting_words=attempt.reason_words, progress=state.progress,
        moved_at=state.moved_at, picked_up_at=attempt.picked_up_at, **spent_ms(attempt),
    )  # fmt: skip
