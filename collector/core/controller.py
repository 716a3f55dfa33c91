"""
OOM kills and restarts of an Argo controller, each exactly once.

The kubelet keeps only the last termination in lastState, and it dies with the pod, so every observation is looked at and
the key (pod uid, container, finishedAt) tells a new one from a repeated one. The container is called
`workflow-controller` in the manifests and `controller` in the Helm chart.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from collector.core import decode
from collector.core.model import ControllerIncident, Observation
from collector.core.quantity import quantity

CONTAINERS = ("workflow-controller", "controller")
LABELS = (("app", "workflow-controller"), ("app.kubernetes.io/component", "workflow-controller"))
REMEMBERED = 1000
"""Incidents remembered to tell repeats; a crash loop of days stays far below it."""


class Seen(msgspec.Struct, array_like=True):
    """Keys of the incidents already told."""

    keys: dict[tuple[str, str, int], None] = {}


def is_controller(pod: decode.Pod, namespace: str) -> bool:
    """Whether a pod is a workflow controller of the watched installation."""
    labels = pod.metadata.labels or {}
    return pod.metadata.namespace == namespace and any(labels.get(k) == v for k, v in LABELS)


def incidents(cluster: str, pod: decode.Pod, seen: Observation, told: Seen) -> Iterator[ControllerIncident]:
    """The terminations of the controller's container that were not told before."""
    for status in (pod.status.containerStatuses if pod.status else None) or ():
        if status.name not in CONTAINERS:
            continue
        for state in (status.lastState, status.state):
            ended = state.terminated if state else None
            at = decode.instant(ended.finishedAt) if ended else None
            key = (seen.uid, status.name, at or 0)
            if ended is None or at is None or key in told.keys:
                continue
            told.keys[key] = None
            if len(told.keys) > REMEMBERED:
                told.keys.pop(next(iter(told.keys)))
            yield _incident(cluster, pod, seen, status.name, ended, at)


def _incident(
    cluster: str, pod: decode.Pod, seen: Observation, container: str, ended: decode.Terminated, at: int
) -> ControllerIncident:
    oom = ended.reason == "OOMKilled"
    return ControllerIncident(
        cluster=cluster, pod_uid=seen.uid, container=container, at=at, version=seen.version,
        namespace=pod.metadata.namespace or "", pod=pod.metadata.name or "", kind="oom_kill" if oom else "restart",
        reason=ended.reason or "", exit_code=ended.exitCode, memory_limit_bytes=_memory_limit(pod, container),
    )  # fmt: skip


def _memory_limit(pod: decode.Pod, container: str) -> int:
    for spec in (pod.spec.containers if pod.spec else None) or ():
        limits = spec.resources.limits if spec.resources else None
        if spec.name == container and limits:
            return int(quantity(limits.get("memory", "0")) or Decimal(0))
    return 0
