"""Sizes that clouds sell: the smallest that holds a request."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.cost.product import PRODUCTS
from collector.core.cost.size_grid import Grid, StepRule, parse_amounts
from tests.core.cost.charged import shipped

GRIDS = {p: grid for p in PRODUCTS if (grid := shipped().products[p].size.grid)}
AMOUNTS = st.decimals(min_value=0, max_value=600, places=9)


def fit(product: str, vcpu: str, memory: str, region: str = "") -> str:
    found = GRIDS[product].fit(Decimal(vcpu), Decimal(memory), region)
    return "" if found is None else "-".join(f"{v.normalize():f}" for v in found)


@pytest.mark.parametrize(
    ("product", "vcpu", "memory", "billed"),
    [
        ("alibaba-eci", "7", "13", "8-16"),
        ("alibaba-eci", "0", "0", "0.25-0.5"),
        ("alibaba-eci", "64", "512", "64-512"),
        ("alibaba-eci", "2", "512", "64-512"),
        ("alibaba-eci", "64.1", "1", ""),
        ("alibaba-acs", "2.3", "3", "2.5-3"),
        ("alibaba-acs", "1.1", "12", "1.5-12"),
        ("alibaba-acs", "1.1", "12.1", "2-13"),
        ("alibaba-acs", "17", "1", "24-24"),
        ("aws-fargate-eks", "1", "8.25", "2-9"),
        ("aws-fargate-eks", "8", "17", "8-20"),
        ("aws-fargate-eks", "16", "113", "16-120"),
        ("azure-aci", "0.5", "1.01", "1-1.1"),
        ("gke-autopilot", "1", "13", "2-13"),
        ("gke-autopilot", "0.0101", "0.01", "0.05-0.05078125"),
        ("gke-autopilot", "4", "1", "4-4"),
        ("gke-autopilot", "31", "40", ""),
        ("gke-autopilot", "30", "111", ""),
    ],
)
def test_the_providers_sizes(product: str, vcpu: str, memory: str, billed: str) -> None:
    """By the tables of the books."""
    assert fit(product, vcpu, memory) == billed


@given(st.sampled_from(sorted(GRIDS)), AMOUNTS, AMOUNTS, st.sampled_from(["", "cn-hangzhou"]))
def test_a_size_holds_its_request_and_is_its_own_size(
    product: str, vcpu: Decimal, memory: Decimal, region: str
) -> None:
    """Never below the request; a rounded size is rounded to itself."""
    found = GRIDS[product].fit(vcpu, memory, region)

    if found is not None:
        assert found[0] >= vcpu
        assert found[1] >= memory
        assert GRIDS[product].fit(*found, region) == found


@given(st.sampled_from(sorted(GRIDS)), AMOUNTS, AMOUNTS, AMOUNTS)
def test_asking_for_more_vcpu_never_gives_fewer(product: str, vcpu: Decimal, more: Decimal, memory: Decimal) -> None:
    """If both sizes exist."""
    small, large = GRIDS[product].fit(vcpu, memory), GRIDS[product].fit(vcpu + more, memory)

    if small and large:
        assert large[0] >= small[0]


def test_a_line_is_a_list_of_amounts_and_ranges() -> None:
    """As the providers' tables print them."""
    assert parse_amounts("0.5 1 2") == [Decimal("0.5"), 1, 2]
    assert parse_amounts("16..28/4 4..6") == [4, 5, 6, 16, 20, 24, 28]


@pytest.mark.parametrize("text", ["x", "1..", "4..2", "0", "1..2/0", "1..99999", "-1", "1,5", "NaN", "１"])
def test_an_invalid_line_of_sizes_is_refused(text: str) -> None:
    """The error shows the valid form."""
    with pytest.raises(ValueError, match=r"invalid amount of GiB|invalid range"):
        parse_amounts(text)


def test_steps_without_bounds_only_round_up() -> None:
    """Most clouds have bounds."""
    grid = Grid(steps=StepRule(Decimal(1), Decimal("0.5")))

    assert grid.fit(Decimal("1.2"), Decimal("700.1")) == (Decimal(2), Decimal("700.5"))
