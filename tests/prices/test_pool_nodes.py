"""The node of a pool: size and price from the user, the price books, or the name of the type."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from collector.core.savings.pool import PoolNode
from collector.core.savings.replay import Need
from collector.prices import book
from collector.prices.lookup import Books
from collector.prices.pool_nodes import NodeWish, PoolNodeError, pool_node
from tests.builders import NOON
from tests.core.cost.charged import shipped

GIB = 2**30
C6_LARGE = Need(2 * 10**9, 4 * GIB)
NODES = """
id: ours
version: "1"
extends: plain-node
currency: USD
sources: {list: "a test"}
split: {vcpu: "1", memory: "1"}
nodes:
- {type: gone, vcpu: "1", memory_gib: "1", price: "1", from: 2020-01-01, to: 2021-01-01, source: list}
- {type: kept, vcpu: "8", memory_gib: "30.5", gpu: "1", price: "0.5", purchase: reserved, from: 2020-01-01, source: list}
- {type: big, vcpu: "8", memory_gib: "30.5", gpu: "1", price: "0.0001", per: second, from: 2020-01-01, source: list}
- {type: two, vcpu: "8", memory_gib: "16", price: "1", from: 2020-01-01, region: cn-a, source: list}
- {type: two, vcpu: "8", memory_gib: "16", price: "2", from: 2020-01-01, region: cn-b, source: list}
"""

RATES = """
id: rates
version: "1"
sources: {list: "a test"}
exchange:
- {pair: USD/CNY, rate: "7", from: 2020-01-01, source: list}
"""


@pytest.fixture
def ours(tmp_path: Path) -> Books:
    """The shipped books with nodes of our own."""
    (tmp_path / "ours.yaml").write_text(NODES, encoding="utf-8")
    return book.load([*book.shipped_ids(), "ours.yaml"], tmp_path)


def node_of(wish: NodeWish, books: Books | None = None) -> PoolNode:
    return pool_node(books or shipped(), wish, NOON, Fraction(720))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ecs.c6.large", (2, 4)),
        ("ecs.g7.xlarge", (4, 16)),
        ("ecs.r5.2xlarge", (8, 64)),
        ("ecs.c8i.8xlarge", (32, 64)),
    ],
)
def test_the_size_of_common_types_is_in_their_name(name: str, size: tuple[int, int]) -> None:
    """2 vCPU for large, 4 for each x; 2, 4 or 8 GiB for each vCPU."""
    found = node_of(NodeWish(name, price=Decimal("0.06")))

    assert found.need == Need(size[0] * 10**9, size[1] * GIB)
    assert (found.type, found.hourly) == (name, Fraction("0.06"))
    assert found.source == "its size is by its name, its price yours"


@pytest.mark.parametrize(
    "name", ["ecs.c6.26xlarge", "ecs.c6.13xlarge", "ecs.gn5i-c4g1.xlarge", "m5.large", "ecs.c6.9xlarge"]
)
def test_no_size_is_guessed(name: str) -> None:
    """Types that do not follow the rule need a size."""
    with pytest.raises(PoolNodeError, match=f"{name}: its size is not known; add --node-size"):
        node_of(NodeWish(name, price=Decimal(1)))


def test_the_price_of_a_type_is_that_of_the_books() -> None:
    """The shipped book of ECI has ecs.c6.large at 0.06 an hour."""
    found = node_of(NodeWish("ecs.c6.large"))

    assert (found.need, found.hourly) == (C6_LARGE, Fraction("0.06"))
    assert "its price that of alibaba-eci@" in found.source


def test_what_the_user_states_comes_first(ours: Books) -> None:
    """Size, GPUs and price; a month's price is that of its hours."""
    found = node_of(NodeWish("big", "31-60Gi", Decimal(2), Decimal(250), "month"), ours)

    assert found.need == Need(31 * 10**9, 60 * GIB, 2 * 10**9)
    assert found.hourly == Fraction(250, 720)
    assert node_of(NodeWish(size="2-4Gi", price=Decimal(3), per="day")).hourly == Fraction(1, 8)
    assert node_of(NodeWish(size="2-4Gi", price=Decimal(3))).type == "2-4Gi"


def test_without_a_type_it_is_the_first_node_row_in_force(ours: Books) -> None:
    """Neither one that is out of date, nor one that is reserved; a price per second counts 3600 times."""
    found = node_of(NodeWish(), ours)

    assert (found.type, found.need, found.hourly) == (
        "big",
        Need(8 * 10**9, 61 * GIB // 2, 10**9),
        Fraction("0.36"),
    )
    assert "its size is that of ours@1" in found.source


def test_prices_are_converted(tmp_path: Path) -> None:
    """At the exchange rate of the day; without one the row counts for nothing."""
    (tmp_path / "ours.yaml").write_text(NODES, encoding="utf-8")
    (tmp_path / "rates.yaml").write_text(RATES, encoding="utf-8")

    assert node_of(
        NodeWish("big"), book.load(["plain-node", "ours.yaml", "rates.yaml"], tmp_path, "CNY")
    ).hourly == Fraction("2.52")
    with pytest.raises(PoolNodeError, match="no node to compare with"):
        node_of(NodeWish(), book.load(["plain-node", "ours.yaml"], tmp_path, "CNY"))


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (NodeWish(), "no node to compare with: say --node-type ecs.c6.large --node-price 0.06"),
        (NodeWish(size="2-4Gi"), "no node to compare with"),
        (NodeWish("ecs.g6.large"), "--node-type ecs.g6.large: no book of `prices` has its price"),
        (NodeWish(size="2x4", price=Decimal(1)), "--node-size 2x4: invalid, expected vCPU and GiB, like 2-4Gi"),
        (NodeWish(size="ecs.c6.large", price=Decimal(1)), "--node-size ecs.c6.large: invalid"),
        (NodeWish(size="2-4Gi", price=Decimal(0)), "--node-price 0: a pool that costs nothing"),
    ],
)
def test_what_is_missing_is_named(wish: NodeWish, message: str) -> None:
    """With the option that gives it."""
    with pytest.raises(PoolNodeError) as error:
        node_of(wish)

    assert str(error.value).startswith(message)


def test_a_price_that_differs_by_region_is_not_chosen_for_the_user(ours: Books) -> None:
    """Which region it is only the user knows."""
    with pytest.raises(PoolNodeError, match="two: its price differs by region"):
        node_of(NodeWish("two"), ours)
