"""Spans, shares and costs in words: short, never 0 for what is not known, and never nothing for what is small."""

from decimal import Decimal

import pytest

from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from collector.language.language import ENGLISH, language

CHINESE = language("zh-CN")


@pytest.mark.parametrize(
    ("ms", "text", "chinese"),
    [
        (None, "–", "–"),
        (0, "0 s", "0 秒"),
        (999, "< 1 s", "< 1 秒"),
        (59_999, "59 s", "59 秒"),
        (MINUTE_MS + 5000, "1 m 05 s", "1 分 05 秒"),
        (HOUR_MS, "1 h 00 m", "1 小时 00 分"),
        (2 * DAY_MS + HOUR_MS, "2 d 01 h", "2 天 01 小时"),
    ],
)
def test_an_age_has_its_two_largest_units(ms: int | None, text: str, chinese: str) -> None:
    """As on the live page."""
    assert (ENGLISH.age(ms), CHINESE.age(ms)) == (text, chinese)


@pytest.mark.parametrize(
    ("ms", "text"), [(None, "–"), (0, "0 s"), (49, "< 0.1 s"), (50, "0.1 s"), (9999, "10.0 s"), (10_000, "10 s")]
)
def test_a_short_span_is_exact_to_a_tenth(ms: int | None, text: str) -> None:
    """Steps take less than a second, and what waited a little has waited."""
    assert ENGLISH.span(ms) == text


@pytest.mark.parametrize(
    ("amount", "text", "chinese"),
    [
        (None, "no price known", "价格未知"),
        ("0", "0.00 CNY", "¥0.00"),
        ("1234.5", "1,234.50 CNY", "¥1,234.50"),
        ("0.01", "0.01 CNY", "¥0.01"),
        ("0.00023868", "0.00024 CNY", "¥0.00024"),
        ("0.0000001", "< 0.000001 CNY", "< ¥0.000001"),
        ("-0.0000001", "> -0.000001 CNY", "> -¥0.000001"),
        ("-0.5", "-0.50 CNY", "-¥0.50"),
        (Decimal("0.0009999"), "0.00100 CNY", "¥0.00100"),
    ],
)
def test_a_cost_below_a_cent_keeps_two_digits(amount: str | Decimal | None, text: str, chinese: str) -> None:
    """A pod of a second costs something; what has no price does not cost 0."""
    assert (ENGLISH.cost(amount, "CNY"), CHINESE.cost(amount, "CNY")) == (text, chinese)


def test_a_cost_without_its_currency_is_a_figure() -> None:
    """Where a column has the currency."""
    assert [chosen.cost("12.3") for chosen in (ENGLISH, CHINESE)] == ["12.30", "12.30"]


def test_shares_are_whole_percent() -> None:
    """What is there is more than 0, and 100 % is all of it."""
    parts = (None, 0, 0.001, 0.254, 1)

    assert [ENGLISH.share(part) for part in parts] == ["–", "0 %", "< 1 %", "25 %", "100 %"]
    assert [CHINESE.share(part) for part in parts] == ["–", "0%", "< 1%", "25%", "100%"]
    assert [ENGLISH.cut_share(part) for part in (None, 0.994, 0.9999, 1)] == ["–", "99 %", "99.9 %", "100 %"]
