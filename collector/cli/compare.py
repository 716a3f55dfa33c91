"""`lynceus report cost --compare`: why a period cost more than another one."""

from collections.abc import Sequence
from typing import Annotated

import typer

from collector.cli.options import parse_period
from collector.core.cost.billing_days import date_of, day_of, month_of, months_of
from collector.reports.comparison_report import comparison
from collector.reports.filters import Filter
from collector.reports.month_difference import following, same_days_before
from collector.reports.report import Query, Report, ReportError, Span, columns_by

BEFORE = "before"
SAME_DAYS = "same-days"
Compare = Annotated[
    str,
    typer.Option(
        "--compare",
        metavar="MONTH|before|same-days",
        help="Explain the difference from a month, like 2026-09, from the time of equal length before, or from as many "
        "days of the month before.",
        show_default=False,
    ),
]


def compare_cost(
    query: Query, span: Span, compared: str, by: str, *, run: int = 0, filters: Sequence[Filter] = (), most: int = 0
) -> Report:
    """Returns the report of a comparison with another month, or with the time before."""
    if run:
        raise ReportError("--compare is about the bill of each month: leave out --run, or --compare")
    other = _compared_with(span, compared)
    return comparison(query, (other, span), columns_by(by, {"department": "", "template": ""}), filters, most)


def _compared_with(span: Span, compared: str) -> Span:
    if compared == BEFORE:
        return span_before(span)
    if compared != SAME_DAYS:
        return parse_period("", "", compared, span.zone)
    if span.begin.day != 1 or span.end > following(span.begin):
        raise ReportError("--compare same-days needs a period within one month, from its first day on")
    return same_days_before(span)


def span_before(span: Span) -> Span:
    """Returns as many whole months before whole months, else as many days before a period."""
    if span.begin.day == span.end.day == 1:
        month = day_of(span.begin)
        for _ in months_of(span.begin, span.end):
            month = month_of(month - 1)
        return Span(date_of(month), span.begin, span.zone)
    return Span(span.begin - (span.end - span.begin), span.begin, span.zone)
