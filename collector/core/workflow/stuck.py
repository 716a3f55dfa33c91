"""
Workflows that began and do not move, and the likely cause of each.

A suspended workflow is not stuck: it waits for a person. Nor is a workflow whose work has not begun: it is part of the
queue depth, even if no controller will ever take it up.
"""

from collections.abc import Sequence
from heapq import nsmallest

import msgspec

from collector.core.live_view import StuckWorkflow
from collector.core.model import Instant
from collector.core.slices import Slices, in_batches
from collector.core.workflow.state import Attempt, WorkflowState

OLDEST_SHOWN = 200

REMEDIES = {
    "no_pod_task_result": "Its steps are done but a result is missing: check who may write WorkflowTaskResults, then stop it.",
    "no_pod_controller": "No pod exists and no reason is known: check if the controller keeps up, and its own parallelism.",
    "quota": "A ResourceQuota or an elastic quota is used up: raise it, or wait for others to finish.",
    "no_stock": "The cloud has no machine of this size left: allow other zones, sizes or purchase options.",
    "unschedulable": "No node takes its pod: compare the pod's requests, selectors and tolerations with the nodes.",
    "image": "Its image cannot be pulled: check the name, the tag, the pull secret and the registry.",
    "volume": "Its volume claim is not bound or cannot be mounted: look at the claim and its storage class.",
    "lock": "A step waits for a lock that is not released: check its holders and its limit.",
    "starting": "Its pod exists and no container starts: the pod's events name the volume, network or secret.",
}
"""What to do about each cause, in one sentence."""

_CAUSES = {name: name for name in ("quota", "unschedulable", "image", "volume", "starting")} | {
    "stock": "no_stock",
    "step_lock": "lock",
    "advancing": "no_pod_controller",
}
"""Cause by waiting reason; a workflow with another reason is never stuck."""


class StuckWorkflows(msgspec.Struct, frozen=True):
    """The stuck workflows of a cluster."""

    oldest: list[StuckWorkflow]
    """At most OLDEST_SHOWN, the oldest first."""
    counts: dict[tuple[str, str], int]
    """All of them, by namespace and cause."""


def stuck(cluster: str, states: Sequence[WorkflowState], now: Instant, after_ms: int) -> Slices[StuckWorkflows]:
    """Workflows whose reason, progress and pods have not changed for longer than `after_ms`."""
    found: list[tuple[Instant, str, WorkflowState]] = []
    counts: dict[tuple[str, str], int] = {}
    for batch in in_batches(states):
        for state in batch:
            attempt = state.attempt
            # Most workflows are throttled or running: the first condition sorts them out.
            if attempt.reason not in _CAUSES or attempt.picked_up_at is None or attempt.finished:
                continue
            since = max(attempt.reason_since, state.moved_at or 0)
            if now - since > after_ms:
                cause = _cause(attempt)
                counts[state.namespace, cause] = counts.get((state.namespace, cause), 0) + 1
                found.append((since, cause, state))
        yield
    oldest = nsmallest(OLDEST_SHOWN, found, key=lambda entry: (entry[0], entry[2].uid))
    return StuckWorkflows([_stuck(cluster, state, cause, since) for since, cause, state in oldest], counts)


def _cause(attempt: Attempt) -> str:
    if attempt.reason == "advancing" and attempt.awaits_results:
        return "no_pod_task_result"
    return _CAUSES[attempt.reason]


def _stuck(cluster: str, state: WorkflowState, cause: str, since: Instant) -> StuckWorkflow:
    attempt = state.attempt
    # A lock's message does not name the lock, but a scheduler's message names the claim.
    named = attempt.reason_on if attempt.reason_on not in attempt.reason_words else ""
    words = ": ".join(part for part in (named, attempt.reason_words) if part)
    return StuckWorkflow(
        cluster=cluster, namespace=state.namespace, name=state.name, uid=state.uid, reason=attempt.reason, cause=cause,
        words=words, since=since,
    )  # fmt: skip
