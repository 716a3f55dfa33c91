"""
A fleet on which nothing is wrong, in three families of series: ours, those of Argo's controller, those of the cluster.

An incident is a list of changes to it; the same list changes all three families, so that each has the same story.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.catalog.metrics import Metric
from tests.alerts.quiet_fleet import STEP_S, STEPS, Series, Values, quiet_fleet

BEGIN = 120
"""The scrape at which the incident begins: after half an hour. It is played for the 90 minutes that follow."""
LAST = (STEPS - BEGIN) * STEP_S / 60
START = -BEGIN * STEP_S / 60
NEVER = math.inf
EVENTS_A_MINUTE = 20
"""In every histogram of the quiet fleet."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(ABC):
    """What becomes of the series of one metric; minutes count from the begin of the incident."""

    metric: str
    labels: Labels = field(default_factory=dict)
    """The series that have these; all of the metric by default. A series of others that does not exist begins."""
    begin: float = 0
    end: float = NEVER

    @abstractmethod
    def value(self, usual: float | None, minute: float) -> float | None:
        """The value at a minute between begin and end."""

    def applied(self, values: Values) -> Values:
        """All values of a series."""
        minutes = ((step - BEGIN) * STEP_S / 60 for step in range(STEPS))
        return [self.value(usual, minute) for usual, minute in zip(values, minutes, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level(Change):
    """A gauge that has a level, or one that rises or falls."""

    level: float
    per_minute: float = 0
    least: float = 0
    most: float = NEVER

    def value(self, usual: float | None, minute: float) -> float | None:
        """The level while the change lasts."""
        if not self.begin <= minute < self.end:
            return usual
        return min(self.most, max(self.least, self.level + self.per_minute * (minute - self.begin)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone(Change):
    """A series that is not there."""

    def value(self, usual: float | None, minute: float) -> float | None:
        """Nothing while the change lasts."""
        return None if self.begin <= minute < self.end else usual


@dataclass(frozen=True, slots=True, kw_only=True)
class More(Change):
    """A counter that grows faster, or slower, than usual."""

    per_minute: float

    def value(self, usual: float | None, minute: float) -> float | None:
        """What it counted, and what the change adds."""
        lasted = max(0.0, min(minute, self.end) - self.begin)
        return None if usual is None else usual + self.per_minute * lasted


def slower(metric: Metric, than_s: float, *, begin: float) -> tuple[Change, ...]:
    """All events of a histogram take longer than this from the begin on: the buckets below stop growing."""
    name, stops = f"{metric.name}_bucket", -EVENTS_A_MINUTE
    return tuple(
        More(metric=name, labels={"le": str(float(bound))}, per_minute=stops, begin=begin)
        for bound in metric.buckets
        if bound <= than_s
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Once(Change):
    """A counter that counts one more."""

    def value(self, usual: float | None, minute: float) -> float | None:
        """One more from the begin on."""
        return None if usual is None else usual + (minute >= self.begin)


def played(changes: Iterable[Change]) -> Series:
    """The fleet with an incident."""
    series = healthy()
    known = {name.partition("{")[0] for name in series}
    for change in changes:
        found = [name for name in series if _is_of(name, change)]
        # Ours are there from the start; of the cluster's, a pod that cannot start is a new one.
        assert found or change.metric not in known or not change.metric.startswith("lynceus_"), f"no series: {change}"
        for name in found or [_name(change.metric, change.labels)]:
            series[name] = change.applied(series.get(name, [None] * STEPS))
    return series


def healthy() -> Series:
    """Nothing happens."""
    return {**_ours(), **_levels(ARGO), **_levels(KUBERNETES), **_counters()}


def _ours() -> Series:
    """Ours; a second replica of the controller stands by."""
    fleet = quiet_fleet()
    standby: Series = {
        name.replace("argo-1", "argo-2"): [0.0] * STEPS if "leader{" in name else values
        for name, values in fleet.items()
        if 'pod="argo-1"' in name and name.startswith(("lynceus_controller_ready", "lynceus_controller_leader{"))
    }
    return {**fleet, **standby}


def _levels(levels: Mapping[str, Mapping[str, float]]) -> Series:
    return {
        f'{metric}{{cluster="prod", {labels}}}': [level] * STEPS
        for metric, series in levels.items()
        for labels, level in series.items()
    }


def _counters() -> Series:
    """The counters of Argo's controller; each run counts as Pending, as Running and under its last phase."""
    return {
        _name("argo_workflows_total_count", {"namespace": "ml", "phase": phase}): _growing(per_minute)
        for phase, per_minute in {"Pending": 20, "Running": 20, "Succeeded": 18.8, "Failed": 1.2, "Error": 0}.items()
    } | {
        _name("argo_workflows_error_count", {"cause": cause}): _growing(0)
        for cause in ("OperationPanic", "CronWorkflowSubmissionError")
    }


def _growing(per_minute: float) -> Values:
    return [1000 + per_minute * step * STEP_S / 60 for step in range(STEPS)]


def _is_of(name: str, change: Change) -> bool:
    metric, _, labels = name.partition("{")
    return metric == change.metric and all(f'{label}="{value}"' in labels for label, value in change.labels.items())


def _name(metric: str, labels: Labels) -> str:
    inside = ", ".join(f'{label}="{value}"' for label, value in {"cluster": "prod", **labels}.items())
    return f"{metric}{{{inside}}}"


ARGO: dict[str, dict[str, float]] = {
    "argo_workflows_gauge": {'phase="Pending"': 4, 'phase="Running"': 33},
    "argo_workflows_pods_gauge": {'phase="Pending"': 3, 'phase="Running"': 37},
    "argo_workflows_is_leader": {'pod="argo-1"': 1, 'pod="argo-2"': 0},
    "argo_workflows_queue_depth_gauge": {'queue_name="workflow_queue"': 5},
}
"""Gauges of Argo's controller, in the names of 3.6 and later."""
KUBERNETES: dict[str, dict[str, float]] = {
    "up": {'job="argo", pod="argo-1"': 1, 'job="argo", pod="argo-2"': 1, 'job="apiserver"': 1, 'job="kube-state"': 1},
    "kube_pod_status_phase": {
        f'namespace="argo", pod="{pod}", phase="{phase}"': float(phase == "Running")
        for pod in ("argo-1", "argo-2")
        for phase in ("Pending", "Running", "Unknown")
    },
    "kube_pod_status_ready": {f'namespace="argo", pod="{pod}", condition="true"': 1 for pod in ("argo-1", "argo-2")},
    "kube_deployment_spec_replicas": {'namespace="argo", deployment="workflow-controller"': 2},
    "kube_deployment_status_replicas_available": {'namespace="argo", deployment="workflow-controller"': 2},
    "kube_deployment_status_replicas_updated": {'namespace="argo", deployment="workflow-controller"': 2},
    "kube_resourcequota": {
        'namespace="ml", resource="pods", type="used"': 40,
        'namespace="ml", resource="pods", type="hard"': 60,
    },
    "kubelet_volume_stats_available_bytes": {'namespace="lynceus", persistentvolumeclaim="store"': 60e9},
    "kubelet_volume_stats_capacity_bytes": {'namespace="lynceus", persistentvolumeclaim="store"': 100e9},
}
"""Gauges of kube-state-metrics and the kubelet."""
