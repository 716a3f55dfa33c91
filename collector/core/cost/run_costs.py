"""
What the runs of a template cost on one day, and what the difference between two kinds of runs consists of.

Amounts are in millionths of the currency here: they are compared and sorted by the ten thousand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from math import log
from statistics import median
from typing import Literal, NamedTuple

from collector.core.units import ZERO

Micros = int
"""Millionths of a currency unit."""
MICRO = Decimal("0.000001")
Cause = Literal["time", "size", "pods", "price", "purchase", "retries", "reclaims", "pending"]
"""What grew: a pod's time, a pod's size, the number of pods, the price, less spot, tries that were lost, or waiting."""
CAUSES: tuple[Cause, ...] = ("time", "size", "pods", "price", "purchase", "retries", "reclaims", "pending")
GIB_OF_A_VCPU = 8
"""So much memory costs about as much as one vCPU, in the price lists that are shipped."""
LEAST_LOG = 1e-9
LESS_SPOT = 0.2
"""A higher price is a matter of purchase where the share of spot fell by this much."""


class RunFigures(NamedTuple):
    """What one run consists of, or some runs together."""

    runs: int
    cost: Micros
    pending: Micros
    retried: Micros
    reclaimed: Micros
    pods: int
    """Without tries that were lost, as in all that follows."""
    seconds: int
    vcpu_ms: int
    mib_seconds: int
    spot_seconds: int
    lossy: int
    """Runs with tries that were lost."""

    @property
    def work(self) -> Micros:
        """The cost of pods that were not lost, from the begin of their main containers."""
        return self.cost - self.pending - self.retried - self.reclaimed

    @property
    def net(self) -> Micros:
        """The cost without tries that were lost."""
        return self.cost - self.retried - self.reclaimed


NOTHING = RunFigures(*[0] * 11)


class DearRun(NamedTuple):
    """One of the dearest runs of a day."""

    cost: Micros
    workflow_uid: str
    workflow_name: str
    figures: RunFigures


@dataclass(frozen=True)
class RunsOfDay:
    """The runs of one version of a template that began on one day, in one currency."""

    day: date
    version: str
    department: str
    """Of the dearest run."""
    drawn: tuple[Micros, ...]
    """What runs cost each: all runs, or as many as were drawn by chance."""
    dearest: tuple[DearRun, ...]
    """The dearest first."""
    figures: RunFigures
    """Of all runs together."""

    @cached_property
    def median(self) -> float:
        """Of what the runs cost."""
        return median(self.drawn)


def together(parts: Iterable[RunFigures]) -> RunFigures:
    """The sums of some figures."""
    columns = list(zip(*parts, strict=True))
    return RunFigures(*map(sum, columns)) if columns else NOTHING


def grown(before: RunFigures, after: RunFigures) -> Mapping[Cause, Decimal]:
    """
    What the difference of the cost of a run consists of, by its causes; the amounts sum to the difference.

    What was lost or waited is a difference of amounts. The rest is a product of pods, time, size and price, and each factor
    has the part of the difference that its logarithm has.
    """
    parts: dict[Cause, Decimal] = {
        "retries": _a_run(after, after.retried) - _a_run(before, before.retried),
        "reclaims": _a_run(after, after.reclaimed) - _a_run(before, before.reclaimed),
        "pending": _a_run(after, after.pending) - _a_run(before, before.pending),
    }
    work = _a_run(after, after.work) - _a_run(before, before.work)
    ratios = factors(before, after)
    price: Cause = "purchase" if is_less_spot(before, after) else "price"
    logs = {name: log(ratio) for name, ratio in ratios.items()}
    whole = sum(logs.values())
    rest = work
    shared: tuple[tuple[str, Cause], ...] = (("pods", "pods"), ("size", "size"), ("price", price))
    for name, cause in shared:
        share = Decimal(logs[name] / whole) if abs(whole) > LEAST_LOG else ZERO
        parts[cause] = (work * share).quantize(MICRO)
        rest -= parts[cause]
    parts["time"] = rest
    return {cause: parts[cause] for cause in CAUSES if cause in parts}


def factors(before: RunFigures, after: RunFigures) -> dict[str, float]:
    """By what the work of a run was multiplied: its pods, their time, their size and the price."""
    return {
        "pods": _ratio(before.pods, before.runs, after.pods, after.runs),
        "time": _ratio(before.seconds, before.pods, after.seconds, after.pods),
        "size": _ratio(_size(before), before.seconds, _size(after), after.seconds),
        "price": _ratio(before.work, _size(before) or before.seconds, after.work, _size(after) or after.seconds),
    }


def is_less_spot(before: RunFigures, after: RunFigures) -> bool:
    """Whether much less of the time was on spot machines than before."""
    return _spot_share(before) - _spot_share(after) >= LESS_SPOT


def _a_run(figures: RunFigures, amount: Micros) -> Decimal:
    return (amount * MICRO / figures.runs).quantize(MICRO) if figures.runs else ZERO


def _size(figures: RunFigures) -> float:
    """Size by time, in vCPUs and seconds; 0 where an instance is billed by its type."""
    return figures.vcpu_ms / 1000 + figures.mib_seconds / 1024 / GIB_OF_A_VCPU


def _spot_share(figures: RunFigures) -> float:
    return figures.spot_seconds / figures.seconds if figures.seconds else 0.0


def _ratio(before: float, of_before: float, after: float, of_after: float) -> float:
    """One quotient by another; 1 where one of them is not known."""
    if min(before, of_before, after, of_after) <= 0:
        return 1.0
    return (after / of_after) / (before / of_before)
