"""
The transitions of a workflow, from its first sight to its end: when work begins, what it waits for, how an attempt ends.

The account of an attempt is closed at every change of reason, so the milliseconds of all reasons sum to the attempt's
length by construction. An instant is the arrival clock's where the change was live, and the object's own where it was not.
"""

from collections.abc import Mapping
from sys import intern
from zlib import crc32

import msgspec

from collector.core.messages import Observation
from collector.core.model import REASONS, TERMINAL_PHASES, AttemptOutcome, Instant, WaitReason
from collector.core.objects import kubernetes
from collector.core.objects.status_nodes import (
    GRAIN_MS,
    MESSAGE_LIMIT,
    Graph,
    Node,
    ParsedNodes,
    build_graph,
    decode_nodes,
    has_lasted,
    has_worked,
    parse_nodes,
    raw_nodes,
)
from collector.core.queue import locks, waiting
from collector.core.queue.managers import gates, kube_queue
from collector.core.queue.managers.kube_queue import Unit
from collector.core.queue.waiting import Reason
from collector.core.rules import Rules
from collector.core.units import DAY_MS
from collector.core.workflow import outcome
from collector.core.workflow.description import describe
from collector.core.workflow.state import Attempt, Decider, WorkflowState
from collector.core.workflow.steps import timed

PROGRESS_LIMIT = 32
SUSPENDED = Reason("suspended")
NO_DECIDER = Decider("", "")
NO_HOLDS: Mapping[WaitReason, Reason] = {}
FORMER_LIMIT = 8
"""Finished attempts of one workflow that are kept for the watch of pods, which may lag far behind."""
UNSYNCED = b'"taskResultSynced":false'
_INDEX = {reason: i for i, reason in enumerate(REASONS)}


class Steps(msgspec.Struct, frozen=True):
    """The steps of an attempt that has ended, and how they depend on each other."""

    nodes: dict[str, Node]
    graph: Graph


def new_workflow(
    seen: Observation,
    rules: Rules,
    namespace_labels: Mapping[str, str],
    unit: Unit | None = None,
    *,
    is_taken: bool = False,
) -> WorkflowState:
    """The state of a workflow at its first observation; a listed one has a past that was not observed. See `observe`."""
    workflow: kubernetes.Workflow = seen.object  # type: ignore[assignment]  # the kind implies the type
    meta, status = workflow.metadata, workflow.status or kubernetes.WorkflowStatus()
    created_at = kubernetes.parse_time(meta.creationTimestamp) or seen.at
    attempt = Attempt(
        first_seen_at=seen.at, first_seen_live=seen.live, reason_since=seen.at if seen.live else created_at,
        complete=seen.change != "listed",
    )  # fmt: skip
    state = WorkflowState(
        uid=seen.uid, namespace=intern(meta.namespace or ""), name=meta.name or "", created_at=created_at, attempt=attempt
    )  # fmt: skip
    describe(state, workflow, rules, namespace_labels)
    if not seen.live:
        claim = kube_queue.marked(workflow)
        if (held := kube_queue.hold(claim, unit, begun=_has_nodes(status))) is not None:
            set_reason(attempt, held, max((claim.since if claim else None) or created_at, created_at))
        else:
            _account_for_past(attempt, status, is_held=_is_held(attempt, workflow, is_taken))
    return state


def _account_for_past(attempt: Attempt, status: kubernetes.WorkflowStatus, *, is_held: bool = False) -> None:
    """The present reason has most likely held since the attempt began, and a running one has run since its start."""
    waits = waiting.before_work(status.phase or "", status.message or "", status.synchronization)
    attempt.reason = waits.name
    attempt.waited_on = {attempt.reason: intern(waits.on)} if waits.on else None
    started_at = kubernetes.parse_time(status.startedAt)
    if started_at and not is_held and status.phase not in (None, "", "Pending"):
        set_reason(attempt, waiting.RUNNING, started_at)


