"""
A workflow from its first sight to its end: when work began, what each millisecond was spent on, how each attempt ended.

The account of an attempt is closed at every change of reason, so the reasons' milliseconds sum to the attempt's length
by construction. Instants are the arrival clock's where the change was live and the object's own where it was not.
"""

from collections.abc import Mapping
from functools import lru_cache
from sys import intern
from zlib import crc32

import msgspec

from collector.core.cost import attribution
from collector.core.facts.workflows import StepRun
from collector.core.messages import Observation
from collector.core.model import REASONS, TERMINAL_PHASES, Instant
from collector.core.objects import kubernetes
from collector.core.objects.status_nodes import MESSAGE_LIMIT, Graph, Node, graph, parse_nodes
from collector.core.queue import locks, waiting
from collector.core.queue.locks import LockHold
from collector.core.queue.waiting import HeldPods, Reason
from collector.core.rules import Rules
from collector.core.units import DAY_MS
from collector.core.workflow import outcome, template_version
from collector.core.workflow.steps import StepHold, timed

TEMPLATE_LABELS = (
    "workflows.argoproj.io/workflow-template",
    "workflows.argoproj.io/cluster-workflow-template",
    "workflows.argoproj.io/cron-workflow",
)
"""What a workflow was made from, the first that is there."""
PROGRESS_LIMIT = 32
SHARED_TEXTS = (
    "namespace", "template", "queue", "department", "project", "creator", "service_account", "phase", "message", "reason",
    "reason_on", "reason_words", "progress", "template_version",
)  # fmt: skip
NOTHING_HELD: Mapping[str, Reason] = {}
FORMER_LIMIT = 8
"""Finished attempts of one workflow that are kept for the pods' watch, where that lags far behind."""
UNSYNCED = b'"taskResultSynced":false'
_INDEX = {reason: i for i, reason in enumerate(REASONS)}


class WorkflowState(msgspec.Struct, array_like=True, gc=False):
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
    holds: dict[str, Reason] | None = None
    """What its object says it waits for after work began, by the reason's name."""
    running_pods: int = 0
    starting_pods: int = 0
    held_pods: dict[str, HeldPods] | None = None
    """Starting pods by the name of what keeps them from it."""
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
    reason_words: str = ""
    progress: str = ""
    moved_at: Instant | None = None
    """When its progress, phase or pods last changed."""
    awaits_results: bool = False
    """Its steps are done but for results that did not arrive."""
    first_main_at: Instant | None = None
    first_main_live: bool = False
    last_end_at: Instant | None = None
    """When the last container ended that ended no later than the workflow."""
    gone_end_at: Instant | None = None
    """The same of the pods that were let go."""
    deciding_node: str = ""
    deciding_step: str = ""
    decider_started: bool | None = None
    """Whether the main container of the deciding step's pod ever started; None: no such pod is known."""
    decider_reason: str = ""
    """Why that pod ended, by its own word."""
    held_locks: tuple[LockHold, ...] = ()
    node_status: str = ""
    nodes_mark: int = 0
    """Of the bytes of its steps as last seen at an end."""
    steps_mark: int = 0
    """Of the bytes its step rows were made from: the same are not told twice."""
    step_holds: dict[str, StepHold] | None = None
    """What its steps waited for without a pod, by node id."""
    podless_steps: dict[str, StepRun] | None = None
    """Rows of steps whose pod has not been seen yet."""
    waited_on: dict[str, str] | None = None
    """By reason what it waited for last."""
    gone_pods: dict[str, str] | None = None
    """Node id to uid of its pods that were let go after its end."""
    template_version: str = ""
    former: tuple["WorkflowState", ...] = ()
    """Its finished attempts, the latest first, while the pods' watch may still have something to add to their rows."""


