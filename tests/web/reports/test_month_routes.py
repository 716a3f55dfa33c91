"""
The pages of bills over real connections: who sees which, what is refused, and what the API answers.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.access.scope import ALL as EVERYTHING
from collector.access.scope import of_departments
from collector.core.cost.statement_notes import NOTES
from collector.language.language import language
from collector.reports.month_bill import MonthReport
from collector.web.reports.routes import month_of
from tests.builders import at
from tests.language.marked import IN_MARKS, bare_texts
from tests.web.doors import ALL, MAPS, ask, bearing
from tests.web.reports.bills import (
    NOVEMBER,
    Bills,
    a_place,
    a_report,
    a_row,
    an_outlook,
    some_amounts,
    some_unallocated,
)
from tests.web.serving import Answer, serving


@pytest.fixture
def bills() -> Bills:
    return Bills()


@pytest.fixture
def address(bills: Bills, tmp_path: Path) -> Iterator[str]:
    with serving(bills.app(tmp_path)) as at:
        yield at


def get(address: str, path: str, token: str = ALL) -> Answer:
    """The answer to somebody with a token."""
    return ask(address, "GET", path, bearing(token))


def test_a_department_sees_its_own_page(address: str, bills: Bills) -> None:
    """/reports leads there, and the question has its scope alone."""
    answer = get(address, "/reports?month=2026-11", MAPS)
    assert (answer.status, answer.headers["location"]) == (303, "/reports/maps?month=2026-11")
    assert bills.questions == []

    body = get(address, "/reports/maps?month=2026-11&why=true", MAPS).body.decode()
    assert "maps owes 12,345.67\xa0CNY" in body
    assert "mostly volume" in body
    assert {scope for _, scope in bills.questions} == {of_departments(["maps"])}


def test_further_questions_are_those_that_a_reader_may_ask(address: str) -> None:
    """A unit's cost and savings with the page's own filter; the states of months are for those who see everything."""
    links = {
        token: re.findall(r'href="(/api/v1/reports/[^"]+)"', get(address, path, token).body.decode())
        for token, path in ((ALL, "/reports?month=2026-11"), (MAPS, "/reports/maps?month=2026-11"))
    }

    assert "/api/v1/reports/units?month=2026-11&amp;unit=km&amp;where=department%3Dmaps" in links[MAPS]
    assert "/api/v1/reports/savings?month=2026-11&amp;where=department%3Dmaps" in links[MAPS]
    assert "/api/v1/reports/months" in links[ALL]
    assert "/api/v1/reports/months" not in links[MAPS]


def test_a_question_without_an_answer_is_not_offered(bills: Bills, tmp_path: Path) -> None:
    """Without units in the settings, and of months before the price books have a node."""
    with serving(bills.app(tmp_path, units=(), nodes_since=at("2026-11-01T00:00:00"))) as address:
        before, since = (get(address, f"/reports?month=2026-{month}").body.decode() for month in ("10", "11"))

    assert "/api/v1/reports/success" in before
    assert "/api/v1/reports/units" not in since
    assert "/api/v1/reports/savings" not in before
    assert "/api/v1/reports/savings" in since


@pytest.mark.parametrize("path", ["/reports/{}", "/api/v1/reports/month?department={}"])
def test_other_departments_are_as_unknown_ones(address: str, bills: Bills, path: str) -> None:
    """Neither says whether there is one, and no question reaches the store."""
    answers = [get(address, path.format(name), MAPS) for name in ("quant", "nobodys", "unallocated")]

    assert [answer.status for answer in answers] == [404, 404, 404]
    bodies = {
        answer.body.decode().replace(name, "NAME")
        for answer, name in zip(answers, ("quant", "nobodys", "unallocated"), strict=True)
    }
    assert len(bodies) == 1
    assert bills.questions == []


def test_an_unknown_department_is_not_there(address: str, bills: Bills) -> None:
    """A page about no department would claim that it owes nothing."""
    bills.report = replace(a_report(a_place("nobodys")), amounts=(), months=(NOVEMBER,))
    answer = get(address, "/reports/nobodys?month=2026-11")

    assert answer.status == 404
    assert "There is no bill of a department nobodys" in answer.body.decode()


def test_who_sees_everything_sees_what_belongs_to_none(address: str, bills: Bills) -> None:
    """The page of what is unallocated is there for the scope all."""
    bills.report = a_report(a_place("unallocated"))
    assert "belongs to no department" in get(address, "/reports/unallocated").body.decode()
    assert {scope for _, scope in bills.questions} == {EVERYTHING}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reports?month=2026-13", 404),
        ("/reports?month=1999-12", 404),
        ("/reports?month=2101-01", 404),
        ("/reports?month=november", 422),
        ("/reports?month=2026-11-01", 422),
        (f"/reports/{'x' * 254}", 422),
        (f"/api/v1/reports/month?department={'x' * 254}", 422),
        ("/reports/a%2Fb", 404),
    ],
)
def test_what_is_refused(address: str, bills: Bills, path: str, status: int) -> None:
    """Months that there are not, and what is too long, before any question to the store."""
    assert get(address, path).status == status
    assert bills.questions == []


def test_names_are_escaped(address: str, bills: Bills) -> None:
    """A department's name is text, in the page and in its addresses."""
    name = "<script>alert(1)</script>&\"'"
    row = replace(some_amounts().breakdowns["template"][0], name=name)
    bills.report = a_report(a_place(), some_amounts(breakdowns={"template": (row,)}))
    body = get(address, "/reports/maps").body.decode()

    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)" in body


