"""
Effects of an attempt that began or ended, and the row of one that ended.
"""

from collections.abc import Iterator

from collector.core.cluster.effects import Began, Clamped, Effect, Ended, Submitted
from collector.core.facts.workflows import WorkflowRun
from collector.core.workflow import rows, units
from collector.core.workflow.state import Attempt, WorkflowState


def submitted(state: WorkflowState) -> Effect:
    """The present attempt is new."""
    attempt = state.attempt
    own = state.created_at if attempt.number == 1 else attempt.started_at
    return Submitted(state.namespace, state.queue, attempt.first_seen_at if attempt.first_seen_live or not own else own)


def began(state: WorkflowState) -> Iterator[Effect]:
    """Work on the present attempt began."""
    attempt = state.attempt
    latency = rows.queue_latency(state, attempt)
    exact_ms = latency.ms if latency.source == "watch" else None
    yield Began(state.namespace, state.queue, exact_ms, attempt.picked_up_at or attempt.first_seen_at, state.uid)
    if latency.clamped:
        yield Clamped("queue_latency")


def ended(state: WorkflowState) -> Iterator[Effect]:
    """The present attempt ended."""
    attempt = state.attempt
    delay, duration = rows.completion_delay(attempt), rows.duration(attempt)
    yield Ended(
        namespace=state.namespace, outcome=attempt.outcome, uid=state.uid, template=state.template, duration_ms=duration.ms,
        reason=attempt.outcome_reason, retries=attempt.retries, delay_ms=delay.ms,
        unreadable_units=units.unreadable(state.stated_units),
    )  # fmt: skip
    if delay.clamped:
        yield Clamped("completion_delay")
    if duration.clamped:
        yield Clamped("duration")


def run_row(cluster: str, state: WorkflowState, attempt: Attempt) -> WorkflowRun:
    """The row of an attempt that has ended, above the rows before and all that it rests on."""
    version = state.version if attempt is state.attempt else 0
    return rows.run_of(cluster, state, attempt, max(version, attempt.pods_version))
