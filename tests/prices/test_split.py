"""A node's price among its parts, and what is left over."""

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
def test_the_parts_are_as_others_split_them(
    price: str, node: tuple[int, int, int], weights: tuple[str, str, str], expected: tuple[str, str, str]
) -> None:
    """Oracles 7.13 and 7.16, to the digits that are printed; Amazon's page misprints the GiB as 0.00506."""
    found = unit_prices(D(price), Weights(*map(D, node)), Weights(*map(D, weights)))

    for value, printed in zip((found.vcpu, found.memory, found.gpu), expected, strict=True):
        assert value.quantize(D(printed)) == D(printed)


AMOUNT = st.decimals(min_value="0.001", max_value=10**4, places=6)


@given(AMOUNT, st.tuples(AMOUNT, AMOUNT, AMOUNT), st.tuples(AMOUNT, AMOUNT, AMOUNT))
def test_the_parts_sum_to_the_node(price: Decimal, node: tuple[Decimal, ...], weights: tuple[Decimal, ...]) -> None:
    """But for the eighteenth place of each."""
    found = unit_prices(price, Weights(*node), Weights(*weights))
    parts = sum(n * p for n, p in zip(node, (found.vcpu, found.memory, found.gpu), strict=True))

    assert abs(parts - price) <= sum(node) * D("1e-18") + D("1e-17")


def test_idle_is_what_pods_leave_over() -> None:
    """Never below nothing, where requests exceed a node."""
    assert [idle_cost(D(10), map(D, used)) for used in ([3, 4], [], [6, 6])] == [3, 10, 0]


def a_book(idle: str, vcpu: str) -> schema.Book:
    """A file that tells of one type of node, and who bears what is idle of it."""
    node = {"type": "m", "vcpu": vcpu, "memory_gib": "8", "price": "1", "from": "2026-01-01", "source": "s"}
    told = {"id": "b", "version": "1", "nodes": [node], "split": {"vcpu": "1", "memory": "1", "idle": idle}}
    return msgspec.convert(told, schema.Book)


def test_the_first_book_that_splits_a_price_says_who_bears_idle() -> None:
    """A user's own goes before the shipped one; without a word nobody does."""
    own, shipped, other = a_book("proportional", "4"), a_book("none", "2"), schema.Book(id="o", version="1")

    assert [shares_idle(books) for books in ([other, own, shipped], [shipped, own], [other], [])] == [
        True, False, False, False,
    ]  # fmt: skip


def test_a_type_of_node_is_as_large_as_the_first_book_says() -> None:
    """The size that its price is split by."""
    assert node_sizes([a_book("none", "4"), a_book("none", "2")]) == {"m": Weights(D(4), D(8))}


def test_an_unknown_policy_of_idle_is_refused() -> None:
    """A word that nobody knows must not mean that nobody pays."""
    with pytest.raises(msgspec.ValidationError, match=r"split\.idle"):
        a_book("everybody", "4")
