"""
Reads a month as the department may that a report is for, and makes the report's message.

The store itself answers for this department alone, so a message can never hold the rows of another one.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector import connect
from collector.access.scope import ALL, Scope, of_departments
from collector.delivery.content import as_message
from collector.delivery.message import Message
from collector.reports.cost import cost
from collector.reports.month_bill import MonthPlace
from collector.reports.month_report import read_month_report
from collector.reports.render import as_csv
from collector.settings.delivery import ScheduledReport
from collector.settings.model import Settings

OF_ALL = "all"
ROWS_BY = ("project", "template", "product", "purchase", "class")
"""The columns of an attached file, after the department where it is of all."""


def scope_of(report: ScheduledReport) -> Scope:
    """What may be read for a report."""
    return ALL if report.department == OF_ALL else of_departments([report.department])


def message_of(settings: Settings, report: ScheduledReport, identity: str, month: date) -> Message:
    """Reads the month, and makes its message."""
    of_all = report.department == OF_ALL
    today = datetime.now(ZoneInfo(settings.billing_timezone)).date()
    place = MonthPlace(
        month=month,
        department="" if of_all else report.department,
        zone=settings.billing_timezone,
        today=today,
    )
    store = connect.reading_store(settings, "", own=True, scope=scope_of(report))
    with closing(store):

        def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
            with connect.store_failures():
                return store.query_rows(sql, dict(parameters))

        found = read_month_report(query, place, of_all=of_all)
        rows = ""
        if report.attach == "csv":
            by = ",".join(("department", *ROWS_BY) if of_all else ROWS_BY)
            rows = as_csv(cost(query, place.span, by, filters=place.filters))
    return as_message(report, found, identity, external_url=settings.http.external_url, rows=rows)
