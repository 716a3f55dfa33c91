"""Pages below a month's bill: the figures of the reports, in both languages, for those alone who may see them."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import pytest
from msgspec.structs import replace
from selenium.webdriver import Chrome

from collector.access.entrance import Entrance
from collector.access.own_statements import what_is_of_all
from collector.access.scope import OPEN, Scope, Visitor, of_departments
from collector.access.table_filters import query_settings
from collector.catalog.counters import Counters
from collector.core.cost.budget import Budget
from collector.core.model import Fact
from collector.reports.cost import cost
from collector.reports.cost_columns import COLUMNS
from collector.reports.filters import parse_filters
from collector.reports.report import NotPermittedError, Query, Span
from collector.store.clickhouse import connect
from collector.store.schema.migrate import migrate
from collector.web.app import create_app
from collector.web.reports.api import BOM, add_report_api
from collector.web.reports.drill_routes import add_drill
from collector.web.reports.routes import add_reports
from collector.web.reports.source import ReportSource
from tests.billing.stored import write_all
from tests.core.cost.test_statement import fee, used
from tests.reports import test_likely_owner, test_month_workflows
from tests.reports.test_shared_inspect import lines_of
from tests.store.running import start
from tests.web.browser import Page
from tests.web.doors import an_api_source
from tests.web.fleet import NOW, a_view
from tests.web.serving import get, serving

T = TypeVar("T")
NOVEMBER = Span(date(2026, 11, 1), date(2026, 12, 1))
HOSTILE = "<img src=x onerror=alert(1)>"
MAPS = Visitor("maps-lead", of_departments(["maps"]), "open")
BUDGETS = tuple(
    Budget(
        name=f"{name} in all", where=(("department", name),), amount=Decimal(60), currency="USD", actual=(), forecast=()
    )
    for name in ("maps", "perception")
)
PAGES = ("maps/shared", "maps/workflows", "unallocated")


def facts() -> list[Fact]:
    """Departments that share fees, workflows of one of them, and what belongs to none."""
    usage = [used("3200", department="maps", cluster="u"), used("60800", department="perception", cluster="u")]
    return [
        *test_likely_owner.facts(),
        *test_month_workflows.facts()[:12],
        test_month_workflows.a_charge("x1", "0.0042", name=HOSTILE),
        replace(test_month_workflows.a_charge("x2", "1"), department="地图"),
        *lines_of(usage, [fee("1000", what="argo", rule="1000 a month"), fee("7", what=HOSTILE, basis="even")]),
    ]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Scope], Query]]:
    """Questions to the engine that holds them, for a scope."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    write_all(writer, facts())

    def of(scope: Scope) -> Query:
        store = connect(running.url, "lynceus", running.token_file, required=query_settings(scope))
        return lambda sql, bound: store.query_rows(sql, dict(bound))

    yield of
    writer.close()
    running.stop()


@pytest.fixture
def address(answers: Callable[[Scope], Query], request: pytest.FixtureRequest) -> Iterator[str]:
    """The pages for a visitor; for one who may see everything by default."""

    async def ask(page: str, scope: Scope, question: Callable[[Query], T]) -> T:
        return question(answers(scope))

    async def ask_checked(page: str, scope: Scope, question: Callable[[Query], T]) -> T:
        query = answers(scope)

        def checked(sql: str, bound: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
            if scope.kind != "all" and what_is_of_all(sql, linked=True):
                raise NotPermittedError("not with these rights")
            return query(sql, bound)

        return question(checked)

    async def metrics(*_: object) -> tuple[bytes, dict[str, str]]:
        return b"", {}

    app = create_app(
        live=a_view,
        counters=Counters(),
        metrics=metrics,
        more=[
            partial(add_drill, reports=ReportSource(ask=ask, zone="UTC", budgets=BUDGETS), now=lambda: NOW),
            partial(add_reports, reports=ReportSource(ask=ask, zone="UTC", budgets=BUDGETS), now=lambda: NOW),
            partial(add_report_api, source=an_api_source(ask_checked)),
        ],
        entrance=Entrance(otherwise=getattr(request, "param", OPEN)),
    )
    with serving(app) as at:
        yield f"{at}/reports"


def text_of(address: str) -> str:
    answer = get(address)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def table_of(address: str) -> list[dict[str, str]]:
    """The rows of the file that a page leads to; the same are in the API's report."""
    table, report = re.findall(r'<a href="(/api/v1/reports/[^"]+)">(?:CSV|API)</a>', text_of(address))
    assert table.replace("&amp;format=csv", "") == report
    assert get(urljoin(address, unescape(report))).status == 200
    text = text_of(urljoin(address, unescape(table)))
    assert text.startswith(BOM)
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM))))


def test_a_shared_cost_can_be_computed_again(address: str) -> None:
    """3,200 of 64,000 is 5 %, of 1,000.00 50.00; the file has all places."""
    page = text_of(f"{address}/maps/shared?month=2026-11")
    [row] = [row for row in table_of(f"{address}/maps/shared?month=2026-11") if row["what"] == "argo"]

    for figure in ("3,200 USD", "64,000 USD", "5.0000 %", "1,000.00", "50.00", "1000 a month"):
        assert figure in page
    assert (row["weight"], row["of weight"], row["whole"], row["amount"]) == ("3200.00", "64000.00", "1000.00", "50.00")


