"""
What is usual of costs: the limits of single runs, and what a history can and cannot show.
"""

from datetime import timedelta

from collector.core.cost.run_costs import NOTHING, DearRun, RunsOfDay
from collector.core.cost.usual_costs import has_each_weekday, stand_out, unusual_runs, usual_of
from tests.core.cost.normal_runs import day_of_runs

USUAL = NOTHING._replace(runs=1, cost=10_000_000, pods=1, seconds=100)


def days(count: int, *costs: int) -> list[RunsOfDay]:
    """Days with runs of these costs each, in units of the currency."""
    runs = [USUAL._replace(cost=cost * 1_000_000, seconds=cost * 10) for cost in costs]
    return [day_of_runs(number, 0, runs) for number in range(count)]


def a_run(cost: int) -> DearRun:
    """A run of this cost."""
    return DearRun(cost * 1_000_000, "w", "w", USUAL._replace(cost=cost * 1_000_000))


def test_equal_costs_have_a_least_spread() -> None:
    """Runs that cost the same to the last digit are not infinitely unlike one that costs a cent more."""
    assert usual_of([7, 7, 7]) == (7, 0.05, 3)


def test_a_run_is_judged_by_its_version_alone_where_no_dear_run_is_known() -> None:
    """Without the dearest runs of the days before, the multiple of the median decides; without enough runs nothing does."""
    history = days(10, 9, 10, 11)

    assert list(unusual_runs(history, [], [a_run(50), a_run(20)])) == [a_run(50)]
    assert list(unusual_runs(history[:9], [], [a_run(50)])) == []


def test_a_day_as_dear_as_one_before_does_not_stand_out() -> None:
    """One day in eight costs twice as much, such as each Sunday: another one is usual."""
    usual, sunday, again = days(8, *[9, 10, 11] * 3), days(1, *[19, 20, 20] * 3), days(1, *[20, 20, 21] * 3)

    assert stand_out("days", usual, again, usual)
    assert not stand_out("days", usual, again, usual[:4] + sunday + usual[4:])


def test_a_history_has_each_day_of_the_week_after_eight_days() -> None:
    """Whether or not the template ran on all of them."""
    week = days(8, 10)

    assert has_each_weekday([week[0], week[7]])
    assert not has_each_weekday(week[:7])
    assert not has_each_weekday([])
    assert week[7].day - week[0].day == timedelta(7)
