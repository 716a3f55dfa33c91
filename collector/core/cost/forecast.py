"""
What a month will cost: the days to come by the medians of their weekdays, and a range that past forecasts of the same kind
would have kept in four cases of five.

A day to come costs what the median of the last four days of the same weekday did. The last days of a month are raised or
lowered by what the last months' ends had in common. The range is that of the method's own errors: it is tried on each past
day over windows about as long as the rest of the month, and errors count in parts of what the four weeks before cost a day. A
trend, holidays and new work of the past are so part of the range. The fewer such windows fit into the past, the wider it is.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Literal, NamedTuple

from collector.core.cost.billing_days import month_after, month_of
from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.units import ONE, ZERO

WEEKS = 4
"""Days of each weekday whose median counts."""
BEFORE = 14
"""Days that must lie before the first day on which the method is tried: two of each weekday."""
LEAST = BEFORE + 7
"""Days of history without which no range is stated."""
TRIED = 182
"""Past days on which the method is tried at most: half a year."""
NEEDED = TRIED + 7 * WEEKS
"""Days of history that can matter, but for the ends of earlier months."""
ENDS, LAST_DAYS = 4, 5
"""Ends of months that are compared, and how many days an end has."""
LENGTHS = (Decimal("0.5"), Decimal("0.75"), ONE)
"""Lengths of the windows on which the method is tried, in parts of the rest of the month."""
OUTSIDE = Decimal("0.1")
"""Part of the errors that lies on each side of the range."""
HALF = Decimal("0.5")
Unknown = Literal["few_days", "nothing_spent"]
"""Why there is no forecast: less than three weeks of history, or hardly anything was spent in the last weeks."""


class RestOfMonth(NamedTuple):
    """What is still to come in a month: 80 % of the cases lie from `low` to `high`."""

    low: Decimal
    likely: Decimal
    high: Decimal


NOTHING = RestOfMonth(ZERO, ZERO, ZERO)


class DailySpend:
    """What was spent day by day, without a gap: days on which nothing was spent are 0."""

    def __init__(self, first: int, amounts: Sequence[Decimal]) -> None:
        self._first, self._amounts = first, amounts
        self._sums = [ZERO, *accumulate(amounts, CONTEXT.add)]
        self._left = [_days_left(first + place) for place in range(len(amounts) + 32)]
        self._usual: dict[int, tuple[Decimal, ...]] = {}
        self._ahead: dict[int, list[Decimal]] = {}
        self._tried: dict[tuple[int, int], Decimal] = {}

    def rest_of_month(self, today: int, left: Decimal) -> RestOfMonth | Unknown:
        """
        Returns what is to come after an instant of a day; `left` is the part of the day after it, from 0 to 1.

        Only the days before count: what is known of the day itself, and of later ones, changes nothing.
        """
        at, days = today - self._first, _days_left(today) - 1
        horizon = CONTEXT.add(Decimal(days), left)
        if not horizon:
            return NOTHING
        if at < LEAST:
            return "few_days"
        mean, errors = self._mean(at), sorted(self._errors(at, horizon))
        if not mean or not errors:
            return "nothing_spent"
        ahead = self._expected(at)
        rest = CONTEXT.add(CONTEXT.multiply(ahead[1], left), CONTEXT.subtract(ahead[days + 1], ahead[1]))
        low, middle, high = (_quantile(errors, part) for part in (OUTSIDE, HALF, ONE - OUTSIDE))
        wider, unit = self._widening(at, horizon), CONTEXT.multiply(mean, horizon)

        def bound(error: Decimal) -> Decimal:
            off = CONTEXT.add(middle, CONTEXT.multiply(CONTEXT.subtract(error, middle), wider))
            return max(ZERO, CONTEXT.add(rest, CONTEXT.multiply(off, unit)))

        least, most = bound(low), bound(high)
        return RestOfMonth(*(CONTEXT.quantize(value, PLACES) for value in (least, min(max(rest, least), most), most)))

    def _mean(self, at: int) -> Decimal:
        """What a day of the last four weeks cost."""
        days = min(at, 7 * WEEKS)
        return CONTEXT.divide(CONTEXT.subtract(self._sums[at], self._sums[at - days]), Decimal(days))

    def _medians(self, at: int) -> tuple[Decimal, ...]:
        """The median of each weekday before a day; the day's own weekday is at its place modulo 7."""
        if at not in self._usual:
            found = [ZERO] * 7
            for days_before in range(1, 8):
                last = at - days_before
                same = [self._amounts[place] for place in range(last, max(-1, last - 7 * WEEKS), -7) if place >= 0]
                found[last % 7] = _median(same)
            self._usual[at] = tuple(found)
        return self._usual[at]

    def _expected(self, at: int) -> list[Decimal]:
        """What is expected from a day on, summed up: of 0 days, 1 day and so on, up to a whole month."""
        if at not in self._ahead:
            usual = self._medians(at)
            of_end = {left: self._end_factor(at, left) for left in range(1, LAST_DAYS + 1)}
            days = (
                CONTEXT.multiply(usual[place % 7], of_end.get(self._left[place], ONE)) for place in range(at, at + 31)
            )
            self._ahead[at] = [ZERO, *accumulate(days, CONTEXT.add)]
        return self._ahead[at]

    def _end_factor(self, at: int, left: int) -> Decimal:
        """How many times as much as usual a day of a month's end costs: the least that all of the last ends show."""
        days = [place for place in range(LEAST, at) if self._left[place] == left][-ENDS:]
        usual = ((place, self._medians(place)[place % 7]) for place in days)
        times = [CONTEXT.divide(self._amounts[place], amount) for place, amount in usual if amount]
        if len(times) < 2:
            return ONE
        return min(times) if min(times) > ONE else min(max(times), ONE)

    def _errors(self, at: int, horizon: Decimal) -> Iterable[Decimal]:
        """Yields the errors of past forecasts, in parts of the mean day of their time."""
        longest = min(-int(-horizon // 1), max(1, (at - BEFORE) // 3))
        for days in sorted({max(1, int(longest * part)) for part in LENGTHS}):
            for place in range(max(BEFORE, at - TRIED), at - days + 1):
                if self._mean(place):
                    yield self._error(place, days)

    def _error(self, place: int, days: int) -> Decimal:
        """The error of the forecast of some days, made on a past day."""
        if (place, days) not in self._tried:
            actual = CONTEXT.subtract(self._sums[place + days], self._sums[place])
            error = CONTEXT.subtract(actual, self._expected(place)[days])
            self._tried[place, days] = CONTEXT.divide(error, CONTEXT.multiply(self._mean(place), Decimal(days)))
        return self._tried[place, days]

    def _widening(self, at: int, horizon: Decimal) -> Decimal:
        """How much wider than the errors the range is: the past has only so many windows of this length."""
        windows = CONTEXT.divide(Decimal(min(at - BEFORE, TRIED)), horizon)
        return CONTEXT.add(ONE, CONTEXT.divide(HALF, CONTEXT.sqrt(windows)))


def _days_left(day: int) -> int:
    """Days until the end of a day's month, the day included."""
    return month_after(month_of(day)) - day


def _median(values: Iterable[Decimal]) -> Decimal:
    return _quantile(sorted(values), HALF)


def _quantile(ordered: Sequence[Decimal], part: Decimal) -> Decimal:
    """The value at a part of an ordered list, between two of them in proportion."""
    place = CONTEXT.multiply(part, Decimal(len(ordered) - 1))
    below = int(place)
    step = CONTEXT.subtract(ordered[min(below + 1, len(ordered) - 1)], ordered[below])
    return CONTEXT.add(ordered[below], CONTEXT.multiply(step, CONTEXT.subtract(place, Decimal(below))))