@pytest.mark.parametrize("address", [MAPS], indirect=True, ids=["maps"])
def test_a_department_sees_its_own_part_alone(address: str) -> None:
    """Neither the whole nor the weight of others, and no page of others or of what belongs to none."""
    page = text_of(f"{address}/maps/shared?month=2026-11")

    assert "50.00" in page
    assert not {"64,000", "1,000.00", "5.0000"} & {*page.replace("<", " ").split()}
    assert "whole" not in table_of(f"{address}/maps/shared?month=2026-11")[0]
    for path in (
        "perception/shared",
        "perception/workflows",
        "perception/snapshot",
        "unallocated",
        "unallocated/shared",
    ):
        assert get(f"{address}/{path}?month=2026-11").status == 404


def test_workflows_have_the_amounts_of_the_cost_report(address: str, answers: Callable[[Scope], Query]) -> None:
    """The dearest first, each with a link; a part of a cent keeps two digits."""
    same = cost(answers(OPEN.scope), NOVEMBER, "workflow_uid", filters=parse_filters(["department=maps"], COLUMNS))
    rows = table_of(f"{address}/maps/workflows?month=2026-11")
    page = text_of(f"{address}/maps/workflows?month=2026-11")

    wanted = {row[0]: row[1] for row in same.rows if row[1] is not None}
    found: dict[str, Decimal] = {}
    for row in rows:
        uid = row["workflow_uid"] or "unallocated"
        found |= {uid: found.get(uid, Decimal(0)) + Decimal(row["to pay"])} if row["to pay"] else {}
    assert found == wanted
    assert '<a href="/workflows/w5?bill=1#bill-title">' in page
    assert "0.0042" in page


def test_workflows_are_chosen_by_columns_of_the_cost_report(address: str) -> None:
    """An unknown column is an error: the list would be of everything."""
    chosen = table_of(f"{address}/maps/workflows?month=2026-11&class=failed")

    assert [row["workflow_uid"] for row in chosen] == ["w5"]
    assert "×" in text_of(f"{address}/maps/workflows?month=2026-11&class=failed")
    assert get(f"{address}/maps/workflows?month=2026-11&departmnt=x").status == 404
    assert get(f"{address}/maps/workflows?month=2026-11&template={'x' * 1001}").status == 404
    assert get(f"{address}/maps/workflows?month=2026-11&sort=name").status == 422
    assert get(f"{address}/maps/workflows?month=2026-13").status == 404


def test_refusals_are_in_the_reader_s_language(address: str) -> None:
    """Those of an address, too."""
    answer = get(f"{address}/maps/workflows?month=2026-11&template={'x' * 1001}&lang=zh-CN")

    assert answer.status == 404
    assert "最多 50 个值" in answer.body.decode()


def test_unallocated_cost_has_a_likely_owner_and_a_rule(address: str) -> None:
    """With the evidence for it; where there is none, no name is given."""
    page = text_of(f"{address}/unallocated?month=2026-11")

    assert "9 of 10 allocated workflows of ann belong to maps" in page
    assert "no guess" in page
    assert "workflow_label: workflows.argoproj.io/creator" in page
    assert len(table_of(f"{address}/unallocated?month=2026-11")) == 8


def test_the_bill_is_a_file(address: str) -> None:
    """Named after department and month, whatever letters these have."""
    answer = get(f"{address}/maps/snapshot?month=2026-11")

    assert answer.status == 200
    assert answer.headers["content-disposition"].endswith("filename*=UTF-8''maps-2026-11.html")
    assert "maps in all" in answer.body.decode()
    other = get(f"{address}/{quote('地图')}/snapshot?month=2026-11")
    assert other.headers["content-disposition"].isascii()
    # A bill of a department that there is not would claim that it owes nothing.
    assert get(f"{address}/nobodys/snapshot?month=2026-11").status == 404


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("tag", ["en", "zh-CN"])
def test_every_text_can_be_read_and_fits(chrome: Chrome, address: str, path: str, tag: str) -> None:
    """In both themes, on a telephone too; names of others draw nothing, and the console is silent."""
    page = Page(chrome, f"{address}/{path}?month=2026-11&lang={tag}")
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            page.emulate(width, scheme)
            assert page.faint_texts() == []
            assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run("return document.querySelectorAll('main img, script').length") == 0
    assert page.console() == []
    chrome.get("about:blank")


@pytest.mark.parametrize("address", [MAPS], indirect=True, ids=["maps"])
def test_a_bill_file_has_nothing_of_others(address: str, tmp_path: Path) -> None:
    """Not even a name, nor that of a budget."""
    text = text_of(f"{address}/maps/snapshot?month=2026-11")

    assert "perception" not in text
    assert "maps in all" in text
