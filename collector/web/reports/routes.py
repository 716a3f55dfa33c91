"""
The pages of bills, their JSON and the bill as one file: all departments, and one of them.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from collector.access.scope import Scope, Visitor
from collector.clock import now_ms
from collector.core.cost.billing_days import midnight
from collector.core.model import Instant
from collector.language.language import ENGLISH, Language
from collector.reports.month_bill import MonthPlace
from collector.web.door import Asking
from collector.web.history import NotThereError
from collector.web.pages import PageTemplates
from collector.web.reports.addresses import page as address_of
from collector.web.reports.api_month import BillRead, month_bill
from collector.web.reports.kept import WAIT_FOR_SLOW_S, MonthReports
from collector.web.reports.month_page import month_page
from collector.web.reports.snapshot import snapshot
from collector.web.reports.source import ReportSource
from collector.web.spoken import PageLanguage, Spoken

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Between them a month may be asked for."""

Department = Annotated[str, Path(max_length=253, description="Name of the department.")]
AskedDepartment = Annotated[str, Query(max_length=253, description="Name of the department; empty: all that you see.")]
Month = Annotated[
    str,
    Query(
        pattern=r"^(\d{4}-\d{2})?$",
        max_length=7,
        description="A month, like 2026-10. Empty: the present one, on its first day the one that has just ended.",
    ),
]
ForWhy = Annotated[bool, Query(description="Whether to wait for why the month costs more than the one before.")]


def add_reports(app: FastAPI, pages: PageTemplates, reports: ReportSource, now: Callable[[], Instant] = now_ms) -> None:
    """Adds the pages of bills."""
    months = MonthReports(reports, now)

    def place_of(of: Language, month: str, department: str = "") -> MonthPlace:
        today = today_in(reports.zone, now())
        begin = month_of(month, today, of)
        return MonthPlace(month=begin, department=department, zone=reports.zone, today=today)

    async def drawn(visitor: Visitor, spoken: PageLanguage, place: MonthPlace, *, wait: bool) -> Response:
        patience_s = None if wait else WAIT_FOR_SLOW_S
        found, is_whole = await months.whole(visitor.scope, place, spoken.language, patience_s)
        shown = month_page(found, spoken.language) | {"is_whole": is_whole, "waited": wait}
        has_pool = reports.has_pool(midnight(place.month, ZoneInfo(reports.zone)))
        shown |= {"units": reports.units, "has_pool": has_pool, "of_all": visitor.scope.kind == "all"}
        shown["drawn_at"] = spoken.language.instant(datetime.fromtimestamp(now() / 1000, ZoneInfo(reports.zone)))
        return pages.page("reports/month.html", visitor=visitor, spoken=spoken, **shown)

    @app.get("/reports", include_in_schema=False, response_class=HTMLResponse)
    async def of_all(visitor: Asking, spoken: Spoken, month: Month = "", why: ForWhy = False) -> Response:
        if only := only_department(visitor.scope):
            return RedirectResponse(address_of(only, place_of(spoken.language, month).month), 303)
        return await drawn(visitor, spoken, place_of(spoken.language, month), wait=why)

    @app.get("/reports/{department}", include_in_schema=False, response_class=HTMLResponse)
    async def of_one(
        visitor: Asking, spoken: Spoken, department: Department, month: Month = "", why: ForWhy = False
    ) -> Response:
        return await drawn(visitor, spoken, place_of(spoken.language, month, department), wait=why)

    @app.get(
        "/api/v1/reports/month",
        summary="A month's bill, as the page of bills shows it: what is to pay, what it stands on, breakdowns, waste, "
        "shared costs, and why it is more than before",
    )
    async def as_json(visitor: Asking, month: Month = "", department: AskedDepartment = "") -> BillRead:
        found, is_whole = await months.whole(visitor.scope, place_of(ENGLISH, month, department), ENGLISH)
        return month_bill(found, is_whole=is_whole)

    _add_file(app, months, place_of)


def _add_file(app: FastAPI, months: MonthReports, place_of: Callable[[Language, str, str], MonthPlace]) -> None:
    @app.get("/reports/{department}/snapshot", include_in_schema=False, response_class=HTMLResponse)
    async def download(visitor: Asking, spoken: Spoken, department: Department, month: Month = "") -> Response:
        place = place_of(spoken.language, month, department)
        # The file does without the slow parts if the store does not answer them, since the rest is worth having.
        found, _ = await months.whole(visitor.scope, place, spoken.language)
        return HTMLResponse(snapshot(found, spoken.language), headers=saved_as(place, "html"))


def saved_as(place: MonthPlace, ending: str) -> dict[str, str]:
    """The header with which a browser saves an answer as a file."""
    name = quote(f"{place.department}-{place.month:%Y-%m}.{ending}", safe="")
    return {"content-disposition": f"attachment; filename=bill-{place.month:%Y-%m}.{ending}; filename*=UTF-8''{name}"}


def only_department(scope: Scope) -> str:
    """The department of a scope that has one alone; empty: it has more."""
    return scope.departments[0] if scope.kind == "departments" and len(scope.departments) == 1 else ""


def today_in(zone: str, now: Instant) -> date:
    """The billing day of an instant."""
    return datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).date()


def month_of(text: str, today: date, of: Language) -> date:
    """
    The month that is asked for. Without one it is the present month, but on its first day the one that has just ended: no day
    of the new one is over, and the bill of the old one is what people look for then.
    """
    if not text:
        return (today - timedelta(days=1)).replace(day=1)
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        month = date(1970, 1, 1)
    if not FIRST_YEAR <= month.year <= LAST_YEAR:
        raise NotThereError(of.text("There is no month {month}", month=text), of.text("Write it like 2026-10."))
    return month
