"""
What a workflow and its pods show about each other: counts, what holds the pods, the last end, whose fault a failure was.

A workflow of thousands of pods is judged by a few figures that are kept up to date and not by its pods, so that an event
costs the same for every size. Both kinds are watched on connections of their own: all of this works in either order.
"""

from collections.abc import Iterable
from sys import intern

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.facts.workflows import StepRun
from collector.core.model import Instant, WaitReason
from collector.core.objects.status_nodes import has_pod
from collector.core.pod.events import EventHint, confirmed_reclaim
from collector.core.pod.state import PodState
from collector.core.queue.waiting import HeldPods
from collector.core.workflow import lifecycle as workflow_lifecycle
from collector.core.workflow import outcome, steps
from collector.core.workflow.lifecycle import Steps
from collector.core.workflow.state import Attempt, WorkflowState

WITHOUT_LIVE_PODS = ("succeeded", "failed", "platform", "invalid")
"""Outcomes of workflows that wait for their pods: no pod outlives such a workflow."""
FAILED = ("failed", "platform")
RETRYABLE = (*FAILED, "cancelled", "invalid")
"""Outcomes of workflows that `argo retry` may take up again; it deletes their failed pods first."""
STEPS_UNAVAILABLE = ("offloaded", "unreadable")
"""Values of node_status of a workflow whose steps cannot be read: its pods show what they can."""
RECLAIMED = "SpotReleased"
"""The reason of a pod whose end confirms a notice of release and names no cause itself."""


def count_pod(attempt: Attempt, before: PodState | None, after: PodState) -> bool:
    """Counts a pod of this attempt, once, and once more if it failed; returns whether a count changed."""
    if after.run.attempt != attempt.number:
        return False
    failed = (after.run.phase == "Failed") - (before is not None and before.run.phase == "Failed")
    attempt.pods_version = max(attempt.pods_version, after.run.version)
    attempt.pods += before is None
    attempt.unadmitted += after.unadmitted - (before is not None and before.unadmitted)
    attempt.failed_pods += failed
    return before is None or failed != 0


def uncount_pods(state: WorkflowState, attempt: Attempt, ahead: Iterable[PodState], pods: Iterable[PodState]) -> None:
    """Takes from a finished attempt the pods that turned out to belong to the next; `pods` are all of the workflow."""
    own = [pod for pod in pods if pod.run.attempt == attempt.number]
    for pod in ahead:
        attempt.pods -= 1
        attempt.failed_pods -= pod.run.phase == "Failed"
        began = first_ran(pod)
        if began is not None and began == (attempt.first_main_at, attempt.first_main_live):
            attempt.first_main_at, attempt.first_main_live = None, False
    for at, live in filter(None, map(first_ran, own)) if attempt.first_main_at is None else ():
        workflow_lifecycle.main_started(attempt, state.created_at, at, live)
    decide_outcome(attempt, None, own)


def attempt_with(state: WorkflowState, number: int) -> Attempt:
    """The attempt of a pod: a former one while it is kept, otherwise the present one."""
    return next((former for former in state.former if former.number == number), state.attempt)


def update_pod_stages(state: WorkflowState, before: PodState | None, after: PodState) -> None:
    """Counts what the pods of a workflow do, and keeps the last message about those that are held."""
    for pod, by in ((before, -1), (after, 1)):
        if pod is None:
            continue
        state.running_pods += by * (pod.stage == "running")
        state.starting_pods += by * (pod.stage == "starting")
        if pod.waits:
            _hold(state, pod.waits, pod, by)


def _hold(state: WorkflowState, reason: WaitReason, pod: PodState, by: int) -> None:
    held = dict(state.held_pods or {})
    before = held.pop(reason, HeldPods(0))
    number = before.count + by
    if number and by > 0:
        held[reason] = HeldPods(number, intern(pod.waits_on), intern(pod.waits_words))
    elif number:
        held[reason] = HeldPods(number, before.on, before.words)
    state.held_pods = held or None


