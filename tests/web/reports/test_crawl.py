"""Every page of bills that links lead to: none is broken, none is half translated, and each figure is that of the CLI."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from collector.core.cost.minor_units import printed
from tests.web.reports.crawled import CENT, Crawled, asker, bills, grown
from tests.web.reports.read_pages import amount_of

pytestmark = [pytest.mark.seen, pytest.mark.timeout(900)]

COLUMNS = ("department", "project", "template", "product", "purchase", "class")
LOST = ("failed", "retried", "cancelled", "reclaimed", "unknown", "pending")
WHY = ("--compare", "before", "--by", "department,template")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH_WORDS = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")


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
            # It is a row of the table of departments, whose rows are rounded so that they sum to the total.
            bound = grown(of["month"], exact) or (CENT if key.startswith("/reports/unallocated") else Decimal(0))
            if abs(shown - exact) >= bound if bound else shown != exact.quantize(CENT):
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
        # What others sum up to is a sum of rounded rows.
        bounds = [CENT] * (len(shown) - 1) + [CENT * (1 + len(answer["rows"]) - len(shown))]
        bounds = [bound + grown(of["month"], row) for bound, row in zip(bounds, exact, strict=True)]
        if len(exact) != len(shown) or any(abs(a - b) >= c for a, b, c in zip(shown, exact, bounds, strict=True)):
            wrong.append((name, shown, exact))
        whole = sum(exact, Decimal(0))
        if sum(shown) != total or abs(total - whole.quantize(CENT)) > grown(of["month"], whole):
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
            (name, day, shown[day], exact.get(day))
            for day in shown
            if abs(shown[day] - exact.get(day, 0)) >= CENT + grown(of["month"], exact.get(day, Decimal(0)))
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
        # A part that rounds to nothing has no row.
        exact = sorted(
            part for part in printed([Decimal(row["difference"]) for row in why["rows"]], "USD").parts if part
        )
        shown = sorted(amount_of(row[1]) for row in table.rows)
        total = Decimal(why["totals"][0]["difference"]).quantize(CENT)
        if shown != exact:
            wrong.append((name, shown, exact))
        if amount_of(table.foot[0][1]) != total:
            wrong.append((name, shown, [total]))

    assert seen
    assert wrong == []
