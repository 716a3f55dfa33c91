"""The page of a month's bill in a browser: what stands on the first screen, in both languages, themes and widths."""

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import TypeVar

import pytest
from selenium.webdriver import Chrome

from collector.access.scope import Scope
from collector.reports.report import Query
from tests.web.browser import Page
from tests.web.doors import ALL
from tests.web.reports.bills import Bills, a_place, a_report, a_row, some_amounts, some_unallocated
from tests.web.serving import serving

LOOKS = [(width, scheme, tag) for tag in ("en", "zh-CN") for scheme in ("light", "dark") for width in (1280, 390)]
HEIGHTS = {1280: 800, 390: 844}
LOWEST = "return Math.max(...[...document.querySelectorAll(arguments[0])].map(e => e.getBoundingClientRect().bottom))"
T = TypeVar("T")


class SlowBills(Bills):
    """Why a month costs more is not read before the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.released = Event()

    async def ask(self, page: str, scope: Scope, question: Callable[[Query], T], /) -> T:
        if page in ("difference", "unallocated"):
            await asyncio.to_thread(self.released.wait, 20)
        return await super().ask(page, scope, question)


@pytest.fixture
def bills() -> Iterator[SlowBills]:
    made = SlowBills()
    yield made
    made.released.set()


@pytest.fixture
def address(bills: SlowBills, tmp_path: Path) -> Iterator[str]:
    with serving(bills.app(tmp_path)) as at:
        yield at


def signed_in(chrome: Chrome, address: str, path: str) -> Page:
    """The page as somebody with a token of the scope all sees it."""
    chrome.execute_cdp_cmd("Network.enable", {})
    headers = {"headers": {"authorization": f"Bearer {ALL}"}}
    chrome.execute_cdp_cmd("Network.setExtraHTTPHeaders", headers)
    return Page(chrome, f"{address}{path}")


def test_why_it_is_more_comes_when_it_is_read(chrome: Chrome, bills: SlowBills, address: str) -> None:
    """The page is there at once; sentence, figures and causes are put in later, without a reload."""
    page = signed_in(chrome, address, "/reports/maps?month=2026-11&lang=en")
    page.shows("#why-CNY", "Being read.")
    page.shows("#sentence", "8 % more than on the same days of October.")

    bills.released.set()
    page.shows("#sentence", "mostly volume")
    page.shows("#change-CNY", "mostly volume")
    page.shows("#why-CNY", "30 good runs, 20 before")
    assert page.console() == []


def test_likely_owners_come_when_they_are_read(chrome: Chrome, bills: SlowBills, address: str) -> None:
    """The amount is there at once."""
    rows = (a_row("maps", "12000.0049"), a_row("unallocated", "345.67"))
    amounts = some_amounts(breakdowns={"department": rows, **some_amounts().breakdowns}, unallocated=Decimal("345.67"))
    bills.report, bills.unallocated = a_report(a_place(""), amounts), some_unallocated()
    page = signed_in(chrome, address, "/reports?month=2026-11&lang=en")
    page.shows("#owners-CNY", "of November 2026 belong to no department.")
    page.shows("#owners-CNY", "Being read.")

    bills.released.set()
    page.shows("#owners-CNY", "9 of 10 allocated workflows of ann belong to maps")
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.emulate(width, scheme)
        assert page.run("return document.documentElement.scrollWidth") <= width
        assert page.faint_texts() == []
    assert page.console() == []


def test_the_first_screen(chrome: Chrome, bills: SlowBills, address: str) -> None:
    """The sentence and all key figures stand on it; nothing is wider than the screen or hard to read."""
    bills.released.set()
    for width, scheme, tag in LOOKS:
        page = signed_in(chrome, address, f"/reports/maps?month=2026-11&why=true&lang={tag}")
        page.emulate(width, scheme)

        assert page.run(LOWEST, "#sentence, .bill-figures > div") <= HEIGHTS[width]
        assert page.run("return document.documentElement.scrollWidth") <= width
        assert page.faint_texts() == []
        assert page.console() == []
