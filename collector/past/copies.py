"""
When each pattern ran: the copies of every day, drawn from one seed.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from collector.core.cost.billing_days import date_of
from collector.core.units import DAY_MS, HOUR_MS
from collector.past.calendar import Era, PastDays
from collector.past.patterns import Pattern
from collector.past.story import Habit

SATURDAY = 5


class PatternCopy(NamedTuple):
    """One copy of a pattern."""

    pattern: int
    """The pattern's number."""
    shift_ms: int
    """By how much the copy is later."""


def copies(
    habit: Habit, days: PastDays, stretches: Sequence[tuple[Era, list[Pattern]]], rng: Random
) -> Iterator[PatternCopy]:
    """Yields the copies of a template's patterns on all days of the past."""
    for era, patterns in stretches:
        inside = [pattern for pattern in patterns if not pattern.crosses]
        for day in range(era.begin, era.end):
            # What goes on over midnight must end in the same era: under the same prices, in the past.
            chosen = patterns if day + 1 < era.end else inside
            for _ in range(runs_of_day(habit, days, day, rng)):
                pattern = rng.choice(chosen)
                copy = _copy(habit, pattern, day - era.begin, rng)
                if pattern.end + copy.shift_ms <= days.until:
                    yield copy


def runs_of_day(habit: Habit, days: PastDays, day: int, rng: Random) -> int:
    """Returns how often a template runs on a day: more from month to month, less at weekends, never quite the same."""
    grown = 1 + habit.growth * ((day - days.begin) / (days.end - days.begin) - 0.5)
    of_weekday = habit.weekend if date_of(day).weekday() >= SATURDAY else 1.0
    return round(habit.runs * grown * of_weekday * rng.uniform(0.9, 1.1))


def _copy(habit: Habit, pattern: Pattern, days_later: int, rng: Random) -> PatternCopy:
    shift = days_later * DAY_MS
    if not pattern.crosses:
        first, last = (hour * HOUR_MS for hour in habit.hours)
        shift += first + rng.randrange(max(1, (last - first - pattern.length_ms) // 1000)) * 1000
    return PatternCopy(pattern.number, shift)
