"""
Days of a year that departments might have spent, for tests of the forecast: what disturbs a forecast is in it.

Each seed is another department: its weekends, noise, growth, bursts at the ends of months, holidays, new work that begins
for good on some day, and days that cost a multiple.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from collector.core.cost.billing_days import day_of, month_after, month_of

BEGIN = date(2026, 1, 1)
DAYS = 365
HOLIDAYS = ((20, 60, 7), (90, 130, 3), (160, 200, 1), (260, 290, 7))
"""First and last day of the year on which each may begin, and its length: most departments keep most of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """How a department spends."""

    base: float
    weekdays: tuple[float, ...]
    growth: float
    """In 30 days."""
    noise: float
    burst: float
    burst_days: int
    holidays: frozenset[int]
    steps: tuple[tuple[int, float], ...]
    """Days on which work begins or ends for good, and by how much it multiplies."""


def a_department(rng: Random) -> Department:
    """Draws a department."""
    weekend = rng.choice([rng.uniform(0.1, 0.4), rng.uniform(0.5, 0.9), 1.0])
    kept = [span for span in HOLIDAYS if rng.random() < 0.7]
    begins = [rng.randint(first, last) for first, last, _ in kept]
    steps = [(rng.randrange(DAYS), rng.uniform(1.05, 1.35)) for _ in range(rng.choice([0, 1, 1, 2]))]
    if rng.random() < 0.3:
        steps.append((rng.randrange(DAYS), rng.uniform(0.7, 0.95)))
    return Department(
        base=math.exp(rng.uniform(math.log(200), math.log(20_000))),
        weekdays=(*(rng.uniform(0.9, 1.1) for _ in range(5)), *(weekend * rng.uniform(0.9, 1.1) for _ in range(2))),
        growth=rng.choice([0.0, 0.0, rng.uniform(-0.03, 0.03), rng.uniform(0.02, 0.08)]),
        noise=rng.choice([0.05, 0.1, 0.15, 0.25]),
        burst=rng.choice([1.0, 1.0, rng.uniform(1.2, 1.8)]),
        burst_days=rng.randint(2, 4),
        holidays=frozenset(
            begin + day for begin, (_, _, length) in zip(begins, kept, strict=True) for day in range(length)
        ),
        steps=tuple(steps),
    )


def a_year(seed: int) -> list[Decimal]:
    """Twelve months of a department, day by day from BEGIN on."""
    rng = Random(seed)
    of, spent, wave = a_department(rng), list[Decimal](), 0.0
    for place in range(DAYS):
        wave = 0.3 * wave + rng.gauss(0, of.noise * math.sqrt(0.91))
        outlier = rng.uniform(2, 4) if rng.random() < 0.01 else 1.0
        amount = _usual(of, place) * math.exp(wave - of.noise**2 / 2) * outlier
        spent.append(Decimal(round(amount * 10**6)).scaleb(-6))
    return spent


def _usual(of: Department, place: int) -> float:
    day = BEGIN + timedelta(days=place)
    left = month_after(month_of(day_of(day))) - day_of(day)
    amount: float = of.base * of.weekdays[day.weekday()] * (1 + of.growth) ** (place / 30)
    amount *= math.prod(times for first, times in of.steps if place >= first)
    amount *= of.burst if left <= of.burst_days else 1.0
    return float(amount * min(of.weekdays[6], 0.6) if place in of.holidays else amount)
