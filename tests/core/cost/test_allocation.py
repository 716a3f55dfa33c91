"""Sharing out: to the last place, by whatever basis, and the same each time."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cost.allocation import Basis, share
from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import total

AMOUNTS = st.decimals(-(10**12), 10**12, places=18)
WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.decimals(0, 10**12, places=18), max_size=6)
BASES: st.SearchStrategy[Basis] = st.sampled_from(["proportional", "even", "fixed", "metric"])


@given(AMOUNTS, WEIGHTS, BASES)
def test_the_parts_sum_to_the_total(amount: Decimal, weights: dict[str, Decimal], basis: Basis) -> None:
    """Always, and in Decimal."""
    parts = share(amount, weights, basis)

    assert total(parts.values()) == amount
    assert all(type(part) is Decimal for part in parts.values())


@given(AMOUNTS, WEIGHTS, BASES)
def test_the_order_of_the_weights_means_nothing(amount: Decimal, weights: dict[str, Decimal], basis: Basis) -> None:
    """The same question has the same answer, to the last place."""
    assert share(amount, weights, basis) == share(amount, dict(reversed(weights.items())), basis)


@pytest.mark.parametrize(
    ("amount", "weights", "basis", "expected"),
    [
        ("10", {"a": "1", "b": "3"}, "proportional", {"a": "2.5", "b": "7.5"}),
        ("10", {"a": "1", "b": "3"}, "even", {"a": "5", "b": "5"}),
        ("10", {"a": "0", "b": "0"}, "even", {"a": "5", "b": "5"}),
        ("10", {"a": "0.4", "b": "0.6"}, "fixed", {"a": "4", "b": "6"}),
        ("1", {"a": "1", "b": "1", "c": "1"}, "metric",
         {"a": "0.333333333333333334", "b": "0.333333333333333333", "c": "0.333333333333333333"}),
        ("-1", {"a": "1", "b": "2"}, "metric", {"a": "-0.333333333333333333", "b": "-0.666666666666666667"}),
        ("0.000000000000000001", {"a": "1", "b": "2"}, "proportional", {"a": "0", "b": "0.000000000000000001"}),
        ("10", {"a": "-5", "b": "5"}, "proportional", {"b": "10"}),
        ("10", {"a": "0"}, "proportional", {UNALLOCATED: "10"}),
        ("10", {}, "even", {UNALLOCATED: "10"}),
    ],
)  # fmt: skip
def test_each_basis(amount: str, weights: dict[str, str], basis: Basis, expected: dict[str, str]) -> None:
    """Expected parts are computed by hand; without any weight the total is unallocated."""
    parts = share(Decimal(amount), {name: Decimal(weight) for name, weight in weights.items()}, basis)

    assert parts == {name: Decimal(part) for name, part in expected.items()}


@given(st.dictionaries(st.text(max_size=3), st.decimals(0, 10**9, places=18), max_size=5), AMOUNTS, BASES)
def test_departments_unallocated_and_shared_are_the_total(spent: dict[str, Decimal], fee: Decimal, basis: Any) -> None:
    """No amount is lost between spending, unallocated and shared costs."""
    parts = share(fee, spent, basis)
    owed = [total((spent.get(name, Decimal(0)), parts.get(name, Decimal(0)))) for name in {*spent, *parts}]

    assert total(owed) == total((*spent.values(), fee))


def test_an_amount_of_more_than_18_places_is_refused() -> None:
    """It could not be shared out without a loss."""
    with pytest.raises(ValueError, match="more than 18 places"):
        share(Decimal("1e-19"), {"a": Decimal(1)}, "even")
