"""
Reads a month as the department may that a report is for, and makes the report's message.

The store itself answers for this department alone, so a message can never hold the rows of another one.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector import connect
from collector.access.scope import ALL, Scope, of_departments
from collector.delivery.content import as_message, rows_by
from collector.delivery.message import Message
from collector.reports.budgets import visible
from collector.reports.cost import cost
from collector.reports.month_bill import MonthPlace, MonthReport
from collector.reports.month_outlook import with_outlook
from collector.reports.month_report import read_month_report
from collector.reports.render import as_csv
from collector.reports.report import Query, ReportError
from collector.settings.budgets import budgets_of
from collector.settings.delivery import ScheduledReport
from collector.settings.model import Settings

log = logging.getLogger(__name__)

OF_ALL = "all"
OUTLOOK_S = 30.0
"""No question about forecast, budgets and anomalies is begun later: a message is claimed for some minutes alone."""


def scope_of(report: ScheduledReport) -> Scope:
    """What may be read for a report."""
    return ALL if report.department == OF_ALL else of_departments([report.department])


def message_of(
    settings: Settings, report: ScheduledReport, identity: str, month: date, outlook_s: float = OUTLOOK_S
) -> Message:
    """Reads the month, and makes its message; without the outlook if that takes longer or fails."""
    of_all = report.department == OF_ALL
    now = datetime.now(ZoneInfo(settings.billing_timezone))
    place = MonthPlace(
        month=month,
        department="" if of_all else report.department,
        zone=settings.billing_timezone,
        today=now.date(),
    )
    store = connect.reading_store(settings, "", own=True, scope=scope_of(report))
    with closing(store):

        def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
            with connect.store_failures():
                return store.query_rows(sql, dict(parameters))

        found = read_month_report(query, place, of_all=of_all)
        found = _with_outlook(_until(query, outlook_s), found, now, settings, report)
        rows = ""
        if report.attach == "csv":
            rows = as_csv(cost(query, place.span, rows_by(place), filters=place.filters))
    return as_message(report, found, identity, external_url=settings.http.external_url, rows=rows)


def _with_outlook(
    query: Query, found: MonthReport, now: datetime, settings: Settings, report: ScheduledReport
) -> MonthReport:
    """The month with its outlook, and as it is if that cannot be read: the bill is worth sending without it."""
    budgets = visible(budgets_of(settings.budgets, settings.currency), scope_of(report))
    try:
        return with_outlook(query, found, now, budgets)
    except (connect.ExternalError, ReportError) as error:
        facts = {"report": report.name, "department": report.department, "reason": str(error)}
        log.warning("a report has no forecast, budgets and anomalies: they cannot be read", extra=facts)
        return found


def _until(query: Query, seconds: float) -> Query:
    """The same questions; after this time none is begun."""
    end = time.monotonic() + seconds

    def ask(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        if time.monotonic() >= end:
            raise connect.ExternalError(f"the store took longer than {seconds:g} s")
        return query(sql, parameters)

    return ask