def new_workflow(seen: Observation, rules: Rules, namespace_labels: Mapping[str, str]) -> WorkflowState:
    """The life of a workflow at its first observation; a listed one has a past that nobody saw."""
    workflow: kubernetes.Workflow = seen.object  # type: ignore[assignment]  # the kind says so
    meta, status = workflow.metadata, workflow.status or kubernetes.WorkflowStatus()
    created_at = kubernetes.instant(meta.creationTimestamp) or seen.at
    life = WorkflowState(
        uid=seen.uid, namespace=intern(meta.namespace or ""), name=meta.name or "", version=0, created_at=created_at,
        template="", queue="", priority=0, labels=None, department="", project="", creator="",
        service_account="",
        first_seen_at=seen.at, first_seen_live=seen.live, reason_since=seen.at if seen.live else created_at,
        complete=seen.change != "listed",
    )  # fmt: skip
    describe(life, workflow, rules, namespace_labels)
    if not seen.live:
        # What it waits for now it has most likely waited for all along, and ran since it began.
        waits = waiting.before_work(status.phase or "", status.message or "", status.synchronization)
        life.reason = intern(waits.name)
        life.waited_on = {life.reason: intern(waits.on)} if waits.on else None
        started_at = kubernetes.instant(status.startedAt)
        if started_at and status.phase not in (None, "", "Pending"):
            turn(life, waiting.RUNNING, started_at)
    return life


def describe(
    life: WorkflowState, workflow: kubernetes.Workflow, rules: Rules, namespace_labels: Mapping[str, str]
) -> None:
    """Take over what may change with any version: labels, and what is concluded from them."""
    meta, spec = workflow.metadata, workflow.spec or kubernetes.WorkflowSpec()
    labels = meta.labels or {}
    life.priority = spec.priority or 0
    account = intern(spec.serviceAccountName or "")
    kept = attribution.evidence(rules, labels, meta.annotations or {}, namespace_labels) or None
    if kept != life.labels or account != life.service_account or not life.version:
        # Once and seldom again, though an event comes with every status: the controller's own labels are not kept.
        reference = spec.workflowTemplateRef.name if spec.workflowTemplateRef else None
        named = (labels[k] for k in TEMPLATE_LABELS if k in labels)
        life.template = intern(reference or next(named, ""))
        life.labels = _shared(frozenset(kept.items())) if kept else None
        life.queue = intern(labels.get(rules.queue_label) or life.namespace)
        life.service_account = account
        _attribute(life, rules)
    version = template_version.named(rules.version_label, labels, meta.annotations or {})
    if not version and not life.template_version and workflow.status:  # what is stored of a workflow never changes
        version = template_version.hashed(workflow.status.storedWorkflowTemplateSpec)
    life.template_version = intern(version) or life.template_version


def _attribute(life: WorkflowState, rules: Rules) -> None:
    owners = attribution.owner_of_row(
        rules, life.labels or {}, life.namespace, life.template, life.service_account, life.created_at
    )
    life.department, life.project, life.creator = map(intern, owners)


@lru_cache(maxsize=10_000)
def _shared(labels: frozenset[tuple[str, str]]) -> dict[str, str]:
    """Equal labels are one dict, never to be changed: a queue of a hundred thousand has a few dozen of them."""
    return {intern(k): intern(v) for k, v in labels}


def resumed(life: WorkflowState, rules: Rules) -> WorkflowState:
    """A life taken up from its checkpoint, with the texts again that it shares with others; the rules may be new ones."""
    for name in SHARED_TEXTS:
        setattr(life, name, intern(getattr(life, name)))
    life.labels = _shared(frozenset(life.labels.items())) if life.labels else None
    life.held_locks = locks.shared(life.held_locks)
    _attribute(life, rules)
    return life


class Steps(msgspec.Struct, frozen=True):
    """The steps of an attempt that has ended, and how they hang together."""

    nodes: dict[str, Node]
    graph: Graph


def observe(life: WorkflowState, seen: Observation) -> Steps | None:
    """Take over the status of one more observation; returns its steps if it shows how the attempt ended."""
    workflow: kubernetes.Workflow = seen.object  # type: ignore[assignment]  # the kind says so
    spec, status = workflow.spec or kubernetes.WorkflowSpec(), workflow.status or kubernetes.WorkflowStatus()
    started_at, phase = kubernetes.instant(status.startedAt), status.phase or ""
    if life.finished and (phase not in TERMINAL_PHASES or started_at != life.started_at):
        _reopen(life, seen)
    if not life.version or (phase, status.progress or "") != (life.phase, life.progress):
        life.moved_at = seen.at
    life.version = seen.version
    life.phase = intern(phase)
    life.progress = intern((status.progress or "")[:PROGRESS_LIMIT])
    life.started_at = started_at
    life.message = intern((status.message or "")[:MESSAGE_LIMIT])  # thousands wait with one and the same
    life.shutdown = spec.shutdown or ""
    life.deleted = seen.change == "deleted"
    life.has_nodes = bool(status.compressedNodes or status.offloadNodeStatusVersion or len(status.nodes) > len(b"null"))
    if phase == "Running":
        pick_up(life, seen.at if seen.live else started_at or seen.at, seen.live)
    steps = None
    if phase in TERMINAL_PHASES:
        steps = _finish(life, seen, status)
    else:
        _hold(life, seen.at, spec, status)
        if life.deleted:
            _end(life, seen.at, "cancelled", "deleted")
    update_reason(life, seen.at, status)
    return steps


