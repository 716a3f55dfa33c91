"""
A crawl of the pages of bills: what links lead to, in both languages, and the questions that the CLI is asked for the same.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from collector.language.language import TAGS
from tests.web.reports.laid import Demo
from tests.web.reports.read_pages import ReadPage, read_page
from tests.web.serving import get

CENT = Decimal("0.01")
PATIENCE = timedelta(minutes=15)
"""A crawl, and the questions to the CLI after it, take less."""


class Crawled:
    """All pages of bills in both languages, and what other links answered."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.pages: dict[tuple[str, str], ReadPage] = {}
        self.statuses: dict[str, int] = {}
        self.month = ""
        waiting = ["/reports"]
        while waiting:
            address = waiting.pop()
            if address not in self.statuses:
                waiting += self._open(address)

    def _open(self, address: str) -> list[str]:
        """Opens an address; the links of a page of bills are opened too."""
        is_bill = address.startswith("/reports")
        # A page of a month waits then for what takes long to read.
        whole = "&why=true" if is_month(address) else ""
        at = f"{self.demo.address}{address}{whole}"
        answers = {tag: get(at, **{"accept-language": tag}) for tag in TAGS if is_bill}
        first = answers.get("en") or get(at)
        self.statuses[address] = max(answer.status for answer in (*answers.values(), first))
        if self.statuses[address] != 200 or not first.headers["content-type"].startswith("text/html"):
            return []
        for tag, answer in answers.items():
            self.pages[address, tag] = read_page(answer.body.decode())
        links = (urljoin(address, link).partition("#")[0] for tag in answers for link in self.pages[address, tag].links)
        return [link for link in links if link and "lang=" not in link and self._is_followed(link)]

    def _is_followed(self, link: str) -> bool:
        """Of departments the pages of one month: reading why each of all months differs would take minutes."""
        if link.startswith("/reports/"):
            self.month = self.month or parse_qs(urlsplit(link).query)["month"][0]
            return link.endswith(f"month={self.month}")
        return not link.startswith(("http", "/sign-", "/static/"))


def is_month(address: str) -> bool:
    """Whether the page is that of a month's bill: of a department, or of all."""
    parts = urlsplit(address)
    of_department = parts.path.startswith("/reports/") and parts.path.count("/") == 2
    is_bill = parts.path == "/reports" or (of_department and parts.path != "/reports/unallocated")
    return is_bill and "month" in parse_qs(parts.query)


def bills(crawled: Crawled) -> Iterator[tuple[str, ReadPage, Mapping[str, str]]]:
    """Each page of a month's bill in both languages, with the question that the CLI is asked for the same."""
    for (address, _), page in crawled.pages.items():
        if not is_month(address):
            continue
        parts = urlsplit(address)
        department = parts.path.removeprefix("/reports").strip("/")
        month = parse_qs(parts.query)["month"][0]
        yield f"{address} {page.language}", page, {"month": month, "department": department}


def asker(demo: Demo) -> Any:
    """What the CLI answers about a month; each question is asked once."""

    @cache
    def ask(month: str, department: str, *more: str) -> dict[str, Any]:
        answer: dict[str, Any] = demo.ask("report", "cost", "--month", month, *of_department(department), *more)
        return answer

    return ask


def of_department(name: str) -> tuple[str, ...]:
    """What a command is given to answer about a department; an empty name is all of them."""
    return ("--where", f"department={'' if name == 'unallocated' else name}") if name else ()


def grown(month: str, exact: Decimal) -> Decimal:
    """What an amount may differ by from that on a page: fees of the present month grow, and forecasts follow them."""
    since = datetime.now(UTC) - datetime.strptime(f"{month}-01+0000", "%Y-%m-%d%z")
    if f"{datetime.now(UTC):%Y-%m}" != month:
        return Decimal(0)
    return CENT + abs(exact) * Decimal(PATIENCE / since)
