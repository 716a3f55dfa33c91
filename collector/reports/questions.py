"""
Questions to reports in the words in which somebody asks them: the command line and the API read them alike.

Each function reads what can be read before the store is asked, and returns the question. An invalid value is a ReportError
with the option's name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from collector.core.cost.anomalies import Anomaly
from collector.core.cost.billing_days import date_of, day_of, month_of, months_of
from collector.core.cost.budget import Budget
from collector.reports import anomalies, cost, likely_owner, month_workflows, queue, steps, success
from collector.reports.budgets import budgets_report
from collector.reports.comparison_report import COLUMNS as COMPARED_BY
from collector.reports.comparison_report import comparison
from collector.reports.cost_columns import COLUMNS as COST_COLUMNS
from collector.reports.filters import Filter, parse_filters
from collector.reports.forecast import forecast_report
from collector.reports.month_difference import following, same_days_before
from collector.reports.month_state import reads_all, with_states
from collector.reports.periods import FIRST_DAY, month_span, parse_month, parse_period
from collector.reports.report import NotPermittedError, Query, Report, ReportError, Span, columns_by
from collector.reports.shared_inspect import inspect_shared
from collector.reports.unit_costs import COLUMNS as UNIT_COLUMNS
from collector.reports.unit_costs import check_unit, unit_costs

BEFORE = "before"
"""Instead of a month to compare with: the time of equal length before."""
SAME_DAYS = "same-days"
"""Instead of one: as many days of the month before."""

Question = Callable[[Query], Report]
"""Asks the store for a report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPeriod:
    """The period that somebody asks for; empty: this month so far."""

    begin: str = ""
    end: str = ""
    month: str = ""
    zone: str
    """The billing time zone."""

    def span(self) -> Span:
        """Returns the period."""
        return parse_period(self.begin, self.end, self.month, self.zone)


def ask_cost(
    period: AskedPeriod, where: Iterable[str], *, by: str, run: int = 0, sort: str = "cost", top: int = 0
) -> Question:
    """Asks what is to pay, and what it was spent on."""
    span, filters = period.span(), parse_filters(where, COST_COLUMNS)
    return lambda query: cost.cost(query, span, by, run, filters=filters, sort=sort, most=top)


def ask_units(period: AskedPeriod, where: Iterable[str], *, by: str, unit: str, units: Iterable[str]) -> Question:
    """Asks what one unit cost; `units` are those that the settings name."""
    check_unit(unit, units)
    span, filters = period.span(), parse_filters(where, UNIT_COLUMNS)
    return lambda query: unit_costs(query, span, by, unit, filters)


def ask_comparison(
    period: AskedPeriod, where: Iterable[str], *, by: str, compared: str, run: int = 0, top: int = 0
) -> Question:
    """Asks why a period cost more than a month, or than the time before."""
    span, filters = period.span(), parse_filters(where, COST_COLUMNS)
    return lambda query: compare_cost(query, span, compared, by, run=run, filters=filters, most=top)


def ask_anomalies(
    period: AskedPeriod, where: Iterable[str], *, sentence: Callable[[Anomaly], str], top: int = anomalies.MOST
) -> Question:
    """Asks what cost far more than usual; `sentence` puts an anomaly in words, and `top` 0 shows all."""
    span, filters = period.span(), parse_filters(where, anomalies.FILTERS)
    return lambda query: anomalies.anomalies_report(query, span, filters, most=top, sentence=sentence)


def ask_queue(period: AskedPeriod, where: Iterable[str], *, by: str, top: int = 0) -> Question:
    """Asks how long workflows waited."""
    span, filters = period.span(), parse_filters(where, queue.COLUMNS)
    return lambda query: queue.queue(query, span, by, filters, top)


def ask_success(period: AskedPeriod, where: Iterable[str], *, by: str, top: int = 0) -> Question:
    """Asks how workflows ended."""
    span, filters = period.span(), parse_filters(where, queue.COLUMNS)
    return lambda query: success.success(query, span, by, filters, top)


def ask_steps(period: AskedPeriod, workflow: str) -> Question:
    """Asks for the critical path of a workflow; without a period of any day."""
    span = parse_period(period.begin, period.end, period.month, period.zone, earliest=FIRST_DAY)
    return lambda query: steps.steps(query, workflow, span)


def ask_unallocated(period: AskedPeriod) -> Question:
    """Asks what belongs to no department, and whose it probably is; NotPermittedError where a reader does not see all."""
    span = period.span()

    def ask(query: Query) -> Report:
        if not reads_all(query):
            raise NotPermittedError("what belongs to no department is for readers of all departments")
        return with_states(query, likely_owner.report(likely_owner.unallocated_cost(query, span), span), span)

    return ask


def ask_shared(month: str, department: str, *, now: datetime) -> Question:
    """Asks what a department pays of shared costs, and by which weight; whole costs are for readers of all departments."""
    first = _month_of(month, now)
    span = Span(first, following(first))
    return lambda query: with_states(query, inspect_shared(query, first, department, of_all=reads_all(query)), span)


def ask_workflows(period: AskedPeriod, where: Iterable[str], *, sort: str, top: int = 0) -> Question:
    """Asks what each workflow cost, in an order of month_workflows.SORTS."""
    span, filters = period.span(), parse_filters(where, COST_COLUMNS)
    if sort not in month_workflows.SORTS:
        raise ReportError(f"--sort {sort}: unknown, expected one of {', '.join(month_workflows.SORTS)}")

    def ask(query: Query) -> Report:
        found = month_workflows.month_workflows(query, span, filters, sort=sort, most=top)
        return with_states(query, month_workflows.report(found, span, filters), span)

    return ask


def ask_forecast(month: str, where: Iterable[str], *, by: str, now: datetime) -> Question:
    """Asks what a month will cost, without a name the present one; `now` has the billing time zone."""
    first, filters = _month_of(month, now), parse_filters(where, COST_COLUMNS)
    return lambda query: forecast_report(query, first, now, by, filters)


def ask_budgets(month: str, budgets: Sequence[Budget], *, now: datetime) -> Question:
    """Asks how far a month has gone towards its budgets, without a name the present one."""
    first = _month_of(month, now)
    return lambda query: budgets_report(query, budgets, now, first)


def _month_of(text: str, now: datetime) -> date:
    return date_of(parse_month(text, "--month")) if text else now.date().replace(day=1)


def compare_cost(
    query: Query, span: Span, compared: str, by: str, *, run: int = 0, filters: Sequence[Filter] = (), most: int = 0
) -> Report:
    """Returns the report of a comparison with another month, or with the time before."""
    if run:
        raise ReportError("--compare is about the bill of each month: leave out --run, or --compare")
    other = _compared_with(span, compared)
    if other.begin < FIRST_DAY:
        raise ReportError(f"--compare {compared}: there are no days before {FIRST_DAY}; name a month")
    return comparison(query, (other, span), columns_by(by, COMPARED_BY), filters, most)


def _compared_with(span: Span, compared: str) -> Span:
    if compared == BEFORE:
        return span_before(span)
    if compared != SAME_DAYS:
        return month_span(compared, span.zone, "--compare")
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