def observe(
    state: WorkflowState, seen: Observation, unit: Unit | None = None, *, is_taken: bool = False
) -> Steps | None:
    """
    Takes over the status of one more observation; returns its steps if it shows how the attempt ended.

    `unit` is the workflow's QueueUnit; `is_taken`: a queue manager takes all pods of the namespace.
    """
    workflow: kubernetes.Workflow = seen.object  # type: ignore[assignment]  # the kind implies the type
    spec, status = workflow.spec or kubernetes.WorkflowSpec(), workflow.status or kubernetes.WorkflowStatus()
    started_at, phase = kubernetes.parse_time(status.startedAt), status.phase or ""
    progress, attempt = status.progress or "", state.attempt
    if not state.version or (phase, progress) != (attempt.phase, state.progress):
        state.moved_at = seen.at
    if attempt.finished and (phase not in TERMINAL_PHASES or started_at != attempt.started_at):
        attempt = _reopen(state, seen, status)
    state.version, state.deleted = seen.version, seen.change == "deleted"
    state.progress = intern(progress[:PROGRESS_LIMIT])
    attempt.phase, attempt.started_at = intern(phase), started_at
    attempt.message = intern((status.message or "")[:MESSAGE_LIMIT])  # thousands wait with the same message
    attempt.shutdown = spec.shutdown or ""
    attempt.has_nodes = _has_nodes(status)
    attempt.marked = kube_queue.marked(workflow)
    held = kube_queue.hold(attempt.marked, unit, begun=attempt.has_nodes or attempt.picked_up_at is not None)
    if phase == "Running" and held is None and not _is_held(attempt, workflow, is_taken):
        # Of a workflow that was held, the object's start is when it began to be held.
        pick_up(state, seen.at if seen.live or attempt.reason == "queued" else started_at or seen.at, seen.live)
    steps = None
    if phase in TERMINAL_PHASES:
        steps = _finish(state, seen, status)
    else:
        _hold(state, seen.at, spec, status, held)
        if state.deleted:
            _end(attempt, seen.at, "cancelled", "deleted")
    update_reason(state, seen.at, status)
    return steps


def _has_nodes(status: kubernetes.WorkflowStatus) -> bool:
    return bool(status.compressedNodes or status.offloadNodeStatusVersion or len(status.nodes) > len(b"null"))


def _is_held(attempt: Attempt, workflow: kubernetes.Workflow, is_taken: bool) -> bool:
    """Whether a queue manager holds all pods so far, or may hold those that were not observed yet."""
    if attempt.picked_up_at is not None:
        return False
    if attempt.pods:
        return attempt.unadmitted >= attempt.pods
    return (is_taken or gates.may_hold(workflow)) and gates.awaits_pods(workflow)


def hold_again(state: WorkflowState, unit: Unit | None, at: Instant) -> None:
    """The workflow's QueueUnit changed."""
    attempt = state.attempt
    held = kube_queue.hold(attempt.marked, unit, begun=attempt.has_nodes or attempt.picked_up_at is not None)
    if attempt.finished or attempt.marked is None:
        return
    others = {name: reason for name, reason in (attempt.holds or {}).items() if name not in ("queued", "suspended")}
    own: dict[WaitReason, Reason] = {"queued": held} if held else {"suspended": SUSPENDED}
    attempt.holds = own | others
    update_reason(state, at)


def _hold(
    state: WorkflowState,
    at: Instant,
    spec: kubernetes.WorkflowSpec,
    status: kubernetes.WorkflowStatus,
    held: Reason | None,
) -> None:
    """Notes what steps without a pod wait for. Most events are decided without parsing a thousand nodes."""
    # Also while pods run: when the last one ends, the workflow's own next word may be long in coming.
    raw, attempt = raw_nodes(status), state.attempt
    steps = decode_nodes(raw) if any(sign in raw for sign in waiting.HOLD_SIGNS) else {}
    holds = waiting.waits_by_reason(steps, status.synchronization) if steps else {}
    if spec.suspend:
        holds = {"queued": held, **holds} if held else {"suspended": SUSPENDED, **holds}
    attempt.holds = holds or None
    attempt.held_locks = locks.lock_holds(status.synchronization) if status.synchronization else ()
    attempt.held_since = locks.held_since(attempt.held_since, status.synchronization, at)
    results = status.taskResultsCompletionStatus
    attempt.awaits_results = UNSYNCED in raw or (results is not None and False in results.values())
    if holds or attempt.step_holds:
        by_step = waiting.waits_by_step(steps, status.synchronization)
        attempt.step_holds = timed(attempt.step_holds or {}, by_step, at) or None


