"""
What each department has to pay for this month so far: the query behind the budgets' metric.
"""

from datetime import date, timedelta

from collector.catalog.bills import IS_SHARED
from collector.catalog.schema import DATABASE
from collector.core.live_view import DepartmentCost
from collector.reports.report import Query

MOST_DEPARTMENTS = 500
"""Departments and currencies with a figure of their own, the dearest first; the others are summed up."""

OTHER = "_other"

MONTH_TO_DATE = f"""
    SELECT if(place <= {{most:UInt32}}, department, {{other:String}}) AS name, currency, sum(total)
    FROM (
        SELECT department, currency, sum(part) AS total,
               row_number() OVER (ORDER BY sum(part) DESC, department, currency) AS place
        FROM (
            SELECT department, currency, sum(ifNull(rounded_cost, cost)) AS part
            FROM {DATABASE}.cost_daily WHERE day >= {{begin:Date}} AND day < {{end:Date}}
            GROUP BY department, currency HAVING part IS NOT NULL
            UNION ALL
            SELECT department, currency, sum(amount) AS part
            FROM {DATABASE}.statement_current WHERE month = {{begin:Date}} AND {IS_SHARED}
            GROUP BY department, currency
        ) GROUP BY department, currency
    ) GROUP BY name, currency ORDER BY name, currency
"""
"""A row for each department and currency in which something has a price; shared costs are those of the last statement."""


def month_to_date(query: Query, today: date, most: int = MOST_DEPARTMENTS) -> list[DepartmentCost]:
    """What is to pay for this month so far, today's charges and shared costs included; `today` is a billing day."""
    span = {"begin": today.replace(day=1), "end": today + timedelta(days=1)}
    return [DepartmentCost(*row) for row in query(MONTH_TO_DATE, {**span, "most": most, "other": OTHER})]
