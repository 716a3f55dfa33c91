"""The reports of the API: the figures of the command line to the last digit, page by page, on a real store."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest

from collector.reports.report import NotPermittedError
from collector.shown_text import in_json
from collector.web.reports.api_models import ReportPage
from tests.store.running import Running
from tests.web.reports.api_server import ALL, HOSTILE, MAPS, VISION, Reporting, filled, reporting

NOVEMBER = {"month": "2026-11"}
CASES: Mapping[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "cost": ("cost", NOVEMBER, ("report", "cost")),
    "cost of workflows": (
        "cost",
        {**NOVEMBER, "by": "department,template,workflow,step", "sort": "waste"},
        ("report", "cost", "--by", "department,template,workflow,step", "--sort", "waste"),
    ),
    "cost of some": (
        "cost",
        {**NOVEMBER, "by": "template", "where": ["department=maps", "department=", "creator!=creator-1"], "top": 2},
        (
            "report",
            "cost",
            "--by",
            "template",
            "--where",
            "department=maps",
            "--where",
            "department=",
            "--where",
            "creator!=creator-1",
            "--top",
            "2",
        ),
    ),
    "cost of a run": ("cost", {**NOVEMBER, "run": 1, "by": "day"}, ("report", "cost", "--run", "1", "--by", "day")),
    "comparison": (
        "comparison",
        {**NOVEMBER, "compare": "2026-10", "by": "department,template"},
        ("report", "cost", "--compare", "2026-10", "--by", "department,template"),
    ),
    "comparison with before": ("comparison", NOVEMBER, ("report", "cost", "--compare", "before")),
    "units": (
        "units",
        {**NOVEMBER, "unit": "km", "by": "template"},
        ("report", "cost", "--unit", "km", "--by", "template"),
    ),
    "queue": ("queue", {**NOVEMBER, "by": "queue,template"}, ("report", "queue", "--by", "queue,template")),
    "queue of some": (
        "queue",
        {**NOVEMBER, "where": "department=vision"},
        ("report", "queue", "--where", "department=vision"),
    ),
    "success": ("success", {**NOVEMBER, "by": "template"}, ("report", "success", "--by", "template")),
    "steps": ("steps", {**NOVEMBER, "workflow": "wf-5"}, ("report", "steps", "--workflow", "wf-5")),
    "savings": (
        "savings",
        {**NOVEMBER, "node_type": "x", "node_size": "2-4Gi", "node_price": "1", "wait": 300},
        ("report", "savings", "--node-type", "x", "--node-size", "2-4Gi", "--node-price", "1", "--wait", "300"),
    ),
    "anomalies": ("anomalies", {**NOVEMBER, "top": 0}, ("report", "anomalies", "--top", "0")),
    "forecast": ("forecast", {**NOVEMBER, "by": "department"}, ("report", "forecast", "--by", "department")),
    "budgets": ("budgets", NOVEMBER, ("report", "budgets")),
    "workflows": ("workflows", NOVEMBER, ("report", "workflows")),
    "workflows of some": (
        "workflows",
        {**NOVEMBER, "where": ["department=maps", "template!=template-1"], "sort": "waste", "top": 3},
        (
            "report",
            "workflows",
            "--where",
            "department=maps",
            "--where",
            "template!=template-1",
            "--sort",
            "waste",
            "--top",
            "3",
        ),
    ),
    "shared": ("shared", {**NOVEMBER, "department": "maps"}, ("report", "shared", "--department", "maps")),
    "unallocated": ("unallocated", NOVEMBER, ("report", "unallocated")),
    "months": ("months", {}, ("period", "list")),
    "bill": ("bill", NOVEMBER, ("bill", "show", "--month", "2026-11")),
}
"""A report, what the API is asked, and the command that prints the same."""
OF_ALL = ("unallocated", "months", "bill")
PAGED = {
    "cost": {"by": "department,template,workflow", **NOVEMBER},
    "comparison": {"by": "department,template", **NOVEMBER},
    "queue": {"by": "queue,template", **NOVEMBER},
    "workflows": NOVEMBER,
    "unallocated": NOVEMBER,
    "months": {},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path, str]]:
    with filled(tmp_path_factory.mktemp("reports")) as found:
        yield found


@pytest.fixture
async def api(store: tuple[Running, Path, str]) -> AsyncIterator[Reporting]:
    async with reporting(store) as found:
        yield found


def command_of(case: str, output_format: str = "json") -> tuple[str, ...]:
    """The command of a case, about November where it is about a period."""
    words = CASES[case][2]
    return (*words, *(("--month", "2026-11") if words[0] == "report" else ()), "--format", output_format)


async def answered(
    address: str, token: str = ALL, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and text of an answer."""
    sent = {"authorization": f"Bearer {token}", **(headers or {})}
    async with aiohttp.ClientSession() as session, session.get(address, headers=sent) as answer:
        return answer.status, answer.headers, (await answer.read()).decode()


