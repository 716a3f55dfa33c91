"""
An Argo controller as its pods, its Lease and its own words show it: what happened to it, each once, and how it does now.

The kubelet keeps only the last termination in lastState, and it dies with the pod, so every observation is looked at and
the key (pod uid, container, finishedAt) tells a new one from a repeated one. The container is called
`workflow-controller` in the manifests and `controller` in the Helm chart.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from collector.core.facts.workflows import ControllerIncident, IncidentKind
from collector.core.live_view import ControllerHealth
from collector.core.messages import ControllerMetrics, Lease, Observation, Reading
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.quantity import parse_quantity
from collector.core.units import MINUTE_MS

CONTAINERS = ("workflow-controller", "controller")
LABELS = (
    ("app", "workflow-controller"),
    ("app.kubernetes.io/component", "workflow-controller"),
    ("app.kubernetes.io/name", "argo-workflows-workflow-controller"),
)
REMEMBERED = 1000
"""Incidents remembered to tell repeats; a crash loop of days stays far below it."""
PODS = 100
"""Controllers of one installation; there are one to three."""
LOOP_OVER_MS = 600_000
"""A container that has run this long starts without back-off again: kubelets forget a crash loop then."""
LOOP_MS, UNSEEN_MS = 1, 2
"""Ends are whole seconds and the key of a row has no kind: what else is told of that second stands a little beside it."""
FRESH_MS = 180_000
"""A reading older than this says nothing of now; the rarest is made once a minute."""
LEASE_SLACK_MS = MINUTE_MS
"""How far the clocks of a cluster and ours may differ before a Lease that is renewed counts as run out."""


class ControllerPod(msgspec.Struct, array_like=True):
    """A controller's pod as last seen."""

    namespace: str
    name: str
    container: str
    version: int
    ready: bool = False
    restarts: int = 0
    memory_limit_bytes: int = 0
    running_since: Instant = 0
    """0: it does not run."""
    ends: int = 0
    """How often its container ended, whether that was seen or not."""
    ended_at: Instant = 0
    loop_at: Instant = 0
    """The end its crash loop began with; 0: there is none."""
    memory_bytes: int | None = None
    memory_at: Instant = 0
    metrics: ControllerMetrics | None = None
    metrics_at: Instant = 0
    detail: str = ""
    """Why its own metrics are not read."""


class ControllerState(msgspec.Struct, array_like=True):
    """All that is known of a cluster's controllers: keys of the incidents already told, the pods by uid, who leads."""

    keys: dict[tuple[str, str, int], None] = {}
    pods: dict[str, ControllerPod] = {}
    lease: Lease | None = None
    lease_at: Instant = 0
    leader: str = ""
    """The last that held the Lease."""


_PACK = msgspec.msgpack.Encoder()
_UNPACK = msgspec.msgpack.Decoder(ControllerState)
_KEYS = msgspec.msgpack.Decoder(list[tuple[str, str, int]])


def pack(state: ControllerState) -> bytes:
    """The state as bytes for a checkpoint."""
    return _PACK.encode(state)


def unpack(state: bytes) -> ControllerState:
    """The state from a checkpoint; release 0.1 packed the keys alone."""
    try:
        return _UNPACK.decode(state)
    except msgspec.ValidationError:
        return ControllerState(dict.fromkeys(_KEYS.decode(state)))


def is_controller(pod: kubernetes.Pod, namespace: str) -> bool:
    """Whether a pod is a workflow controller of the watched installation."""
    labels = pod.metadata.labels or {}
    return pod.metadata.namespace == namespace and any(labels.get(k) == v for k, v in LABELS)


def incidents(
    cluster: str, pod: kubernetes.Pod, seen: Observation, state: ControllerState
) -> Iterator[ControllerIncident]:
    """What happened to a controller that was not told before; keeps what is known of its pod up to date."""
    container = _container(pod)
    if not container:
        return
    status = _status(pod, container)
    before = state.pods.get(seen.uid)
    if before is not None and seen.version < before.version:
        return  # an older sight again would look like restarts that nobody saw
    state.pods.pop(seen.uid, None)
    after = _updated_pod(pod, seen, container, status, before)
    ends = list(_container_ends(pod, status))
    for at, ended in ends:
        if _is_new(state, (seen.uid, container, at)):
            yield _incident(cluster, seen.uid, after, at, _kind(ended), ended.reason or "", ended.exitCode)
    new = sum(before is None or at > before.ended_at for at, _ in ends)
    total = after.restarts + _is_down(pod, status)
    if before is not None and total > before.ends + new:
        at = _unseen_start(after, status)
        if at and _is_new(state, (seen.uid, container, at)):
            yield _incident(cluster, seen.uid, after, at, "restart", "unseen", None)
    after.ends = max(total, before.ends + new if before else 0)
    after.ended_at = max([after.ended_at, *(at for at, _ in ends)])
    if _crash_loop_begins(after, status, seen.at) and _is_new(state, (seen.uid, container, after.loop_at + LOOP_MS)):
        yield _incident(cluster, seen.uid, after, after.loop_at + LOOP_MS, "crash_loop", "CrashLoopBackOff", None)
    if seen.change != "deleted" and not _is_over(pod):
        _put_bounded(state.pods, seen.uid, after, PODS)


