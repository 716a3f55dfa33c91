"""
Prometheus alerts, built from the catalogue and checked in under generated/.

Imports nothing of the collector but its catalogue. Numbers are in thresholds/, remedies in runbooks/.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType

from alerts import burn_rates, controller, cost, cron, itself, limits, outcomes, pods, queue, stores, twins, watches
from alerts.boxes import boxes
from alerts.numbers import Numbers
from alerts.rules import Alert, Builder, Group, Recording, groups
from alerts.thresholds import ByAlert, ThresholdError, Thresholds

TOPICS: Mapping[str, ModuleType] = {
    "queue": queue,
    "limits": limits,
    "pods": pods,
    "burn-rates": burn_rates,
    "outcomes": outcomes,
    "cron": cron,
    "controller": controller,
    "cost": cost,
    "watches": watches,
    "stores": stores,
    "itself": itself,
}
"""File name under generated/, and the module with BUILDERS, one an alert, and RECORDINGS, or a function that makes these."""

TWINS: Mapping[str, ModuleType] = {"twins": twins}
"""The same for alerts on the series of others, which are made only on request."""


def build(
    thresholds: Thresholds, time_scale: float = 1, topics: Mapping[str, ModuleType] = TOPICS
) -> dict[str, list[Group]]:
    """All groups by topic."""
    return {
        topic: groups(
            topic, _recordings(module, thresholds, time_scale), _alerts(module.BUILDERS, thresholds, time_scale)
        )
        for topic, module in topics.items()
    }


def _recordings(module: ModuleType, thresholds: Thresholds, time_scale: float) -> Iterable[Recording]:
    """What a topic records, for all series alike."""
    recordings: Iterable[Recording] | Callable[[ByAlert, float], Iterable[Recording]] = module.RECORDINGS
    return recordings(thresholds.alerts, time_scale) if callable(recordings) else recordings


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
