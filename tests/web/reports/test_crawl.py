"""Every page of bills that links lead to: none is broken, none is half translated, and each figure is that of the CLI."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from collector.language.language import TAGS
from tests.web.reports.laid import Demo, still
from tests.web.reports.read_pages import ReadPage, amount_of, read_page
from tests.web.serving import get

pytestmark = [pytest.mark.seen, pytest.mark.timeout(900)]

CENT = Decimal("0.01")
COLUMNS = ("department", "project", "template", "product", "purchase", "class")
LOST = ("failed", "retried", "cancelled", "reclaimed", "unknown", "pending")
WHY = ("--compare", "before", "--by", "department,template")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH_WORDS = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")


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
        at = f"{self.demo.address}{address}"
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


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crawled]:
    with still(tmp_path_factory.mktemp("crawl")) as running:
        yield Crawled(running)


def bills(crawled: Crawled) -> Iterator[tuple[str, ReadPage, Mapping[str, str]]]:
    """Each page of a month's bill in both languages, with the question that the CLI is asked for the same."""
    for (address, _), page in crawled.pages.items():
        parts = urlsplit(address)
        if parts.path.count("/") > 2 or "month" not in parse_qs(parts.query):
            continue
        department = parts.path.removeprefix("/reports").strip("/")
        month = parse_qs(parts.query)["month"][0]
        yield f"{address} {page.language}", page, {"month": month, "department": department}


def asker(demo: Demo) -> Any:
    """What the CLI answers about a month; each question is asked once."""

    @cache
    def ask(month: str, department: str, *more: str) -> dict[str, Any]:
        where = ("--where", f"department={'' if department == 'unallocated' else department}") if department else ()
        answer: dict[str, Any] = demo.ask("report", "cost", "--month", month, *where, *more)
        return answer

    return ask


def test_no_link_is_broken(crawled: Crawled) -> None:
    """Pages, files and the API's reports that pages link to all answer."""
    assert len(crawled.pages) >= 2 * (1 + 4 + 7)
    assert {address: status for address, status in crawled.statuses.items() if status != 200} == {}


def test_no_text_is_in_the_other_language(crawled: Crawled) -> None:
    """No sentence of three English words on a Chinese page, no Chinese on an English one."""
    found = {
        (address, text)
        for (address, tag), page in crawled.pages.items()
        for text in page.texts
        if (ENGLISH_WORDS.search(text) and not CHINESE.search(text) if tag == "zh-CN" else CHINESE.search(text))
    }

    assert found == set()


def test_key_figures_are_those_of_the_cli(crawled: Crawled) -> None:
    """What is to pay, shared, wasted and unallocated, on each page of each month."""
    ask, wrong = asker(crawled.demo), []
    for name, page, of in bills(crawled):
        answer = ask(of["month"], of["department"])
        if not answer["rows"]:
            continue
        [total], [spent] = answer["totals"], answer["parts"][0]["totals"]
        expected = {
            "first": Decimal(total["to pay"]),
            "#shared-USD": Decimal(total["shared"]),
            "#waste-USD": sum((Decimal(spent[lost]) for lost in LOST), Decimal(0)),
        }
        if not of["department"]:
            none = [Decimal(row["to pay"]) for row in answer["rows"] if row["department"] == "unallocated"]
            expected[f"/reports/unallocated?month={of['month']}"] = sum(none, Decimal(0))
        for key, exact in expected.items():
            shown = amount_of(page.figures[key])
            if shown != exact.quantize(CENT):
                wrong.append((name, key, shown, exact))

    assert wrong == []


def rows_of(answer: Mapping[str, Any], number: int) -> list[Decimal]:
    """The CLI's amounts in the rows of a page, which sums up what does not fit in its last row."""
    exact = [Decimal(row["to pay"]) for row in answer["rows"]]
    return exact if len(exact) <= number else [*exact[: number - 1], sum(exact[number - 1 :], Decimal(0))]


@pytest.mark.parametrize("column", COLUMNS)
def test_breakdowns_are_those_of_the_cli(crawled: Crawled, column: str) -> None:
    """Each row is the CLI's to the cent, and rows sum to the total, which is the CLI's rounded."""
    ask, wrong, seen = asker(crawled.demo), [], 0
    for name, page, of in bills(crawled):
        table = page.table(f"by-{column}-")
        if table is None:
            continue
        seen += 1
        answer = ask(of["month"], of["department"], "--by", column)
        shown, total = [amount_of(row[1]) for row in table.rows], amount_of(table.foot[0][1])
        exact = rows_of(answer, len(shown))
        if len(exact) != len(shown) or any(abs(a - b) >= CENT for a, b in zip(shown, exact, strict=True)):
            wrong.append((name, shown, exact))
        if sum(shown) != total or total != sum(exact, Decimal(0)).quantize(CENT):
            wrong.append((name, shown, [total]))

    assert seen
    assert wrong == []


def test_days_are_those_of_the_cli(crawled: Crawled) -> None:
    """The table below the trend has each day's amount."""
    ask, wrong = asker(crawled.demo), list[Any]()
    for name, page, of in bills(crawled):
        answer = ask(of["month"], of["department"], "--by", "day")
        exact = {int(row["day"][-2:]): Decimal(row["to pay"]) for row in answer["rows"]}
        table = page.table("trend-")
        shown = {int(row[0]): amount_of(row[1]) for row in (table.rows if table else []) if row[1] != "–"}
        wrong += [
            (name, day, shown[day], exact.get(day)) for day in shown if abs(shown[day] - exact.get(day, 0)) >= CENT
        ]
        wrong += [(name, day, None, exact[day]) for day in exact.keys() - shown.keys() if exact[day]]

    assert wrong == []


def test_why_is_that_of_the_cli(crawled: Crawled) -> None:
    """The parts of the difference from the month before, largest first, and their sum, for months that are over."""
    ask, wrong, seen = asker(crawled.demo), [], 0
    for name, page, of in bills(crawled):
        table = page.table("why-title-")
        if table is None or of["month"] == max(one["month"] for _, _, one in bills(crawled)):
            continue
        seen += 1
        [why] = ask(of["month"], of["department"], *WHY)["parts"]
        exact = sorted(Decimal(row["difference"]) for row in why["rows"])
        shown = sorted(amount_of(row[1]) for row in table.rows)
        total = Decimal(why["totals"][0]["difference"]).quantize(CENT)
        if any(abs(a - b) >= CENT for a, b in zip(shown, [one for one in exact if one], strict=False)):
            wrong.append((name, shown, exact))
        if amount_of(table.foot[0][1]) != total:
            wrong.append((name, shown, [total]))

    assert seen
    assert wrong == []
