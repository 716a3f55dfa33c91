"""
A pod from its first observation to its end: what it requested, where it ran, when it started and finished.

Evidence alone; price and department are concluded elsewhere, and can be concluded again. Pitfalls that are handled here:
provider annotations come after Running or after the end; conditions vanish in later writes; finishedAt is rewritten by a
second or two; `main` is not the first container; an evicted pod has no container end; an OOM kill may be in lastState alone.
"""

from collections.abc import Iterable, Mapping
from sys import intern

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.messages import Observation
from collector.core.model import Instant, LatencySource, PodStage
from collector.core.objects import kubernetes
from collector.core.objects.pod_ends import DISRUPTED, TAKEN_AWAY, disruption
from collector.core.pod.gpu_marks import gpu_marks, gpu_requests
from collector.core.pod.price_marks import price_marks, region_and_zone
from collector.core.pod.requests import malformed, requests
from collector.core.pod.state import PodState
from collector.core.pod.waits import waits_for
from collector.core.queue.waiting import Reason
from collector.core.units import DAY_MS

WORKFLOW_LABEL = "workflows.argoproj.io/workflow"
NODE_ID = "workflows.argoproj.io/node-id"
NODE_NAME = "workflows.argoproj.io/node-name"
INSTANCE = "ContainerInstanceCreated"


def workflow_owner(meta: kubernetes.Meta) -> kubernetes.OwnerReference | None:
    """The Workflow that owns an object directly."""
    for owner in meta.ownerReferences or ():
        if owner.kind == "Workflow" and (owner.apiVersion or "").startswith("argoproj.io/") and owner.uid:
            return owner
    return None


class AttemptPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a pod belongs: its workflow, the attempt of it, and the labels of its node."""

    cluster: str
    workflow_uid: str
    workflow_name: str
    attempt: int
    owner_kind: str
    node_labels: Mapping[str, str]
    region: str = ""
    """The cluster's region, for a pod whose labels and node name none."""


def observe(
    before: PodState | None, seen: Observation, place: AttemptPlace, held: Reason | None = None, group: str = ""
) -> PodState:
    """The state of a pod after one more observation of it; `held`: why a queue manager holds it, in the pods of `group`."""
    pod: kubernetes.Pod = seen.object  # type: ignore[assignment]  # the kind implies the type
    ended_at, guessed = _end(pod, seen, before)
    run = _run(before.run if before else None, pod, seen, place, ended_at)
    stage: PodStage = "finished" if run.finished_at else "running" if _main_runs(pod.status) else "starting"
    waits = held or (waits_for(pod.status) if pod.status else None) if stage == "starting" else None
    if before is None:
        historic = seen.change == "listed" and stage == "finished"
        state = PodState(run, stage, seen.at, seen.live, historic, guessed=guessed)
    else:
        state = msgspec.structs.replace(before, run=run, stage=stage, guessed=guessed)
    state.gone = seen.change == "deleted"
    state.group = "" if state.gone else group
    state.unadmitted = _is_unadmitted(before, run, stage, held)
    if stage == "finished" and state.over_by is None:
        state.over_by = seen.at
    if waits is not None:
        state.waits, state.waits_on, state.waits_words = waits.name, intern(waits.on), intern(waits.words)
    else:
        state.waits = state.waits_on = state.waits_words = ""
    if stage == "running" and state.running_at is None:
        # A pod that runs at its first observation started before it was observed.
        state.running_at, state.running_live = seen.at, seen.live and before is not None
    latency_ms, source = start_latency(state)
    if source or state.hint:
        state.run = msgspec.structs.replace(
            run, start_latency_ms=latency_ms, start_latency_source=source, hint=state.hint
        )
    return state


def _is_unadmitted(before: PodState | None, run: PodRun, stage: PodStage, held: Reason | None) -> bool:
    if stage == "finished":
        return before is not None and before.unadmitted and run.scheduled_at is None and run.main_started_at is None
    return held is not None and stage == "starting"


def readmit(before: PodState, held: Reason | None) -> PodState:
    """The pod after a queue manager's object changed: it is held for this reason, or was let in."""
    if before.stage != "starting" or (held is None and not before.unadmitted):
        return before
    on, words = (intern(held.on), intern(held.words)) if held else ("", "")
    if before.unadmitted and held and (on, words) == (before.waits_on, before.waits_words):
        return before
    return msgspec.structs.replace(
        before, unadmitted=held is not None, waits="queued" if held else "", waits_on=on, waits_words=words
    )


