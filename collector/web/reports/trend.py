"""
The days of a month as charts: what each cost, and the sum so far, each beside the month before.

Both months share an axis of days of the month. A day that has not come has no value; one without cost has 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from itertools import accumulate
from typing import NamedTuple

from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import minor_unit, printed
from collector.core.units import ONE, ZERO
from collector.language.language import Language
from collector.reports.month_bill import MonthAmounts, MonthPlace
from collector.web.charts import Tick, percent
from collector.web.timeline import PLOT_PX, GridLine, Shape, Zone

WIDE, HIGH = 1000, 100
ROUND = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(4), Decimal(5), Decimal(8), Decimal(10))
EVERY = 7
"""Days between two marks of the axis."""
LONGEST = 31
FULL = 0.84
"""The part of a day's width that its column has."""


class TrendDay(NamedTuple):
    """A day of the month, as the table below a chart has it."""

    number: int
    amount: Decimal | None
    """In minor units; None: the day has not come, or the month is shorter."""
    before: Decimal | None
    sum: Decimal | None
    sum_before: Decimal | None
    has_ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendChart:
    """What a template draws."""

    label: str
    areas: Sequence[Shape]
    lines: Sequence[Shape]
    levels: Sequence[GridLine]
    ticks: Sequence[Tick]
    tips: Sequence[Zone]


def trend_days(place: MonthPlace, amounts: MonthAmounts) -> list[TrendDay]:
    """Every day of the longer of both months; the amounts sum to the totals as they are printed."""
    now = _filled(amounts.days, place.month, min(place.today + timedelta(days=1), place.span.end))
    before = _filled(amounts.before.days if amounts.before else {}, place.before.begin, place.before.end)
    shown, shown_before = (printed(days, amounts.currency).parts for days in (now, before))
    sums, sums_before = ([*accumulate(days, CONTEXT.add)] for days in (shown, shown_before))
    ended = (place.today - place.month).days
    return [
        TrendDay(
            number=number + 1,
            amount=_at(shown, number),
            before=_at(shown_before, number) if amounts.before else None,
            sum=_at(sums, number),
            sum_before=_at(sums_before, number) if amounts.before else None,
            has_ended=number < ended,
        )
        for number in range(max(len(now), len(before), (place.span.end - place.month).days))
    ]


def _filled(days: Mapping[date, Decimal], begin: date, end: date) -> list[Decimal]:
    return [days.get(begin + timedelta(days=number), ZERO) for number in range((end - begin).days)]


def _at(amounts: Sequence[Decimal], number: int) -> Decimal | None:
    return amounts[number] if number < len(amounts) else None


def by_day(days: Sequence[TrendDay], currency: str, language: Language) -> TrendChart:
    """Columns for this month, and a line for the one before."""
    top = top_amount([one for day in days for one in (day.amount, day.before)])
    columns = [
        _column(day, len(days), top) for day in days if day.amount is not None and day.has_ended and day.amount > 0
    ]
    present = [_column(day, len(days), top) for day in days if day.amount and not day.has_ended and day.amount > 0]
    return TrendChart(
        label=language.text("Cost of each day, this month and the month before"),
        areas=[Shape("now", "".join(columns)), Shape("present", "".join(present))],
        lines=[_line("before", [day.before for day in days], top)],
        levels=_levels(top, currency, language),
        ticks=_ticks(len(days)),
        tips=_tips(days, [(day.amount, day.before) for day in days], currency, language),
    )


def so_far(
    days: Sequence[TrendDay], currency: str, language: Language, ends: tuple[Decimal, Decimal] | None = None
) -> TrendChart:
    """Lines of the sums so far, and between which amounts the month is likely to end."""
    top = top_amount([*(one for day in days for one in (day.sum, day.sum_before)), *(ends or ())])
    return TrendChart(
        label=language.text("Cost since the first of the month, this month and the month before"),
        areas=[_range(days, ends, top)] if ends else [],
        lines=[_line(key, values, top) for key, values in _sums(days)],
        levels=_levels(top, currency, language),
        ticks=_ticks(len(days)),
        tips=_tips(days, [(day.sum, day.sum_before) for day in days], currency, language),
    )


def _sums(days: Sequence[TrendDay]) -> list[tuple[str, list[Decimal | None]]]:
    return [("before", [day.sum_before for day in days]), ("now", [day.sum for day in days])]


def top_amount(amounts: Sequence[Decimal | None]) -> Decimal:
    """The least round amount that is not below any of them."""
    most = max((one for one in amounts if one is not None), default=ZERO)
    if most <= 0:
        return ONE
    size = Decimal(1).scaleb(most.adjusted())
    return next(CONTEXT.multiply(step, size) for step in ROUND if CONTEXT.multiply(step, size) >= most)


def _levels(top: Decimal, currency: str, language: Language) -> list[GridLine]:
    half = CONTEXT.divide(top, Decimal(2))
    return [
        GridLine(round(PLOT_PX * (1 - percent(float(at), float(top)) / 100), 1), _label(at, currency, language))
        for at in (top, half)
    ]


def _label(amount: Decimal, currency: str, language: Language) -> str:
    """An amount on an axis: without places where it is whole."""
    places = minor_unit(currency) if amount != amount.to_integral_value() else Decimal(1)
    return language.amount(amount.quantize(places, ROUND_CEILING, CONTEXT))


def _ticks(days: int) -> list[Tick]:
    return [Tick(percent(number, days), str(number + 1)) for number in range(0, days, EVERY)]


def _x(number: float, days: int) -> str:
    return f"{WIDE * number / days:.5g}"


def _y(amount: Decimal, top: Decimal) -> str:
    return f"{HIGH * (1 - percent(float(amount), float(top)) / 100):.4g}"


def _column(day: TrendDay, days: int, top: Decimal) -> str:
    left, right = _x(day.number - 1 + (1 - FULL) / 2, days), _x(day.number - (1 - FULL) / 2, days)
    return f"M{left} {HIGH}H{right}V{_y(day.amount or ZERO, top)}H{left}Z"


def _line(key: str, values: Sequence[Decimal | None], top: Decimal) -> Shape:
    """A line through the middle of each day; it ends where values end."""
    points = [
        f"{_x(number + 0.5, len(values))} {_y(value, top)}" for number, value in enumerate(values) if value is not None
    ]
    return Shape(key, f"M{'L'.join(points)}" if points else "")


def _range(days: Sequence[TrendDay], ends: tuple[Decimal, Decimal], top: Decimal) -> Shape:
    """From the sum of today to both ends of the forecast, on the last day of the month."""
    known = [(number, day.sum) for number, day in enumerate(days) if day.sum is not None]
    if not known:
        return Shape("range", "")
    number, amount = known[-1]
    begin, end = _x(number + 0.5, len(days)), _x(len(days) - 0.5, len(days))
    low, high = (_y(bound, top) for bound in ends)
    return Shape("range", f"M{begin} {_y(amount, top)}L{end} {high}V{low}Z")


def _tips(
    days: Sequence[TrendDay], pairs: Sequence[tuple[Decimal | None, Decimal | None]], currency: str, language: Language
) -> list[Zone]:
    width = percent(1, len(days))
    return [
        Zone(
            percent(day.number - 1, len(days)),
            width,
            language.text(
                "day {number}: {amount}, in the month before {before}",
                number=str(day.number),
                amount=_money(now, currency, language),
                before=_money(before, currency, language),
            ),
        )
        for day, (now, before) in zip(days, pairs, strict=True)
    ]


def _money(amount: Decimal | None, currency: str, language: Language) -> str:
    return "–" if amount is None else language.money(amount, currency)
