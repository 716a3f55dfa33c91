"""
The numbers of thresholds/*.yaml, and what an alert reads of them where one box of series is concerned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from alerts.boxes import LABELS, Box, Selector
from collector.catalog.metrics import Metric

TimeUnit = Literal["seconds", "minutes", "hours", "days"]
Unit = (
    TimeUnit
    | Literal[
        "percent",
        "times",
        "per hour",
        "per minute",
        "workflows",
        "runs",
        "pods",
        "keys",
        "errors",
        "holders",
        "changes",
        "replicas",
        "kills",
        "restarts",
        "requests",
        "currency units",
        "currency units per hour",
        "GiB",
    ]
)
SECONDS: dict[str, int] = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_PROMQL = (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another value for some series, and its reason."""

    value: int | float
    reason: str
    cluster: str = ""
    namespace: str = ""
    queue: str = ""
    lock: str = ""
    cron: str = ""

    @property
    def selector(self) -> Selector:
        """The labels that the override names."""
        return {label: value for label in LABELS if (value := getattr(self, label))}


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A number with its unit and its reason, and other values for some series."""

    value: int | float
    unit: Unit
    reason: str
    overrides: tuple[Override, ...] = ()

    def at(self, box: Box) -> int | float:
        """The value in a box: of the overrides that name it the one with most labels, of equal ones the last."""
        named = [override for override in self.overrides if box.is_within(override.selector)]
        return (
            max(enumerate(named), key=lambda item: (len(item[1].selector), item[0]))[1].value if named else self.value
        )


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one alert in one box."""

    numbers: Mapping[str, Number]
    box: Box
    time_scale: float = 1
    """Divides every time, for a test that cannot wait; 1 as shipped."""

    def __getitem__(self, name: str) -> int | float:
        """The value, in its own unit."""
        return self.numbers[name].at(self.box)

    def share(self, name: str) -> float:
        """A percentage as a ratio."""
        return round(self[name] / 100, 6)

    def seconds(self, name: str) -> float:
        """A time in seconds, to compare with a metric."""
        return _plain(self[name] * SECONDS[self.numbers[name].unit] / self.time_scale)

    def span(self, name: str) -> str:
        """A time as PromQL writes it; empty for none."""
        return span(self.seconds(name))

    def words(self, name: str) -> str:
        """A number with its unit, for people: `15 minutes`, `80 %`."""
        value, unit = self[name], self.numbers[name].unit
        if unit == "percent":
            return f"{value:g} %"
        return f"{value:g} {unit.removesuffix('s') if value == 1 else unit}"

    def of(self, metric: Metric | str, *matchers: str) -> str:
        """The series of a metric, or of a recorded series by its name, that are in the box and match."""
        name, labels = (
            (metric, metric.split(":")[0].split("_")) if isinstance(metric, str) else (metric.name, metric.labels)
        )
        inside = ", ".join((*self.box.matchers(labels), *matchers))
        return f"{name}{{{inside}}}" if inside else name


def span(seconds: float) -> str:
    """A time as PromQL writes it, in the largest unit that is whole; empty for none."""
    whole = max(1, round(seconds)) if seconds else 0
    return next((f"{whole // size}{unit}" for unit, size in _PROMQL if whole and whole % size == 0), "")


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number
