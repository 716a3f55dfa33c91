"""Requests for reports whose figures change meanwhile, are too many, or do not come, through the real app."""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collector.access.scope import Scope
from collector.reports.report import NotPermittedError, Query, Report
from collector.web.reports.api import MOST_ROWS, add_report_api
from collector.web.reports.api_paging import KeptReports
from tests.web.doors import ALL, MAPS, an_api_source, an_app, an_entrance, ask, bearing
from tests.web.serving import Answer, serving


class Reports:
    """Reports of a store that tests change while pages are read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows, self.questions = folder, 5, 0
        self.failure: Exception | None = None
        self.kept = KeptReports()

    async def answer(self, _name: str, _scope: Scope, _question: Callable[[Query], Any], /) -> Any:
        self.questions += 1
        if self.failure is not None:
            raise self.failure
        return Report("Cost", ("number", "cost"), [(i, Decimal(i)) for i in range(self.rows)])

    def get(self, query: str = "", token: str = ALL) -> Answer:
        """The answer of an app to one request."""
        more = [partial(add_report_api, source=an_api_source(self.answer), kept=self.kept)]
        with serving(an_app(an_entrance(self.folder), more=more)) as address:
            return ask(address, "GET", f"/api/v1/reports/cost?{query}", bearing(token))


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path)


def test_the_other_pages_are_of_the_report_that_the_first_one_was_of(reports: Reports) -> None:
    """Although the figures have changed since; the store is asked once."""
    first = reports.get("limit=3").json()
    reports.rows = 9
    second = reports.get(f"limit=3&cursor={first['paging']['cursor']}").json()

    assert [row["number"] for page in (first, second) for row in page["rows"]] == [0, 1, 2, 3, 4]
    assert (first["paging"]["rows"], second["paging"]["cursor"], reports.questions) == (5, None, 1)


def test_a_page_of_a_report_that_has_changed_is_refused(reports: Reports) -> None:
    """When it is not kept any more: never are rows of two reports mixed. An unchanged one is made again."""
    cursor = reports.get("limit=3").json()["paging"]["cursor"]
    reports.kept = KeptReports()
    unchanged = reports.get(f"limit=3&cursor={cursor}")
    reports.kept, reports.rows = KeptReports(), 9
    changed = reports.get(f"limit=3&cursor={cursor}")

    assert [row["number"] for row in unchanged.json()["rows"]] == [3, 4]
    assert (changed.status, changed.json()["parameter"]) == (409, "cursor")
    assert "first page again" in changed.json()["remedy"]


def test_a_cursor_of_another_report_is_refused(reports: Reports) -> None:
    """Its parameters are part of it, whatever the size of the pages."""
    cursor = reports.get("limit=3&by=day").json()["paging"]["cursor"]

    assert reports.get(f"limit=1&by=day&cursor={cursor}").status == 200
    assert reports.get(f"limit=3&by=week&cursor={cursor}").status == 409


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_report_has_a_bound_on_its_rows(reports: Reports, form: str) -> None:
    """The error says it, and how to ask for less."""
    reports.rows = MOST_ROWS
    assert reports.get(f"format={form}").status == 200
    reports.rows += 1
    answer = reports.get(f"format={form}")

    assert answer.status == 422
    assert f"more than {MOST_ROWS} rows; ask for less with `from`, `to`, `where`" in answer.json()["detail"]


def test_an_empty_report_is_one_page(reports: Reports) -> None:
    """Nothing spent is an answer."""
    reports.rows = 0
    found = reports.get("limit=3").json()

    assert found["rows"] == []
    assert found["paging"] == {"rows": 0, "begin": 0, "limit": 3, "cursor": None, "next": None}


def test_a_silent_store_is_no_answer_with_a_remedy(reports: Reports) -> None:
    """Its words are for readers of everything: they may quote a row."""
    reports.failure = ConnectionError("a row of finance could not be read")
    whole, own = reports.get(), reports.get(token=MAPS)

    assert (whole.status, own.status, own.headers["retry-after"]) == (503, 503, "60")
    assert "a row of finance" in whole.json()["detail"]
    assert "finance" not in own.body.decode()
    assert json.loads(own.body)["remedy"].startswith("ask again in a minute, or for less")


def test_what_the_rights_of_a_token_do_not_cover_is_refused(reports: Reports) -> None:
    """With whom to ask."""
    reports.failure = NotPermittedError("not with these rights")
    answer = reports.get(token=MAPS)

    assert answer.status == 403
    assert "scope all" in answer.json()["remedy"]
