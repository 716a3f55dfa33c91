"""Notes and rules of statements in both languages."""

import re
from dataclasses import replace

import pytest

from collector.billing.bill_import import provisional_until
from collector.core.cost.statement_notes import NODES_UNSEEN, NOTES
from collector.core.facts.bill_lines import BillImport
from collector.language.language import ENGLISH, language
from collector.reports.month_state import MonthState
from collector.web.reports.month_page import month_page
from collector.web.reports.statement_words import rule_words, shown_notes
from tests.web.reports.bills import NOVEMBER, a_report

CHINESE = language("zh-CN")
NAMES = set(re.findall(r"\{(\w+)\}", " ".join(NOTES)))
FILLED = [note.format(**{name: name.upper() for name in NAMES}) for note in NOTES]


def test_each_note_is_in_the_reader_s_language() -> None:
    """With the same values; in English it is what the store has."""
    chinese = shown_notes(FILLED, CHINESE)

    assert [one.text for one in shown_notes(FILLED, ENGLISH)] == FILLED
    assert not any(one.is_english for one in chinese)
    for note, one in zip(FILLED, chinese, strict=True):
        assert re.search("[\u4e00-\u9fff]", one.text)
        assert {*re.findall("[A-Z]{3,}", note)} == {*re.findall("[A-Z]{3,}", one.text)}


def test_many_names_are_in_the_reader_s_language() -> None:
    """So is what stands in the place of the others."""
    note = NODES_UNSEEN.format(number=5, names="a/n1, a/n2 and 3 more")

    assert shown_notes([note], ENGLISH)[0].text == note
    assert "（a/n1, a/n2 等另外 3 个）" in shown_notes([note], CHINESE)[0].text


def test_a_note_that_is_not_known_stays_as_it_is() -> None:
    """Marked as English, for those who listen to a page."""
    [one] = shown_notes(["fee nat of ours@1: no exchange rate for EUR; in no line"], CHINESE)

    assert one == ("fee nat of ours@1: no exchange rate for EUR; in no line", True)


@pytest.mark.parametrize("final_at", [None, 1_800_000_000_000])
def test_what_the_import_states_of_a_provisional_bill_is_known(final_at: int | None) -> None:
    """Its sentence is made for the command line too."""
    bill = BillImport(
        month=0,
        provider="alibaba",
        account="1234",
        version=1,
        files=[],
        format="",
        lines=0,
        bad=0,
        totals={},
        final_at=final_at,
        notes=[],
    )
    note = f"bill of alibaba 1234: {provisional_until(bill)}"

    assert not shown_notes([note], CHINESE)[0].is_english


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        ("0.09 CNY per hour", "0.09 CNY per hour", "每小时 0.09 CNY"),
        ("1000 USD per month; USD/CNY 7.1", "1000 USD per month; USD/CNY 7.1", "每月 1000 USD；USD/CNY 7.1"),
        ("unused part of the hours", "unused part of the hours", "各小时未用完的部分"),
        ("rule 2 of bill.rules", "rule 2 of bill.rules", "bill.rules 的第 2 条规则"),
        ("5 CNY per century", "5 CNY per century", "5 CNY per century"),
        ("", "", ""),
    ],
)
def test_rules_are_in_the_reader_s_language(rule: str, english: str, chinese: str) -> None:
    """Names, and what is not known, stay."""
    assert (rule_words(rule, ENGLISH), rule_words(rule, CHINESE)) == (english, chinese)


def test_the_page_has_them() -> None:
    """Below what the bill stands on."""
    state = MonthState(NOVEMBER, "estimate", 1, notes=(FILLED[-1],))

    assert month_page(replace(a_report(), state=state), CHINESE)["notes"] == shown_notes([FILLED[-1]], CHINESE)
