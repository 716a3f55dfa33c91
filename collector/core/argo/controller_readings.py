"""
Decodes the periodic readings of a controller's installation: its ConfigMap, its Lease, its memory and its metrics.

Input are response bodies and parsed samples, output are the values of core/messages.py. Unreadable input gives None, since
any program may listen on that port. watch/controller_poll.py parses the text formats (YAML, Prometheus); no I/O here.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from collector.core.messages import ControllerCounters, ControllerMetrics, ControllerSettings, Lease
from collector.core.objects import kubernetes
from collector.core.objects.quantity import parse_quantity

Sample = tuple[str, Mapping[str, str], float]
"""One line of a Prometheus exposition: name, labels, value."""

_Series = tuple[Mapping[str, str], float]
_ByName = Mapping[str, list[_Series]]
"""Labels and values of all series by the name of the metric."""

Int = kubernetes.Int32 | None
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# Metric names of Argo 3.5 to 4.1, from its workflow/metrics and util/telemetry; 3.6 renamed them, 4.0 renamed a label.
MEMORY, LEADER = "process_resident_memory_bytes", "argo_workflows_is_leader"
WORKFLOWS = ("argo_workflows_gauge", "argo_workflows_count")
QUEUE_DEPTH = ("argo_workflows_queue_depth_gauge", "argo_workflows_queue_depth_count")
# The same in all of these versions, unless noted.
WORKERS_BUSY, ERRORS = "argo_workflows_workers_busy_count", "argo_workflows_error_count"
REQUESTS = "argo_workflows_k8s_request_total"
VERSION, STARTED = "argo_workflows_version", "process_start_time_seconds"  # from 3.6 on
API_WAIT = "argo_workflows_client_rate_limiter_latency_sum"  # from 4.1 on
WANTED = frozenset((
    MEMORY, LEADER, *WORKFLOWS, *QUEUE_DEPTH, WORKERS_BUSY, ERRORS, REQUESTS, VERSION, STARTED, API_WAIT,
))  # fmt: skip
"""Names that `metrics` reads."""

MOST_SERIES = 100
"""Most series of one name that are read; queues, phases, causes and status codes are a few each."""
LARGEST_COUNT = 2.0**53
"""Beyond it a float does not count; no counter of a controller reaches it."""


class ConfigTexts(msgspec.Struct):
    """Texts of the controller's ConfigMap that contain limits of parallelism; nothing else of it is read."""

    config: str | None = None
    """The whole configuration as YAML; if it exists, Argo reads no other key."""
    parallelism: str | None = None
    namespaceParallelism: str | None = None


class _ConfigMap(msgspec.Struct):
    data: ConfigTexts | None = None


class _LeaseSpec(msgspec.Struct):
    holderIdentity: str | None = None
    leaseDurationSeconds: Int = None

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
    """Decode the texts of a ConfigMap; None: the body is not a ConfigMap."""
    config_map = _decode(body, _ConfigMap)
    return (config_map.data or ConfigTexts()) if config_map else None


def settings(values: Mapping[Any, object]) -> ControllerSettings:
    """Limits among a configuration's top-level keys; 0 stands for unlimited, as Argo treats every number below 1."""
    return ControllerSettings(_number(values.get("parallelism")), _number(values.get("namespaceParallelism")))


def _number(value: object) -> int | None:
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[+-]?[0-9]{1,15}", value := value.strip()) else None
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else None


def lease(body: bytes) -> Lease | None:
    """Decode a Lease; None: the body is not a Lease."""
    decoded = _decode(body, _Lease)
    if decoded is None:
        return None
    spec = decoded.spec
    return Lease(
        name=decoded.metadata.name or "",
        holder=spec.holderIdentity or "",
        renewed_at=kubernetes.parse_time(spec.renewTime),
        duration_s=max(0, spec.leaseDurationSeconds or 0),
        acquired_at=kubernetes.parse_time(spec.acquireTime),
    )


def memory(body: bytes, container: str) -> int | None:
    """Decode a container's memory in bytes from the metrics API (metrics.k8s.io/v1beta1); None: not in the body."""
    pod_metrics = _decode(body, _PodMetrics)
    for used in (pod_metrics.containers if pod_metrics else None) or ():
        if used.name == container:
            amount = parse_quantity((used.usage or {}).get("memory", ""))
            return None if amount is None else int(amount)
    return None


def metrics(samples: Iterable[Sample]) -> ControllerMetrics | None:
    """Read a controller's metrics by the names of any version; None: none of them is among the samples."""
    by_name: dict[str, list[_Series]] = {}
    for name, labels, value in samples:
        if name in WANTED and math.isfinite(value):
            by_name.setdefault(name, []).append((labels, value))
    if not by_name:
        return None
    memory = by_name.get(MEMORY)
    leader = by_name.get(LEADER)
    return ControllerMetrics(
        is_leader=any(value == 1 for _, value in leader) if leader else None,
        memory_bytes=int(memory[0][1]) if memory else None,
        queue_depth=_sums(by_name, QUEUE_DEPTH, ("queue_name",)),
        workflows=_sums(by_name, WORKFLOWS, ("phase", "status")),
        scheme=_scheme(by_name),
        workers_busy=_sums(by_name, (WORKERS_BUSY,), ("worker_type",)),
        version=next((labels.get("version", "") for labels, _ in by_name.get(VERSION, ())), ""),
        counters=_counters(by_name),
    )


def _counters(by_name: _ByName) -> ControllerCounters:
    counts = {
        name: [(labels, value) for labels, value in series if 0 <= value < LARGEST_COUNT]
        for name, series in by_name.items()
    }
    waits, started = counts.get(API_WAIT), counts.get(STARTED)
    return ControllerCounters(
        started_at=started[0][1] if started else None,
        errors=_sums(counts, (ERRORS,), ("cause",)),
        requests=_sums(counts, (REQUESTS,), ("status_code",)),
        api_wait_s=sum(value for _, value in waits) if waits else None,
    )


def _sums(by_name: _ByName, names: Iterable[str], keys: Iterable[str]) -> dict[str, float]:
    """Sum values by the first of some labels that a series has."""
    sums: dict[str, float] = {}
    for labels, value in (series for name in names for series in by_name.get(name, ())):
        key = next((labels[key] for key in keys if key in labels), "")
        if key in sums or len(sums) < MOST_SERIES:
            sums[key] = sums.get(key, 0.0) + value
    return sums


def _scheme(by_name: _ByName) -> str:
    """First Argo release with these metric names: `3.5`, `3.6` or `4.0`; empty: its gauge is missing."""
    new, old = WORKFLOWS
    if new in by_name:
        return "4.0" if any("phase" in labels for labels, _ in by_name[new]) else "3.6"
    return "3.5" if old in by_name else ""


def _decode(body: bytes, wanted: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=wanted)
    except _UNREADABLE:
        return None
