"""
A workflow from its first sight to its end: when work began, what each millisecond was spent on, how each attempt ended.

The account of an attempt is closed at every change of reason, so the reasons' milliseconds sum to the attempt's length
by construction. Instants are the arrival clock's where the change was live and the object's own where it was not.
"""

from collections.abc import Mapping
from sys import intern
from typing import Any

import msgspec

from collector.core import attribution, decode, outcome, queueing
from collector.core.model import REASONS, TERMINAL_PHASES, Instant, Observation, WorkflowLive, WorkflowRun
from collector.core.nodes import read_nodes
from collector.core.rules import Rules

TEMPLATE_LABELS = (
    "workflows.argoproj.io/workflow-template",
    "workflows.argoproj.io/cluster-workflow-template",
    "workflows.argoproj.io/cron-workflow",
)
"""What a workflow was made from, the first that is there."""
CREATOR_LABEL = "workflows.argoproj.io/creator"
MESSAGE_LIMIT = 4096
_INDEX = {reason: i for i, reason in enumerate(REASONS)}
_COLUMNS = tuple(f"{reason}_ms" for reason in REASONS)


class WorkflowLife(msgspec.Struct, array_like=True, gc=False):
    """What is known of a workflow; checkpointed as it is."""

    uid: str
    namespace: str
    name: str
    version: int
    created_at: Instant
    template: str
    queue: str
    priority: int
    labels: dict[str, str] | None
    department: str
    project: str
    creator: str
    service_account: str
    phase: str = ""
    attempt: int = 1
    started_at: Instant | None = None
    finished_at: Instant | None = None
    message: str = ""
    shutdown: str = ""
    first_seen_at: Instant = 0
    first_seen_live: bool = False
    picked_up_at: Instant | None = None
    picked_up_live: bool = False
    first_pod_at: Instant | None = None
    reason: str = "unseen"
    reason_on: str = ""
    reason_since: Instant = 0
    spent: list[int] | None = None
    """Milliseconds by reason, in the order of model.REASONS; None until something was spent."""
    holds: dict[str, str] | None = None
    """What its object says it waits for after work began: reason to lock, quota or nothing."""
    running_pods: int = 0
    starting_pods: int = 0
    held_pods: dict[str, int] | None = None
    """Starting pods by what keeps them from it."""
    pods: int = 0
    """Pods of the present attempt, those that are gone included."""
    failed_pods: int = 0
    pods_version: int = 0
    """Version of the newest of them."""
    row_version: int = 0
    """Version of the newest row told of the present attempt; a newer row goes above it."""
    finished: bool = False
    deleted: bool = False
    complete: bool = True
    has_nodes: bool = False
    retries: int = 0
    outcome: str = ""
    outcome_reason: str = ""
    step_ends: dict[str, Instant] | None = None
    """When its failed pods ended, as the controller says: a second witness where no kubelet wrote it down."""
    retried_nodes: frozenset[str] | None = None


def born(seen: Observation, rules: Rules, namespace_labels: Mapping[str, str]) -> WorkflowLife:
    """The life of a workflow at its first observation; a listed one has a past that nobody saw."""
    workflow: decode.Workflow = seen.object  # type: ignore[assignment]  # the kind says so
    meta, spec = workflow.metadata, workflow.spec or decode.WorkflowSpec()
    status = workflow.status or decode.WorkflowStatus()
    created_at = decode.instant(meta.creationTimestamp) or seen.at
    life = WorkflowLife(
        uid=seen.uid, namespace=intern(meta.namespace or ""), name=meta.name or "", version=0, created_at=created_at,
        template="", queue="", priority=0, labels=None, department="", project="", creator="",
        service_account=intern(spec.serviceAccountName or ""),
        first_seen_at=seen.at, first_seen_live=seen.live, reason_since=seen.at if seen.live else created_at,
        complete=seen.change != "listed",
    )  # fmt: skip
    describe(life, workflow, rules, namespace_labels)
    if not seen.live:
        # What it waits for now it has most likely waited for all along, and ran since it began.
        life.reason = queueing.before_work(status.phase or "", status.message or "", status.synchronization).name
        started_at = decode.instant(status.startedAt)
        if started_at and status.phase not in (None, "", "Pending"):
            turn(life, queueing.RUNNING, started_at)
    return life


