"""
Prometheus alerts, built from the catalogue and checked in under generated/.

Imports nothing of the collector but its catalogue. Numbers are in thresholds/, remedies in runbooks/.
"""

from collections.abc import Iterator, Mapping
from types import ModuleType

from alerts import controller, cost, itself, limits, pods, queue, stores, watches
from alerts.boxes import boxes
from alerts.numbers import Numbers
from alerts.rules import Alert, Builder, Group, groups
from alerts.thresholds import ThresholdError, Thresholds

TOPICS: Mapping[str, ModuleType] = {
    "queue": queue,
    "limits": limits,
    "pods": pods,
    "controller": controller,
    "cost": cost,
    "watches": watches,
    "stores": stores,
    "itself": itself,
}
"""File name under generated/, and the module that has RECORDINGS and BUILDERS, one for each alert."""


def build(thresholds: Thresholds, time_scale: float = 1) -> dict[str, list[Group]]:
    """All groups by topic."""
    return {
        topic: groups(topic, module.RECORDINGS, _alerts(module.BUILDERS, thresholds, time_scale))
        for topic, module in TOPICS.items()
    }


def _alerts(builders: tuple[Builder, ...], thresholds: Thresholds, time_scale: float) -> Iterator[Alert]:
    """A rule for each box that an override cuts out, and one for everything else."""
    for builder in builders:
        name = builder.__name__
        numbers = thresholds.alerts[name]
        for box in boxes(override.selector for number in numbers.values() for override in number.overrides):
            made = builder(Numbers(numbers, box, time_scale))
            for alert in made if isinstance(made, tuple) else (made,):
                if unknown := box.labels - set(alert.labels):
                    remedy = f"its series have {', '.join(alert.labels) or 'no labels'}"
                    raise ThresholdError(f"{name}: an override names {', '.join(sorted(unknown))}, but {remedy}")
                yield alert
