"""
Health of an Argo controller, from its pods, its Lease and the readings of it; a new leader is an incident.
"""

from collections.abc import Iterator
from typing import assert_never

from collector.core.argo import controller_counters
from collector.core.argo.controller import ControllerPod, ControllerState
from collector.core.argo.controller_counters import ControllerCounted
from collector.core.facts.workflows import ControllerIncident
from collector.core.live_view import ControllerHealth, LeaseHealth
from collector.core.messages import ControllerCounters, ControllerMetrics, Lease, Reading
from collector.core.model import Instant
from collector.core.units import MINUTE_MS

FRESH_MS = 3 * MINUTE_MS
"""Age beyond which a reading is out of date; the rarest reading is made once a minute."""
LEASE_SLACK_MS = MINUTE_MS
"""Clock difference between a cluster and us up to which a renewed Lease does not count as expired."""


def take_reading(
    cluster: str, namespace: str, reading: Reading, state: ControllerState
) -> Iterator[ControllerIncident | ControllerCounted]:
    """Take a reading; a new holder of the Lease is an incident. Readings of unknown pods are dropped."""
    value = reading.value
    pods = [pod for pod in state.pods.values() if pod.name == reading.subject]
    match reading.kind:
        case "lease":
            state.lease, state.lease_at = (value if isinstance(value, Lease) else None), reading.at
            yield from _leader_change(cluster, namespace, state)
        case "memory":
            for pod in pods:
                pod.memory_bytes, pod.memory_at = (value if isinstance(value, int) else None), reading.at
        case "metrics":
            for pod in pods:
                pod.metrics = value if isinstance(value, ControllerMetrics) else None
                pod.metrics_at, pod.detail = reading.at, reading.detail
                if pod.metrics is not None:
                    yield from _count(pod, pod.metrics.counters)
        case "settings":
            pass  # parallelism is the cluster's, not a controller's
        case _:
            assert_never(reading.kind)


def _count(pod: ControllerPod, counters: ControllerCounters) -> Iterator[ControllerCounted]:
    """Count what a pod counted since its last reading."""
    counted = controller_counters.increase(pod.counted, counters)
    pod.counted = controller_counters.latest(pod.counted, counters)
    if counted is not None:
        yield counted


def leases(state: ControllerState, cluster: str, now: Instant) -> list[LeaseHealth]:
    """The Lease, if it was read a short time ago."""
    lease = state.lease
    return [] if lease is None or now - state.lease_at > FRESH_MS else [LeaseHealth(cluster, lease.renewed_at)]


def is_led(state: ControllerState) -> bool:
    """Whether the Lease has a holder that runs; no without a Lease."""
    holder = state.lease.holder if state.lease else ""
    return any(pod.name == holder and pod.running_since for pod in state.pods.values())


def health(state: ControllerState, cluster: str, now: Instant) -> list[ControllerHealth]:
    """Health of each controller pod, by name."""
    return [_health(state, cluster, pod, now) for pod in sorted(state.pods.values(), key=lambda pod: pod.name)]


def _health(state: ControllerState, cluster: str, pod: ControllerPod, now: Instant) -> ControllerHealth:
    metrics = pod.metrics if now - pod.metrics_at <= FRESH_MS else None
    memory = pod.memory_bytes if now - pod.memory_at <= FRESH_MS else None
    return ControllerHealth(
        cluster=cluster,
        namespace=pod.namespace,
        pod=pod.name,
        container=pod.container,
        ready=pod.ready,
        leader=_leads(state, pod, metrics, now),
        restarts=pod.restarts,
        crash_loop=pod.backs_off,
        memory_bytes=memory if memory is not None or metrics is None else metrics.memory_bytes,
        memory_limit_bytes=pod.memory_limit_bytes,
        metrics=metrics,
        detail=pod.detail,
        version=(metrics.version if metrics else "") or tag_of(pod.image),
        image=pod.image,
    )


def tag_of(image: str) -> str:
    """Tag of an image; empty: it has none, as by digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2] if "/" in image else ""


def _leads(state: ControllerState, pod: ControllerPod, metrics: ControllerMetrics | None, now: Instant) -> bool | None:
    """Whether a pod runs and holds the Lease, in which Argo writes pod names; without a Lease, by the pod's metrics."""
    lease = state.lease
    if lease is None or now - state.lease_at > FRESH_MS:
        leads = metrics.is_leader if metrics else None
    else:
        renewed_at = state.lease_at if lease.renewed_at is None else lease.renewed_at
        leads = lease.holder == pod.name and state.lease_at - renewed_at <= lease.duration_s * 1000 + LEASE_SLACK_MS
    # The holder's name stays in the Lease until another one takes it; the pod's status is news at once.
    return leads if leads is None else leads and bool(pod.running_since)


def _leader_change(cluster: str, namespace: str, state: ControllerState) -> Iterator[ControllerIncident]:
    """Emit a new holder of the Lease; a Lease that was given back and has no holder yet is not a change."""
    lease = state.lease
    if lease is None or not lease.holder:
        return
    before, state.leader = state.leader, lease.holder
    if not before or before == lease.holder or lease.acquired_at is None:
        return
    yield ControllerIncident(
        cluster=cluster,
        pod_uid="",
        container="lease",
        at=lease.acquired_at,
        version=lease.acquired_at,
        namespace=namespace,
        pod=lease.holder,
        kind="leader_change",
        reason=lease.holder,
        exit_code=None,
        memory_limit_bytes=0,
    )