def address_of(api: Reporting, name: str, parameters: Mapping[str, Any]) -> str:
    return f"{api.address}{name}?{urlencode(parameters, doseq=True)}"


async def pages_of(api: Reporting, name: str, parameters: Mapping[str, Any], token: str = ALL) -> list[dict[str, Any]]:
    """All pages of a report, each by the address that the one before names."""
    found, address = list[dict[str, Any]](), address_of(api, name, parameters)
    while address:
        status, _, text = await answered(address, token)
        assert status == 200, text
        ReportPage.model_validate_json(text)
        found.append(msgspec.json.decode(text))
        following = found[-1]["paging"]["next"]
        address = following and api.address.removesuffix("/api/v1/reports/") + following
    return found


def joined(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """The report whose pages these are; what is not rows is the same on each."""
    first = {key: value for key, value in deepcopy(pages[0]).items() if key != "paging"}
    for page in pages[1:]:
        assert set(page) == set(pages[0])
        first["rows"] += page["rows"]
        assert all(page[key] == first[key] for key in first if key not in ("rows", "parts"))
        for part, more in zip(first.get("parts", ()), page.get("parts", ()), strict=True):
            part["rows"] += more["rows"]
            assert {**part, "rows": []} == {**more, "rows": []}
    return first


def as_printed(report: dict[str, Any]) -> str:
    """A report as the command writes it."""
    return in_json(msgspec.json.format(msgspec.json.encode(report), indent=2).decode()) + "\n"


@pytest.mark.parametrize("case", CASES)
async def test_pages_together_are_what_the_command_prints(api: Reporting, case: str) -> None:
    """Byte for byte: names, amounts, totals, months, notes, and the parts with their rows."""
    name, parameters, _ = CASES[case]
    pages = await pages_of(api, name, {**parameters, "limit": 4})

    assert as_printed(joined(pages)) == api.printed(*command_of(case))
    rows = sum(len(table["rows"]) for page in pages for table in (page, *page.get("parts", ())))
    assert rows == pages[0]["paging"]["rows"]
    assert rows or name == "anomalies", "runs of a few days have nothing to be compared with"
    assert all(sum(len(table["rows"]) for table in (page, *page.get("parts", ()))) == 4 for page in pages[:-1])


@pytest.mark.parametrize("name", PAGED)
async def test_any_size_of_pages_gives_the_same_rows(api: Reporting, name: str) -> None:
    """In the same order, each once."""
    (whole,) = await pages_of(api, name, {**PAGED[name], "limit": 10_000})
    rows = whole.pop("paging")["rows"]
    for limit in sorted({1, 2, 3, 7, rows - 1, rows, rows + 1} - {0}):
        pages = await pages_of(api, name, {**PAGED[name], "limit": limit})

        assert joined(pages) == whole
        assert len(pages) == max(1, -(-rows // limit))


@pytest.mark.parametrize("case", CASES)
async def test_a_department_reads_its_own_rows_as_with_the_command(api: Reporting, case: str) -> None:
    """Notes about all departments and hashes are omitted; what needs all rows is refused with a remedy."""
    name, parameters, _ = CASES[case]
    for token, other in ((MAPS, "vision"), (VISION, "maps")):
        if name in OF_ALL:
            status, _, text = await answered(address_of(api, name, parameters), token)
            assert status == 403
            assert "token of the scope all" in json.loads(text)["remedy"]
            continue
        report = joined(await pages_of(api, name, {**parameters, "limit": 7}, token))

        assert as_printed(report) == api.printed(*command_of(case), token=token)
        assert other not in as_printed({**report, "title": "", "notes": []})
        assert "no exchange rate" not in as_printed(report)


def test_a_department_s_command_is_refused_what_belongs_to_none(store: tuple[Running, Path, str]) -> None:
    """Else it would print that there is nothing."""
    reporting = Reporting(store[0], store[1], "", [])

    with pytest.raises(NotPermittedError, match="for readers of all departments"):
        reporting.printed(*command_of("unallocated"), token=MAPS)


async def test_a_page_that_was_kept_for_one_department_is_not_another_s(api: Reporting) -> None:
    """The cursor of one scope finds nothing for another one."""
    parameters = {**PAGED["cost"], "limit": 2}
    _, _, text = await answered(address_of(api, "cost", parameters), MAPS)
    cursor = json.loads(text)["paging"]["cursor"]
    status, _, text = await answered(address_of(api, "cost", {**parameters, "cursor": cursor}), VISION)

    assert status == 409
    assert "maps" not in text


@pytest.mark.parametrize("case", ["cost of workflows", "success", "workflows", "shared", "unallocated", "bill"])
async def test_csv_is_that_of_the_command_for_spreadsheets(api: Reporting, case: str) -> None:
    """By `format` or Accept; with a byte order mark and a name, and no cell that a spreadsheet would run."""
    name, parameters, _ = CASES[case]
    by_format = await answered(address_of(api, name, {**parameters, "format": "csv"}))
    by_accept = await answered(address_of(api, name, parameters), headers={"accept": "text/csv, */*;q=0.1"})
    status, headers, text = by_format

    assert status == 200
    assert text == by_accept[2] == "\ufeff" + api.printed(*command_of(case, "csv"))
    assert headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert headers["content-disposition"] == f'attachment; filename="lynceus-{name}-2026-11.csv"'
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@"))]
    if case == "cost of workflows":
        assert f"'{HOSTILE}" in {cell for row in rows for cell in row}


@pytest.mark.parametrize(
    ("name", "parameters", "wrong", "words"),
    [
        ("cost", {"by": "team"}, "by", "`by` team: no such column; there are day"),
        ("cost", {"month": "2026-13"}, "month", "`month`: invalid month '2026-13', expected YYYY-MM"),
        ("cost", {"month": "9999-12"}, "month", "invalid month"),
        ("cost", {"from": "0001-01-01"}, "from", "`from`: invalid day '0001-01-01', expected YYYY-MM-DD"),
        ("cost", {"from": "2026-11-02", "to": "2026-11-01"}, "to", "`to` 2026-11-01 is not after `from` 2026-11-02"),
        ("cost", {"month": "2026-11", "to": "2026-11-02"}, "month", "leave out `from` and `to`, or `month`"),
        ("cost", {"where": "department"}, "where", "expected COLUMN=VALUE"),
        ("cost", {"where": "--x=1"}, "where", "no such column"),
        ("cost", {"where": ["department=x"] * 51}, "where", "at most 50 items"),
        ("cost", {"sort": "beauty"}, "sort", "`sort` beauty: unknown, expected one of cost"),
        ("workflows", {"sort": "beauty"}, "sort", "`sort` beauty: unknown, expected one of cost, waste"),
        ("workflows", {"where": "team=x"}, "where", "no such column"),
        ("shared", NOVEMBER, "department", "Field required"),
        ("shared", {"department": "maps", "month": "2026-13"}, "month", "invalid month '2026-13'"),
        ("cost", {"limit": 0}, "limit", "greater than or equal to 1"),
        ("cost", {"group": "day"}, "group", "Extra inputs are not permitted"),
        ("cost", {"cursor": "nonsense"}, "cursor", "no cursor of this API; take `paging.cursor`"),
        ("cost", {"cursor": "eA", "format": "csv"}, "cursor", "a file has all rows"),
        ("comparison", {"compare": "october"}, "compare", "`compare`: invalid month 'october'"),
        ("comparison", {"compare": "before", "from": "1970-01-01", "to": "1990-01-01"}, "compare", "no days before"),
        ("comparison", {"by": "day"}, "by", "there are department, template"),
        ("units", {}, "unit", "Field required"),
        ("units", {"unit": "miles"}, "unit", "`unit` miles: no such unit in `attribution.units`; there are km"),
        ("steps", {"workflow": "nothing"}, "workflow", "no finished workflow of this name or uid"),
        ("savings", NOVEMBER, "node_type", "say `node_type` ecs.c6.large `node_price` 0.06"),
        ("savings", {"node_price": "cheap"}, "node_price", "`node_price`: "),
        ("savings", {"node_gpus": "many"}, "node_gpus", "`node_gpus`: invalid amount 'many'"),
        (
            "savings",
            {"month": "2149-01"},
            "month",
            "choose a month that has with `month`, or days with `from` and `to`",
        ),
        ("bill", {"month": "2026-10"}, None, "no bill of 2026-10 is imported"),
    ],
)
async def test_a_wrong_parameter_is_named_in_the_words_of_the_api(
    api: Reporting, name: str, parameters: dict[str, Any], wrong: str | None, words: str
) -> None:
    """With what is expected; no option of the command line is in it."""
    status, _, text = await answered(address_of(api, name, parameters))
    refused = json.loads(text)

    assert status == 422, text
    assert refused["parameter"] == wrong
    assert words in refused["detail"]
    assert refused["remedy"]
    assert " --" not in f" {refused['detail'].replace('--x', '')}"


async def test_the_audit_log_has_who_read_which_report(api: Reporting) -> None:
    """And who was refused."""
    await answered(address_of(api, "cost", NOVEMBER), MAPS)
    await answered(address_of(api, "months", {}), MAPS)
    await answered(address_of(api, "cost", NOVEMBER), "lyn_wrong")

    assert [(one.action, one.actor, one.target, one.outcome) for one in api.seen] == [
        ("read", "maps", "/api/v1/reports/cost", "ok"),
        ("refuse", "maps", "/api/v1/reports/months", "403"),
        ("refuse", "", "/api/v1/reports/cost", "401"),
    ]
