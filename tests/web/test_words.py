"""Figures in words: short, never 0 for what is not known, and never nothing for what is small."""

from decimal import Decimal

import pytest

from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from collector.web import words
from tests.builders import NOON


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (999, "< 1 s"),
        (59_999, "59 s"),
        (MINUTE_MS + 5000, "1 m 05 s"),
        (HOUR_MS, "1 h 00 m"),
        (2 * DAY_MS + HOUR_MS, "2 d 01 h"),
    ],
)
def test_an_age_has_its_two_largest_units(ms: int | None, text: str) -> None:
    """As on the live page."""
    assert words.age(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(None, "–"), (0, "0 s"), (49, "< 0.1 s"), (50, "0.1 s"), (9999, "10.0 s"), (10_000, "10 s")]
)
def test_a_short_span_is_exact_to_a_tenth(ms: int | None, text: str) -> None:
    """Steps take less than a second, and what waited a little has waited."""
    assert words.span(ms) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "no price known"),
        ("0", "0.00"),
        ("1234.5", "1,234.50"),
        ("0.01", "0.01"),
        ("0.00023868", "0.00024"),
        ("0.0000001", "< 0.000001"),
        ("-0.0000001", "> -0.000001"),
        ("-0.5", "-0.50"),
        (Decimal("0.0009999"), "0.00100"),
    ],
)
def test_money_below_a_cent_keeps_two_digits(amount: str | Decimal | None, text: str) -> None:
    """A pod of a second costs something; what has no price does not cost 0."""
    assert words.money(amount) == text


def test_counts_shares_sizes_and_instants() -> None:
    """As people write them."""
    assert [words.count(n) for n in (None, 0, 1234567)] == ["–", "0", "1,234,567"]
    assert [words.plural(1, "pod"), words.plural(2, "pod"), words.plural(2, "retry", "retries")] == [
        "1 pod",
        "2 pods",
        "2 retries",
    ]
    assert [words.share(part) for part in (None, 0, 0.001, 0.254, 1)] == ["–", "0 %", "< 1 %", "25 %", "100 %"]
    assert [words.bytes_of(size) for size in (10, 1536, 3 * 1024**5)] == ["10 B", "1.5 KiB", "3072 TiB"]
    assert (words.clock(None), words.clock(NOON), words.iso(NOON)) == (
        "–",
        "2026-11-22 12:00:00",
        "2026-11-22T12:00:00Z",
    )
    assert words.reason("step_lock") == "step lock"
