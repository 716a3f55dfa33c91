"""States of budgets: what is reached, and when."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from collector.core.cost.budget import Budget, State, passed_on

BUDGET = Budget(
    name="maps",
    where=(("department", "maps"),),
    amount=Decimal(1000),
    currency="CNY",
    actual=(100, 80),
    forecast=(100,),
)


@pytest.mark.parametrize(
    ("used", "likely", "state", "reached"),
    [
        (Decimal(0), Decimal(900), "ok", ()),
        (Decimal("799.99"), None, "ok", ()),
        (Decimal(800), Decimal("999.99"), "near", (80,)),
        (Decimal(800), None, "near", (80,)),
        (Decimal(10), Decimal(1000), "forecast", ()),
        (Decimal(900), Decimal(1000), "forecast", (80,)),
        (Decimal(1000), Decimal(1000), "passed", (80, 100)),
        (None, None, "unknown", ()),
    ],
)
def test_a_state_names_the_worst(
    used: Decimal | None, likely: Decimal | None, state: State, reached: tuple[int]
) -> None:
    """What is used comes first, then what is likely; what is not known is within no budget."""
    assert BUDGET.state(used, likely) == state
    assert BUDGET.reached_thresholds(used, BUDGET.actual) == reached


@pytest.mark.parametrize(
    ("percent", "likely", "state"),
    [
        (90, 899, "ok"),
        (90, 900, "near"),
        (90, 999, "near"),
        (90, 1000, "forecast"),
        (150, 999, "ok"),
        (150, 1000, "forecast"),
    ],
)
def test_a_budget_is_forecast_to_be_passed_by_its_amount(percent: int, likely: int, state: State) -> None:
    """Not by a threshold: one of 90 % does not make it so too early, nor one of 150 % too late."""
    budget = replace(BUDGET, forecast=(percent,))

    assert budget.state(Decimal(10), Decimal(likely)) == state


def test_a_share_has_four_places() -> None:
    """Of an amount that is not known there is none."""
    assert BUDGET.share(Decimal("123.456")) == Decimal("0.1235")
    assert BUDGET.share(None) is None


def test_a_budget_is_valid_in_its_months() -> None:
    """The end is exclusive."""
    some = replace(BUDGET, begin=date(2026, 10, 1), end=date(2026, 12, 1))

    assert [some.holds_in(date(2026, month, 15)) for month in (9, 10, 11, 12)] == [False, True, True, False]
    assert BUDGET.holds_in(date(1999, 1, 1))


def test_columns_are_read_by_name() -> None:
    """What is not named may have any value."""
    assert BUDGET.of("department") == "maps"
    assert BUDGET.of("project") == ""


@pytest.mark.parametrize(
    ("used", "likely", "day"),
    [
        (500, 2000, 23),
        (0, 1000, 30),
        (999, 3000, 20),
        (1000, 2000, None),
        (500, 999, None),
    ],
)
def test_the_day_on_which_it_is_used_up(used: int, likely: int, day: int | None) -> None:
    """At an even pace from today to the end of the month; none where it is passed already, or not at all."""
    found = passed_on(Decimal(1000), Decimal(used), Decimal(likely), date(2026, 11, 20), days_left=10)

    assert found == (date(2026, 11, day) if day else None)
