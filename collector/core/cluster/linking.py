"""
What a workflow and its pods tell of each other: counts, what holds them, when the last ended, who was at fault.

A workflow of thousands of pods is judged by a few figures kept up to date and not by its pods, so that an event costs the same
whatever its size. Both kinds are watched on connections of their own: everything here may be told in either order.
"""

from collections.abc import Iterable
from sys import intern

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun
from collector.core.model import Instant
from collector.core.objects.status_nodes import has_pod
from collector.core.pod.events import EventHint, confirmed_reclaim
from collector.core.pod.lifecycle import PodState
from collector.core.queue.waiting import HeldPods
from collector.core.workflow import lifecycle as workflow_lifecycle
from collector.core.workflow import outcome, steps
from collector.core.workflow.lifecycle import Steps, WorkflowState

SEEN_THROUGH = ("succeeded", "failed", "platform")
"""Outcomes of workflows that wait for their pods: none of these outlives its workflow."""
FAILED = ("failed", "platform")
RETRYABLE = (*FAILED, "cancelled")
"""Outcomes of workflows that `argo retry` may take up again; it deletes their failed pods first."""
STEPS_UNAVAILABLE = ("offloaded", "unreadable")
"""Of a workflow told so nobody sees the steps: its pods say what they can."""
RECLAIMED = "SpotReleased"
"""The reason of a pod that ended as a notice of release foretold and names no cause itself."""


def count(life: WorkflowState, before: PodState | None, after: PodState) -> bool:
    """Count a pod of the present attempt, once, and once more if it failed; returns whether it was."""
    if after.run.attempt != life.attempt:
        return False
    failed = (after.run.phase == "Failed") - (before is not None and before.run.phase == "Failed")
    life.pods_version = max(life.pods_version, after.run.version)
    life.pods += before is None
    life.failed_pods += failed
    return before is None or failed != 0


def uncount_pods(life: WorkflowState, ahead: Iterable[PodState], pods: Iterable[PodState]) -> None:
    """Take from a finished attempt the pods that turned out to be the next one's; `pods` are all of the workflow."""
    theirs = [pod for pod in pods if pod.run.attempt == life.attempt]
    for pod in ahead:
        life.pods -= 1
        life.failed_pods -= pod.run.phase == "Failed"
        began = first_ran(pod)
        if began is not None and began == (life.first_main_at, life.first_main_live):
            life.first_main_at, life.first_main_live = None, False
    for began in filter(None, map(first_ran, theirs)) if life.first_main_at is None else ():
        workflow_lifecycle.ran(life, *began)
    decide_outcome(life, None, theirs)


def of_attempt(life: WorkflowState, attempt: int) -> WorkflowState:
    """The life of the attempt a pod is of: one that `argo retry` closed, while it is kept, else the present one."""
    return next((former for former in life.former if former.attempt == attempt), life)


def shift(life: WorkflowState, before: PodState | None, after: PodState) -> None:
    """Keep count of what the pods of a workflow do, and of what was last said of those that are held."""
    for pod, by in ((before, -1), (after, 1)):
        if pod is None:
            continue
        life.running_pods += by * (pod.stage == "running")
        life.starting_pods += by * (pod.stage == "starting")
        if pod.waits:
            _hold(life, pod, by)


def _hold(life: WorkflowState, pod: PodState, by: int) -> None:
    held = dict(life.held_pods or {})
    before = held.pop(pod.waits, HeldPods(0))
    number = before.count + by
    if number and by > 0:
        held[pod.waits] = HeldPods(number, intern(pod.waits_on), intern(pod.waits_words))
    elif number:
        held[pod.waits] = HeldPods(number, before.on, before.words)
    life.held_pods = held or None


def decide_outcome(life: WorkflowState, ended: Steps | None, pods: Iterable[PodState]) -> None:
    """What only its pods can tell of how an attempt ended: who made it fail, and when the last container had finished."""
    mine = [pod for pod in pods if pod.run.attempt == life.attempt]
    life.last_end_at = _last_end(life, mine)
    if life.node_status in STEPS_UNAVAILABLE and life.outcome in FAILED:
        _blame(life, _first_failed(mine))
    # A retried step keeps its node id, and its next pod may be watched ahead.
    deciders = (pod.run for pod in mine if life.deciding_node and pod.run.node_id == life.deciding_node)
    decider = min(deciders, key=lambda run: run.created_at, default=None)
    if decider is not None:
        life.decider_started, life.decider_reason = decider.main_started_at is not None, intern(decider.reason)
    workflow_lifecycle.judge(life, ended.nodes.get(life.deciding_node) if ended else None)


def changes_outcome(life: WorkflowState, before: PodState | None, after: PodState) -> bool:
    """Whether a pod of an attempt tells more of its end than before."""
    same = before is not None and _end(before.run) == _end(after.run)
    return not same and after.run.attempt == life.attempt


def redecide_outcome(life: WorkflowState, pods: Iterable[PodState]) -> bool:
    """Judge an ended attempt again by what its pods tell since; returns whether that changes how it ended."""
    then = (life.outcome_reason, life.last_end_at)
    decide_outcome(life, None, pods)
    return then != (life.outcome_reason, life.last_end_at)


def _end(run: PodRun) -> tuple[Instant | None, Instant | None, str]:
    return run.main_started_at, run.finished_at, run.reason


def _blame(life: WorkflowState, run: PodRun | None) -> None:
    """A pod decided how an attempt ended, where no step can be read that did."""
    if run is None:
        return
    ending = outcome.by_pod(run)
    life.outcome, life.outcome_reason = ending.outcome, ending.reason
    life.deciding_node, life.deciding_step = ending.node_id, ending.step