def forget_pod(state: ControllerState, uid: str) -> None:
    """A pod vanished while nobody watched; any other pod's uid is none of ours."""
    state.pods.pop(uid, None)


def take_reading(
    cluster: str, namespace: str, reading: Reading, state: ControllerState
) -> Iterator[ControllerIncident]:
    """Take a reading; a Lease that another holds than before is an incident. Those of pods not known are dropped."""
    value = reading.value
    if reading.kind == "lease":
        state.lease, state.lease_at = (value if isinstance(value, Lease) else None), reading.at
        yield from _leader_change(cluster, namespace, state)
        return
    for pod in state.pods.values():
        if pod.name != reading.subject:
            continue
        if reading.kind == "memory":
            pod.memory_bytes, pod.memory_at = (value if isinstance(value, int) else None), reading.at
        elif reading.kind == "metrics":
            pod.metrics = value if isinstance(value, ControllerMetrics) else None
            pod.metrics_at, pod.detail = reading.at, reading.detail


def health(state: ControllerState, cluster: str, now: Instant) -> list[ControllerHealth]:
    """How each controller pod does, by name."""
    return [_health(state, cluster, pod, now) for pod in sorted(state.pods.values(), key=lambda pod: pod.name)]


def _health(state: ControllerState, cluster: str, pod: ControllerPod, now: Instant) -> ControllerHealth:
    metrics = pod.metrics if now - pod.metrics_at <= FRESH_MS else None
    memory = pod.memory_bytes if now - pod.memory_at <= FRESH_MS else None
    # Our clock against the node's: minutes, so that a second between them does not matter.
    runs_well = pod.running_since and now - pod.running_since >= LOOP_OVER_MS
    return ControllerHealth(
        cluster=cluster, namespace=pod.namespace, pod=pod.name, container=pod.container, ready=pod.ready,
        leader=_leads(state, pod.name, metrics, now), restarts=pod.restarts,
        crash_loop=bool(pod.loop_at and not runs_well),
        memory_bytes=memory if memory is not None or metrics is None else metrics.memory_bytes,
        memory_limit_bytes=pod.memory_limit_bytes, metrics=metrics, detail=pod.detail,
    )  # fmt: skip


def _leads(state: ControllerState, name: str, metrics: ControllerMetrics | None, now: Instant) -> bool | None:
    """Whether a pod holds the Lease, in which Argo writes pod names; without a Lease, what its metrics say."""
    lease = state.lease
    if lease is None or now - state.lease_at > FRESH_MS:
        return metrics.is_leader if metrics else None
    renewed_at = state.lease_at if lease.renewed_at is None else lease.renewed_at
    return lease.holder == name and state.lease_at - renewed_at <= lease.duration_s * 1000 + LEASE_SLACK_MS


def _leader_change(cluster: str, namespace: str, state: ControllerState) -> Iterator[ControllerIncident]:
    """A new holder of the Lease; one that gave it back and nobody yet in its place is none."""
    lease = state.lease
    if lease is None or not lease.holder:
        return
    before, state.leader = state.leader, lease.holder
    if not before or before == lease.holder or lease.acquired_at is None:
        return
    yield ControllerIncident(
        cluster=cluster, pod_uid="", container="lease", at=lease.acquired_at, version=lease.acquired_at,
        namespace=namespace, pod=lease.holder, kind="leader_change", reason=lease.holder, exit_code=None,
        memory_limit_bytes=0,
    )  # fmt: skip


def _container(pod: kubernetes.Pod) -> str:
    """The controller's container; empty where the pod has none, whatever its labels say."""
    statuses = (pod.status.containerStatuses if pod.status else None) or ()
    specs = (pod.spec.containers if pod.spec else None) or ()
    return next((c.name for c in (*statuses, *specs) if c.name in CONTAINERS), "") or ""


def _status(pod: kubernetes.Pod, container: str) -> kubernetes.ContainerStatus:
    statuses = (pod.status.containerStatuses if pod.status else None) or ()
    return next((s for s in statuses if s.name == container), kubernetes.ContainerStatus())