def start_latency(state: PodState) -> tuple[int | None, LatencySource]:
    """Creation to main running in ms, and whose clock measured it; None: main never ran."""
    latency_ms, source = _start_latency(state)
    return None if latency_ms is None else max(0, latency_ms), source


def clamped(state: PodState) -> bool:
    """Whether two clocks made the start latency negative, which was then set to 0."""
    return (_start_latency(state)[0] or 0) < 0


def _start_latency(state: PodState) -> tuple[int | None, LatencySource]:
    if state.live and state.running_live and state.running_at is not None:
        return state.running_at - state.first_seen_at, "watch"
    if state.run.main_started_at is None:
        return None, ""
    return state.run.main_started_at - state.run.created_at, "object"


def close(before: PodState, at: Instant, version: int, reason: str, *, over_by: Instant) -> PodState:
    """The state of a pod that is gone: it was known to exist until `at`, and is proved to be over by `over_by`."""
    if before.stage == "finished":
        return msgspec.structs.replace(before, gone=True)
    run = msgspec.structs.replace(before.run, finished_at=at, reason=before.run.reason or reason, version=version)
    return msgspec.structs.replace(
        before,
        run=run,
        stage="finished",
        gone=True,
        guessed=True,
        over_by=over_by,
        waits="",
        waits_on="",
        waits_words="",
        group="",
    )


def _run(
    before: PodRun | None, pod: kubernetes.Pod, seen: Observation, place: AttemptPlace, ended_at: Instant | None
) -> PodRun:
    meta, spec, status = pod.metadata, pod.spec or kubernetes.PodSpec(), pod.status or kubernetes.PodStatus()
    labels, annotations = meta.labels or {}, meta.annotations or {}
    main, node_id = _main(status.containerStatuses), annotations.get(NODE_ID, "")
    scheduled, instance, taken = _conditions(status)
    cpu, memory, gpu, ephemeral = requests(spec)
    marks = price_marks(labels, annotations, place.node_labels)
    region, zone = region_and_zone(marks, labels, annotations, place.node_labels)
    # An end keeps its reason; what a pod waited for before it started is not one.
    reason = status.reason or _reason(main) or (before.reason if before and before.finished_at else "")
    return PodRun(
        cluster=place.cluster, namespace=meta.namespace or "", uid=seen.uid, version=seen.version, name=meta.name or "",
        created_at=kubernetes.parse_time(meta.creationTimestamp) or (before.created_at if before else seen.at),
        workflow_uid=place.workflow_uid,
        workflow_name=place.workflow_name or labels.get(WORKFLOW_LABEL, ""),
        attempt=before.attempt if before else place.attempt,
        step=annotations.get(NODE_NAME, ""),
        node_id=node_id,
        template=_template(meta.name or "", place.workflow_name, node_id),
        owner_kind=place.owner_kind,
        service_account=spec.serviceAccountName or "",
        node_name=spec.nodeName or "", region=region or place.region, zone=zone,
        cpu=cpu, memory_bytes=int(memory), gpu=gpu, ephemeral_bytes=int(ephemeral),
        pricing=marks | malformed(spec) | gpu_marks(gpu_requests(spec), annotations, place.node_labels),
        scheduled_at=_became_true(scheduled, seen.at, before.scheduled_at if before else None),
        instance_created_at=_became_true(instance, seen.at, before.instance_created_at if before else None),
        main_started_at=_started(main) or (before.main_started_at if before else None),
        finished_at=ended_at,
        phase=status.phase or "",
        reason=reason,
        exit_code=_exit_code(main),
        disruption=disruption(status, taken, main, before.disruption if before else ""),
    )  # fmt: skip


def _conditions(status: kubernetes.PodStatus) -> tuple[kubernetes.Condition | None, ...]:
    """Three conditions of a pod: scheduled, instance created, taken away. One pass, since each event of a pod takes it."""
    scheduled = instance = taken = None
    for condition in status.conditions or ():
        kind = condition.type
        if kind == "PodScheduled":
            scheduled = condition
        elif kind == INSTANCE:
            instance = condition
        elif kind in TAKEN_AWAY and (taken is None or kind == DISRUPTED):
            taken = condition
    return scheduled, instance, taken