def _hold(life: WorkflowState, at: Instant, spec: kubernetes.WorkflowSpec, status: kubernetes.WorkflowStatus) -> None:
    """What its steps wait for that have no pod. Most events are judged without parsing a thousand nodes."""
    raw = bytes(status.nodes)
    # Packed steps show no sign of themselves; they matter only while nothing runs.
    may_hold = any(sign in raw for sign in waiting.HOLD_SIGNS) or (status.compressedNodes and not life.running_pods)
    steps = parse_nodes(status).nodes if may_hold else {}
    holds = waiting.held_steps(steps, status.synchronization) if steps else {}
    life.holds = ({"suspended": Reason("suspended")} | holds if spec.suspend else holds) or None
    life.held_locks = locks.held_locks(status.synchronization) if status.synchronization else ()
    results = status.taskResultsCompletionStatus
    life.awaits_results = UNSYNCED in raw or (results is not None and False in results.values())
    if holds or life.step_holds:
        held = waiting.held_by_step(steps, status.synchronization)
        life.step_holds = timed(life.step_holds or {}, held, at) or None


def pick_up(life: WorkflowState, at: Instant, live: bool) -> None:
    """Work began, at the first evidence of it; later evidence changes nothing."""
    if life.picked_up_at is None:
        # Live it is our clock's, as the first sight is; the object's own would mix two clocks.
        life.picked_up_at = at if live else max(at, life.created_at)
        life.picked_up_live = live


def ran(life: WorkflowState, at: Instant, live: bool) -> bool:
    """A main container runs; whether it is the first of the attempt that was seen to."""
    first = life.first_main_at is None
    if first or (not life.first_main_live and not live and at < (life.first_main_at or at)):
        life.first_main_at, life.first_main_live = at if live else max(at, life.created_at), live
    return first


def judge(life: WorkflowState, node: Node | None) -> None:
    """The deciding step's pod may say more than Argo does: that it never ran, or who killed it."""
    ending = outcome.Ending(life.outcome, life.outcome_reason, life.deciding_node, life.deciding_step)
    if life.decider_started is not None:  # known now: what was concluded without it is concluded anew
        ending = outcome.not_waited_out(ending)
    ending = outcome.with_pod(outcome.waits_out(ending, life.decider_started, node), life.decider_reason)
    life.outcome, life.outcome_reason = ending.outcome, ending.reason


def update_reason(life: WorkflowState, at: Instant, status: kubernetes.WorkflowStatus | None = None) -> None:
    """Put the present reason in place of the one before, whose account is closed at `at`."""
    if life.finished:
        return
    if life.picked_up_at is not None:
        turn(life, waiting.after_work(life.running_pods, life.starting_pods, _held(life)), at)
    elif status is not None:
        turn(life, waiting.before_work(life.phase, life.message, status.synchronization), at)


def _held(life: WorkflowState) -> Mapping[str, Reason]:
    """What its pods and its steps wait for, by the reason's name."""
    if not life.held_pods:
        return life.holds or NOTHING_HELD
    pods = {name: Reason(name, held.on, held.words) for name, held in life.held_pods.items()}
    return pods | life.holds if life.holds else pods


def turn(life: WorkflowState, reason: Reason, at: Instant) -> None:
    """From `at` on the workflow is in this reason."""
    if reason.name != life.reason:
        _spend(life, at)
        life.reason = intern(reason.name)
    if reason.on and reason.on != (life.waited_on or {}).get(life.reason):
        life.waited_on = {**(life.waited_on or {}), life.reason: intern(reason.on)}
    life.reason_on, life.reason_words = intern(reason.on), intern(reason.words)