def pick_up(state: WorkflowState, at: Instant, live: bool) -> None:
    """Work began, by the first evidence of it; later evidence changes nothing."""
    attempt = state.attempt
    if attempt.picked_up_at is None:
        # Live it is the arrival clock's, as the first sight is; the object's own instant would mix two clocks.
        attempt.picked_up_at = at if live else max(at, state.created_at)
        attempt.picked_up_live = live and not attempt.clock_stepped


def main_started(attempt: Attempt, created_at: Instant, at: Instant, live: bool) -> bool:
    """A main container runs; returns whether it is the first one that was observed of the attempt."""
    first = attempt.first_main_at is None
    if first or (not attempt.first_main_live and not live and at < (attempt.first_main_at or at)):
        attempt.first_main_at, attempt.first_main_live = at if live else max(at, created_at), live
    return first


def set_decider(attempt: Attempt, ending: outcome.Ending) -> None:
    """Notes the step that decided an end, if one did; what its pod has shown is kept for the same step."""
    before, step = attempt.decider or NO_DECIDER, Decider(ending.node_id, ending.step)
    if ending.node_id == before.node_id:
        step.main_started, step.pod_reason, step.disruption = before.main_started, before.pod_reason, before.disruption
    attempt.decider = step if step != NO_DECIDER else None


def refine_outcome(attempt: Attempt, node: Node | None) -> None:
    """Corrects an outcome by the deciding step's pod: only the pod shows that it never ran, or what killed it."""
    if not attempt.outcome:
        return
    decider = attempt.decider or NO_DECIDER
    ending = outcome.Ending(attempt.outcome, attempt.outcome_reason, decider.node_id, decider.step)
    if decider.main_started is not None:  # the pod is known now: what was concluded without it is decided again
        ending = outcome.not_waited_out(ending)
    waited = outcome.waits_out(ending, decider.main_started, node)
    ending = outcome.with_pod(waited, decider.pod_reason, decider.disruption)
    attempt.outcome, attempt.outcome_reason = ending.outcome, ending.reason


def update_reason(state: WorkflowState, at: Instant, status: kubernetes.WorkflowStatus | None = None) -> None:
    """Replaces the waiting reason by the present one, and closes the account of the one before at `at`."""
    attempt = state.attempt
    if attempt.finished:
        return
    holds = _holds(state)
    if attempt.picked_up_at is not None:
        set_reason(attempt, waiting.after_work(state.running_pods, state.starting_pods, holds), at)
    elif "queued" in holds:
        set_reason(attempt, holds["queued"], at)
    elif status is not None:
        set_reason(attempt, waiting.before_work(attempt.phase, attempt.message, status.synchronization), at)


def _holds(state: WorkflowState) -> Mapping[WaitReason, Reason]:
    """What pods and steps of the workflow wait for, by the reason's name."""
    holds = state.attempt.holds
    if not state.held_pods:
        return holds or NO_HOLDS
    pods = {name: Reason(name, held.on, held.words) for name, held in state.held_pods.items()}
    return pods | holds if holds else pods


def set_reason(attempt: Attempt, reason: Reason, at: Instant) -> None:
    """From `at` on the attempt waits for this reason."""
    if reason.name != attempt.reason:
        _spend(attempt, at)
        attempt.reason = reason.name
    if reason.on and reason.on != (attempt.waited_on or {}).get(attempt.reason):
        attempt.waited_on = {**(attempt.waited_on or {}), attempt.reason: intern(reason.on)}
    attempt.reason_on, attempt.reason_words = intern(reason.on), intern(reason.words)


def mark_vanished(state: WorkflowState, at: Instant, version: int) -> None:
    """The workflow existed before a watch gap and does not exist after it; its end was not observed."""
    state.version = version
    state.deleted = True
    state.attempt.complete = False
    if not state.attempt.finished:
        _end(state.attempt, at, "unknown", "vanished")


def restarted_at(state: WorkflowState, workflow: kubernetes.Workflow) -> Instant | None:
    """When an attempt began after one whose end was not seen: nothing but `argo retry` moves the start."""
    attempt = state.attempt
    started_at = kubernetes.parse_time(workflow.status.startedAt) if workflow.status else None
    moved = started_at is not None and attempt.started_at is not None and started_at > attempt.started_at
    return started_at if moved and not attempt.finished else None


def close_unobserved(state: WorkflowState, at: Instant) -> None:
    """The attempt ended unobserved, and another has begun."""
    state.attempt.complete = False
    _end(state.attempt, at, "unknown", "unwatched")


