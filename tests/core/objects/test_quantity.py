"""Kubernetes quantities: what is one, and what other parsers take for one."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.objects.quantity import parse_quantity

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", "0"), ("2", "2"), ("+2", "2"), ("0.5", "0.5"), (".5", "0.5"), ("5.", "5"), ("500m", "0.5"),
        ("250000u", "0.25"), ("1n", "0.000000001"), ("1k", "1000"), ("1M", "1000000"), ("4Ki", "4096"),
        ("4Gi", str(4 * GIB)), ("1.5Gi", str(GIB * 3 // 2)), ("1e3", "1000"), ("1E3", "1000"), ("12E-1", "1.2"),
        ("1E", "1000000000000000000"), ("7Ei", str(7 * 1024**6)), ("-0", "0"),
    ],
)  # fmt: skip
def test_the_forms_of_the_api_are_read(text: str, amount: str) -> None:
    """Plain, decimal and binary suffixes, exponents."""
    assert parse_quantity(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "1e3Ki", "m", "", "NaN", "nan", "Infinity", "-inf", "1e999999", "1e100", "-1", "-1m", "1_000", "１", " 5", "5 ",
        "5\n", "1K", "9" * 50, "8Ei", "1e19", "1,5", "0x10", "1..2", "1e", "Ki", "5 Gi", "٣",
    ],
)  # fmt: skip
def test_an_invalid_quantity_is_none(text: str) -> None:
    """The kubernetes package takes several of these, and hangs on one."""
    assert parse_quantity(text) is None


@pytest.mark.parametrize(("text", "amount"), [("1e-30", "0.000000001"), ("0.1234567891", "0.123456790"), ("0n", "0")])
def test_nothing_is_finer_than_a_billionth(text: str, amount: str) -> None:
    """The API itself rounds up to nano; a finer one would not fit its column."""
    assert parse_quantity(text) == Decimal(amount)


@given(st.text(max_size=12) | st.from_regex(r"\A[+-]?\d{0,25}\.?\d{0,25}([a-zA-Z]{0,2}|[eE][+-]?\d{1,9})\Z"))
def test_any_text_is_an_amount_in_bounds_or_none(text: str) -> None:
    """From 0 up to what an int64 holds, in billionths; never NaN, never an exception."""
    amount = parse_quantity(text)

    assert amount is None or (0 <= amount < 2**63 and amount.quantize(Decimal("1e-9")) == amount)
