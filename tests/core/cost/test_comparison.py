"""
Laws of a comparison: the parts of every difference sum to it exactly, whatever two periods consist of.
"""

from decimal import Decimal
from fractions import Fraction
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.cost.comparison import (
    PARTS,
    ComparedWorkload,
    DifferenceSplit,
    PeriodCost,
    PriceMarket,
    Row,
    Size,
    Usage,
    WorkloadCost,
    compare,
    renamed,
    summed,
    whole,
)
from collector.core.cost.meters import total
from collector.core.units import ZERO
from tests.examples import examples

DUST = Decimal("1e-15")
"""Rounding of some hundred parts to 18 places; a split that is wrong is off by more."""

SIZES = [
    Size(PriceMarket(product, purchase, "cn-hangzhou", "general-purpose"), (size,))
    for product, purchase, size in product(("eci", "acs"), ("spot", "on_demand"), ("2c4g", "4c8g"))
]
NAMES, TEMPLATES = ("maps", "sim", "ci"), ("train", "infer")


def a_period(rng: Random) -> PeriodCost:
    """A period of a few workloads; each amount may be 0, tiny or large."""

    def amount(low: int = 0) -> Decimal:
        return Decimal(rng.choice((0, rng.randint(low, 9), rng.randint(low * 10**22, 10**24)))).scaleb(-18)

    def seconds() -> int:
        return rng.choice((0, rng.randint(1, 10**7)))

    def usage() -> Usage:
        return Usage(
            size=rng.choice(SIZES),
            seconds=seconds(),
            good_seconds=seconds(),
            good=amount(),
            pending=amount(),
            waste=amount(),
        )

    def spent() -> WorkloadCost:
        lines = tuple(usage() for _ in range(rng.randint(0, 2)))
        return WorkloadCost(runs=rng.choice((0, rng.randint(1, 5000))), usage=lines, corrections=amount(-1))

    def some(most: int) -> dict[Row, Decimal]:
        return {Row(rng.choice(NAMES), rng.choice(TEMPLATES)): amount(-1) for _ in range(rng.randint(0, most))}

    workloads = [ComparedWorkload(cluster, "team", template) for cluster in ("c1", "c2") for template in TEMPLATES]
    return PeriodCost(
        spent={
            workload: {name: spent() for name in rng.sample(NAMES, rng.randint(1, 3))}
            for workload in rng.sample(workloads, rng.randint(0, 3))
        },
        shared=some(3),
        rounding=some(2),
    )


periods = st.integers(0, 2**62).map(lambda seed: a_period(Random(seed)))


def to_pay(period: PeriodCost) -> Decimal:
    """All that a period costs."""
    spent = [of for by_department in period.spent.values() for of in by_department.values()]
    own = (amount for of in spent for amount in (of.cost, of.corrections))
    return total((*own, *period.shared.values(), *period.rounding.values()))


@pytest.mark.timeout(600)
@settings(max_examples=examples(10_000))
@given(before=periods, after=periods)
def test_parts_sum_to_the_difference_exactly(before: PeriodCost, after: PeriodCost) -> None:
    """Of every row and of the whole, to the last of 18 places; the whole is what both periods cost."""
    splits = compare(before, after)
    everything = whole(splits)

    assert (everything.before, everything.after) == (to_pay(before), to_pay(after))
    for split in (*splits, everything, *summed(splits, ("department",)), *summed(splits, ("template",))):
        assert total(split.parts.values()) == split.difference
        assert split.parts.keys() == set(PARTS)


@settings(max_examples=examples(2_000))
@given(before=periods, after=periods)
def test_no_part_hides_a_wrong_split(before: PeriodCost, after: PeriodCost) -> None:
    """Shared costs, corrections and what moved are what they are by themselves: no remainder beyond rounding is in them."""
    splits = compare(before, after)
    everything = whole(splits)

    def corrections(period: PeriodCost) -> Decimal:
        own = (of.corrections for by_department in period.spent.values() for of in by_department.values())
        return total((*own, *period.rounding.values()))

    assert abs(everything.parts["ownership"]) <= DUST
    assert abs(everything.parts["shared"] - total(after.shared.values()) + total(before.shared.values())) <= DUST
    assert abs(everything.parts["corrections"] - corrections(after) + corrections(before)) <= DUST


@settings(max_examples=examples(1_000))
@given(period=periods)
def test_a_period_does_not_differ_from_itself(period: PeriodCost) -> None:
    """Every part of every row is 0."""
    assert {amount for split in compare(period, period) for amount in split.parts.values()} <= {ZERO}