def mark_vanished(life: WorkflowState, at: Instant, version: int) -> None:
    """It was there before a break and is not there after: how it ended nobody saw."""
    life.version = version
    life.deleted = True
    life.complete = False
    if not life.finished:
        _end(life, at, "unknown", "vanished")


def restarted_at(life: WorkflowState, workflow: kubernetes.Workflow) -> Instant | None:
    """When an attempt began after one that was not seen to end: nothing but `argo retry` moves the start."""
    started_at = kubernetes.instant(workflow.status.startedAt) if workflow.status else None
    moved = started_at is not None and life.started_at is not None and started_at > life.started_at
    return started_at if moved and not life.finished else None


def lose(life: WorkflowState, at: Instant) -> None:
    """Its attempt ended, nobody saw how, and another has begun."""
    life.complete = False
    _end(life, at, "unknown", "unwatched")


def _reopen(life: WorkflowState, seen: Observation) -> None:
    """`argo retry` took a finished workflow up again: same uid, a new attempt, queueing from now."""
    life.former = (msgspec.structs.replace(life, former=()), *life.former)[:FORMER_LIMIT]
    life.attempt += 1
    life.finished = life.picked_up_live = life.first_main_live = False
    life.finished_at = life.picked_up_at = life.first_pod_at = life.first_main_at = life.spent = None
    life.waited_on = life.last_end_at = life.gone_end_at = life.step_holds = life.podless_steps = life.gone_pods = None
    life.pods = life.failed_pods = life.pods_version = life.row_version = life.steps_mark = 0
    life.first_seen_at, life.first_seen_live = seen.at, seen.live
    life.reason, life.reason_on, life.reason_words, life.reason_since = "unseen", "", "", seen.at
    life.outcome = life.outcome_reason = life.deciding_node = life.deciding_step = ""
    life.decider_started, life.decider_reason = None, ""
    life.complete = seen.change != "listed"


def _finish(life: WorkflowState, seen: Observation, status: kubernetes.WorkflowStatus) -> Steps:
    """The attempt has a terminal phase; a later version of the same attempt may still correct how it ended."""
    # Before Argo 4.1.2 what was terminated while pending could end Succeeded.
    never = bool(life.shutdown) and not life.has_nodes and life.picked_up_at is None
    phase = "Failed" if never else life.phase
    told = parse_nodes(status)
    steps = Steps(told.nodes, graph(told.nodes))
    leaves = outcome.failed_leaves(steps.nodes, steps.graph) if phase != "Succeeded" else ()
    ending = outcome.ending(phase, life.message, life.shutdown, leaves)
    finished_at = kubernetes.instant(status.finishedAt)
    if finished_at is None or finished_at > seen.at + DAY_MS:  # a clock may be years ahead: that is no end
        finished_at = seen.at
    if life.picked_up_at is None and ending.outcome != "invalid" and (life.has_nodes or phase == "Succeeded"):
        pick_up(life, life.started_at or finished_at, live=False)
    life.retries = outcome.retries(steps.nodes, steps.graph)
    life.step_ends = outcome.failed_ends(steps.nodes) or None
    life.retried_nodes = frozenset(outcome.retried_away(steps.nodes, steps.graph)) or None
    life.node_status = told.how
    life.nodes_mark = crc32((status.compressedNodes or "").encode(), crc32(status.nodes))
    life.deciding_node, life.deciding_step = ending.node_id, ending.step
    if life.step_holds:
        life.step_holds = timed(life.step_holds, {}, seen.at)
    if not life.finished:
        _end(life, seen.at if seen.live else finished_at, ending.outcome, ending.reason)
    life.outcome, life.outcome_reason, life.finished_at = ending.outcome, ending.reason, finished_at
    return steps


def _end(life: WorkflowState, at: Instant, how: str, why: str) -> None:
    _spend(life, at)
    life.finished = True
    life.finished_at = at
    life.outcome, life.outcome_reason = how, why


def _spend(life: WorkflowState, until: Instant) -> None:
    """Close the present reason's account; time never runs backwards, whatever two clocks say."""
    elapsed = until - life.reason_since
    if elapsed > 0:
        if life.spent is None:
            life.spent = [0] * len(REASONS)
        life.spent[_INDEX[life.reason]] += elapsed
        life.reason_since = until
