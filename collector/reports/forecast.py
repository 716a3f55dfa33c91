"""
Forecast of a month: what is to pay to date, as the cost report has it, and what is still to come, with a range.

To date includes the charges of pods that run now. The days to come follow core/cost/forecast.py. Shared costs that grow with
time are those of the statement, continued to the end of the month; items of the provider's bill stay as they stand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from collector.catalog.bills import IS_SHARED
from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.core.cost.budget import BUDGET_COLUMNS
from collector.core.cost.forecast import NEEDED, NOTHING, DailySpend, RestOfMonth
from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.units import ONE, ZERO
from collector.reports.completeness import completeness
from collector.reports.cost_figures import AS_BILLED, CURRENCY, SHARED, TO_PAY, UNPRICED, Figure
from collector.reports.cost_rows import CostLine, cost_rows
from collector.reports.cost_source import CostView
from collector.reports.filters import Filter, condition, described, shown
from collector.reports.month_state import MonthState, month_states
from collector.reports.report import Query, Report, ReportError, Span, columns_by
from collector.reports.shared_parts import statement_lines
from collector.reports.sources import parameters

BILLED = Figure(title="billed", sql=AS_BILLED, money=True)
LINE_COLUMNS = ("department", "cluster", "product")
"""Columns that lines of the statement have."""
LONGEST = NEEDED + 5 * 31
"""Days of history that are read: the ends of the last months too."""
WHY = {
    "few_days": "fewer than three weeks of history",
    "nothing_spent": "hardly anything was spent in the last weeks",
    "no_price": "nothing has a known price",
}
"""Why there is no forecast, by `MonthForecast.why`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthForecast:
    """What a month will cost, in one currency: 80 % of the cases lie from `low` to `high`."""

    month: date
    """Its first day."""
    keys: tuple[Any, ...] = ()
    """Values of the columns by which the forecast is divided."""
    currency: str
    to_date: Decimal | None
    """To pay until now, as the cost report has it; None: nothing has a known price."""
    low: Decimal | None
    """None, as the next two: there is no forecast, and `why` says why."""
    likely: Decimal | None
    high: Decimal | None
    until: str
    """Until when the store's rows are counted, like `2026-11-30 02:59 UTC`; empty: no statement was computed."""
    days_left: int
    """Days of the month after today."""
    unpriced: int = 0
    """Charges of the month without a known price: they are in no sum."""
    why: str = ""
    """A key of WHY; empty: the forecast is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Month:
    """A month at an instant."""

    span: Span
    now: datetime
    """In the billing time zone."""

    @property
    def today(self) -> date:
        """The billing day of the instant, or the last day of a month that is over."""
        return min(self.now.date(), self.span.end - timedelta(days=1))

    @property
    def left_of_today(self) -> Decimal:
        """The part of the day that is still to come: 0 in a month that is over."""
        if self.now.date() > self.today:
            return ZERO
        seconds = (self.now - datetime.combine(self.today, time(), self.now.tzinfo)).total_seconds()
        return max(ZERO, CONTEXT.subtract(ONE, CONTEXT.divide(Decimal(int(seconds)), Decimal(86_400))))

    @property
    def over(self) -> bool:
        """Whether nothing is to come."""
        return self.now.date() >= self.span.end


def forecast(
    query: Query, month: date, now: datetime, columns: Sequence[str] = (), filters: Sequence[Filter] = ()
) -> list[MonthForecast]:
    """
    Returns the forecast of a month, one for each currency and each value of some columns, the dearest first.

    `now` is an instant with the billing time zone: its day is today.
    """
    of = _month(month, now)
    states = month_states(query, of.span)
    to_date = _to_date(query, of.span, columns, filters)
    daily = {} if of.over else _daily(query, of, columns, filters)
    until = states[0].complete_until if states else ""
    growth = _growth(query, of, columns, filters, until) if until and not of.over else {}
    seen = {(row.figures[CURRENCY], *row.keys) for row in to_date}
    silent = [_nothing(*keys) for keys in daily if keys not in seen]
    of_lines = [place for place, name in enumerate(columns) if name in LINE_COLUMNS]
    return [
        _forecast(
            of, row, daily, growth.get((row.figures[CURRENCY], *(row.keys[place] for place in of_lines)), ZERO), until
        )
        for row in (*to_date, *silent)
    ]


def forecast_report(query: Query, month: date, now: datetime, by: str = "", filters: Sequence[Filter] = ()) -> Report:
    """Reports the forecast of a month, by some columns."""
    columns = columns_by(by, BUDGET_COLUMNS)
    of = _month(month, now)
    found = forecast(query, month, now, columns, filters)
    chosen = f", where {described(filters)}" if filters else ""
    return Report(
        title=f"Forecast of {of.span.begin:%Y-%m}{chosen}",
        columns=(*columns, "to date", "likely", "low", "high", "currency", "days left", "why unknown"),
        rows=[
            (
                *one.keys,
                one.to_date,
                one.likely,
                one.low,
                one.high,
                one.currency,
                one.days_left,
                WHY.get(one.why, ""),
            )
            for one in found
        ],
        notes=[*_notes(of, month_states(query, of.span)), completeness(query, of.span)],
        rates=frozenset(("to date", "likely", "low", "high")),
        optional=frozenset(("why unknown",)),
        keys=max(1, len(columns)),
    )


def _month(month: date, now: datetime) -> _Month:
    first = month.replace(day=1)
    span = Span(first, date_of(month_after(day_of(first))), str(now.tzinfo))
    if now.date() < first:
        raise ReportError(f"--month {first:%Y-%m} has not begun: there is nothing to continue")
    return _Month(span=span, now=now)


def _to_date(query: Query, span: Span, columns: Sequence[str], filters: Sequence[Filter]) -> list[CostLine]:
    """The sums of the month so far, as the cost report has them."""
    view = CostView(span=span, columns=tuple(columns), filters=tuple(filters))
    figures = [TO_PAY, SHARED, CURRENCY, UNPRICED]
    return cost_rows(query, view, figures, f"{TO_PAY.sql} DESC NULLS LAST, ")


def _daily(
    query: Query, of: _Month, columns: Sequence[str], filters: Sequence[Filter]
) -> Mapping[tuple[Any, ...], DailySpend]:
    """What was spent on each day before today, by currency and columns, from the first day with a charge on."""
    today = of.today
    span = Span(today - timedelta(days=LONGEST), today, of.span.zone)
    view = CostView(span=span, columns=(*columns, "day"), filters=tuple(filters))
    days = dict[tuple[Any, ...], dict[int, Decimal]]()
    for row in cost_rows(query, view, [BILLED, CURRENCY], "", shared=False):
        *keys, day = row.keys
        days.setdefault((row.figures[CURRENCY], *keys), {})[day_of(day)] = row.figures[BILLED] or ZERO
    return {
        keys: DailySpend(min(spent), [spent.get(day, ZERO) for day in range(min(spent), day_of(today))])
        for keys, spent in days.items()
    }


def _growth(
    query: Query, of: _Month, columns: Sequence[str], filters: Sequence[Filter], computed: str
) -> Mapping[tuple[Any, ...], Decimal]:
    """
    By how much shared costs will have grown at the end of the month, in parts of what they are in a statement.

    By currency, and by those of the columns that lines of the statement have.
    """
    by = "".join(f", {shown(f'`{name}`')} AS `k{place}`" for place, name in enumerate(columns) if name in LINE_COLUMNS)
    on_lines = condition([one for one in filters if one.column in LINE_COLUMNS], "`{}`".format)
    sql = f"""
        SELECT sum(amount), sumIf(amount, kind != 'bill'), currency{by}
        FROM {statement_lines(0, IS_SHARED)} WHERE {on_lines.sql} GROUP BY ALL
    """
    begin, end = (datetime.combine(day, time(), of.now.tzinfo) for day in (of.span.begin, of.span.end))
    elapsed = min(max((_instant(computed) - begin).total_seconds(), 60.0), (end - begin).total_seconds())
    more = CONTEXT.divide(Decimal(int((end - begin).total_seconds() - elapsed)), Decimal(int(elapsed)))
    return {
        tuple(keys): CONTEXT.multiply(CONTEXT.divide(growing, whole), more)
        for whole, growing, *keys in query(sql, {**parameters(of.span), **on_lines.parameters})
        if whole
    }


def _forecast(
    of: _Month,
    row: CostLine,
    daily: Mapping[tuple[Any, ...], DailySpend],
    growth: Decimal,
    until: str,
) -> MonthForecast:
    currency, to_date = row.figures[CURRENCY], row.figures[TO_PAY]
    rest: RestOfMonth | str = NOTHING
    if not of.over:
        spent = daily.get((currency, *row.keys))
        rest = spent.rest_of_month(day_of(of.today), of.left_of_today) if spent else "few_days"
    if to_date is None:
        rest = "no_price"
    bounds: Sequence[Decimal | None] = (None, None, None)
    if to_date is not None and isinstance(rest, RestOfMonth):
        grown = CONTEXT.multiply(row.figures[SHARED], growth)
        known = CONTEXT.add(to_date, CONTEXT.quantize(grown, PLACES))
        bounds = [CONTEXT.add(known, part) for part in rest]
    return MonthForecast(
        month=of.span.begin,
        keys=row.keys,
        currency=currency,
        to_date=to_date,
        low=bounds[0],
        likely=bounds[1],
        high=bounds[2],
        until=until,
        days_left=(of.span.end - of.today).days - 1,
        unpriced=row.figures[UNPRICED],
        why=rest if isinstance(rest, str) else "",
    )


def _nothing(currency: str, *keys: Any) -> CostLine:
    """A row of the month that has no charge yet: nothing is to pay, and the days before say what is to come."""
    return CostLine(keys=keys, figures={CURRENCY: currency, TO_PAY: ZERO, SHARED: ZERO, UNPRICED: 0})


def _notes(of: _Month, states: Sequence[MonthState]) -> list[str]:
    """States how the figures were made."""
    if of.over:
        return [*(state.line for state in states), "the month is over: nothing is to come"]
    return [
        *(state.line for state in states),
        "low to high: in four of five cases the month ends there, by how past forecasts of this kind erred",
        "a day to come costs the median of its weekday in the last four weeks; fees and idle nodes go on as until now",
    ]


def _instant(text: str) -> datetime:
    """The instant of `MonthState.complete_until`."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
