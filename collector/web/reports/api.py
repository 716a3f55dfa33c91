"""
`/api/v1/reports/…`: every report of the command line, with the same figures to the last digit, paged, as JSON or CSV.

A report that is wrongly asked for is refused in the words of the API; a store that is silent never breaks a page.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from collector.access.scope import Visitor
from collector.reports.render import as_body, as_csv
from collector.reports.report import NotPermittedError, Report, ReportError
from collector.shown_text import in_json
from collector.web.door import Asking
from collector.web.history import NoAnswerError, answered
from collector.web.pages import NO_ANSWER, PageTemplates
from collector.web.reports.api_models import RefusedReport, ReportPage
from collector.web.reports.api_paging import KeptReports, MadeReport, PageCursor, cut, digested, read_cursor
from collector.web.reports.api_parameters import PageParameters
from collector.web.reports.api_source import Answer, ApiReportSource
from collector.web.reports.api_table import REPORTS, ApiReport

PATH = "/api/v1/reports/"
MOST_ROWS = 50_000
"""Rows of one report, without those of its parts; more belong into `lynceus export` or SQL."""
BOM = "\ufeff"
"""Without it spreadsheets read UTF-8 as the code page of their country."""
CSV = "text/csv"

_OPTION = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)")
"""An option of the command line in the text of an error."""

OF_ALL = RefusedReport(
    detail="this report is of all departments together, and this token is of some",
    remedy="ask who runs Lynceus for a token of the scope all",
)
CHANGED = RefusedReport(
    detail="the report has changed since the page before, or the cursor is of another report",
    remedy="ask for the first page again, without `cursor`, or for all rows with a larger `limit`",
    parameter="cursor",
)
WHEN_SILENT = "ask again in a minute, or for less: fewer days, fewer columns of `by`, more of `where`"
REFUSALS: dict[int | str, dict[str, Any]] = {
    403: {"model": RefusedReport, "description": "Not with the rights of this token"},
    409: {"model": RefusedReport, "description": "The report has changed since the page before"},
    422: {"model": RefusedReport, "description": "A parameter is wrong, or the report is too large"},
    503: {"model": RefusedReport, "description": "The store did not answer in time"},
}


class ReportRefusedError(Exception):
    """There is no report; the API answers with the reason."""

    def __init__(self, status: int, reason: RefusedReport) -> None:
        super().__init__(reason.detail)
        self.status, self.reason = status, reason


class ReportRoute(APIRoute):
    """A route whose every refusal has the same form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Returns the handler of a request."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except RequestValidationError as error:
                return _refused(422, _of_validation(error))
            except ReportRefusedError as error:
                return _refused(error.status, error.reason)

        return handle


@dataclass(frozen=True, slots=True)
class ReportApi:
    """Answers requests for reports."""

    source: ApiReportSource
    kept: KeptReports

    async def answer(self, report: ApiReport, visitor: Visitor, given: PageParameters, accept: str) -> Response:
        """The answer to a request."""
        known = frozenset(field.alias or name for name, field in report.parameters.model_fields.items())
        wanted_report = f"{report.name}?{_query_of(given)}"
        as_file = wants_csv(given.format, accept)
        try:
            answer = report.answer(given, self.source)
            if as_file:
                return await self._file(report, visitor, answer, given)
            return await self._page(visitor, answer, given, wanted_report)
        except NotPermittedError:
            raise ReportRefusedError(403, OF_ALL) from None
        except ReportError as error:
            raise ReportRefusedError(422, in_words_of_api(str(error), known)) from None
        except NoAnswerError as error:
            # The store's own words may quote what it was reading, of whatever department.
            detail = str(error) if visitor.scope.kind == "all" else NO_ANSWER
            raise ReportRefusedError(503, RefusedReport(detail=detail, remedy=WHEN_SILENT)) from None

    async def _file(self, report: ApiReport, visitor: Visitor, answer: Answer, given: PageParameters) -> Response:
        if given.cursor:
            raise ReportError("--cursor: a file has all rows; leave out --cursor, or --format")
        found = await self._report(visitor, answer)
        text = await asyncio.to_thread(as_csv, found)
        name = "-".join(["lynceus", report.name, *re.findall(r"[0-9-]+", getattr(given, "month", ""))])
        headers = {"content-disposition": f'attachment; filename="{name}.csv"', "vary": "accept"}
        return Response(BOM + text, headers=headers, media_type=f"{CSV}; charset=utf-8; header=present")

    async def _page(self, visitor: Visitor, answer: Answer, given: PageParameters, wanted_report: str) -> Response:
        cursor = read_cursor(given.cursor) if given.cursor else None
        if given.cursor and cursor is None:
            raise ReportError("--cursor: no cursor of this API; take `paging.cursor` of the page before")
        found = self.kept.find(visitor.scope, wanted_report, cursor.digest) if cursor else None
        if found is None:
            report = await self._report(visitor, answer)
            found = await asyncio.to_thread(digested, report, wanted_report)
        if cursor and (cursor.digest != found.digest or cursor.begin >= max(1, found.rows)):
            raise ReportRefusedError(409, CHANGED)
        begin = cursor.begin if cursor else 0
        if begin + given.limit < found.rows:
            self.kept.keep(visitor.scope, wanted_report, found)
        body = await asyncio.to_thread(page_of, found, begin, given.limit, wanted_report)
        return Response(body, headers={"vary": "accept"}, media_type="application/json")

    async def _report(self, visitor: Visitor, answer: Answer) -> Report:
        found = await answered(answer(visitor.scope), self.source.patience_s, passes=(ReportError,))
        if len(found.rows) > MOST_ROWS:
            raise ReportError(
                f"more than {MOST_ROWS} rows; ask for less with --from, --to, --where or fewer columns of --by"
            )
        return found


