"""Split of a node's price among its parts, and its idle cost."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.prices import schema
from collector.prices.node_split import Weights, idle_cost, node_sizes, shares_idle, unit_prices

D = Decimal


@pytest.mark.parametrize(
    ("price", "node", "weights", "expected"),
    [
        ("35", (1, 1, 1), ("30", "10", "30"), ("15", "5", "15")),
        ("10", (64, 488, 8), ("9", "1", "90"), ("0.050448", "0.0056054", "0.50448")),
    ],
    ids=["7.13 OpenCost", "7.16 Amazon's split cost allocation"],
)
def test_parts_match_published_splits(
    price: str, node: tuple[int, int, int], weights: tuple[str, str, str], expected: tuple[str, str, str]
) -> None:
    """Oracles 7.13 and 7.16, to the published digits; Amazon's page misprints the GiB as 0.00506."""
    found = unit_prices(D(price), Weights(*map(D, node)), Weights(*map(D, weights)))

    for value, printed in zip((found.vcpu, found.memory, found.gpu), expected, strict=True):
        assert value.quantize(D(printed)) == D(printed)


AMOUNT = st.decimals(min_value="0.001", max_value=10**4, places=6)


@given(AMOUNT, st.tuples(AMOUNT, AMOUNT, AMOUNT), st.tuples(AMOUNT, AMOUNT, AMOUNT))
def test_the_parts_sum_to_the_node(price: Decimal, node: tuple[Decimal, ...], weights: tuple[Decimal, ...]) -> None:
    """Except for rounding in the 18th place of each part."""
    found = unit_prices(price, Weights(*node), Weights(*weights))
    parts = sum(n * p for n, p in zip(node, (found.vcpu, found.memory, found.gpu), strict=True))

    assert abs(parts - price) <= sum(node) * D("1e-18") + D("1e-17")


def test_idle_cost_is_the_price_that_pods_leave_over() -> None:
    """Never below 0, where requests exceed a node."""
    assert [idle_cost(D(10), map(D, used)) for used in ([3, 4], [], [6, 6])] == [3, 10, 0]


def a_book(idle: str, vcpu: str) -> schema.Book:
    """A book with one node type and an idle policy."""
    node = {"type": "m", "vcpu": vcpu, "memory_gib": "8", "price": "1", "from": "2026-01-01", "source": "s"}
    fields = {"id": "b", "version": "1", "nodes": [node], "split": {"vcpu": "1", "memory": "1", "idle": idle}}
    return msgspec.convert(fields, schema.Book)


def test_the_first_book_that_splits_a_price_decides_who_pays_for_idle_nodes() -> None:
    """A user's book takes precedence over the shipped one; by default departments do not pay."""
    own, shipped, other = a_book("proportional", "4"), a_book("none", "2"), schema.Book(id="o", version="1")

    assert [shares_idle(books) for books in ([other, own, shipped], [shipped, own], [other], [])] == [
        True, False, False, False,
    ]  # fmt: skip


def test_a_node_type_has_the_size_in_the_first_book() -> None:
    """That size is used to split its price."""
    assert node_sizes([a_book("none", "4"), a_book("none", "2")]) == {"m": Weights(D(4), D(8))}


def test_an_unknown_policy_of_idle_is_refused() -> None:
    """A typo must not silently disable the distribution."""
    with pytest.raises(msgspec.ValidationError, match=r"split\.idle"):
        a_book("everybody", "4")
