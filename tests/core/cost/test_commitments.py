"""Savings plans against usage: one hour of one, and charges under several."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.core.cost import commitments
from collector.core.cost.commitments import (
    CoverageShares,
    Covered,
    CoveredUsage,
    Plan,
    PlanHour,
    Usage,
    UsageKind,
    cover,
)
from collector.core.cost.meters import total
from collector.core.facts.bills import PodCost
from tests.builders import DAY, HOUR, NOON
from tests.core.cost.charged import UTC, only, pod

D = Decimal


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("10", ("10", "4.55", "0", "0")),
        ("15", ("10", "4.55", "0", "5")),
        ("4", ("4", "1.82", "2.73", "0")),
        ("0", ("0", "0", "4.55", "0")),
    ],
)
def test_a_plan_covers_usage_at_its_discount(listed: str, expected: tuple[str, ...]) -> None:
    """Oracle 7.22: 4.55 an hour at 54.5 % off covers 10 at list; above it list prices hold, below it some is unused."""
    assert cover(D(listed), D("4.55"), D("0.545")) == Covered(*map(D, expected))


def test_a_plan_of_everything_off_covers_everything() -> None:
    """No part of it is ever used."""
    assert cover(D(7), D(1), D(1)) == Covered(D(7), D(0), D(1), D(0))


@given(*[st.decimals(min_value=0, max_value=10**6, places=9)] * 2, st.decimals(min_value=0, max_value=1, places=4))
def test_nothing_is_lost_or_made_up(listed: Decimal, hourly: Decimal, discount: Decimal) -> None:
    """Covered and overflow are the usage, used and unused the plan; nothing is negative."""
    found = cover(listed, hourly, discount)

    assert found.covered + found.overflow == listed
    assert found.used + found.unused == hourly
    assert min(found.covered, found.used, found.unused, found.overflow) >= 0


PRICED = only(pod())


def a_plan(**changes: Any) -> Plan:
    """Plan of oracle 7.22, for all usage and without an end."""
    plan = Plan(
        id="sp-1",
        book="ours@1",
        currency="USD",
        hourly=D("4.55"),
        discount=D("0.545"),
        begin=0,
        end=None,
        purchases=("on_demand",),
    )
    return replace(plan, **changes)


def a_charge(listed: str, begin: int = NOON, seconds: int = 3600, **changes: Any) -> PodCost:
    """A charge with a list price, from an instant on."""
    spent = D(listed)
    return replace(
        PRICED,
        cost=spent,
        list_cost=spent,
        rounded_cost=spent,
        cost_pending=spent / 4,
        billed_from=begin,
        billed_to=begin + seconds * 1000,
        billed_seconds=seconds,
        day=begin // DAY,
        **changes,
    )


def applied(charges: Sequence[PodCost], plans: Sequence[Plan]) -> tuple[list[PodCost], list[PlanHour]]:
    """The charges of the day of noon with their parts, and its hours."""
    ordered, usage = commitments.order_plans(plans), Usage()
    commitments.add_usage(usage, charges, ordered, UTC)
    uses: dict[tuple[int, UsageKind], CoveredUsage] = {}
    hours: list[PlanHour] = []
    for hour in commitments.hours_between(NOON - 12 * HOUR, NOON + 12 * HOUR, UTC):
        here = {kind: units for (at, kind), units in usage.items() if at == hour}
        more, used = commitments.spend_hour(hour, here, [(plan, plan.hourly) for plan in ordered if plan.holds(hour)])
        hours += more
        uses |= {(hour, kind): use for kind, use in used.items()}
    shares = CoverageShares(uses, UTC)
    return [shares.effective(c) if commitments.eligible(c, ordered) else c for c in charges], hours


def test_oracle_7_22_over_charges() -> None:
    """10 an hour at list under 4.55 at 54.5 % off: all covered, and each charge pays 45.5 %; what is above is at list."""
    full, hours = applied([a_charge("4"), a_charge("6")], [a_plan()])
    assert [c.cost for c in full] == [D("1.82"), D("2.73")]
    assert [c.cost_pending for c in full] == [D("0.455"), D("0.6825")]
    assert [(h.used, h.unused) for h in hours if h.hour == NOON] == [(D("4.55"), D(0))]

    over, _ = applied([a_charge("5"), a_charge("15")], [a_plan()])
    assert [(c.cost, c.covered_cost, c.list_cost) for c in over] == [
        (D("3.6375"), D("2.5"), D(5)),
        (D("10.9125"), D("7.5"), D(15)),
    ]


def test_a_plan_covers_hour_by_hour() -> None:
    """A charge over two hours is covered in each by itself; what one has left serves no other."""
    half = NOON + HOUR // 2

    [one, busy], hours = applied([a_charge("8", half), a_charge("10", NOON + HOUR)], [a_plan()])

    used = {h.hour: h.used for h in hours}
    assert (used[NOON], used[NOON + HOUR], used[NOON - HOUR]) == (D("1.82"), D("4.55"), D(0))
    assert total(c.covered_cost or D(0) for c in (one, busy)) == D(14)


def test_the_highest_discount_goes_first() -> None:
    """The next plan covers the rest."""
    small, large = (
        a_plan(id="small", hourly=D(1), discount=D("0.5")),
        a_plan(id="large", hourly=D(1), discount=D("0.8")),
    )

    [charge], hours = applied([a_charge("6")], [small, large])

    assert [(h.plan.id, h.listed, h.covered) for h in hours if h.hour == NOON] == [
        ("large", D(6), D(5)),
        ("small", D(1), D(1)),
    ]
    assert charge.cost == D("1.5")


@pytest.mark.parametrize(
    ("plan", "charge"),
    [
        ({"products": ("alibaba-acs",)}, {}),
        ({"regions": ("us-*", "cn-beijing")}, {}),
        ({"classes": ("economy",)}, {}),
        ({}, {"purchase": "spot"}),
        ({}, {"status": "accruing"}),
        ({}, {"entry": 1}),
        ({}, {"cost": None}),
        ({}, {"list_cost": None}),
        ({"begin": NOON + 1}, {}),
        ({"end": NOON}, {}),
    ],
)
def test_charges_that_a_plan_does_not_cover_stay_unchanged(plan: dict[str, Any], charge: dict[str, Any]) -> None:
    """By product, region, class, purchase and time; accruing charges, corrections and unpriced ones do not change."""
    charge_ = replace(a_charge("3"), **charge)

    assert applied([charge_], [a_plan(**plan)])[0] == [charge_]


@pytest.mark.parametrize(
    "plan", [{"regions": ("cn-*",)}, {"regions": ("cn-hangzhou",)}, {"products": ("alibaba-eci",)}]
)
def test_a_plan_covers_the_usage_that_it_names(plan: dict[str, Any]) -> None:
    """A region by name or by prefix."""
    assert a_plan(**plan).covers(UsageKind("alibaba-eci", "cn-hangzhou", "on_demand", "general-purpose"))


def test_own_discounts_apply_to_the_uncovered_part() -> None:
    """The covered part is paid at the plan's rate of the list price, the rest at the pod's own price."""
    [charge], _ = applied([replace(a_charge("20"), cost=D(18))], [a_plan()])

    assert (charge.cost, charge.covered_cost, charge.committed_cost) == (D("13.55"), D(10), D("4.55"))


def test_a_charge_that_arrives_late_takes_nothing_from_others() -> None:
    """The usage was summed up before; once it is distributed, the rest is at its own price."""
    usage = Usage()
    commitments.add_usage(usage, [a_charge("4")], [a_plan()], UTC)
    _, used = commitments.spend_hour(NOON, {kind: units for (_, kind), units in usage.items()}, [(a_plan(), D("4.55"))])
    shares = CoverageShares({(NOON, kind): use for kind, use in used.items()}, UTC)

    assert [shares.effective(a_charge(listed)).covered_cost for listed in ("3", "4")] == [D(3), D(1)]
    assert shares.effective(a_charge("1", NOON + HOUR)).covered_cost is None
    assert shares.effective(a_charge("1")) == a_charge("1")


def test_free_pods_and_unrounded_ones_are_covered_too() -> None:
    """With a discount of 100 % the cost and the pending cost are 0; an unknown rounded cost stays unknown."""
    free = replace(a_charge("4"), cost=D(0), cost_pending=D(0), rounded_cost=None)

    [charge], _ = applied([free], [a_plan()])

    assert (charge.cost, charge.cost_pending, charge.rounded_cost) == (D("1.82"), D(0), None)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York"])
def test_hours_are_those_of_the_clocks_of_the_zone(zone: str) -> None:
    """In zones with half an hour of offset, hours begin at the half; none is skipped, none occurs twice."""
    there = ZoneInfo(zone)
    begin = commitments.hour_of(NOON - 30 * DAY, there)
    hours = [*commitments.hours_between(begin - 1, begin + 2 * DAY, there)]

    assert len(hours) == 48
    assert all(later - hour == HOUR for hour, later in pairwise(hours))


def test_a_minimum_over_midnight_stays_in_its_day() -> None:
    """A day's charge never uses another day's hours, so that days stay independent."""
    late = replace(a_charge("1", NOON + 12 * HOUR - 1000, 60), day=NOON // DAY)

    [charge], hours = applied([late], [a_plan()])

    assert charge.covered_cost == 1
    assert hours[-1].covered == 1


AMOUNTS = st.one_of(st.integers(1, 20_000), st.integers(1, 10**22)).map(lambda units: D(units).scaleb(-18))
CHARGES = st.lists(
    st.builds(
        lambda listed, begin, seconds, region: replace(
            a_charge("1", NOON + begin, seconds, region=region), cost=listed, list_cost=listed, cost_pending=listed
        ),
        AMOUNTS,
        st.integers(-11 * HOUR, 8 * HOUR),
        st.integers(1, 10_000),
        st.sampled_from(["cn-hangzhou", "us-west-1"]),
    ),
    min_size=1,
    max_size=6,
)
PLANS = st.lists(
    st.builds(
        lambda n, hourly, discount, regions: a_plan(
            id=f"p{n}", hourly=hourly, discount=D(discount) / 100, regions=regions
        ),
        st.integers(0, 99),
        AMOUNTS,
        st.integers(0, 100),
        st.sampled_from([(), ("cn-*",), ("us-west-1",)]),
    ),
    max_size=3,
    unique_by=lambda plan: plan.id,
)


@given(CHARGES, PLANS)
@example(  # the middle one was paid for and not covered
    [a_charge(f"{units}e-18", seconds=1) for units in (9534, 1, 9535)],
    [a_plan(id="p1", hourly=D("1e-18"), discount=D(0)), a_plan(id="p2", hourly=D("13e-18"), discount=D("0.04"))],
)
def test_effective_and_unused_are_the_uncovered_and_the_committed(charges: list[PodCost], plans: list[Plan]) -> None:
    """To the last place; no part is negative, and no charge costs more than its list price."""
    found, hours = applied(charges, plans)
    covered = total(c.covered_cost or D(0) for c in found)

    assert total(h.covered for h in hours) == covered
    assert total(h.used for h in hours) == total(c.committed_cost or D(0) for c in found)
    assert total([total(c.cost or D(0) for c in found), total(h.unused for h in hours)]) == total(
        [total(c.list_cost or D(0) for c in found) - covered, total(h.committed for h in hours)]
    )
    assert all(h.unused >= 0 and h.used + h.unused == h.committed for h in hours)
    assert all(0 <= (c.cost or D(0)) <= (c.list_cost or D(0)) for c in found)


@given(CHARGES, PLANS, st.randoms())
def test_the_order_of_charges_moves_nothing_but_the_last_place(
    charges: list[PodCost], plans: list[Plan], random: Any
) -> None:
    """Hours are equal; parts are cut from running sums, so each may move by a place an hour and plan."""
    charges = [replace(c, pod_uid=str(i)) for i, c in enumerate(charges)]
    other = sorted(charges, key=lambda _: random.random())
    (one, hours), (two, same) = applied(charges, plans), applied(other, plans)
    moved = {c.pod_uid: c.cost or D(0) for c in one}

    assert hours == same
    assert all(abs((c.cost or D(0)) - moved[c.pod_uid]) <= D("3e-17") for c in two)
    assert applied(charges, plans)[0] == one


@given(CHARGES, AMOUNTS, AMOUNTS)
def test_a_larger_plan_covers_no_less(charges: list[PodCost], hourly: Decimal, more: Decimal) -> None:
    """For all usage together; the cost of charges outside the plan falls accordingly."""
    sums = [
        total(c.covered_cost or D(0) for c in applied(charges, [a_plan(hourly=amount)])[0])
        for amount in (hourly, hourly + more)
    ]

    assert sums[0] <= sums[1]
