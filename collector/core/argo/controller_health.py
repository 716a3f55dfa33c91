"""
Health of an Argo controller, from its pods, its Lease and the readings of it; a new leader is an incident.
"""

from collections.abc import Iterator
from typing import assert_never

from collector.core.argo.controller import ControllerPod, ControllerState
from collector.core.facts.workflows import ControllerIncident
from collector.core.live_view import ControllerHealth
from collector.core.messages import ControllerMetrics, Lease, Reading
from collector.core.model import Instant
from collector.core.units import MINUTE_MS

FRESH_MS = 3 * MINUTE_MS
"""Age beyond which a reading is out of date; the rarest reading is made once a minute."""
LEASE_SLACK_MS = MINUTE_MS
"""Clock difference between a cluster and us up to which a renewed Lease does not count as expired."""


def take_reading(
    cluster: str, namespace: str, reading: Reading, state: ControllerState
) -> Iterator[ControllerIncident]:
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
        case "settings":
            pass  # parallelism is the cluster's, not a controller's
        case _:
            assert_never(reading.kind)


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
        leader=_leads(state, pod.name, metrics, now),
        restarts=pod.restarts,
        crash_loop=pod.backs_off,
        memory_bytes=memory if memory is not None or metrics is None else metrics.memory_bytes,
        memory_limit_bytes=pod.memory_limit_bytes,
        metrics=metrics,
        detail=pod.detail,
    )


def _leads(state: ControllerState, name: str, metrics: ControllerMetrics | None, now: Instant) -> bool | None:
    """Whether a pod holds the Lease, in which Argo writes pod names; without a Lease, by the pod's metrics."""
    lease = state.lease
    if lease is None or now - state.lease_at > FRESH_MS:
        return metrics.is_leader if metrics else None
    renewed_at = state.lease_at if lease.renewed_at is None else lease.renewed_at
    return lease.holder == name and state.lease_at - renewed_at <= lease.duration_s * 1000 + LEASE_SLACK_MS


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
