"""
What the difference between runs consists of: parts that sum to it, and factors that are 1 where nothing is known.
"""

from decimal import Decimal
from random import Random

from collector.core.cost.run_costs import MICRO, NOTHING, RunFigures, factors, grown, together


def some_runs(rng: Random) -> RunFigures:
    """A few runs of any kind."""
    amounts = [rng.randrange(1_000_000) for _ in range(4)]
    return RunFigures(
        runs=rng.randrange(1, 9),
        cost=sum(amounts),
        pending=amounts[0],
        retried=amounts[1],
        reclaimed=amounts[2],
        pods=rng.randrange(1, 40),
        seconds=rng.randrange(1, 10_000),
        vcpu_ms=rng.choice((0, rng.randrange(1, 10**7))),
        mib_seconds=rng.randrange(1, 10**8),
        spot_seconds=0,
        lossy=1,
    )


def test_the_parts_sum_to_the_difference() -> None:
    """Of the mean cost of a run, to the last millionth but for rounding of the two quotients."""
    rng = Random(1)
    for _ in range(2000):
        before, after = some_runs(rng), some_runs(rng)
        difference = after.cost * MICRO / after.runs - before.cost * MICRO / before.runs

        assert abs(sum(grown(before, after).values()) - difference) < 6 * MICRO


def test_an_instance_that_is_billed_by_its_type_has_no_size() -> None:
    """Its time and its price are known: twice the time at the same price an hour."""
    before = NOTHING._replace(runs=1, cost=10_000_000, pods=1, seconds=100)
    after = before._replace(cost=20_000_000, seconds=200)

    assert factors(before, after) == {"pods": 1.0, "time": 2.0, "size": 1.0, "price": 1.0}
    assert grown(before, after)["time"] == Decimal(10)


def test_equal_runs_have_no_parts() -> None:
    """And neither has what was never run."""
    runs = some_runs(Random(1))

    assert set(grown(runs, runs).values()) == set(grown(NOTHING, NOTHING).values()) == {Decimal(0)}
    assert together([]) == NOTHING
    assert together([runs, runs]).cost == 2 * runs.cost


def test_less_spot_is_a_matter_of_purchase() -> None:
    """A price that rose with less time on spot machines."""
    before = some_runs(Random(1))._replace(seconds=1000, spot_seconds=800)
    after = before._replace(cost=2 * before.cost, spot_seconds=500)

    assert "price" not in grown(before, after)
    assert "purchase" not in grown(before, after._replace(spot_seconds=700))
