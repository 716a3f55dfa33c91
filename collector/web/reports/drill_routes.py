"""
Pages below a month's bill: what is shared and by which weight, whose the unallocated cost is, workflow by workflow.

Each table leads to the API's report of the same rows, as CSV and JSON, with all places of an amount.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from collector.access.scope import Visitor
from collector.clock import now_ms
from collector.core.cost.attribution import UNALLOCATED
from collector.core.model import Instant
from collector.language.language import Language
from collector.reports import likely_owner, month_workflows
from collector.reports.filters import LONGEST, MOST, Filter
from collector.reports.month_bill import MonthPlace
from collector.web.door import Asking
from collector.web.history import NotThereError, answered
from collector.web.pages import PageTemplates
from collector.web.reports import shared_page, unallocated_page, workflows_page
from collector.web.reports.routes import month_of, today_in
from collector.web.reports.source import ReportSource
from collector.web.spoken import Spoken

Department = Annotated[str, Path(max_length=253)]
Month = Annotated[str, Query(pattern=r"^(\d{4}-\d{2})?$", max_length=7)]
Sort = Annotated[Literal["cost", "waste", "pods", "shared"], Query()]
PageNumber = Annotated[int, Query(ge=1, le=10_000)]
OWN_PARAMETERS = ("month", "sort", "page", "lang")
"""What is not a column in the address of the list of workflows."""


class BillPlaces:
    """Which bill a request is about, and whether the visitor may see it."""

    def __init__(self, zone: str, now: Callable[[], Instant]) -> None:
        self._zone, self._now = zone, now

    def of(self, visitor: Visitor, month: str, department: str, language: Language) -> MonthPlace:
        """The month of a department; NotThereError if the visitor's scope has no such one."""
        today = today_in(self._zone, self._now())
        if visitor.scope.kind != "all" and (department == UNALLOCATED or not visitor.scope.permits(department)):
            raise NotThereError(
                language.text("There is no bill of a department {department}", department=department),
                language.text("You see your own departments alone."),
            )
        return MonthPlace(month=month_of(month, today, language), department=department, zone=self._zone, today=today)


def add_drill(app: FastAPI, pages: PageTemplates, reports: ReportSource, now: Callable[[], Instant] = now_ms) -> None:
    """Adds the pages; before those of bills, which take any name for a department's."""
    places = BillPlaces(reports.zone, now)
    _add_unallocated(app, pages, reports, places)
    _add_shared(app, pages, reports, places)
    _add_workflows(app, pages, reports, places)


def _add_unallocated(app: FastAPI, pages: PageTemplates, reports: ReportSource, places: BillPlaces) -> None:
    @app.get("/reports/unallocated", include_in_schema=False, response_class=HTMLResponse)
    async def of_none(visitor: Asking, spoken: Spoken, month: Month = "") -> Response:
        place = places.of(visitor, month, UNALLOCATED, spoken.language)
        found = await answered(
            reports.ask("unallocated", visitor.scope, lambda query: likely_owner.unallocated_cost(query, place.span))
        )
        shown = unallocated_page.view(found, place, spoken.language)
        return pages.page("reports/unallocated.html", visitor=visitor, spoken=spoken, place=place, **shown)


def _add_shared(app: FastAPI, pages: PageTemplates, reports: ReportSource, places: BillPlaces) -> None:
    @app.get("/reports/{department}/shared", include_in_schema=False, response_class=HTMLResponse)
    async def shared(
        visitor: Asking,
        spoken: Spoken,
        department: Department,
        month: Month = "",
    ) -> Response:
        place, of_all = places.of(visitor, month, department, spoken.language), visitor.scope.kind == "all"
        found = await answered(
            reports.ask("shared", visitor.scope, lambda query: shared_page.read(query, place, of_all=of_all))
        )
        shown = shared_page.view(found, place, spoken.language)
        return pages.page("reports/shared_lines.html", visitor=visitor, spoken=spoken, place=place, **shown)


def _add_workflows(app: FastAPI, pages: PageTemplates, reports: ReportSource, places: BillPlaces) -> None:
    @app.get("/reports/{department}/workflows", include_in_schema=False, response_class=HTMLResponse)
    async def workflows(
        request: Request,
        visitor: Asking,
        spoken: Spoken,
        department: Department,
        month: Month = "",
        sort: Sort = "cost",
        page: PageNumber = 1,
    ) -> Response:
        place = places.of(visitor, month, department, spoken.language)
        filters = (*place.filters, *chosen(request, spoken.language))
        most = workflows_page.ROWS
        found = await answered(
            reports.ask(
                "workflows of a month",
                visitor.scope,
                lambda query: month_workflows.month_workflows(
                    query, place.span, filters, sort=sort, skipped=(page - 1) * most, most=most
                ),
            )
        )
        wanted = workflows_page.WantedRows(
            filters=filters[1:], sort=sort, page=page, with_bill=visitor.scope.kind == "all"
        )
        shown = workflows_page.view(found, place, wanted, spoken.language)
        return pages.page("reports/month_workflows.html", visitor=visitor, spoken=spoken, place=place, **shown)


def chosen(request: Request, language: Language) -> list[Filter]:
    """The filters in an address: columns of the cost report; NotThereError for any other name."""
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in OWN_PARAMETERS:
            continue
        if name not in workflows_page.COLUMNS:
            raise NotThereError(
                language.text("There is no column {name}", name=name[:60]),
                language.text("Columns are {names}.", names=", ".join(workflows_page.COLUMNS)),
            )
        if len(value) > LONGEST or sum(map(len, found.values())) >= MOST:
            raise NotThereError(
                language.text("The address chooses too much"),
                language.text("At most {most} values of {longest} characters each.", most=MOST, longest=LONGEST),
            )
        found.setdefault(name, []).append(value or UNALLOCATED)
    return [Filter(name, tuple(values)) for name, values in found.items()]
