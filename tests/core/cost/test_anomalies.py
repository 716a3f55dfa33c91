"""
Cost anomalies on drawn runs: none on normal days, all planted ones in time, and what each of them says.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from collector.core.cost.anomalies import Anomaly, RunSeries, find_anomalies
from collector.core.cost.run_costs import CAUSES, Cause, RunFigures, RunsOfDay
from collector.core.cost.usual_costs import VERSION_EVIDENCE, chance, runs_needed
from tests.core.cost.normal_runs import (
    BEGIN,
    DAYS,
    HISTORY,
    Nature,
    Template,
    day_of_runs,
    days_of,
    draw,
    drawn,
    stored,
)

MONTH, END = BEGIN + timedelta(HISTORY), BEGIN + timedelta(HISTORY + DAYS)
STEADY = Nature(name="steady", spread=0.1, a_day=12, weekend=1.0)
"""Runs that are much alike."""
SINCE = HISTORY + 10
"""The day from which something is planted."""
PLANTED = 10


def anomalies_of(*templates: Template, until: int = HISTORY + DAYS) -> list[Anomaly]:
    """What is found in the month, as far as some day."""
    return find_anomalies(stored(templates, until=until), MONTH, END)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_found_on_normal_days(seed: int) -> None:
    """30 normal days of 200 templates of all sorts: weekends, growth, releases, spot prices, retries, kinds, heavy tails."""
    assert anomalies_of(*draw(200, seed)) == []


def test_a_run_that_costs_thrice_as_much_is_found_with_it() -> None:
    """10 of 10, on the day of the run: of templates whose runs are alike enough."""
    for seed in range(PLANTED):
        template, rng = drawn(replace(STEADY, spread=0.04 + 0.008 * seed), seed), Random(seed)
        run = rng.choice([run for run in template.runs if run.day == SINCE])
        run.longer(3)

        [one] = anomalies_of(template, until=SINCE + 1)

        assert (one.kind, one.cause, one.workflow_uid, one.runs) == ("run", "time", run.uid, 1)
        assert one.since == one.until == BEGIN + timedelta(SINCE)
        assert Decimal("2.2") < one.factor < Decimal("4.2")
        assert one.excess == one.now - one.usual


def test_a_version_that_is_dearer_by_half_is_found_within_one_run() -> None:
    """10 of 10, with the first run after the evidence is complete; one run before it there is nothing."""
    for seed in range(PLANTED):
        template = drawn(replace(STEADY, spread=0.05 + 0.03 * seed), seed)
        new = [run for run in template.runs if run.day >= SINCE]
        for run in new:
            run.version = 1
            run.longer(1.5)
        needed = runs_needed_by(template)
        old = template.runs[: -len(new)]

        assert anomalies_of(Template(template.nature, old + new[: needed - 1])) == []
        [one] = anomalies_of(Template(template.nature, old + new[: needed + 1]))

        assert (one.kind, one.cause, one.version_before, one.version) == ("version", "time", "v0", "v1")
        assert one.lasts
        assert Decimal("1.25") < one.factor < Decimal("1.8")


def runs_needed_by(template: Template) -> int:
    """The evidence that a version of a template needs, by the runs of the days before."""
    costs = [run.figures.cost for run in template.runs if SINCE - 14 <= run.day < SINCE]
    days = [
        one for one in days_of(template, Random(0)) if one.version == "v0" and one.day >= BEGIN + timedelta(SINCE - 14)
    ]
    assert sorted(cost for one in days for cost in one.drawn) == sorted(costs)
    return runs_needed(spread_of(costs))


def spread_of(costs: list[int]) -> float:
    """The robust spread, computed another way."""
    logs = sorted(float(Decimal(cost).ln()) for cost in costs)
    middle = (logs[(len(logs) - 1) // 2] + logs[len(logs) // 2]) / 2
    away = sorted(abs(one - middle) for one in logs)
    return max(0.05, 1.4826 * (away[(len(away) - 1) // 2] + away[len(away) // 2]) / 2)


def test_wide_runs_need_more_evidence() -> None:
    """Twice the spread takes four times the runs; there is a least and a most."""
    assert runs_needed(0.01) == VERSION_EVIDENCE
    assert runs_needed(0.4) == pytest.approx(4 * runs_needed(0.2), abs=4)
    assert runs_needed(100) == 400


def test_nothing_is_found_without_evidence() -> None:
    """A template that began this week, or a version whose predecessor hardly ran: a thrice dearer run is not judged."""
    template = drawn(STEADY, 1)
    template.runs = [run for run in template.runs if SINCE - 2 <= run.day <= SINCE]
    template.runs[-1].longer(3)
    for run in template.runs[5:]:
        run.version = 1
        run.longer(2)

    template.runs[0].lost = 1.0

    assert find_anomalies(stored([template]), BEGIN, END) == []


def test_little_money_is_not_worth_a_sentence() -> None:
    """The same run of a template that costs a thousandth; asked for, it is there."""
    template = drawn(replace(STEADY, cost=0.02), 1)
    next(run for run in template.runs if run.day == SINCE).longer(3)

    assert anomalies_of(template) == []
    assert len(find_anomalies(stored([template]), MONTH, END, Decimal(0))) == 1


def test_only_what_began_in_the_period_is_found() -> None:
    """A version of last month is usual this month, also for single runs."""
    template = drawn(STEADY, 1)
    for run in template.runs:
        if run.day >= 10:
            run.version = 1
            run.longer(2)

    assert anomalies_of(template) == []


def test_a_single_run_of_a_dear_version_is_found_too() -> None:
    """A dear version is usual for itself."""
    template = drawn(STEADY, 1)
    for run in template.runs:
        if run.day >= HISTORY + 2:
            run.version = 1
            run.longer(2)
    template.runs[-1].longer(4)

    assert [(one.kind, one.version) for one in anomalies_of(template)] == [("version", "v1"), ("run", "v1")]


def test_unusual_runs_of_one_cause_are_one_anomaly() -> None:
    """Three dear runs on three days: one anomaly, with all of their money, and the dearest of them."""
    template = drawn(STEADY, 1)
    for day, times in ((SINCE, 3), (SINCE + 4, 5), (SINCE + 9, 4)):
        next(run for run in template.runs if run.day == day).longer(times)

    [one] = anomalies_of(template)

    assert (one.runs, one.lasts) == (3, False)
    assert (one.since, one.until) == (BEGIN + timedelta(SINCE), BEGIN + timedelta(SINCE + 9))
    assert one.excess > 2 * (one.now - one.usual)


def test_dear_days_of_one_version_are_one_anomaly() -> None:
    """Five days on which each run takes twice as long: since when, and that it is over."""
    template = drawn(STEADY, 1)
    for run in template.runs:
        if SINCE <= run.day < SINCE + 5:
            run.longer(2)

    [one] = anomalies_of(template)

    assert (one.kind, one.cause, one.lasts) == ("days", "time", False)
    assert (one.since, one.until) == (BEGIN + timedelta(SINCE), BEGIN + timedelta(SINCE + 4))
    assert one.runs == sum(SINCE <= run.day < SINCE + 5 for run in template.runs)
    assert one.excess == pytest.approx(Decimal(one.runs) * (one.now - one.usual), rel=Decimal("0.1"))


def test_dear_days_of_one_of_two_versions_that_run_side_by_side() -> None:
    """Days of the other version are neither dear nor an end of the dear days."""
    template = drawn(STEADY, 1)
    for number, run in enumerate(template.runs):
        run.version = number % 2
        if run.version == 0 and SINCE <= run.day < SINCE + 5:
            run.longer(2)

    [one] = anomalies_of(template)

    assert (one.version, one.since, one.until) == ("v0", BEGIN + timedelta(SINCE), BEGIN + timedelta(SINCE + 4))


def test_days_of_rare_runs_are_judged_together() -> None:
    """A template that runs twice a day needs more than one dear day, and the days before count then."""
    template = drawn(replace(STEADY, a_day=2.5), 4)
    for run in template.runs:
        if run.day >= SINCE:
            run.longer(2)

    assert anomalies_of(template, until=SINCE + 1) == []
    [one] = anomalies_of(template)
    assert (one.kind, one.since, one.lasts) == ("days", BEGIN + timedelta(SINCE), True)


@pytest.mark.parametrize("lost", ["retries", "reclaims"])
def test_a_storm_of_lost_tries_is_found_by_the_runs_that_had_them(lost: Cause) -> None:
    """A third more money a run, by tries that two thirds of the runs lost: too little for medians, and no chance."""
    template = drawn(replace(STEADY, spread=0.4, retried=0.05), 1)
    storm = [run for run in template.runs if SINCE <= run.day < SINCE + 5]
    for run in storm[: len(storm) * 2 // 3]:
        run.lost = run.work * 0.6
        run.reclaimed = lost == "reclaims"

    [one] = anomalies_of(template)

    assert (one.kind, one.cause, one.lasts) == ("days", lost, False)
    assert max(one.parts, key=lambda cause: one.parts[cause]) == lost


def test_a_run_that_is_only_done_twice_is_ordinary() -> None:
    """A run whose tries were lost once or twice is usual; one that lost ten is."""
    template = drawn(STEADY, 1)
    twice, often = (next(run for run in template.runs if run.day == day) for day in (SINCE, SINCE + 3))
    twice.lost, often.lost = twice.work * 1.9, often.work * 10

    [one] = anomalies_of(template)

    assert (one.workflow_uid, one.cause) == (often.uid, "retries")


def test_a_template_of_several_kinds_of_runs_is_compared_with_the_dearest() -> None:
    """A run ten times as dear as most is usual where each fifth run is; so is a day with many of them."""
    template = drawn(replace(STEADY, kinds=((0.8, 1.0), (0.2, 10.0))), 3)

    assert anomalies_of(template) == []


def test_a_price_that_rose_a_little_makes_no_version_dearer() -> None:
    """A release on the day on which the price rose by 40 %: the version is not what is dearer."""
    template = drawn(STEADY, 1)
    for run in template.runs:
        if run.day >= SINCE:
            run.version = 1
            run.work *= 1.4

    assert anomalies_of(template) == []


def test_a_price_that_doubled_is_found() -> None:
    """All runs since a day, by their price."""
    template = drawn(STEADY, 1)
    for run in template.runs:
        if run.day >= SINCE:
            run.work *= 2

    assert [(one.kind, one.cause, one.ratios["price"]) for one in anomalies_of(template)] == [
        ("days", "price", Decimal(2))
    ]


def test_currencies_stay_apart() -> None:
    """What one template costs in two currencies is two series, and is not sorted as if it were one."""
    template = drawn(STEADY, 1)
    next(run for run in template.runs if run.day == SINCE).longer(3)
    [days] = stored([template]).values()
    series = {RunSeries("c1", "team", "steady", currency): days for currency in ("USD", "CNY")}

    assert [one.currency for one in find_anomalies(series, MONTH, END)] == ["CNY", "USD"]


def test_the_dearest_comes_first() -> None:
    """By what it cost beyond the usual."""
    templates = [drawn(replace(STEADY, name=f"t{cost}", cost=cost), cost) for cost in (10, 40, 20)]
    for template in templates:
        next(run for run in template.runs if run.day == SINCE).longer(4)

    assert [one.template for one in anomalies_of(*templates)] == ["t40", "t20", "t10"]


GROWN: dict[str, Callable[[RunFigures], RunFigures]] = {
    "time": lambda one: one._replace(cost=2 * one.cost, seconds=2 * one.seconds, **sizes(one, 2)),
    "size": lambda one: one._replace(cost=2 * one.cost, **sizes(one, 2)),
    "pods": lambda one: one._replace(cost=2 * one.cost, pods=2 * one.pods, seconds=2 * one.seconds, **sizes(one, 2)),
    "price": lambda one: one._replace(cost=2 * one.cost),
    "purchase": lambda one: one._replace(cost=2 * one.cost, spot_seconds=0),
    "retries": lambda one: one._replace(cost=2 * one.cost, retried=one.cost),
    "reclaims": lambda one: one._replace(cost=2 * one.cost, reclaimed=one.cost),
    "pending": lambda one: one._replace(cost=2 * one.cost, pending=one.cost),
}


def sizes(one: RunFigures, times: int) -> dict[str, int]:
    """Size by time, multiplied."""
    return {"vcpu_ms": times * one.vcpu_ms, "mib_seconds": times * one.mib_seconds}


@pytest.mark.parametrize("cause", CAUSES)
def test_what_grew_is_the_cause(cause: Cause) -> None:
    """A version twice as dear by one part alone: that part is the cause, and has all of the difference."""
    usual = RunFigures(
        runs=1,
        cost=10_000_000,
        pending=0,
        retried=0,
        reclaimed=0,
        pods=4,
        seconds=2000,
        vcpu_ms=4_000_000,
        mib_seconds=8_192_000,
        spot_seconds=2000,
        lossy=0,
    )
    days = [day_of_runs(day, 0 if day < SINCE else 1, [usual] * 5) for day in range(HISTORY + DAYS)]
    days = [dearer(one, GROWN[cause]) if one.version == "v1" else one for one in days]

    anomalies = find_anomalies({RunSeries("c1", "team", "t", "CNY"): days}, MONTH, END)

    if cause == "price":  # of all versions alike
        assert anomalies == []
        return
    [one] = anomalies
    assert (one.kind, one.cause) == ("version", cause)
    assert one.factor == 2
    assert sum(one.parts.values()) == one.parts[cause] == Decimal(10)


def dearer(day: RunsOfDay, change: Callable[[RunFigures], RunFigures]) -> RunsOfDay:
    """A day whose runs are all changed alike."""
    number = int((day.day - BEGIN).days)
    return day_of_runs(number, 1, [change(run.figures) for run in day.dearest[:1]] * day.figures.runs)


def test_chance_is_that_of_many_throws() -> None:
    """Ten of ten where half is usual are as improbable as ten equal throws of a coin; fewer than usual are to be expected."""
    assert chance(0.5, 1.0, 10) == pytest.approx(10 * -0.6931, abs=0.001)
    assert chance(0.5, 0.4, 10) == 0.0
    assert chance(0.1, 0.5, 10) > chance(0.1, 0.6, 10)
