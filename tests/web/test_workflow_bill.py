"""A workflow's page beside the provider's bill: its pods' own lines, for readers of everything, on a real store."""

import re
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from collector.language.language import language
from tests.billing.billed import charged, lines_of, pods
from tests.builders import NOON
from tests.store.running import Running
from tests.web.reports.api_server import ALL, MAPS, VISION, Reporting, filled, reporting

TITLE = 'id="bill-title"'
WITHOUT_LINES = f"maps-{NOON}-2"
NEITHER = ("eci-0", "bill.json", TITLE)
"""What only the bill's lines have."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path, str]]:
    with filled(tmp_path_factory.mktemp("bill")) as found:
        yield found


@pytest.fixture
async def api(store: tuple[Running, Path, str]) -> AsyncIterator[Reporting]:
    async with reporting(store) as found:
        yield found


async def page(api: Reporting, path: str, token: str = ALL, spoken: str = "en") -> tuple[int, str]:
    """Status and text of a page."""
    address = f"{api.address.removesuffix('/api/v1/reports/')}/workflows/{path}"
    sent = {"authorization": f"Bearer {token}", "accept": "text/html", "accept-language": spoken}
    async with aiohttp.ClientSession() as session, session.get(address, headers=sent) as answer:
        return answer.status, unescape(await answer.text())


def section(html: str) -> str:
    """The bill's part of a page."""
    return html[html.index(TITLE) :].partition("</section>")[0]


async def test_a_page_leads_to_the_lines_first(api: Reporting) -> None:
    """To read them takes longer than the rest."""
    status, html = await page(api, "w0")

    assert status == 200
    assert '<a href="?attempt=1&bill=1#bill-title">' in section(html)
    assert "imported bill of November 2026" in section(html)
    assert "eci-0" not in section(html)


@pytest.mark.parametrize(("tag", "title"), [("en", "On the provider's bill"), ("zh-CN", "云账单")])
async def test_each_pod_has_its_own_lines(api: Reporting, tag: str, title: str) -> None:
    """Where each is in the file, its quantity, and what the bill has for it; lines of other pods are absent."""
    status, html = await page(api, "w0?bill=1", spoken=tag)
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", section(html), re.DOTALL)
    own, written = lines_of(charged(pods(1))), language(tag)

    assert status == 200
    assert title in section(html)
    assert len(rows) == len(own) == 2
    for row, item in zip(rows, own, strict=True):
        assert "wf-0-pod <small>eci-0</small>" in row
        assert "bill.json" in row
        assert f">{written.number(Decimal(item['Usage']).normalize())} second<" in row
        assert f">{written.cost(Decimal(item['PretaxAmount']), 'USD')}<" in row
    assert "eci-1" not in html


async def test_a_workflow_without_lines(api: Reporting) -> None:
    """The page states that the bill was read, and has none."""
    _, html = await page(api, f"{WITHOUT_LINES}?bill=1")

    assert "No line of the imported bill of November 2026 names one of these pods." in section(html)


@pytest.mark.parametrize("path", ["w0", "w0?bill=1"])
async def test_a_department_sees_its_workflow_without_the_bill(api: Reporting, path: str) -> None:
    """The bill is of all departments: there is neither a link nor an error, and another's workflow is not there."""
    status, html = await page(api, path, MAPS)
    other, _ = await page(api, path, VISION)

    assert (status, other) == (200, 404)
    assert "wf-0-pod" in html
    assert not [text for text in NEITHER if text in html]
