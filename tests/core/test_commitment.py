"""A savings plan against an hour's usage."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.commitment import Covered, cover

D = Decimal


@pytest.mark.parametrize(
    ("listed", "expected"),
    [("10", ("10", "4.55", "0", "0")), ("15", ("10", "4.55", "0", "5")), ("4", ("4", "1.82", "2.73", "0")),
     ("0", ("0", "0", "4.55", "0"))],
)  # fmt: skip
def test_a_plan_covers_usage_at_its_discount(listed: str, expected: tuple[str, ...]) -> None:
    """Oracle 7.22: 4.55 an hour at 54.5 % off covers 10 at list; above it list prices hold, below it some is unused."""
    assert cover(D(listed), D("4.55"), D("0.545")) == Covered(*map(D, expected))


def test_a_plan_of_everything_off_covers_everything() -> None:
    """Nothing of it is ever used."""
    assert cover(D(7), D(1), D(1)) == Covered(D(7), D(0), D(1), D(0))


@given(*[st.decimals(min_value=0, max_value=10**6, places=9)] * 2, st.decimals(min_value=0, max_value=1, places=4))
def test_nothing_is_lost_or_made_up(listed: Decimal, hourly: Decimal, discount: Decimal) -> None:
    """Covered and overflow are the usage, used and unused the plan; nothing is negative."""
    found = cover(listed, hourly, discount)

    assert found.covered + found.overflow == listed
    assert found.used + found.unused == hourly
    assert min(found.covered, found.used, found.unused, found.overflow) >= 0
