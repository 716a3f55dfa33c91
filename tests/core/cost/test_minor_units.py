"""Printed amounts: parts in minor units that sum to the printed total."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.minor_units import minor_unit, printed
from tests.examples import examples

AMOUNT = st.integers(-(10**24), 10**30).map(lambda units: Decimal(units).scaleb(-18, CONTEXT))
SMALL = st.integers(-(10**17), 10**17).map(lambda units: Decimal(units).scaleb(-18, CONTEXT))


@settings(max_examples=examples(10_000))
@given(
    parts=st.lists(AMOUNT | SMALL | st.just(Decimal(0)), max_size=30),
    currency=st.sampled_from(["CNY", "USD", "JPY", "KWD", "UYW"]),
)
def test_printed_parts_sum_to_the_printed_total(parts: list[Decimal], currency: str) -> None:
    """Each is less than a unit away from its amount, the total at most half a unit, and whole units stay as they are."""
    found, unit = printed(parts, currency), minor_unit(currency)

    assert total(found.parts) == found.total
    assert abs(CONTEXT.subtract(found.total, total(parts))) <= unit / 2
    for part, exact in zip(found.parts, parts, strict=True):
        away = abs(CONTEXT.subtract(part, exact))
        assert away < unit
        assert not away or exact % unit


@pytest.mark.parametrize(
    ("currency", "unit"), [("CNY", "0.01"), ("JPY", "1"), ("BHD", "0.001"), ("CLF", "0.0001"), ("", "0.01")]
)
def test_a_currency_has_its_own_minor_unit(currency: str, unit: str) -> None:
    """Two places, where the standard does not say otherwise."""
    assert minor_unit(currency) == Decimal(unit)


def test_the_largest_remainders_get_what_is_left() -> None:
    """The first of equal ones."""
    thirds = [Decimal("0.333333333333333333")] * 2 + [Decimal("0.333333333333333334")]

    assert printed(thirds, "USD").parts == [Decimal("0.33"), Decimal("0.33"), Decimal("0.34")]
    assert printed([Decimal("0.005"), Decimal("0.005")], "USD").parts == [Decimal("0.01"), Decimal("0.00")]
    assert printed([], "USD").total == 0
