"""
Incidents of an Argo controller, from the status of its pods. Each incident is emitted once.

The kubelet keeps only the last termination in lastState, and it is lost with the pod. So every observation is examined,
and the key (pod uid, container, finishedAt) distinguishes a new termination from a repeated one. The container is named
`workflow-controller` in the manifests and `controller` in the Helm chart.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from collector.core.facts.workflows import ControllerIncident, IncidentKind
from collector.core.messages import ControllerCounters, ControllerMetrics, Lease, Observation
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
RESTART_REASONS = {
    "OOMKilled": "oom", "Error": "error", "Completed": "completed", "Evicted": "evicted", "unseen": "unknown",
}  # fmt: skip
"""Words of a metric's label by the reason of an incident; `unknown` also stands for totals of releases without the label."""
OTHER_RESTART = "other"
REMEMBERED = 1000
"""Incidents remembered to recognise repeats; a crash loop of days has far fewer."""
PODS = 100
"""Most controller pods of one installation; there are one to three."""
IMAGE_LIMIT = 300
"""Characters of an image's name that are kept."""
LOOP_OVER_MS = 10 * MINUTE_MS
"""Running time after which the kubelet forgets a crash loop and starts a container without back-off again."""
LOOP_MS, UNSEEN_MS = 1, 2
"""Offsets of a crash loop and an unseen restart from an end: ends are whole seconds, and a row's key has no kind."""


class ControllerPod(msgspec.Struct, array_like=True):
    """A controller's pod as last observed."""

    namespace: str
    name: str
    container: str
    version: int
    ready: bool = False
    restarts: int = 0
    memory_limit_bytes: int = 0
    running_since: Instant = 0
    """0: not running."""
    ends: int = 0
    """Number of ends of its container, observed or not."""
    ended_at: Instant = 0
    loop_at: Instant = 0
    """End with which its crash loop began; 0: no crash loop."""
    memory_bytes: int | None = None
    memory_at: Instant = 0
    metrics: ControllerMetrics | None = None
    metrics_at: Instant = 0
    detail: str = ""
    """Reason why its own metrics could not be read."""
    backs_off: bool = False
    """Whether the kubelet delays the next start now; `loop_at` outlives the delay."""
    image: str = ""
    counted: ControllerCounters | None = None
    """The last reading of its counters that is counted; None: there was none."""

    def incident(
        self, cluster: str, uid: str, *, at: Instant, kind: IncidentKind, reason: str, exit_code: int | None = None
    ) -> ControllerIncident:
        """Incident of this pod."""
        return ControllerIncident(
            cluster=cluster,
            pod_uid=uid,
            container=self.container,
            at=at,
            version=self.version,
            namespace=self.namespace,
            pod=self.name,
            kind=kind,
            reason=reason,
            exit_code=exit_code,
            memory_limit_bytes=self.memory_limit_bytes,
        )


class ControllerState(msgspec.Struct, array_like=True):
    """State of a cluster's controllers: keys of the emitted incidents, the pods by uid, the leader."""

    keys: dict[tuple[str, str, int], None] = {}
    pods: dict[str, ControllerPod] = {}
    lease: Lease | None = None
    lease_at: Instant = 0
    leader: str = ""
    """Last holder of the Lease."""


_PACK = msgspec.msgpack.Encoder()
_UNPACK = msgspec.msgpack.Decoder(ControllerState)
_KEYS = msgspec.msgpack.Decoder(list[tuple[str, str, int]])


def pack(state: ControllerState) -> bytes:
    """Encode the state for a checkpoint."""
    return _PACK.encode(state)


def unpack(state: bytes) -> ControllerState:
    """Decode the state of a checkpoint; release 0.1 encoded only the keys."""
    try:
        return _UNPACK.decode(state)
    except msgspec.ValidationError:
        return ControllerState(dict.fromkeys(_KEYS.decode(state)))


def restart_reason(incident: ControllerIncident) -> str:
    """One word for the reason of a restart, of a few."""
    return RESTART_REASONS.get(incident.reason, OTHER_RESTART)


def is_controller(pod: kubernetes.Pod, namespace: str) -> bool:
    """Whether a pod is a workflow controller of the watched installation."""
    labels = pod.metadata.labels or {}
    return pod.metadata.namespace == namespace and any(labels.get(k) == v for k, v in LABELS)


def incidents(
    cluster: str, pod: kubernetes.Pod, seen: Observation, state: ControllerState
) -> Iterator[ControllerIncident]:
    """Emit the new incidents of a controller's pod, and update its state."""
    container = _container(pod)
    if not container:
        return
    status = _status(pod, container)
    before = state.pods.get(seen.uid)
    if before is not None and seen.version < before.version:
        return  # an older observation would look like unseen restarts
    state.pods.pop(seen.uid, None)
    after = _updated_pod(pod, seen, container, status, before)
    ends = list(_container_ends(pod, status))
    for at, ended in ends:
        if _is_new(state, (seen.uid, container, at)):
            reason = _reason(pod, status, ended)
            yield after.incident(cluster, seen.uid, at=at, kind=_kind(ended), reason=reason, exit_code=ended.exitCode)
    new = sum(before is None or at > before.ended_at for at, _ in ends)
    total = after.restarts + _is_down(pod, status)
    if before is not None and total > before.ends + new:
        at = _unseen_start(after, status)
        if at and _is_new(state, (seen.uid, container, at)):
            yield after.incident(cluster, seen.uid, at=at, kind="restart", reason="unseen")
    after.ends = max(total, before.ends + new if before else 0)
    after.ended_at = max([after.ended_at, *(at for at, _ in ends)])
    if _crash_loop_begins(after, status, seen.at) and _is_new(state, (seen.uid, container, after.loop_at + LOOP_MS)):
        yield after.incident(
            cluster, seen.uid, at=after.loop_at + LOOP_MS, kind="crash_loop", reason="CrashLoopBackOff"
        )
    if seen.change != "deleted" and not _is_over(pod):
        _put_bounded(state.pods, seen.uid, after, PODS)


