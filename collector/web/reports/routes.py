"""
The pages of bills: all departments, and one of them.
"""

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from collector.clock import now_ms
from collector.core.model import Instant
from collector.reports.cost import cost
from collector.reports.report import Report, Span
from collector.web.door import Asking
from collector.web.history import answered
from collector.web.pages import PageTemplates
from collector.web.reports.source import ReportSource
from collector.web.spoken import Spoken


def add_reports(app: FastAPI, pages: PageTemplates, reports: ReportSource, now: Callable[[], Instant] = now_ms) -> None:
    """Adds the pages of bills."""

    @app.get("/reports", include_in_schema=False)
    async def of_all(visitor: Asking, spoken: Spoken) -> HTMLResponse:
        span = month_so_far(now(), reports.zone)
        found: Report = await answered(
            reports.ask("report of a month", visitor.scope, lambda query: cost(query, span, "department"))
        )
        return pages.page("reports/month.html", visitor=visitor, spoken=spoken, report=found)


def month_so_far(now: Instant, zone: str) -> Span:
    """The billing month in which an instant is, from its first day to the day of the instant."""
    today = datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).date()
    return Span(today.replace(day=1), date.fromordinal(today.toordinal() + 1), zone)
