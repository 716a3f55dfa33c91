"""
The days of the past, and the stretches in which nothing about a template changes.
"""

import itertools
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import msgspec

from collector.core.cost.billing_days import day_of, month_after, month_of
from collector.core.units import DAY_MS
from collector.past.story import MONTHS, PLANTS, Habit, Plant


class PastDays(NamedTuple):
    """The first days of the months of the past, oldest first, and the day after the last."""

    months: tuple[int, ...]
    end: int

    @property
    def begin(self) -> int:
        """The first day."""
        return self.months[0]

    @property
    def repriced(self) -> int:
        """The day from which a price is higher."""
        return self.months[-1]


class Era(msgspec.Struct, frozen=True, kw_only=True):
    """Days on which a template has one version, one owner, one set of prices."""

    begin: int
    end: int
    """Exclusive."""
    longer: float = 1.0
    release: int = 1
    fates: Mapping[str, float] = {}
    """Other probabilities of bad ends than the template's own; empty: its own."""
    retries: int | None = None
    department: str = ""
    """Another owner than the namespace's own; empty: its own."""

    @property
    def midnight(self) -> int:
        """The first instant; days are those of UTC."""
        return self.begin * DAY_MS


def calendar(today: date) -> PastDays:
    """Returns the months before that of a day."""
    end = month_of(day_of(today))
    months = [end]
    for _ in range(MONTHS):
        months.insert(0, month_of(months[0] - 1))
    return PastDays(tuple(months[:-1]), end)


def eras(habit: Habit, days: PastDays) -> list[Era]:
    """Cuts the past of a template at each day on which something about it changes, and at months: prices change there."""
    plants = [
        (first, last, plant) for plant in PLANTS if _concerns(plant, habit) for first, last in [_days(plant, days)]
    ]
    cuts = sorted({*days.months, days.end, *(day for first, last, _ in plants for day in (first, last))})
    return [
        _era(begin, end, [plant for first, last, plant in plants if first <= begin < last])
        for begin, end in itertools.pairwise(cuts)
    ]


def _concerns(plant: Plant, habit: Habit) -> bool:
    return habit.recipe.name == plant.template or habit.namespace == plant.namespace


def _days(plant: Plant, days: PastDays) -> tuple[int, int]:
    """First day of a planted cause, and the day after its last."""
    first = days.months[-1 - plant.month] + plant.begin - 1
    last = min(first + plant.days, days.end) if plant.days else days.end
    return first, min(last, month_after(days.months[-1]))


def _era(begin: int, end: int, plants: list[Plant]) -> Era:
    era = Era(begin=begin, end=end)
    for plant in plants:
        era = msgspec.structs.replace(
            era,
            longer=era.longer * plant.longer,
            release=plant.release or era.release,
            fates=plant.fates or era.fates,
            retries=era.retries if plant.retries is None else plant.retries,
            department=plant.department or era.department,
        )
    return era