def _updated_pod(
    pod: kubernetes.Pod,
    seen: Observation,
    container: str,
    status: kubernetes.ContainerStatus,
    before: ControllerPod | None,
) -> ControllerPod:
    state = status.state
    now: dict[str, Any] = {
        "namespace": pod.metadata.namespace or "", "name": pod.metadata.name or "", "container": container,
        "version": seen.version, "ready": status.ready is True, "restarts": max(0, status.restartCount or 0),
        "memory_limit_bytes": _memory_limit(pod, container),
        "running_since": (kubernetes.parse_time(state.running.startedAt) if state and state.running else None) or 0,
    }  # fmt: skip
    return msgspec.structs.replace(before, **now) if before else ControllerPod(**now)


def _container_ends(
    pod: kubernetes.Pod, status: kubernetes.ContainerStatus
) -> Iterator[tuple[Instant, kubernetes.Terminated]]:
    """The container's ends that are shown, the older one first, without the one a roll-out or a drain asked for."""
    for state in (status.lastState, status.state):
        ended = state.terminated if state else None
        at = kubernetes.parse_time(ended.finishedAt) if ended else None
        if ended is None or at is None:
            continue
        # In a pod that is being deleted nothing starts again: its last end was asked for, unless memory ended it.
        if state is status.state and pod.metadata.deletionTimestamp and ended.reason != "OOMKilled":
            continue
        yield at, ended


def _kind(ended: kubernetes.Terminated) -> IncidentKind:
    """`oom_kill` by the kubelet's word alone: when a node runs out of memory the end looks as any kill -9, Error and 137."""
    return "oom_kill" if ended.reason == "OOMKilled" else "restart"


def _is_new(state: ControllerState, key: tuple[str, str, int]) -> bool:
    """Whether an incident was not told before; it counts as told from now on."""
    if key in state.keys:
        return False
    _put_bounded(state.keys, key, None, REMEMBERED)
    return True


def _put_bounded(held: dict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Hold one more and let the oldest go."""
    held[key] = value
    if len(held) > most:
        held.pop(next(iter(held)))


def _is_down(pod: kubernetes.Pod, status: kubernetes.ContainerStatus) -> bool:
    """Whether its last end is to be followed by a start; restartCount counts starts."""
    ended = status.state is not None and status.state.terminated is not None
    return (ended or _backs_off(status)) and not pod.metadata.deletionTimestamp


def _backs_off(status: kubernetes.ContainerStatus) -> bool:
    waiting = status.state.waiting if status.state else None
    return waiting is not None and waiting.reason == "CrashLoopBackOff"


def _container_runs(status: kubernetes.ContainerStatus) -> Iterator[tuple[Instant, Instant | None]]:
    """From when to when the container ran, as far as shown, the older run first; None: it still does."""
    for state in (status.lastState, status.state):
        ended, running = (state.terminated, state.running) if state else (None, None)
        since = kubernetes.parse_time(ended.startedAt if ended else running.startedAt if running else None)
        until = kubernetes.parse_time(ended.finishedAt) if ended else None
        if since is not None and (running or until is not None):
            yield since, until


def _unseen_start(pod: ControllerPod, status: kubernetes.ContainerStatus) -> Instant:
    """
    The start behind an end between two sights of the pod, the only instant that is known of it; 0: not even that is.

    Of several such ends only the last has one; the others show in `restarts` alone.
    """
    since = next((since for since, _ in _container_runs(status)), 0)
    return since + UNSEEN_MS if since and since >= pod.ended_at else 0


def _crash_loop_begins(pod: ControllerPod, status: kubernetes.ContainerStatus, now: Instant) -> bool:
    """Whether a crash loop begins; one that was told is over once the container has run well."""
    runs = list(_container_runs(status))
    # A run is as long as the node says; one that goes on is measured by our clock, in minutes.
    if any(since >= pod.loop_at and (until or now) - since >= LOOP_OVER_MS for since, until in runs):
        pod.loop_at = 0
    if pod.loop_at or not _backs_off(status):
        return False
    pod.loop_at = next((until for _, until in reversed(runs) if until), now)
    return True


def _is_over(pod: kubernetes.Pod) -> bool:
    """An evicted pod stays as an object; another takes its place."""
    return pod.status is not None and pod.status.phase in ("Succeeded", "Failed")


def _incident(
    cluster: str, uid: str, pod: ControllerPod, at: Instant, kind: IncidentKind, reason: str, exit_code: int | None
) -> ControllerIncident:
    return ControllerIncident(
        cluster=cluster, pod_uid=uid, container=pod.container, at=at, version=pod.version, namespace=pod.namespace,
        pod=pod.name, kind=kind, reason=reason, exit_code=exit_code, memory_limit_bytes=pod.memory_limit_bytes,
    )  # fmt: skip


def _memory_limit(pod: kubernetes.Pod, container: str) -> int:
    for spec in (pod.spec.containers if pod.spec else None) or ():
        limits = spec.resources.limits if spec.resources else None
        if spec.name == container and limits:
            return int(parse_quantity(limits.get("memory", "0")) or Decimal(0))
    return 0