@settings(max_examples=examples(1_000))
@given(before=periods, after=periods)
def test_the_way_back_starts_and_ends_the_other_way_round(before: PeriodCost, after: PeriodCost) -> None:
    """Compared the other way round each row has the opposite difference."""
    there = {split.row: split.difference for split in compare(before, after)}
    back = {split.row: -split.difference for split in compare(after, before)}

    assert there == back


ECI = Size(PriceMarket("eci", "on_demand", "cn-hangzhou", "general-purpose"), ("2c4g",))
TRAIN = ComparedWorkload("c1", "team", "train")


def used(runs: int, *, size: Size = ECI, good: str = "0", waste: str = "0", seconds: int = 1000) -> WorkloadCost:
    """What some runs used of one size."""
    line = Usage(
        size=size, seconds=seconds, good_seconds=seconds, good=Decimal(good), pending=ZERO, waste=Decimal(waste)
    )
    return WorkloadCost(runs=runs, usage=(line,))


def parts_of(
    before: dict[str, WorkloadCost], after: dict[str, WorkloadCost], department: str = "maps"
) -> dict[str, Decimal]:
    """The parts of a department's difference that are not 0."""
    splits = compare(*(PeriodCost(spent={TRAIN: spent} if spent else {}) for spent in (before, after)))
    [split] = [split for split in splits if split.row.department == department]
    return {name: amount for name, amount in split.parts.items() if amount}


def test_a_new_template_is_volume_and_so_is_one_that_ended() -> None:
    """Nothing to compare it with: all of its cost is volume."""
    assert parts_of({}, {"maps": used(10, good="5", waste="1")}) == {"volume": Decimal(6)}
    assert parts_of({"maps": used(10, good="5", waste="1")}, {}) == {"volume": Decimal(-6)}


def test_a_template_that_never_did_any_good_is_waste() -> None:
    """Without a good run in both periods the difference is waste; what begins to be of use is volume, less that waste."""
    failing = {"maps": used(0, waste="3")}

    assert parts_of(failing, {"maps": used(0, waste="7", seconds=7000 // 3)}).keys() == {"waste", "price"}
    assert parts_of(failing, {"maps": used(3, good="3")}) == {"volume": Decimal(3), "waste": Decimal(-3)}
    assert parts_of({"maps": used(3, good="3")}, failing) == {"volume": Decimal(-3), "waste": Decimal(3)}


def test_another_name_of_a_department_is_ownership() -> None:
    """What it cost before moves with it; what changed since is split as for any template."""
    before, after = {"hd-maps": used(10, good="10")}, {"maps": used(20, good="20", seconds=2000)}

    assert parts_of(before, after) == {"ownership": Decimal(10), "volume": Decimal(10)}
    assert parts_of(before, after, "hd-maps") == {"ownership": Decimal(-10)}


def test_a_name_that_changed_within_the_period_before_is_ownership() -> None:
    """The old name is gone, and the new one, which was there before, has that many more runs."""
    before = {"hd-maps": used(10, good="10"), "maps": used(10, good="10")}
    after = {"maps": used(20, good="20", seconds=2000)}

    assert parts_of(before, after) == {"ownership": Decimal(10)}


def test_a_department_that_stops_moves_nothing() -> None:
    """Another department, with as many runs as before, did not take its work over."""
    before = {"sim": used(10, good="10"), "maps": used(10, good="10")}

    assert parts_of(before, {"maps": used(10, good="10")}) == {}
    assert parts_of(before, {"maps": used(10, good="10")}, "sim") == {"volume": Decimal(-10)}
    assert renamed({}, {"maps": used(1)}) == ([], [])


def test_what_is_left_of_the_last_place_is_in_the_largest_part() -> None:
    """Thirds of an amount are rounded; the parts still sum to it, and what is 0 stays 0."""
    before = {"maps": used(3, good="1")}
    after = {"maps": used(7, good="5", waste="0.000000000000000001", seconds=4000)}
    splits: list[DifferenceSplit] = compare(PeriodCost(spent={TRAIN: before}), PeriodCost(spent={TRAIN: after}))

    assert total(splits[0].parts.values()) == splits[0].difference
    assert (splits[0].parts["corrections"], splits[0].parts["shared"]) == (ZERO, ZERO)
    assert Fraction(splits[0].parts["volume"]) != Fraction(4, 3)
