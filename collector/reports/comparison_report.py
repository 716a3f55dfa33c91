"""
The report of a comparison: the parts of the difference, the rows that it consists of, and its largest movers in words.
"""

from collections.abc import Sequence
from typing import Any

from collector.core.cost.comparison import PARTS, DifferenceSplit, PeriodCost, Row, compare, summed, whole
from collector.core.cost.meters import CONTEXT
from collector.reports.comparison_movers import Pair
from collector.reports.comparison_source import ComparedPeriod, read_period
from collector.reports.comparison_words import WORDS, sentences
from collector.reports.completeness import completeness
from collector.reports.cost_rows import OTHERS
from collector.reports.filters import Filter, described
from collector.reports.month_state import month_states
from collector.reports.report import Query, Report, ReportError, Span

COLUMNS = ("department", "template")
AMOUNTS = ("before", "after", "difference")


def comparison(
    query: Query, spans: tuple[Span, Span], by: Sequence[str], filters: Sequence[Filter] = (), most: int = 0
) -> Report:
    """Reports why the second of two periods cost more than the first, by department, template, or both."""
    if unknown := [name for name in by if name not in COLUMNS]:
        raise ReportError(f"--by {unknown[0]}: a comparison is by {', '.join(COLUMNS)}, or both")
    before, after = (read_period(query, span, filters) for span in spans)
    rows, totals, parts, notes = list[tuple[Any, ...]](), list[tuple[Any, ...]](), list[Report](), list[str]()
    for currency in dict.fromkeys([*before.costs, *after.costs]):
        splits = compare(*(period.costs.get(currency, PeriodCost()) for period in (before, after)))
        rows += [_line(_keys(split, by), split, currency) for split in _top(summed(splits, by), most)]
        totals.append(_line(("total", *[""] * (len(by) - 1)), whole(splits), currency))
        parts.append(_by_part(whole(splits), currency))
        pair = Pair(query=query, before=before, after=after, filters=filters, currency=currency)
        notes += sentences(pair, splits)
    chosen = f", where {described(filters)}" if filters else ""
    return Report(
        title=f"Cost, {spans[1]}, compared with {spans[0]}{chosen}",
        columns=(*by, *AMOUNTS, *PARTS, "currency"),
        rows=rows,
        notes=[*notes, *_states(query, before, after)],
        parts=parts,
        totals=totals if by else [],
        money=frozenset((*AMOUNTS, *PARTS)),
        optional=frozenset(PARTS),
        keys=max(1, len(by)),
        months=[state.fields() for span in spans for state in month_states(query, span)],
    )


def _keys(split: DifferenceSplit, by: Sequence[str]) -> tuple[str, ...]:
    return tuple(getattr(split.row, name) for name in by)


def _line(keys: Sequence[str], split: DifferenceSplit, currency: str) -> tuple[Any, ...]:
    parts = (split.parts[part] for part in PARTS)
    return (*keys, split.before, split.after, split.difference, *parts, currency)


def _top(splits: list[DifferenceSplit], most: int) -> list[DifferenceSplit]:
    """Returns the largest differences, and what the others sum up to."""
    if not most or len(splits) <= most:
        return splits
    others = whole(splits[most:])
    return [
        *splits[:most],
        DifferenceSplit(row=Row(OTHERS, OTHERS), before=others.before, after=others.after, parts=others.parts),
    ]


def _by_part(split: DifferenceSplit, currency: str) -> Report:
    """Reports what the difference consists of."""

    def percent(part: Any) -> str:
        return f"{CONTEXT.divide(part * 100, split.before):+.1f}" if split.before else ""

    rows = [(name, split.parts[name], percent(split.parts[name]), WORDS[name], currency) for name in PARTS]
    return Report(
        "Why",
        ("part", "difference", "% of before", "what it is", "currency"),
        [row for row in rows if row[1]],
        totals=[("total", split.difference, percent(split.difference), "", currency)],
        money=frozenset(["difference"]),
        keys=1,
    )


def _states(query: Query, before: ComparedPeriod, after: ComparedPeriod) -> list[str]:
    """States what both periods stand on."""
    notes = [state.line for period in (before, after) for state in month_states(query, period.span)]
    for period in (before, after):
        if period.unpriced:
            notes.append(f"{period.span}: {period.unpriced} charges have no known price and are in no sum")
        notes.append(f"{period.span}: {completeness(query, period.span)}")
    return list(dict.fromkeys(notes))