def decide_outcome(attempt: Attempt, ended: Steps | None, pods: Iterable[PodState]) -> None:
    """Takes from the pods what only they show of an end: whose fault it was, and when the last container finished."""
    own = [pod for pod in pods if pod.run.attempt == attempt.number]
    attempt.last_end_at = _last_end(attempt, own)
    if attempt.node_status in STEPS_UNAVAILABLE and attempt.outcome in FAILED:
        _blame(attempt, _first_failed(own))
    # A retried step keeps its node id, and its next pod may have been observed already.
    node_id = attempt.decider.node_id if attempt.decider else ""
    pod = min((pod.run for pod in own if node_id and pod.run.node_id == node_id), key=_creation, default=None)
    if attempt.decider is not None and pod is not None:
        attempt.decider.main_started, attempt.decider.pod_reason = pod.main_started_at is not None, intern(pod.reason)
        attempt.decider.disruption = pod.disruption
    workflow_lifecycle.refine_outcome(attempt, ended.nodes.get(node_id) if ended else None)


def _creation(run: PodRun) -> Instant:
    return run.created_at


def changes_outcome(attempt: Attempt, before: PodState | None, after: PodState) -> bool:
    """Whether a pod of an attempt shows more of its end than before."""
    same = before is not None and _end(before.run) == _end(after.run)
    return not same and after.run.attempt == attempt.number


def redecide_outcome(attempt: Attempt, pods: Iterable[PodState]) -> bool:
    """Decides the outcome of an ended attempt again from its pods; returns whether that changes how it ended."""
    earlier = (attempt.outcome_reason, attempt.last_end_at)
    decide_outcome(attempt, None, pods)
    return earlier != (attempt.outcome_reason, attempt.last_end_at)


def _end(run: PodRun) -> tuple[Instant | None, Instant | None, str, str]:
    return run.main_started_at, run.finished_at, run.reason, run.disruption


def _blame(attempt: Attempt, run: PodRun | None) -> None:
    """Sets the outcome by a pod, where the step that decided it cannot be read."""
    if run is None:
        return
    ending = outcome.by_pod(run)
    attempt.outcome, attempt.outcome_reason = ending.outcome, ending.reason
    workflow_lifecycle.set_decider(attempt, ending)


def _first_failed(pods: Iterable[PodState]) -> PodRun | None:
    """The pod that failed first; one that was taken away may be deleted before its phase says so."""
    failed = [pod.run for pod in pods if pod.run.phase == "Failed" or (pod.run.disruption and pod.run.finished_at)]
    return min(failed, key=lambda run: (run.finished_at or 0, run.uid), default=None)


def _last_end(attempt: Attempt, pods: Iterable[PodState]) -> Instant | None:
    """The last end in time: a daemon or a killed pod may end later and delayed nothing. If all are late, a clock is ahead."""
    ends = [end for pod in pods if (end := end_time(pod, attempt))]
    ends += [attempt.gone_end_at] if attempt.gone_end_at else []
    in_time = [end for end in ends if end <= (attempt.finished_at or 0)]
    return max(in_time) if in_time else min(ends, default=None)


def forget_pod(attempt: Attempt, run: PodRun) -> None:
    """Keeps of a forgotten pod what a later observation of its workflow may still need."""
    if run.attempt != attempt.number:
        return
    attempt.gone_pods = {**(attempt.gone_pods or {}), run.node_id: run.uid}
    if run.finished_at and run.finished_at <= (attempt.finished_at or 0):
        attempt.gone_end_at = max(run.finished_at, attempt.gone_end_at or 0)