def test_tables_lead_to_their_files(address: str) -> None:
    """Each has its CSV and its call of the API, with the command's own options."""
    body = get(address, "/reports/maps?month=2026-11").body.decode()
    for column in ("day", "project", "template", "product", "purchase", "class"):
        call = f"/api/v1/reports/cost?month=2026-11&amp;by={column}"
        assert f"{call}&amp;where=department%3Dmaps" in body
        assert f"{call}&amp;format=csv&amp;where=department%3Dmaps" in body
    assert "compare=same-days&amp;by=department%2Ctemplate" in body


def test_a_bill_as_json(address: str) -> None:
    """Amounts are text with all their places; why it is more is read with it."""
    bill = get(address, "/api/v1/reports/month?month=2026-11&department=maps").json()
    (amounts,) = bill["amounts"]

    assert (bill["month"], bill["department"], bill["ended"], bill["is_whole"]) == ("2026-11", "maps", False, True)
    assert bill["stands_on"]["state"] == "estimate"
    assert (amounts["to_pay"], amounts["exact"]) == ("12345.6749", "12345.6712")
    assert amounts["difference"]["parts"]["volume"] == "95"
    assert amounts["difference"]["mostly"] == "volume"
    assert [row["name"] for row in amounts["breakdowns"]["template"]] == ["train", "unallocated"]


def test_a_month_is_read_once_for_a_few_seconds(address: str, bills: Bills) -> None:
    """The page and its JSON are one question."""
    for path in ("/reports/maps?month=2026-11", "/api/v1/reports/month?month=2026-11&department=maps"):
        assert get(address, path).status == 200
    assert sorted(page for page, _ in bills.questions) == ["difference", "month", "outlook"]


def test_a_silent_store_is_named(address: str, bills: Bills) -> None:
    """503, and the next one asks again."""
    bills.failure = ConnectionError("clickhouse refused the connection")
    assert get(address, "/reports").status == 503
    bills.failure = None
    assert get(address, "/reports").status == 200


@pytest.mark.parametrize(
    ("text", "today", "month"),
    [
        ("", date(2026, 11, 24), date(2026, 11, 1)),
        ("", date(2026, 12, 1), date(2026, 11, 1)),
        ("", date(2026, 12, 2), date(2026, 12, 1)),
        ("2026-02", date(2026, 12, 2), date(2026, 2, 1)),
    ],
    ids=["within", "first-day", "second-day", "chosen"],
)
def test_the_month_that_opens(text: str, today: date, month: date) -> None:
    """The present one; on its first day the one that has just ended."""
    assert month_of(text, today, language("en")) == month


def of_all(**changes: Any) -> MonthReport:
    """The bill of all departments: 345.67 belong to none."""
    rows = (a_row("maps", "12000.0049"), a_row("unallocated", "345.67"))
    breakdowns = {"department": rows, **some_amounts().breakdowns}
    return a_report(a_place(""), some_amounts(breakdowns=breakdowns, unallocated=Decimal("345.67")), **changes)


