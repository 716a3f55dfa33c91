"""
The first sentence of a bill: what it says, and that it claims nothing that is not known, in both languages.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from collector.language.language import language
from collector.reports.completeness import ClusterGaps
from collector.reports.month_bill import MonthReport
from collector.reports.month_state import MonthState
from collector.web.reports.sentence import sentence
from tests.web.reports.bills import NOVEMBER, a_difference, a_place, a_report, some_amounts

EN, ZH = language("en"), language("zh-CN")
OVER = a_place(today=date(2026, 12, 5))
LOCKED = MonthState(NOVEMBER, "locked", 1, hash="abc", complete_until="2026-12-04 10:00 UTC")


def of_amounts(**changes: Any) -> MonthReport:
    """A report whose amounts differ in something."""
    return a_report(None, some_amounts(**changes))


@pytest.mark.parametrize(
    ("report", "english", "chinese"),
    [
        pytest.param(
            a_report(),
            "maps owes 12,345.67\xa0CNY for November 2026 so far: an estimate, complete until 02:59, 8 % more than on the "
            "same days of October, mostly volume.",
            "maps 2026年11月至今应付 ¥12,345.67：预估账单，数据完整至 02:59，比10月同期增加 8%，主要由于用量。",
            id="so-far",
        ),
        pytest.param(
            replace(a_report(OVER), state=LOCKED),
            "maps owes 12,345.67\xa0CNY for November 2026: final, complete, 8 % more than October, mostly volume.",
            "maps 2026年11月应付 ¥12,345.67：已出账（锁定），数据完整，比10月增加 8%，主要由于用量。",
            id="locked",
        ),
        pytest.param(
            a_report(a_place("")),
            "12,345.67\xa0CNY is to pay for November 2026 so far: an estimate, complete until 02:59, 8 % more than on the "
            "same days of October, mostly volume.",
            "2026年11月至今应付 ¥12,345.67：预估账单，数据完整至 02:59，比10月同期增加 8%，主要由于用量。",
            id="all",
        ),
    ],
)
def test_what_is_owed(report: MonthReport, english: str, chinese: str) -> None:
    """Who owes what, whether it is final and complete, and how it compares."""
    assert sentence(report, EN) == english
    assert sentence(report, ZH) == chinese


@pytest.mark.parametrize(
    ("report", "words"),
    [
        pytest.param(of_amounts(by_ended_days=Decimal(900)), "10 % less than on the same days", id="less"),
        pytest.param(of_amounts(by_ended_days=Decimal("1004.9")), "as much as on the same days", id="equal"),
        pytest.param(of_amounts(unpriced=1), "1 charge without a known price is not in it", id="unpriced"),
        pytest.param(of_amounts(to_pay=None), "What is to pay in CNY for November 2026 is not known", id="no-price"),
        pytest.param(a_report(gaps=(ClusterGaps("c1", 2, "", False),)), "not complete: c1 was not watched", id="gap"),
        pytest.param(a_report(state=MonthState(NOVEMBER, "estimate", 1)), "shared costs are not computed", id="new"),
        pytest.param(replace(a_report(), amounts=()), "No cost of maps is known for November 2026.", id="nothing"),
        pytest.param(a_report(a_place("unallocated")), "so far belongs to no department: an estimate", id="of-none"),
        pytest.param(
            a_report(state=MonthState(NOVEMBER, "estimate", 1, complete_until="2026-11-23 23:59 UTC")),
            "complete until 23 Nov 2026, 23:59",
            id="yesterday",
        ),
    ],
)
def test_what_else_it_may_say(report: MonthReport, words: str) -> None:
    """What is not known is named."""
    assert words in sentence(report, EN)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        pytest.param(of_amounts(before=None), "than", id="nothing-before"),
        pytest.param(a_report(a_place(today=NOVEMBER), some_amounts(by_ended_days=None)), "than", id="first-day"),
        pytest.param(of_amounts(difference=None), "mostly", id="why-is-not-read"),
        pytest.param(of_amounts(by_ended_days=Decimal(1000)), "mostly", id="no-change"),
        pytest.param(of_amounts(difference=a_difference(after=Decimal(1000))), "mostly", id="no-difference"),
    ],
)
def test_what_it_does_not_claim(report: MonthReport, words: str) -> None:
    """Nothing to compare, or not read: nothing is claimed."""
    assert words not in sentence(report, EN)


def test_currencies_have_a_sentence_each() -> None:
    """They are never added; what holds for the month is in the first."""
    both = sentence(a_report(None, some_amounts(), some_amounts(currency="USD", to_pay=Decimal(3))), EN)

    assert both.count("for November 2026 so far") == 2
    assert both.count("an estimate") == 1
    assert "maps owes 3.00\xa0USD" in both
