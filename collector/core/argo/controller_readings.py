"""
What the answers to the few questions mean that are asked of a controller's installation now and then.

Takes bodies and parsed samples, gives the values of stream.py. Whatever cannot be read is None: an answer comes from whoever
listens on that port. Text formats (YAML, Prometheus) are parsed in watch/readings.py; no I/O here.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from collector.core.messages import ControllerMetrics, ControllerSettings, Lease
from collector.core.objects import kubernetes
from collector.core.objects.quantity import parse_quantity

Sample = tuple[str, Mapping[str, str], float]
"""One line of a Prometheus exposition: name, labels, value."""

Int = kubernetes.Int32 | None
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# Names of Argo 3.5 to 4.1, from its workflow/metrics and util/telemetry; 3.6 renamed them, 4.0 renamed a label.
MEMORY, LEADER = "process_resident_memory_bytes", "argo_workflows_is_leader"
WORKFLOWS = ("argo_workflows_gauge", "argo_workflows_count")
QUEUE_DEPTH = ("argo_workflows_queue_depth_gauge", "argo_workflows_queue_depth_count")
WORKERS, ERRORS = "argo_workflows_workers_busy_count", "argo_workflows_error_count"
WANTED = frozenset((MEMORY, LEADER, *WORKFLOWS, *QUEUE_DEPTH, WORKERS, ERRORS))
"""The names that `metrics` looks at."""

MOST_SERIES = 100
"""Series of one name that are taken over; queues, causes and phases are a handful each."""


class ConfigTexts(msgspec.Struct):
    """The texts of the controller's ConfigMap that tell of parallelism; nothing else of it is read."""

    config: str | None = None
    """The whole configuration as YAML; where it exists Argo looks at no other key."""
    parallelism: str | None = None
    namespaceParallelism: str | None = None


class _ConfigMap(msgspec.Struct):
    data: ConfigTexts | None = None


class _LeaseSpec(msgspec.Struct):
    holderIdentity: str | None = None
    leaseDurationSeconds: Int = None
    leaseTransitions: Int = None
    acquireTime: str | None = None
    renewTime: str | None = None


class _Lease(msgspec.Struct):
    spec: _LeaseSpec
    metadata: kubernetes.Meta = msgspec.field(default_factory=kubernetes.Meta)


class _Usage(msgspec.Struct):
    name: str | None = None
    usage: dict[str, str] | None = None


class _PodMetrics(msgspec.Struct):
    containers: list[_Usage] | None = None


def config_texts(body: bytes) -> ConfigTexts | None:
    """The texts in a ConfigMap; None when it is none."""
    read = _decoded(body, _ConfigMap)
    return (read.data or ConfigTexts()) if read else None


def settings(values: Mapping[Any, object]) -> ControllerSettings:
    """The limits among a configuration's top-level keys; below 1 Argo counts as unlimited, told as 0."""
    return ControllerSettings(_number(values.get("parallelism")), _number(values.get("namespaceParallelism")))


def _number(value: object) -> int | None:
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[+-]?[0-9]{1,15}", value := value.strip()) else None
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else None


def lease(body: bytes) -> Lease | None:
    """Who leads; None when it is no Lease."""
    read = _decoded(body, _Lease)
    if read is None:
        return None
    spec = read.spec
    return Lease(
        name=read.metadata.name or "", holder=spec.holderIdentity or "", renewed_at=kubernetes.parse_time(spec.renewTime),
        duration_s=max(0, spec.leaseDurationSeconds or 0), transitions=max(0, spec.leaseTransitions or 0),
        acquired_at=kubernetes.parse_time(spec.acquireTime),
    )  # fmt: skip


def memory(body: bytes, container: str) -> int | None:
    """The bytes a container uses by the metrics API (metrics.k8s.io/v1beta1); None when it does not say."""
    read = _decoded(body, _PodMetrics)
    for used in (read.containers if read else None) or ():
        if used.name == container:
            amount = parse_quantity((used.usage or {}).get("memory", ""))
            return None if amount is None else int(amount)
    return None


def metrics(samples: Iterable[Sample]) -> ControllerMetrics | None:
    """A controller's own words, whatever its version calls them; None when none of its metrics is among the samples."""
    by_name: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for name, labels, value in samples:
        if name in WANTED and math.isfinite(value):
            by_name.setdefault(name, []).append((labels, value))
    if not by_name:
        return None
    held = by_name.get(MEMORY)
    leads = by_name.get(LEADER)
    return ControllerMetrics(
        is_leader=any(value == 1 for _, value in leads) if leads else None,
        memory_bytes=int(held[0][1]) if held else None,
        queue_depth=_sums(by_name, QUEUE_DEPTH, ("queue_name",)),
        workers_busy=_sums(by_name, (WORKERS,), ("worker_type",)),
        errors=_sums(by_name, (ERRORS,), ("cause",)),
        workflows=_sums(by_name, WORKFLOWS, ("phase", "status")),
        scheme=_scheme(by_name),
    )


def _sums(
    by_name: Mapping[str, list[tuple[Mapping[str, str], float]]], names: Iterable[str], keys: Iterable[str]
) -> dict[str, float]:
    """The values by the first of the labels that is there, added up over all others."""
    sums: dict[str, float] = {}
    for labels, value in (series for name in names for series in by_name.get(name, ())):
        key = next((labels[key] for key in keys if key in labels), "")
        if key in sums or len(sums) < MOST_SERIES:
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _scheme(by_name: Mapping[str, list[tuple[Mapping[str, str], float]]]) -> str:
    """The first Argo release that called its metrics so: `3.5`, `3.6` or `4.0`; empty when its gauge is not there."""
    new, old = WORKFLOWS
    if new in by_name:
        return "4.0" if any("phase" in labels for labels, _ in by_name[new]) else "3.6"
    return "3.5" if old in by_name else ""


def _decoded(body: bytes, wanted: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=wanted)
    except _UNREADABLE:
        return None