def step_rows(
    cluster: str, state: WorkflowState, ended: Steps, pods: Iterable[PodState], version: int
) -> list[StepRun]:
    """The steps of an attempt that has ended; none if the same rows were written before."""
    attempt = state.attempt
    # The row of a step has the critical path, which the end of the workflow bounds.
    mark = attempt.nodes_mark ^ (attempt.finished_at or 0)
    if not ended.nodes or attempt.steps_mark == mark:
        return []
    attempt.steps_mark = mark
    # A pod that was made after the end belongs to the next attempt: it must not hide a pod of the same node.
    own = [pod.run for pod in pods if pod.run.attempt == attempt.number]
    own.sort(key=lambda run: run.created_at <= (attempt.finished_at or 0))
    uids = {run.node_id: run.uid for run in own} | (attempt.gone_pods or {})
    made = {run.node_id: run.created_at for run in sorted(own, key=_creation, reverse=True)}
    owner = steps.Owner(
        cluster=cluster, namespace=state.namespace, workflow_created_at=state.created_at, workflow_uid=state.uid,
        workflow_name=state.name, attempt=attempt.number, started_at=attempt.started_at,
        finished_at=attempt.finished_at,
    )  # fmt: skip
    rows = steps.step_runs(
        owner, ended.nodes, pods=uids, holds=attempt.step_holds or {}, version=version, how=ended.graph, made=made
    )
    attempt.podless_steps = {r.node_id: r for r in rows if not r.pod_uid and has_pod(ended.nodes[r.node_id])} or None
    return rows


def step_with_pod(attempt: Attempt, pod: PodRun) -> StepRun | None:
    """The row of a step again, with the pod that was observed after it; None: no row lacked this pod."""
    row = (attempt.podless_steps or {}).get(pod.node_id)
    if row is None or pod.attempt != attempt.number:
        return None
    attempt.podless_steps = {k: v for k, v in (attempt.podless_steps or {}).items() if k != row.node_id} or None
    return msgspec.structs.replace(row, pod_uid=pod.uid, version=max(row.version + 1, pod.version))


def end_time(pod: PodState, attempt: Attempt | None) -> Instant | None:
    """The end of a pod: a guessed one is replaced by the controller's record; a vanished pod ends no later than its
    workflow, unless the workflow was cancelled."""
    run, at = pod.run, pod.run.finished_at
    if not pod.guessed or at is None or attempt is None or run.attempt != attempt.number:
        return at
    begun = run.main_started_at or run.created_at
    if recorded := (attempt.step_ends or {}).get(run.node_id):
        return max(_no_later_than_proof(recorded, pod.over_by, begun), begun)
    if not attempt.finished_at or run.reason != "vanished" or attempt.outcome not in WITHOUT_LIVE_PODS:
        return at
    return min(at, max(attempt.finished_at, begun))


def _no_later_than_proof(recorded: Instant, over_by: Instant | None, begun: Instant) -> Instant:
    """The controller records when it noticed an end, which may be long after the pod was proved to be over."""
    if over_by is None or over_by < begun:  # our clock is behind the cluster's: it proves nothing
        return recorded
    return min(recorded, over_by // 1000 * 1000)  # objects have whole seconds, rounded down


def with_event(pod: PodState, hint: EventHint | None) -> PodState:
    """The pod with an event's message; a notice of release that the pod's end confirms becomes its reason."""
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


def can_forget(state: WorkflowState, pod: PodState) -> bool:
    """Whether a deleted pod of an ended workflow can be forgotten: not while a retry may still change its cost class."""
    attempt = state.attempt
    return pod.gone and attempt.finished and (state.deleted or attempt.outcome not in RETRYABLE)


def wait_state(pod: PodState) -> tuple[str, ...]:
    """The pod's stage and what it waits for; a change of these updates the workflow."""
    return pod.stage, pod.waits, pod.waits_on, pod.waits_words


def first_ran(pod: PodState) -> tuple[Instant, bool] | None:
    """When main ran first, and whether by the arrival clock or by the kubelet's; None: it never ran."""
    if pod.running_at is not None and pod.running_live:
        return pod.running_at, True
    return (pod.run.main_started_at, False) if pod.run.main_started_at else None


def stage_time(run: PodRun, stage: str) -> Instant | None:
    """When the pod reached this stage, by its own clock."""
    return {"running": run.main_started_at, "finished": run.finished_at}.get(stage, run.created_at)


def same_evidence(before: PodRun, after: PodRun) -> bool:
    """Whether two rows of one pod differ in nothing but their version: most late writes only touch labels."""
    return msgspec.structs.replace(after, version=before.version) == before