def _reopen(state: WorkflowState, seen: Observation, status: kubernetes.WorkflowStatus) -> Attempt:
    """Begins the next attempt: `argo retry` took up a finished workflow, with the same uid and a new wait in the queue."""
    ended, began_at = state.attempt, kubernetes.parse_time(status.startedAt)
    ended.pods_version = max(ended.pods_version, state.version)
    state.former = (ended, *state.former)[:FORMER_LIMIT]
    state.attempt = Attempt(
        number=ended.number + 1, first_seen_at=seen.at, first_seen_live=seen.live,
        reason_since=seen.at if seen.live or began_at is None else min(began_at, seen.at),
        complete=seen.change != "listed",
    )  # fmt: skip
    if not seen.live:
        _account_for_past(state.attempt, status)
    return state.attempt


def _finish(state: WorkflowState, seen: Observation, status: kubernetes.WorkflowStatus) -> Steps:
    """The attempt has a terminal phase; a later version of the same attempt may still correct how it ended."""
    attempt = state.attempt
    # Before Argo 4.1.2 a workflow that was terminated while pending could end Succeeded.
    never = bool(attempt.shutdown) and not attempt.has_nodes and attempt.picked_up_at is None
    phase = "Failed" if never else attempt.phase
    parsed = parse_nodes(status)
    steps = Steps(parsed.nodes, build_graph(parsed.nodes))
    leaves = outcome.failed_leaves(steps.nodes, steps.graph) if phase != "Succeeded" else ()
    ending = outcome.ending(phase, attempt.message, attempt.shutdown, leaves)
    finished_at = kubernetes.parse_time(status.finishedAt)
    if finished_at is None or finished_at > seen.at + DAY_MS:  # a clock may be years ahead
        finished_at = seen.at
    if attempt.picked_up_at is None and (phase == "Succeeded" or _has_worked_before(attempt, parsed, seen)):
        pick_up(state, attempt.started_at or finished_at, live=False)
    attempt.retries = outcome.retries(steps.nodes, steps.graph)
    attempt.step_ends = outcome.failed_ends(steps.nodes) or None
    state.retried_nodes = frozenset(outcome.retried_away(steps.nodes, steps.graph)) or None
    if attempt.number > 1 and attempt.started_at:
        again = outcome.begun_since(steps.nodes, attempt.started_at)
        state.repeated = {**(state.repeated or {}), **dict.fromkeys(again, attempt.number)} or None
    attempt.node_status = parsed.how
    attempt.nodes_mark = crc32((status.compressedNodes or "").encode(), crc32(status.nodes))
    set_decider(attempt, ending)
    if attempt.step_holds:
        attempt.step_holds = timed(attempt.step_holds, {}, seen.at)
    if not attempt.finished:
        _end(attempt, seen.at if seen.live else finished_at, ending.outcome, ending.reason)
    attempt.outcome, attempt.outcome_reason, attempt.finished_at = ending.outcome, ending.reason, finished_at
    return steps


def _has_worked_before(attempt: Attempt, parsed: ParsedNodes, seen: Observation) -> bool:
    """Whether the steps show that work began, though neither Running nor a pod was seen.

    A workflow that is terminated or fails while it waits has steps too, which did nothing. `argo retry` keeps steps of
    the attempt before. If nothing was missed, it was never Running, however slow the pass was in which it failed."""
    if parsed.how in ("offloaded", "unreadable"):
        return True
    since = (attempt.started_at or 0) - GRAIN_MS if attempt.number > 1 else 0
    own = [node for node in parsed.nodes.values() if (kubernetes.parse_time(node.startedAt) or since) >= since]
    missed = not (seen.live and attempt.complete)
    return any(has_worked(node) or (missed and has_lasted(node)) for node in own)


def _end(attempt: Attempt, at: Instant, how: AttemptOutcome, why: str) -> None:
    _spend(attempt, at)
    attempt.finished = True
    attempt.held_since = None
    attempt.finished_at = at
    attempt.outcome, attempt.outcome_reason = how, why


def _spend(attempt: Attempt, until: Instant) -> None:
    """Closes the account of the present reason; time never runs backwards, whatever two clocks show."""
    elapsed = until - attempt.reason_since
    if elapsed > 0:
        if attempt.spent is None:
            attempt.spent = [0] * len(REASONS)
        attempt.spent[_INDEX[attempt.reason]] += elapsed
        attempt.reason_since = until
