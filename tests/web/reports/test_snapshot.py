"""A month's bill as one file: nothing of elsewhere is in it, it opens from a disk, and it prints on two pages."""

import base64
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replace_fields
from selenium.webdriver import Chrome

from collector.language.language import language
from collector.reports.completeness import ClusterGaps
from collector.reports.month_bill import MonthOutlook, MonthReport
from collector.web.reports.anomaly_sentence import anomaly_sentence
from collector.web.reports.outlook import MOST, budget_figure, forecast_figure
from collector.web.reports.snapshot import MOST_ANOMALIES, snapshot
from tests.builders import NOON
from tests.commands import run_command
from tests.web.browser import Page
from tests.web.fleet import HOSTILE
from tests.web.reports.bills import a_place, an_outlook
from tests.web.reports.made import a_month, a_row, some_amounts
from tests.web.reports.test_anomaly_sentence import ONE

LANGUAGES = ("en", "zh-CN")
AT = NOON


def so_far(rows: int = 3, **changes: Any) -> MonthReport:
    """A month on its 24th day, with a forecast, budgets and as many anomalies as a page shows."""
    outlook = an_outlook()
    passed = replace(
        outlook.budgets[0], state="passed", budget=replace_fields(outlook.budgets[0].budget, name="eci of maps")
    )
    outlook = replace(outlook, budgets=(*outlook.budgets, passed), anomalies=(ONE,) * MOST)
    return a_month(some_amounts(rows), **{"place": a_place(), "outlook": outlook, **changes})


def drawn(report: MonthReport, tag: str = "en") -> str:
    return snapshot(report, language(tag), made_at=AT)


@pytest.mark.parametrize("tag", LANGUAGES)
def test_nothing_of_elsewhere_is_in_the_file(tag: str) -> None:
    """No script, no picture, no address: a mail program blocks them, and a disk has none."""
    text = drawn(so_far(), tag)

    assert not re.search(r"<script|<link|<img|<iframe|src=|href=|url\(|@import|https?:", text)
    assert f'<html lang="{tag}">' in text


def test_the_file_names_what_it_stands_on() -> None:
    """Whose, which month, state, run, hash, until when it is complete, and when it was made."""
    text = drawn(a_month())

    for fact in ("maps", "November 2026", "locked", "3fe2a1b2c3d4", "3 Dec 2026, 02:59", "22 Nov 2026, 12:00"):
        assert fact in text


def test_rows_sum_to_the_printed_total() -> None:
    """Thirds are rounded together, also with those that one row sums up."""
    text = drawn(a_month(some_amounts(12)))
    [table] = re.findall(r"<caption>By template.*?</table>", text, re.DOTALL)
    amounts = [Decimal(one.replace(",", "")) for one in re.findall(r"<td class=\"number\">([\d,]+\.\d\d)</td>", table)]

    to_pay = amounts[0:-2:2]
    assert sum(to_pay) == Decimal("4000.00") == amounts[-2]
    assert len(to_pay) == 8 + 1
    assert "4 others" in table


def test_items_and_differences_are_written_as_on_the_page() -> None:
    """An idle node is not named twice, a difference has its sign, and waste of no template says so."""
    known = some_amounts(1)
    idle = replace(known.shared_items[0], kind="idle", what="idle of plain nodes")
    assert known.difference is not None
    less = replace(known.difference, parts={**known.difference.parts, "price": Decimal("-12.5")})
    nobodys = replace(known.wasted[0], template="unallocated")
    changed = replace(known, shared_items=(*known.shared_items, idle), difference=less, wasted=(nobodys,))
    text = drawn(a_month(changed), "zh-CN")

    assert '<th scope="row">fee-0（固定费用）</th>' in text
    assert '<th scope="row">闲置的普通节点</th>' in text
    assert '<td class="number">+12.50</td>' in text
    assert '<td class="number">−12.50</td>' in text
    assert f"<td>{language('zh-CN').text('unallocated')}</td>" in text


