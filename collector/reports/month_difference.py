"""
Why a month costs more than the one before: what `report cost --compare` has, for the pages of bills.

A month that is over is compared with the whole month before. The present one is compared day by day: its days that have ended,
with as many of the month before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from collector.core.cost.comparison import PARTS, DifferenceSplit, PartName, PeriodCost, compare, whole
from collector.reports.comparison_movers import ExplainedMover, GainedWorkflows, Pair, explained, gained
from collector.reports.comparison_source import read_period
from collector.reports.filters import Filter
from collector.reports.report import Query, Span

SpansCompared = tuple[Span, Span]
"""The period before, and the one that is compared with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountDifference:
    """The difference of one currency, and its parts, which sum to it exactly."""

    currency: str
    before: Decimal
    after: Decimal
    parts: Mapping[PartName, Decimal]
    movers: tuple[ExplainedMover, ...]
    """The largest, the first of them the largest of all."""
    gained: tuple[GainedWorkflows, ...]

    @property
    def difference(self) -> Decimal:
        """The sum of the parts."""
        return self.after - self.before

    @property
    def most(self) -> PartName | None:
        """The part that is most of the difference, in its direction; None: there is no difference."""
        if not self.difference:
            return None
        up = self.difference > 0
        name = max(PARTS, key=lambda part: self.parts[part] if up else -self.parts[part])
        return name if (self.parts[name] > 0) == up else None


def spans_compared(month: date, today: date, zone: str) -> SpansCompared | None:
    """Returns the periods that are compared; None: no day of the month has ended yet."""
    begin = month.replace(day=1)
    if today <= begin:
        return None
    ended = Span(begin, min(today, following(begin)), zone)
    return same_days_before(ended), ended


def same_days_before(span: Span) -> Span:
    """Returns as many days of the month before, or all of them if it is shorter or the month is whole."""
    before = previous(span.begin)
    is_whole = span.end == following(span.begin)
    end = span.begin if is_whole else min(before + (span.end - span.begin), span.begin)
    return Span(before, end, span.zone)


def following(month: date) -> date:
    """Returns the first day of the next month."""
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def previous(month: date) -> date:
    """Returns the first day of the month before."""
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def read_difference(query: Query, spans: SpansCompared, filters: Sequence[Filter]) -> tuple[AmountDifference, ...]:
    """Reads both periods and what is behind the largest parts of their difference, for each currency."""
    before, after = (read_period(query, span, filters) for span in spans)
    found = list[AmountDifference]()
    for currency in dict.fromkeys([*after.costs, *before.costs]):
        splits = compare(*(period.costs.get(currency, PeriodCost()) for period in (before, after)))
        pair = Pair(query=query, before=before, after=after, filters=filters, currency=currency)
        found.append(_of_currency(pair, splits))
    return tuple(found)


def _of_currency(pair: Pair, splits: Sequence[DifferenceSplit]) -> AmountDifference:
    everything = whole(splits)
    return AmountDifference(
        currency=pair.currency,
        before=everything.before,
        after=everything.after,
        parts=everything.parts,
        movers=tuple(explained(pair, splits)),
        gained=tuple(gained(splits)),
    )
