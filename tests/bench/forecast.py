"""
Whether ranges of forecasts are honest: `python -m tests.bench.forecast [DEPARTMENTS] [--past]`.

Each department is another seed of tests/core/cost/spent_days.py, which the tests do not use. Printed are the days of its year
whose month ended in the range, and how wide ranges are. `--past`: the demo's past instead, as `lynceus demo` lays it.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from rich.console import Console

from collector.core.cost.billing_days import day_of, month_after, month_of
from collector.core.cost.forecast import LEAST, DailySpend, RestOfMonth
from collector.core.cost.meters import total
from collector.core.units import ONE, ZERO
from collector.past.lay import Draws, lay_past
from tests.core.cost.spent_days import BEGIN, a_year
from tests.past.test_past import settings_of
from tests.store.running import start

FIRST_SEED = 1000
USUAL = 100
out = Console(width=120, highlight=False)
BY_DAY = """
    SELECT department, toUInt16(day), sum(ifNull(rounded_cost, cost)) FROM lynceus.cost_daily
    GROUP BY department, day HAVING sum(cost) IS NOT NULL ORDER BY department, day
"""


class TriedDay(NamedTuple):
    """A forecast, and what followed."""

    week: int
    """Of the rest of the month: 0 is the last one."""
    inside: bool
    width: float
    """Of the range, in parts of the whole month."""
    error: float
    """Of what was likely, in parts of the whole month."""


def tried_days(first: int, spent: Sequence[Decimal]) -> Iterable[TriedDay]:
    """Tries the forecast of each day whose month is over."""
    history = DailySpend(first, spent)
    for place in range(LEAST, len(spent)):
        after, begin = month_after(month_of(first + place)) - first, month_of(first + place) - first
        rest = history.rest_of_month(first + place, ONE)
        if after > len(spent) or not isinstance(rest, RestOfMonth):
            continue
        truth, month = total(spent[place:after]), total(spent[max(0, begin) : after])
        yield TriedDay(
            week=(after - place - 1) // 7,
            inside=rest.low <= truth <= rest.high,
            width=float((rest.high - rest.low) / month),
            error=float(abs(rest.likely - truth) / month),
        )


def show(by_name: Mapping[str, Sequence[TriedDay]]) -> None:
    """Prints how many days lie in their ranges."""
    days = [day for found in by_name.values() for day in found]
    shares = {name: mean(day.inside for day in found) for name, found in by_name.items() if found}
    ordered = sorted(shares.values())
    out.print(f"{len(shares)} departments, {len(days)} days: {mean(day.inside for day in days):.1%} in the range")
    out.print(f"one department: {ordered[0]:.0%} to {ordered[-1]:.0%}, median {median(ordered):.0%}")
    out.print(f"in 75 to 85 % of days: {Counter(0.75 <= share <= 0.85 for share in ordered)[True]} of {len(ordered)}")
    for week in sorted({day.week for day in days}):
        some = [day for day in days if day.week == week]
        width, error = median(day.width for day in some), median(day.error for day in some)
        share = mean(day.inside for day in some)
        out.print(
            f"{7 * week + 1}-{7 * week + 7} days left: {share:.1%}, width {width:.1%}, error {error:.1%} of the month"
        )


def years(number: int) -> dict[str, list[TriedDay]]:
    """Synthetic departments."""
    return {str(seed): [*tried_days(day_of(BEGIN), a_year(seed))] for seed in range(FIRST_SEED, FIRST_SEED + number)}


def past() -> dict[str, list[TriedDay]]:
    """The departments of the demo's past."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(lay_past(settings_of, Path(folder), "collector", Draws()))
        running = start(Path(folder) / "collector")
        store = running.writer()
        rows = store.query_rows(BY_DAY, {})
        store.close()
        running.stop()
    days = dict[str, dict[int, Decimal]]()
    for department, day, cost in rows:
        days.setdefault(department, {})[day] = cost
    return {
        name: [*tried_days(min(spent), [spent.get(day, ZERO) for day in range(min(spent), max(spent) + 1)])]
        for name, spent in days.items()
    }


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    show(past() if "--past" in sys.argv else years(numbers[0] if numbers else USUAL))