def describe(life: WorkflowLife, workflow: decode.Workflow, rules: Rules, namespace_labels: Mapping[str, str]) -> None:
    """Take over what may change with any version: labels, and what is concluded from them."""
    meta, spec = workflow.metadata, workflow.spec or decode.WorkflowSpec()
    labels = meta.labels or {}
    life.priority = spec.priority or 0
    kept = {k: v for k, v in labels.items() if k in rules.kept_labels} or None
    if kept != life.labels or not life.version:  # the controller's own labels change with every status
        reference = spec.workflowTemplateRef.name if spec.workflowTemplateRef else None
        named = (labels[k] for k in TEMPLATE_LABELS if k in labels)
        life.template = intern(reference or next(named, ""))
        life.labels = {intern(k): intern(v) for k, v in kept.items()} if kept else None
        life.creator = intern(labels.get(CREATOR_LABEL, ""))
        life.queue = intern(labels.get(rules.queue_label) or life.namespace)
    owned = attribution.Owned(
        life.namespace, labels, meta.annotations or {}, namespace_labels, life.template, life.service_account
    )
    life.department = intern(attribution.owner(rules.department, owned))
    life.project = intern(attribution.owner(rules.project, owned, otherwise=""))


def observe(life: WorkflowLife, seen: Observation) -> None:
    """Take over the status of one more observation; `settle` draws the conclusions."""
    workflow: decode.Workflow = seen.object  # type: ignore[assignment]  # the kind says so
    spec, status = workflow.spec or decode.WorkflowSpec(), workflow.status or decode.WorkflowStatus()
    started_at, phase = decode.instant(status.startedAt), status.phase or ""
    if life.finished and (phase not in TERMINAL_PHASES or started_at != life.started_at):
        _reopen(life, seen)
    life.version = seen.version
    life.phase = intern(phase)
    life.started_at = started_at
    life.message = intern((status.message or "")[:MESSAGE_LIMIT])  # thousands wait with one and the same
    life.shutdown = spec.shutdown or ""
    life.deleted = seen.change == "deleted"
    raw = bytes(status.nodes)
    life.has_nodes = bool(status.compressedNodes or status.offloadNodeStatusVersion or len(raw) > len(b"null"))
    # Most events are judged without parsing a thousand nodes; what has ended is held by nothing.
    may_hold = phase not in TERMINAL_PHASES and any(sign in raw for sign in queueing.HOLD_SIGNS)
    holds = queueing.held_steps(read_nodes(status)) if may_hold else {}
    life.holds = (holds | {"suspended": ""} if spec.suspend else holds) or None
    if phase == "Running":
        pick_up(life, seen.at if seen.live else started_at or seen.at, seen.live)
    if phase in TERMINAL_PHASES:
        _finish(life, seen, status)
    elif life.deleted:
        _end(life, seen.at, "cancelled", "deleted")
    settle(life, seen.at, status)


def pick_up(life: WorkflowLife, at: Instant, live: bool) -> None:
    """Work began, at the first evidence of it; later evidence changes nothing."""
    if life.picked_up_at is None:
        life.picked_up_at = max(at, life.created_at)
        life.picked_up_live = live


def settle(life: WorkflowLife, at: Instant, status: decode.WorkflowStatus | None = None) -> None:
    """Put the present reason in place of the one before, whose account is closed at `at`."""
    if life.finished:
        return
    if life.picked_up_at is not None:
        holds = dict.fromkeys(life.held_pods or (), "") | (life.holds or {})
        turn(life, queueing.after_work(life.running_pods, life.starting_pods, holds), at)
    elif status is not None:
        turn(life, queueing.before_work(life.phase, life.message, status.synchronization), at)


def turn(life: WorkflowLife, reason: queueing.Reason, at: Instant) -> None:
    """From `at` on the workflow is in this reason."""
    if reason.name != life.reason:
        _spend(life, at)
        life.reason = intern(reason.name)
    life.reason_on = reason.on


def vanish(life: WorkflowLife, at: Instant, version: int) -> None:
    """It was there before a break and is not there after: how it ended nobody saw."""
    life.version = version
    life.deleted = True
    life.complete = False
    if not life.finished:
        _end(life, at, "unknown", "vanished")


def latency(life: WorkflowLife) -> tuple[int | None, str]:
    """Queue latency in ms and its source: our clock when both ends were live, else the object's whole seconds."""
    if life.picked_up_at is None:
        return None, ""
    if life.first_seen_live and life.picked_up_live:
        return max(0, life.picked_up_at - life.first_seen_at), "watch"
    if life.attempt > 1 or life.started_at is None:
        return None, ""
    return max(0, life.started_at - life.created_at), "object"