def test_what_is_not_known_is_named() -> None:
    """An amount without a price is not 0, and a watch that missed something stands first."""
    row = {"template": (a_row("new", None), a_row("old", "5"))}
    text = drawn(
        a_month(some_amounts(to_pay=None, breakdowns=row, unpriced=2), gaps=(ClusterGaps("prod-hz", 1, "1970", False),))
    )

    assert text.count("no price known") == 2
    assert "2 charges have no known price" in text
    assert "Not complete: prod-hz" in text
    assert "Nothing is known" in drawn(a_month(amounts=()))


@pytest.mark.parametrize("tag", LANGUAGES)
def test_the_outlook_is_that_of_the_page(tag: str) -> None:
    """The same forecast, budgets and sentences."""
    report, words = so_far(), language(tag)
    text = drawn(report, tag)

    for figure in (forecast_figure(report, "CNY", words), budget_figure(report, "CNY", words)):
        assert f"<b>{figure.value}</b><small>{figure.note}</small>" in text
    assert text.count(anomaly_sentence(ONE, words)) == MOST_ANOMALIES
    assert re.findall(r'<th scope="row">([^<]*maps)</th>', text) == ["eci of maps", "maps"]
    assert text.count('<b class="alarm">◆') == 1


def test_of_many_budgets_the_alarming_ones_are_shown() -> None:
    """What is beyond a table's rows is counted."""
    report = so_far()
    assert report.outlook is not None
    near, passed = report.outlook.budgets
    text = drawn(replace(report, outlook=replace(report.outlook, budgets=(*[near] * 9, passed))))

    [table] = re.findall(r"<h2>Budgets.*?</table>", text, re.DOTALL)
    names = re.findall(r'<th scope="row">([^<]*)</th>', table)
    assert names == ["eci of maps", *["maps"] * 7, "2 others"]


def test_what_was_not_read_of_the_outlook_is_named() -> None:
    """It is not the same as no budget, no forecast and nothing unusual."""
    unread = drawn(so_far(outlook=None))
    nothing = drawn(so_far(outlook=MonthOutlook(forecasts=(), budgets=())))

    assert "could not be read" in unread
    assert "<dt>Forecast" not in unread
    assert "No run cost far more" not in unread
    assert "could not be read" not in nothing
    assert "fewer than three weeks of history" in nothing
    assert "No run cost far more" in nothing
    assert "Budget" not in nothing


def test_a_month_that_is_over_has_no_forecast() -> None:
    """Its budgets are shown: they say how it ended."""
    text = drawn(a_month(outlook=an_outlook()))

    assert "<dt>Forecast" not in text
    assert "<dt>Budget used" in text


def test_names_of_others_are_no_markup() -> None:
    """A template can have any name."""
    row = {"template": (a_row(HOSTILE, "1"), a_row("old", "5"))}

    assert HOSTILE not in drawn(a_month(some_amounts(breakdowns=row), department=HOSTILE))


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_a_disk(chrome: Chrome, tmp_path: Path, tag: str, width: int, scheme: str) -> None:
    """Readable in both themes, as wide as the screen, and without a request but for itself."""
    file = tmp_path / "maps.html"
    file.write_text(drawn(so_far(12), tag), encoding="utf-8")

    page = Page(chrome, file.as_uri())
    page.emulate(width, scheme)

    assert page.faint_texts() == []
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.console() == []
    assert page.requests() == {file.as_uri()}


@pytest.mark.parametrize("tag", LANGUAGES)
def test_it_prints_on_two_pages(chrome: Chrome, tmp_path: Path, tag: str) -> None:
    """A4, however many rows a breakdown has, with as many budgets and anomalies as are shown."""
    file = tmp_path / "maps.html"
    report = so_far(60)
    assert report.outlook is not None
    many = replace(report.outlook, budgets=report.outlook.budgets * 5)
    file.write_text(drawn(replace(report, outlook=many), tag), encoding="utf-8")
    Page(chrome, file.as_uri())

    made = chrome.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})

    pdf = base64.b64decode(made["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 2
    assert re.search(rb"/MediaBox\s*\[0 0 59\d\.?\d* 84\d", pdf)


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    """It does not replace a file without the option for it."""
    out = tmp_path / "maps.html"
    out.write_text("mine", encoding="utf-8")

    done = run_command(*f"report snapshot --month 2026-11 --out {out}".split())

    assert done.returncode == 2
    assert "--force replaces it" in done.stderr
    assert out.read_text(encoding="utf-8") == "mine"