def forget_pod(state: ControllerState, uid: str) -> None:
    """Forget a pod that vanished during a watch gap; the uid of any other pod is ignored."""
    state.pods.pop(uid, None)


def _container(pod: kubernetes.Pod) -> str:
    """Name of the controller's container; empty: the pod has none, whatever its labels are."""
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
        "namespace": pod.metadata.namespace or "",
        "name": pod.metadata.name or "",
        "container": container,
        "version": seen.version,
        "ready": status.ready is True,
        "restarts": max(0, status.restartCount or 0),
        "memory_limit_bytes": _memory_limit(pod, container),
        "backs_off": _backs_off(status),
        "image": (status.image or "")[:IMAGE_LIMIT],
        "running_since": (kubernetes.parse_time(state.running.startedAt) if state and state.running else None) or 0,
    }
    return msgspec.structs.replace(before, **now) if before else ControllerPod(**now)


def _container_ends(
    pod: kubernetes.Pod, status: kubernetes.ContainerStatus
) -> Iterator[tuple[Instant, kubernetes.ContainerTerminated]]:
    """Ends in the container's status, the older one first, without an end that a roll-out or a drain caused."""
    for state in (status.lastState, status.state):
        ended = state.terminated if state else None
        at = kubernetes.parse_time(ended.finishedAt) if ended else None
        if ended is None or at is None:
            continue
        # A pod that is being deleted starts nothing again: its last end was requested, unless it ran out of memory.
        if state is status.state and pod.metadata.deletionTimestamp and ended.reason != "OOMKilled":
            continue
        yield at, ended


def _reason(pod: kubernetes.Pod, status: kubernetes.ContainerStatus, ended: kubernetes.ContainerTerminated) -> str:
    """Reason of an end; of a pod that failed as a whole the pod's own, unless the container ran out of memory."""
    last = status.state is not None and status.state.terminated is ended
    if last and pod.status and pod.status.reason and ended.reason != "OOMKilled":
        return pod.status.reason
    return ended.reason or ""


def _kind(ended: kubernetes.ContainerTerminated) -> IncidentKind:
    """Kind of an end; only the kubelet's reason shows `oom_kill`: a kill by the node looks like kill -9 (Error and 137)."""
    return "oom_kill" if ended.reason == "OOMKilled" else "restart"


def _is_new(state: ControllerState, key: tuple[str, str, int]) -> bool:
    """Whether an incident is new; it is remembered by this call."""
    if key in state.keys:
        return False
    _put_bounded(state.keys, key, None, REMEMBERED)
    return True


def _put_bounded(entries: dict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Add an entry and drop the oldest one beyond the limit."""
    entries[key] = value
    if len(entries) > most:
        entries.pop(next(iter(entries)))


def _is_down(pod: kubernetes.Pod, status: kubernetes.ContainerStatus) -> bool:
    """Whether a start must follow the last end; restartCount counts starts."""
    ended = status.state is not None and status.state.terminated is not None
    return (ended or _backs_off(status)) and not pod.metadata.deletionTimestamp


def _backs_off(status: kubernetes.ContainerStatus) -> bool:
    waiting = status.state.waiting if status.state else None
    return waiting is not None and waiting.reason == "CrashLoopBackOff"


def _container_runs(status: kubernetes.ContainerStatus) -> Iterator[tuple[Instant, Instant | None]]:
    """Begin and end of the container's runs in its status, the older run first; an end of None: still running."""
    for state in (status.lastState, status.state):
        ended, running = (state.terminated, state.running) if state else (None, None)
        since = kubernetes.parse_time(ended.startedAt if ended else running.startedAt if running else None)
        until = kubernetes.parse_time(ended.finishedAt) if ended else None
        if since is not None and (running or until is not None):
            yield since, until


def _unseen_start(pod: ControllerPod, status: kubernetes.ContainerStatus) -> Instant:
    """
    Start after an end between two observations of the pod, the only known instant of that end; 0: unknown.

    Of several such ends only the last one has a start; the others appear only in `restarts`.
    """
    since = next((since for since, _ in _container_runs(status)), 0)
    return since + UNSEEN_MS if since and since >= pod.ended_at else 0


def _crash_loop_begins(pod: ControllerPod, status: kubernetes.ContainerStatus, now: Instant) -> bool:
    """Whether a crash loop begins; an emitted loop is over once the container has run long enough."""
    runs = list(_container_runs(status))
    # The node's clock measures a finished run; our clock measures a present one, which is exact enough for minutes.
    if any(since >= pod.loop_at and (until or now) - since >= LOOP_OVER_MS for since, until in runs):
        pod.loop_at = 0
    if pod.loop_at or not _backs_off(status):
        return False
    pod.loop_at = next((until for _, until in reversed(runs) if until), now)
    return True


def _is_over(pod: kubernetes.Pod) -> bool:
    """Whether a pod has ended: an evicted pod remains as an object while another one replaces it."""
    return pod.status is not None and pod.status.phase in ("Succeeded", "Failed")


def _memory_limit(pod: kubernetes.Pod, container: str) -> int:
    for spec in (pod.spec.containers if pod.spec else None) or ():
        limits = spec.resources.limits if spec.resources else None
        if spec.name == container and limits:
            return int(parse_quantity(limits.get("memory", "0")) or Decimal(0))
    return 0
