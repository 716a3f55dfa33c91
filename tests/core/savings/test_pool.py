"""Cost and waits of pools: exact amounts, the break-even of the price lists, and laws."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.savings.pool import (
    PoolNode,
    PoolWindow,
    curve,
    median_nodes,
    node_time,
    pool_cost,
    pool_sizes,
)
from collector.core.savings.replay import Need
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.core.savings.fleets import GIB, LARGE, NODE, SMALL, VCPU, a_fleet, past
from tests.examples import examples

C6_LARGE = PoolNode(type="ecs.c6.large", need=LARGE, hourly=Fraction("0.06"))
TEN_HOURS = PoolWindow(NOON, NOON + 10 * HOUR)
ECI_HOUR = Decimal("0.069264")
"""2 vCPU and 4 GiB for an hour."""


@pytest.mark.parametrize(
    ("nodes", "hourly", "end", "cost"),
    [
        (17, "0.06", NOON + 31 * DAY, "758.88"),
        (1, "0.000000000000000001", NOON + HOUR, "0.000000000000000001"),
        (3, "1", NOON + 20 * MINUTE, "1"),
        (1, "1", NOON + 20 * MINUTE, "0.333333333333333333"),
        (999_999, "123456.789012345678901234", NOON + 744 * HOUR, "91851759173334.159917332993481904"),
    ],
)
def test_a_pool_costs_nodes_times_price_times_hours(nodes: int, hourly: str, end: int, cost: str) -> None:
    """To the 18th place, whatever the size of the amount."""
    assert pool_cost(nodes, Fraction(hourly), PoolWindow(NOON, end)) == Decimal(cost)


def test_a_node_that_is_always_full_breaks_even_at_the_ratio_of_the_prices() -> None:
    """ecs.c6.large at 0.06 against 2 vCPU and 4 GiB on ECI at 0.069264 an hour: 86.6 %."""
    pods = past([(NOON + hour * HOUR, HOUR, LARGE) for hour in range(9)])
    found = curve(pods, C6_LARGE, TEN_HOURS, 9 * ECI_HOUR)

    assert found.break_even == Fraction("0.06") / Fraction("0.069264")
    assert f"{float(found.break_even):.3f}" == "0.866"
    (point,) = found.points
    assert (point.nodes, point.cost, point.used, point.done) == (1, Decimal("0.6"), Fraction(9, 10), True)
    assert (point.p50_ms, point.p95_ms, point.makespan_ms) == (0, 0, 9 * HOUR)
    assert found.cheaper(point)
    assert found.saved(point) == Decimal("0.023376")


def test_a_pool_below_break_even_costs_more() -> None:
    """At 80 % of the time the same node costs more than the bill, and nothing is saved."""
    found = curve(past([(NOON + hour * HOUR, HOUR, LARGE) for hour in range(8)]), C6_LARGE, TEN_HOURS, 8 * ECI_HOUR)

    assert [found.cheaper(point) for point in found.points] == [False]
    assert [found.saved(point) for point in found.points] == [0]


def test_a_smaller_pool_waits_instead() -> None:
    """Four pods of an hour at once: on 4 nodes none waits, on 1 the last waits 3 h, all within the ten hours."""
    found = curve(past([(NOON, HOUR, LARGE)] * 4), C6_LARGE, TEN_HOURS, Decimal("1.3"))

    assert [(p.nodes, p.p50_ms, p.p95_ms, p.makespan_ms) for p in found.points] == [
        (1, HOUR, 3 * HOUR, 4 * HOUR),
        (2, 0, HOUR, 2 * HOUR),
        (3, 0, HOUR, 2 * HOUR),
        (4, 0, 0, HOUR),
    ]
    assert [found.cheaper(p) for p in found.points] == [True, True, False, False]
    assert found.smallest(HOUR) == found.points[1]
    assert found.smallest(0) == found.points[3]


def test_a_pool_that_is_not_done_in_time_saves_nothing() -> None:
    """Twelve hours of work do not fit into the ten that one node is paid for."""
    found = curve(past([(NOON, HOUR, LARGE)] * 12), C6_LARGE, TEN_HOURS, Decimal(100))

    assert [p.nodes for p in found.points if not p.done] == [1]
    assert found.points[0].used == 1
    assert not found.cheaper(found.points[0])
    assert found.smallest(DAY) == found.points[1]


def test_pods_that_ended_after_the_window_may_do_so_on_the_pool() -> None:
    """A pod that ran beyond the end of the month in reality makes no pool late."""
    found = curve(past([(NOON + 9 * HOUR, 3 * HOUR, LARGE)]), C6_LARGE, TEN_HOURS, Decimal(100))

    assert [p.done for p in found.points] == [True]
    assert found.points[0].used == Fraction(3, 12)


def test_without_pods_or_bill_there_is_no_curve() -> None:
    """No pods: no sizes and no break-even. No bill: sizes, but no utilisation pays off."""
    nothing = curve(past([]), C6_LARGE, TEN_HOURS, Decimal(0))
    free = curve(past([(NOON, HOUR, LARGE)]), C6_LARGE, TEN_HOURS, Decimal(0))

    assert (nothing.points, nothing.break_even, nothing.smallest(0)) == ([], None, None)
    assert free.break_even is None
    assert [free.saved(p) for p in free.points] == [0]


def test_the_time_of_one_full_node_is_that_of_the_scarcest_resource() -> None:
    """A pod of half the vCPU and all the memory takes the whole node; a resource that nodes lack is not asked for."""
    assert node_time(past([(0, 60, Need(VCPU, 4 * GIB)), (0, 60, Need(VCPU, GIB))]), LARGE) == 75
    assert node_time(past([(0, 60, Need(0, 0, 1))]), Need(VCPU, GIB, 2)) == 30


def test_the_median_counts_time_and_not_pods() -> None:
    """Many pods in the first four hours of ten, one for the next two, then none: half of the time needs none."""
    burst = [(NOON, 4 * HOUR, NODE)] * 9
    one = [(NOON + 4 * HOUR, 2 * HOUR, SMALL)]

    assert median_nodes(past([*burst, *one]), NODE, TEN_HOURS) == 1
    assert median_nodes(past(burst), NODE, TEN_HOURS) == 0
    assert median_nodes(past([(NOON, 20 * HOUR, NODE)] * 3), NODE, TEN_HOURS) == 3
    assert median_nodes(past([(NOON - HOUR, HOUR, NODE)]), NODE, TEN_HOURS) == 0


@pytest.mark.parametrize(
    ("median", "peak", "affordable", "sizes"),
    [
        (0, 1, 9, [1]),
        (2, 4, 0, [2, 3, 4]),
        (1, 1000, 300, [1, 3, 7, 19, 52, 139, 300, 373, 1000]),
        (80, 100, 200, [80, 83, 85, 88, 91, 94, 97, 100]),
        (5, 3, 3, [3]),
    ],
)
def test_sizes_go_from_the_median_to_the_peak(median: int, peak: int, affordable: int, sizes: list[int]) -> None:
    """By a factor, with the largest size that the bill would pay for."""
    assert list(pool_sizes(median, peak, affordable)) == sizes


@settings(max_examples=examples(400))
@given(seed=st.integers(0, 10**9), bill=st.decimals(0, 10, places=18), hourly=st.decimals("0.001", 10, places=18))
def test_savings_never_exceed_the_bill(seed: int, bill: Decimal, hourly: Decimal) -> None:
    """What a pool saves is between 0 and the bill, bill and cost add up, and the last size lets no pod wait."""
    pods, node, _ = a_fleet(seed)
    window = PoolWindow(1000, 1000 + HOUR)
    found = curve(pods, PoolNode(type="n", need=node, hourly=Fraction(hourly)), window, bill)

    assert found.points[-1].p95_ms == 0
    assert found.points[-1].done
    assert [p.nodes for p in found.points] == sorted({p.nodes for p in found.points})
    for point in found.points:
        assert 0 <= found.saved(point) <= bill
        assert 0 <= point.used <= 1
        assert not found.saved(point) or Fraction(found.saved(point)) == Fraction(bill) - Fraction(point.cost)
        if found.break_even is not None and point.done and pods.arrivals[-1] + max(pods.runs) <= window.end:
            assert found.cheaper(point) == (point.cost < bill)
            assert (point.used > found.break_even) == (Fraction(bill) > point.nodes * Fraction(hourly) * window.hours)


def test_a_pod_fits_an_empty_node_of_its_size() -> None:
    """A size that lacks any of the three does not."""
    assert Need(2 * VCPU, 4 * GIB, 1).fits(Need(2 * VCPU, 4 * GIB, 1))
    assert not any(
        Need(2 * VCPU, 4 * GIB, 1).fits(node) for node in (Need(VCPU, 4 * GIB, 1), Need(2 * VCPU, GIB, 1), LARGE)
    )
