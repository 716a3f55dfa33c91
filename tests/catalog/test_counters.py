"""Counters and histograms as plain dicts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.catalog import counters
from collector.catalog.counters import Counters
from collector.catalog.metrics import COST, LABEL_OVERFLOW, QUEUE_LATENCY, SUBMITTED

TEAM = ("c1", "team", "night")


def test_a_counter_adds_up() -> None:
    """From nothing, by label values."""
    counts = Counters()
    counts.add(SUBMITTED, TEAM)
    counts.add(SUBMITTED, TEAM, 2)
    counts.add(SUBMITTED, ("c1", "team", "day"))

    assert counts.counters == {SUBMITTED.name: {TEAM: 3, ("c1", "team", "day"): 1}}


def test_money_is_added_exactly() -> None:
    """A float counter would drift by cents a day."""
    counts = Counters()
    for _ in range(10):
        counts.add(COST, ("c1", "team", "eci", "USD"), Decimal("0.1"))

    assert counts.counters[COST.name] == {("c1", "team", "eci", "USD"): Decimal("1.0")}


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0, 0), (0.01, 0), (0.011, 1), (21600, len(QUEUE_LATENCY.buckets) - 1), (99999, -1)]
)
def test_an_observation_falls_into_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    """A bound belongs to its bucket; what is over the last is +Inf's."""
    counts = Counters()
    counts.observe(QUEUE_LATENCY, ("c1", "night"), seconds)
    found = counts.histograms[QUEUE_LATENCY.name]["c1", "night"]

    assert (found.counts[bucket], sum(found.counts), found.sum) == (1, 1, seconds)


def test_a_histogram_adds_up() -> None:
    """One series a set of label values."""
    counts = Counters()
    for seconds in (0.02, 0.02, 7):
        counts.observe(QUEUE_LATENCY, ("c1", "night"), seconds)

    assert counts.histograms[QUEUE_LATENCY.name]["c1", "night"].sum == pytest.approx(7.04)


def test_a_touched_counter_stands_at_nothing() -> None:
    """A counter that appears with its first increase hides it from `increase()`."""
    counts = Counters()
    counts.touch(SUBMITTED, [TEAM])

    assert counts.counters == {SUBMITTED.name: {TEAM: 0}}


def test_a_touch_takes_nothing_back() -> None:
    """Restored totals stay."""
    counts = Counters()
    counts.add(SUBMITTED, TEAM, 5)
    counts.touch(SUBMITTED, [TEAM])

    assert counts.counters[SUBMITTED.name][TEAM] == 5


def test_a_bomb_of_labels_is_added_up_in_one_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and the bound is a metric; series that exist go on."""
    monkeypatch.setattr(counters, "MAX_SERIES", 2)
    counts = Counters()
    for queue in ("a", "b", "c", "d", "a"):
        counts.add(SUBMITTED, ("c1", "team", queue))
        counts.observe(QUEUE_LATENCY, ("c1", queue), 1)

    assert counts.counters[SUBMITTED.name] == {
        ("c1", "team", "a"): 2, ("c1", "team", "b"): 1, ("_other", "_other", "_other"): 2,
    }  # fmt: skip
    assert set(counts.histograms[QUEUE_LATENCY.name]) == {("c1", "a"), ("c1", "b"), ("_other", "_other")}
    assert counts.counters[LABEL_OVERFLOW.name] == {(SUBMITTED.name,): 2, (QUEUE_LATENCY.name,): 2}


def test_totals_are_those_of_one_cluster() -> None:
    """They are stored with its cursor."""
    counts = Counters()
    counts.add(SUBMITTED, TEAM, 5)
    counts.add(SUBMITTED, ("c2", "team", "night"), 7)
    counts.add(LABEL_OVERFLOW, ("some_family",))

    assert counts.totals("c1") == {f"{SUBMITTED.name}\x1fc1\x1fteam\x1fnight": "5"}


@given(
    st.integers(0, 2**63)
    | st.decimals(min_value=0, max_value=10**9, places=18)
    | st.sampled_from([Decimal("1E-18"), Decimal("0E-18"), Decimal("1E+3"), Decimal(12)])
)
def test_a_counter_goes_on_from_its_total(amount: int | Decimal) -> None:
    """Whatever its amount looks like as text."""
    before, after = Counters(), Counters()
    labels = ("c1", "team", "eci", "USD")
    before.add(COST, labels, amount)
    after.restore(before.totals("c1"))
    after.add(COST, labels, 1)

    assert after.counters[COST.name][labels] == amount + 1