def test_what_belongs_to_none_stands_on_the_page_of_all(address: str, bills: Bills) -> None:
    """How much, the likely owners with what speaks for them, and where all of it is; as JSON too."""
    bills.report, bills.unallocated = of_all(), some_unallocated()
    html = get(address, "/reports?month=2026-11&why=true").body.decode()
    section = html[html.index('id="owners-CNY"') :].partition("</section>")[0]
    (amounts,) = get(address, "/api/v1/reports/month?month=2026-11").json()["amounts"]

    assert "345.67\xa0CNY of November 2026 belong to no department; an owner is likely for 71 % of it." in section
    assert re.findall(r'<td class="number">([^<]+)<', section) == ["215.66", "30.01"]
    assert "9 of 10 allocated workflows of ann belong to maps · 1 more part<" in section
    assert "7 of 7 allocated workflows of namespace trading belong to quant<" in section
    assert 'href="/reports/unallocated?month=2026-11"' in section
    assert 'href="/api/v1/reports/unallocated?month=2026-11&amp;format=csv"' in section
    assert [(one["department"], one["to_pay"]) for one in amounts["likely_owners"]] == [
        ("maps", "215.66"),
        ("quant", "30.014"),
    ]


def test_cost_without_a_likely_owner(address: str, bills: Bills) -> None:
    """The section states that; where everything has a department there is none."""
    bills.report = of_all()
    assert "belong to no department, and nothing says clearly" in get(address, "/reports?month=2026-11").body.decode()

    bills.report = replace(of_all(), amounts=(some_amounts(unallocated=Decimal(0)),))
    assert "owners-CNY" not in get(address, "/reports?month=2026-10").body.decode()


def test_a_department_s_page_has_no_unallocated_cost(address: str, bills: Bills) -> None:
    """Its page asks nothing about it."""
    assert "owners-CNY" not in get(address, "/reports/maps?month=2026-11&why=true", MAPS).body.decode()
    assert "unallocated" not in {page for page, _ in bills.questions}


def test_no_text_of_the_page_of_all_is_outside_the_catalogues(bills: Bills, tmp_path: Path) -> None:
    """Read in time or not."""
    bills.report, bills.unallocated = of_all(), some_unallocated()
    with serving(bills.app(tmp_path, languages=IN_MARKS)) as address:
        html = get(address, "/reports?month=2026-11&why=true").body.decode()
    known = ["maps", "quant", "ann", "trading", "train", "load-balancer", "c1", "alibaba-eci", "operator"]

    assert "owners-CNY" in html
    assert bare_texts(html, known) == []


def test_no_text_is_outside_the_catalogues(bills: Bills, tmp_path: Path) -> None:
    """The page of a department, with everything that it may show."""
    names: defaultdict[str, str] = defaultdict(lambda: "train")
    state = a_report().state._replace(notes=tuple(note.format_map(names) for note in NOTES))
    bills.report = a_report(a_place(), some_amounts(unpriced=3), state=state)
    with serving(bills.app(tmp_path, languages=IN_MARKS)) as address:
        html = get(address, "/reports/maps?month=2026-11&why=true").body.decode()
    known = ["maps", "train", "unallocated", "load-balancer", "c1", "alibaba-eci", "operator", "CNY", "CSV", "API"]

    assert "\u27e6" in html
    assert bare_texts(html, known) == []


def test_the_forecast_and_the_budget(address: str, bills: Bills) -> None:
    """The range, and what is used: in the figures, in the sentence and as JSON."""
    bills.outlook = an_outlook()
    html = get(address, "/reports/maps?month=2026-11&why=true").body.decode()
    bill = get(address, "/api/v1/reports/month?month=2026-11&department=maps").json()

    assert "complete until 02:59, 62 % of its budget, 8 % more" in html
    assert "of 20,000.00\xa0CNY: used up on 29 Nov 2026" in html
    assert "15,000.00 to 21,000.00, in four of five cases" in html
    assert bill["budgets"][0]["state"] == "near"
    assert bill["amounts"][0]["forecast"]["likely"] == "18000"
    assert bill["is_whole"]