def add_report_api(
    app: FastAPI, _pages: PageTemplates, source: ApiReportSource, kept: KeptReports | None = None
) -> None:
    """Adds the reports of the API; `kept` are those whose other pages may be asked for."""
    api = ReportApi(source, kept or KeptReports())
    for report in REPORTS:
        app.router.add_api_route(
            f"{PATH}{report.name}",
            _endpoint(api, report),
            methods=["GET"],
            route_class_override=ReportRoute,
            name=report.name,
            summary=report.about,
            description=_description(report),
            response_model=ReportPage,
            response_class=JSONResponse,
            responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}, **REFUSALS},
            dependencies=[Depends(_only_for_all)] if report.of_all else [],
        )


def _endpoint(api: ReportApi, report: ApiReport) -> Callable[..., Any]:
    async def answer(
        request: Request,
        visitor: Asking,
        given: Annotated[report.parameters, Query()],  # type: ignore[name-defined]
    ) -> Response:
        return await api.answer(report, visitor, given, request.headers.get("accept", ""))

    return answer


async def _only_for_all(visitor: Asking) -> None:
    if visitor.scope.kind != "all":
        raise ReportRefusedError(403, OF_ALL)


def _description(report: ApiReport) -> str:
    of_all = " It is for tokens of the scope all." if report.of_all else ""
    return f"{report.about}: what `lynceus {report.command}` prints, with the same figures.{of_all}"


def page_of(one: MadeReport, begin: int, limit: int, wanted_report: str) -> bytes:
    """A page of a report as JSON."""
    end = begin + limit
    cursor = str(PageCursor(one.digest, end)) if end < one.rows else None
    name, _, query = wanted_report.partition("?")
    address = f"{PATH}{name}?{query}{'&' if query else ''}limit={limit}&cursor={cursor}" if cursor else None
    paging = {"rows": one.rows, "begin": begin, "limit": limit, "cursor": cursor, "next": address}
    body = as_body(cut(one.report, begin, limit)) | {"paging": paging}
    return in_json(msgspec.json.encode(body).decode()).encode()


def _query_of(given: PageParameters) -> str:
    """The parameters that are not the usual ones, as they stand in an address."""
    usual = {field.alias or name: field.default for name, field in type(given).model_fields.items()}
    return urlencode(
        {name: value for name, value in given.of_report().items() if value != usual[name]}, doseq=True, quote_via=quote
    )


def wants_csv(named: str | None, accept: str) -> bool:
    """Whether a file is wanted: what `format` names, else what the header Accept prefers to JSON."""
    if named is not None:
        return named == "csv"
    weights = dict[str, float]()
    for part in accept.lower().split(","):
        kind, *parameters = (text.strip() for text in part.split(";"))
        weights[kind] = next((_weight(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
    return weights.get(CSV, 0.0) > weights.get("application/json", 0.0)


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](?:\.[0-9]{0,3})?", text) else 0.0


def in_words_of_api(message: str, known: frozenset[str]) -> RefusedReport:
    """A refusal of a report in the words of the API: parameters instead of options."""
    named = [name for name in (match.replace("-", "_") for match in _OPTION.findall(message)) if name in known]
    text = _OPTION.sub(lambda match: f"`{match[1].replace('-', '_')}`", message)
    _, _, remedy = text.partition("; ")
    parameter = named[0] if named else "month" if "invalid month" in text and "month" in known else None
    return RefusedReport(
        detail=text, remedy=remedy or "see the parameters in /api/v1/openapi.json", parameter=parameter
    )


def _of_validation(error: RequestValidationError) -> RefusedReport:
    """A refusal of parameters that have no valid form: the first of them."""
    first = error.errors()[0]
    name = str(next(iter(first["loc"][1:]), ""))
    remedy = "see the parameters in /api/v1/openapi.json"
    return RefusedReport(detail=f"`{name}`: {first['msg']}", remedy=remedy, parameter=name or None)


def _refused(status: int, reason: RefusedReport) -> Response:
    headers = {"retry-after": "60"} if status == 503 else {}
    return JSONResponse(reason.model_dump(), status, headers)