def _became_true(condition: kubernetes.Condition | None, seen_at: Instant, before: Instant | None) -> Instant | None:
    """When a condition became true, or did before; an instant in the future is ignored, for a clock may be years ahead."""
    if condition is None or condition.status != "True":
        return before
    at = kubernetes.parse_time(condition.lastTransitionTime)
    return at if at and at <= seen_at + DAY_MS else before


def _main(statuses: Iterable[kubernetes.ContainerStatus] | None) -> kubernetes.ContainerStatus | None:
    """The container that does the work: `main`, or the first one, since the pod of a Job has no container of that name."""
    listed = list(statuses or ())
    return next((c for c in listed if c.name == "main"), listed[0] if listed else None)


def _main_runs(status: kubernetes.PodStatus | None) -> bool:
    main = _main(status.containerStatuses) if status else None
    return bool(main and main.state and main.state.running)


def _started(main: kubernetes.ContainerStatus | None) -> Instant | None:
    if main is None or main.state is None:
        return None
    state = main.state
    return kubernetes.parse_time(
        state.running.startedAt if state.running else state.terminated.startedAt if state.terminated else None
    )


def _terminated(main: kubernetes.ContainerStatus | None) -> kubernetes.ContainerTerminated | None:
    for state in (main.state, main.lastState) if main else ():
        if state and state.terminated:
            return state.terminated
    return None


def _reason(main: kubernetes.ContainerStatus | None) -> str:
    if ended := _terminated(main):
        return (ended.reason or "") if ended.reason != "Completed" else ""
    waits = main.state.waiting if main and main.state else None
    return (waits.reason or "") if waits else ""


def _exit_code(main: kubernetes.ContainerStatus | None) -> int | None:
    ended = _terminated(main)
    return ended.exitCode if ended else None


def _end(pod: kubernetes.Pod, seen: Observation, before: PodState | None) -> tuple[Instant | None, bool]:
    """When the last container of a finished pod ended, and whether that is a guess because no kubelet recorded it."""
    status = pod.status or kubernetes.PodStatus()
    terminal = status.phase in ("Succeeded", "Failed")
    if not terminal and seen.change != "deleted":
        return None, False
    states = [c.state for c in (*(status.initContainerStatuses or ()), *(status.containerStatuses or ())) if c.state]
    ends = [kubernetes.parse_time(state.terminated.finishedAt) for state in states if state.terminated]
    # A kubelet's clock may be years ahead: an instant in the future is not an end.
    recorded = [end for end in ends if end and end <= seen.at + DAY_MS]
    # The status of an evicted pod shows main running for ever, that of a deleted one waiting: other ends mean nothing then.
    if recorded and not any(state.running or (state.waiting and not terminal) for state in states):
        return max(recorded), False
    if before and before.run.finished_at:
        return before.run.finished_at, before.guessed
    started = _started(_main(status.containerStatuses)) or (before.run.main_started_at if before else None)
    return _last_sign(status, pod.metadata, seen, started)


def _last_sign(
    status: kubernetes.PodStatus, meta: kubernetes.Meta, seen: Observation, started: Instant | None
) -> tuple[Instant, bool]:
    """When the pod ceased to be ready or its deletion began; else the arrival, or before a list the pod's last change."""
    changes = [(c.status, kubernetes.parse_time(c.lastTransitionTime)) for c in status.conditions or ()]
    ceased = [at for value, at in changes if value == "False" and at and started and at > started]
    if ceased:
        return max(ceased), False
    if gone_at := kubernetes.parse_time(meta.deletionTimestamp):
        # It is when the grace period ends, which a pod need not use up; with a clock behind the cluster's it is believed.
        return gone_at if started and seen.at < started else min(gone_at, seen.at), False
    return max((at for _, at in changes if at and seen.change == "listed"), default=seen.at), True


def _template(pod_name: str, workflow_name: str, node_id: str) -> str:
    """The template in a pod's name of the form workflow-template-hash; empty where the name has another form."""
    hashed = node_id.removeprefix(f"{workflow_name}-")
    if not workflow_name or not pod_name.startswith(f"{workflow_name}-") or not pod_name.endswith(f"-{hashed}"):
        return ""
    return pod_name[len(workflow_name) + 1 : -len(hashed) - 1]