def _first_failed(pods: Iterable[PodState]) -> PodRun | None:
    """Where the steps of a failed attempt cannot be read: its pod that failed first."""
    failed = [pod.run for pod in pods if pod.run.phase == "Failed"]
    return min(failed, key=lambda run: (run.finished_at or 0, run.uid), default=None)


def _last_end(life: WorkflowState, pods: Iterable[PodState]) -> Instant | None:
    """A daemon or a killed pod may end after its workflow and delayed nothing; where all did so, a clock runs ahead."""
    ends = [end for pod in pods if (end := end_time(pod, life))]
    ends += [life.gone_end_at] if life.gone_end_at else []
    in_time = [end for end in ends if end <= (life.finished_at or 0)]
    return max(in_time) if in_time else min(ends, default=None)


def forget_pod(life: WorkflowState, run: PodRun) -> None:
    """Keep of a pod that is let go what a later word on its workflow may still ask for."""
    if run.attempt != life.attempt or life.deleted:
        return
    life.gone_pods = {**(life.gone_pods or {}), run.node_id: run.uid}
    if run.finished_at and run.finished_at <= (life.finished_at or 0):
        life.gone_end_at = max(run.finished_at, life.gone_end_at or 0)


def step_rows(cluster: str, life: WorkflowState, ended: Steps, pods: Iterable[PodState], version: int) -> list[StepRun]:
    """The steps of an ended attempt; none when they were told before and are still the same."""
    # A step's row names its critical path, which the workflow's own end bounds.
    mark = life.nodes_mark ^ (life.finished_at or 0)
    if not ended.nodes or life.steps_mark == mark:
        return []
    life.steps_mark = mark
    # Those made after the end are watched ahead, and of the next attempt: they hide none of the same node.
    mine = [pod.run for pod in pods if pod.run.attempt == life.attempt]
    mine.sort(key=lambda run: run.created_at <= (life.finished_at or 0))
    uids = {run.node_id: run.uid for run in mine} | (life.gone_pods or {})
    owner = steps.Owner(
        cluster, life.namespace, life.created_at, life.uid, life.name, life.attempt, life.started_at, life.finished_at
    )
    rows = steps.step_runs(owner, ended.nodes, uids, life.step_holds or {}, version, ended.graph)
    life.podless_steps = {r.node_id: r for r in rows if not r.pod_uid and has_pod(ended.nodes[r.node_id])} or None
    return rows


def step_with_pod(life: WorkflowState, pod: PodRun) -> StepRun | None:
    """The row of a step again, with its pod that arrived after it; None: it lacked none."""
    row = (life.podless_steps or {}).get(pod.node_id)
    if row is None or pod.attempt != life.attempt:
        return None
    life.podless_steps = {k: v for k, v in (life.podless_steps or {}).items() if k != row.node_id} or None
    return msgspec.structs.replace(row, pod_uid=pod.uid, version=max(row.version + 1, pod.version))


def end_time(pod: PodState, life: WorkflowState | None) -> Instant | None:
    """A guessed end by the controller's word; a vanished pod's no later than its workflow's, unless that was cancelled."""
    run, at = pod.run, pod.run.finished_at
    if not pod.guessed or at is None or life is None or run.attempt != life.attempt:
        return at
    if said := (life.step_ends or {}).get(run.node_id):
        return max(said, run.main_started_at or run.created_at)
    if not life.finished_at or run.reason != "vanished" or life.outcome not in SEEN_THROUGH:
        return at
    return min(at, max(life.finished_at, run.main_started_at or run.created_at))


def with_event(pod: PodState, hint: EventHint | None) -> PodState:
    """The pod with an event's words; a notice of release that its end confirms becomes its reason."""
    words, notice_at = pod.hint, pod.notice_at
    if hint is not None:
        words = f"{hint.reason}: {hint.message}"
        notice_at = hint.at if hint.kind == "spot" else notice_at
    reclaimed = confirmed_reclaim(notice_at, pod.run)
    if not reclaimed and (words, notice_at) == (pod.hint, pod.notice_at):
        return pod
    version, reason = (pod.run.version + 1, RECLAIMED) if reclaimed else (pod.run.version, pod.run.reason)
    run = msgspec.structs.replace(pod.run, hint=words, version=version, reason=reason)
    return msgspec.structs.replace(pod, hint=words, notice_at=notice_at, run=run)


def can_forget(life: WorkflowState, pod: PodState) -> bool:
    """Whether a deleted pod of an ended workflow can be let go: not while a retry may still change its class."""
    return pod.gone and life.finished and (life.deleted or life.outcome not in RETRYABLE)


def wait_state(pod: PodState) -> tuple[str, ...]:
    """What its workflow is told of when it changes."""
    return pod.stage, pod.waits, pod.waits_on, pod.waits_words


def first_ran(pod: PodState) -> tuple[Instant, bool] | None:
    """When main ran first, and whether by our clock; else by the kubelet's. None: it never did."""
    if pod.running_at is not None and pod.running_live:
        return pod.running_at, True
    return (pod.run.main_started_at, False) if pod.run.main_started_at else None


def stage_time(run: PodRun, stage: str) -> Instant | None:
    """When, by the pod's own clock, it came to this stage."""
    return {"running": run.main_started_at, "finished": run.finished_at}.get(stage, run.created_at)


def same_evidence(before: PodRun, after: PodRun) -> bool:
    """Whether two rows of one pod differ in nothing but their version: most late writes only touch labels."""
    return msgspec.structs.replace(after, version=before.version) == before