def _reopen(life: WorkflowLife, seen: Observation) -> None:
    """`argo retry` took a finished workflow up again: same uid, a new attempt, queueing from now."""
    life.attempt += 1
    life.finished = life.picked_up_live = False
    life.finished_at = life.picked_up_at = life.first_pod_at = life.spent = None
    life.pods = life.failed_pods = life.pods_version = life.row_version = 0
    life.first_seen_at, life.first_seen_live = seen.at, seen.live
    life.reason, life.reason_on, life.reason_since = "unseen", "", seen.at
    life.outcome = life.outcome_reason = ""
    life.complete = seen.change != "listed"


def _finish(life: WorkflowLife, seen: Observation, status: decode.WorkflowStatus) -> None:
    """The attempt has a terminal phase; a later version of the same attempt may still correct how it ended."""
    nodes = read_nodes(status)
    # Before Argo 4.1.2 what was terminated while pending could end Succeeded.
    never = bool(life.shutdown) and not life.has_nodes and life.picked_up_at is None
    phase = "Failed" if never else life.phase
    ending = outcome.ending(phase, life.message, life.shutdown, outcome.failed_leaves(nodes))
    finished_at = decode.instant(status.finishedAt) or seen.at
    if life.picked_up_at is None and ending.outcome != "invalid" and (life.has_nodes or phase == "Succeeded"):
        pick_up(life, life.started_at or finished_at, live=False)
    life.retries = outcome.retries(nodes)
    life.step_ends = outcome.failed_ends(nodes) or None
    life.retried_nodes = frozenset(outcome.retried_away(nodes)) or None
    if life.finished:
        life.outcome, life.outcome_reason, life.finished_at = ending.outcome, ending.reason, finished_at
        return
    _end(life, seen.at if seen.live else finished_at, ending.outcome, ending.reason)
    life.finished_at = finished_at


def _end(life: WorkflowLife, at: Instant, how: str, why: str) -> None:
    _spend(life, at)
    life.finished = True
    life.finished_at = at
    life.outcome, life.outcome_reason = how, why


def _spend(life: WorkflowLife, until: Instant) -> None:
    """Close the present reason's account; time never runs backwards, whatever two clocks say."""
    elapsed = until - life.reason_since
    if elapsed > 0:
        if life.spent is None:
            life.spent = [0] * len(REASONS)
        life.spent[_INDEX[life.reason]] += elapsed
        life.reason_since = until


def spent_ms(life: WorkflowLife) -> dict[str, Any]:
    """The reason columns of a row."""
    amounts = life.spent or [0] * len(REASONS)
    return dict(zip(_COLUMNS, amounts, strict=True))


def run_of(cluster: str, life: WorkflowLife, version: int) -> WorkflowRun:
    """The row of a finished attempt, above the one told before."""
    latency_ms, source = latency(life)
    life.row_version = max(version, life.row_version + 1)
    return WorkflowRun(
        cluster=cluster, namespace=life.namespace, created_at=life.created_at, uid=life.uid, attempt=life.attempt,
        version=life.row_version, name=life.name, template=life.template, queue=life.queue, priority=life.priority,
        labels=life.labels or {}, department=life.department, project=life.project, creator=life.creator,
        first_seen_at=life.first_seen_at, picked_up_at=life.picked_up_at, first_pod_at=life.first_pod_at,
        started_at=life.started_at, finished_at=life.finished_at or life.reason_since, phase=life.phase,
        outcome=life.outcome, reason=life.outcome_reason, message=life.message, queue_latency_ms=latency_ms,
        latency_source=source, pods=life.pods, failed_pods=life.failed_pods, retries=life.retries,
        complete=life.complete, **spent_ms(life),
    )  # fmt: skip


def live_of(cluster: str, life: WorkflowLife) -> WorkflowLive:
    """The row of the present state; a finished or deleted workflow's takes it away."""
    return WorkflowLive(
        cluster=cluster, uid=life.uid, version=life.version, is_deleted=int(life.finished or life.deleted),
        namespace=life.namespace, name=life.name, created_at=life.created_at, attempt=life.attempt,
        template=life.template, queue=life.queue, department=life.department, phase=life.phase,
        waiting_reason=life.reason, waiting_since=life.reason_since, waiting_on=life.reason_on,
        first_seen_at=life.first_seen_at, **spent_ms(life),
    )  # fmt: skip
