"""
The days of the past, and the stretches in which nothing about a template changes.
"""

import itertools
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from collector.core.cost.billing_days import day_of, month_of
from collector.core.model import Instant
from collector.core.units import DAY_MS
from collector.past.story import MONTHS, PLANTS, Habit, Plant


class PastDays(NamedTuple):
    """The first days of the whole months of the past, oldest first, and the current month until now."""

    months: tuple[int, ...]
    current: int
    """The first day of the current month."""
    until: Instant
    """Nothing of the past ends later."""

    @property
    def begin(self) -> int:
        """The first day."""
        return self.months[0]

    @property
    def end(self) -> int:
        """The day after the last, which is today."""
        return self.until // DAY_MS + 1

    @property
    def all_months(self) -> tuple[int, ...]:
        """With the current one."""
        return (*self.months, self.current)

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


def calendar(now: datetime) -> PastDays:
    """Returns the months before that of an instant, and its own."""
    current = month_of(day_of(now.date()))
    months = [current]
    for _ in range(MONTHS):
        months.insert(0, month_of(months[0] - 1))
    return PastDays(tuple(months[:-1]), current, int(now.timestamp() * 1000))


def eras(habit: Habit, days: PastDays) -> list[Era]:
    """Cuts the past of a template at each day on which something about it changes, and at months: prices change there."""
    plants = [
        (first, last, plant) for plant in PLANTS if _concerns(plant, habit) for first, last in [_days(plant, days)]
    ]
    cuts = sorted({*days.all_months, days.end, *(day for first, last, _ in plants for day in (first, last))})
    return [
        _era(begin, end, [plant for first, last, plant in plants if first <= begin < last])
        for begin, end in itertools.pairwise(cuts)
    ]


def _concerns(plant: Plant, habit: Habit) -> bool:
    return habit.recipe.name == plant.template or habit.namespace == plant.namespace


def _days(plant: Plant, days: PastDays) -> tuple[int, int]:
    """First day of a planted cause, and the day after its last."""
    if plant.last_days:
        return days.end - plant.last_days, days.end
    first = days.months[-1 - plant.month] + plant.begin - 1
    return first, first + plant.days if plant.days else days.end


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
