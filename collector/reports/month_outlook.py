"""
Reads how a month will end, how far it has gone towards its budgets, and what in it costs more than usual.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from collector.core.cost.budget import Budget
from collector.reports.anomalies import anomalies
from collector.reports.budgets import budget_states
from collector.reports.forecast import forecast
from collector.reports.month_bill import DEPARTMENT, MonthOutlook, MonthPlace, MonthReport, is_own
from collector.reports.report import Query


def read_outlook(query: Query, place: MonthPlace, now: datetime, budgets: Sequence[Budget] = ()) -> MonthOutlook:
    """Reads the outlook of a place; `now` has the billing time zone, and `budgets` are those that the reader may see."""
    if place.month > now.date():
        return MonthOutlook(forecasts=(), budgets=())
    chosen = [one for one in budgets if not place.department or one.of(DEPARTMENT) == place.department]
    states = budget_states(query, chosen, now, place.month)
    return MonthOutlook(
        forecasts=() if place.is_over else tuple(forecast(query, place.month, now, (), place.filters)),
        anomalies=tuple(anomalies(query, place.span, place.filters)),
        budgets=tuple(sorted(states, key=lambda one: (not is_own(one.budget, place), one.budget.name))),
    )


def with_outlook(query: Query, report: MonthReport, now: datetime, budgets: Sequence[Budget] = ()) -> MonthReport:
    """A month with its outlook; as it is where nothing is known of the month. `now` and `budgets` as for `read_outlook`."""
    if not report.amounts:
        return report
    return replace(report, outlook=read_outlook(query, report.place, now, budgets))
