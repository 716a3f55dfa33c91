"""Scales, ticks and segments: what is drawn has the proportions of the figures, and stays within the chart."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from collector.language.language import ENGLISH, SECOND_MS
from collector.web.charts import LEAST, ChartColumn, Segment, Tick, columns, percent, spans, stack, time_ticks


def test_ticks_are_round_times_from_the_start() -> None:
    """A person counts in fives and tens, not in sevenths."""
    assert time_ticks(20 * SECOND_MS, ENGLISH) == [
        Tick(0, "0"),
        Tick(25, "5 s"),
        Tick(50, "10 s"),
        Tick(75, "15 s"),
        Tick(100, "20 s"),
    ]
    assert [tick.label for tick in time_ticks(90 * MINUTE_MS, ENGLISH)] == [
        "0",
        "15 m",
        "30 m",
        "45 m",
        "1 h",
        "1 h 15 m",
        "1 h 30 m",
    ]
    assert [tick.label for tick in time_ticks(3 * DAY_MS, ENGLISH)] == [
        "0",
        "12 h",
        "1 d",
        "1 d 12 h",
        "2 d",
        "2 d 12 h",
        "3 d",
    ]


@given(st.integers(min_value=0, max_value=100 * 365 * DAY_MS), st.integers(min_value=2, max_value=12))
def test_there_are_never_too_many_ticks(length_ms: int, most: int) -> None:
    """However long a workflow lasts."""
    ticks = time_ticks(length_ms, ENGLISH, most)

    assert 1 <= len(ticks) <= most
    assert all(0 <= tick.at <= 100 for tick in ticks)


def test_a_stack_fills_its_bar() -> None:
    """In the order of the amounts, without those that are 0; an empty one has no segment."""
    assert stack({"lock": 1, "image": 0, "running": 3}) == [Segment("lock", 0, 25, 1), Segment("running", 25, 75, 3)]
    assert stack({}) == stack({"lock": 0}) == []


@given(st.lists(st.integers(min_value=0, max_value=HOUR_MS), max_size=14))
def test_segments_of_a_stack_meet(amounts: list[int]) -> None:
    """No gap and no overlap beyond a thousandth of a percent each."""
    segments = stack({str(n): amount for n, amount in enumerate(amounts)})

    for left, right in pairwise(segments):
        assert left.x + left.width == pytest.approx(right.x, abs=0.01)
    assert not segments or segments[-1].x + segments[-1].width == pytest.approx(100, abs=0.01)


@given(st.lists(st.tuples(st.integers(-100, 2000), st.integers(-100, 2000)), max_size=5))
def test_spans_stay_on_the_axis_and_can_be_seen(parts: list[tuple[int, int]]) -> None:
    """What began before the axis is cut, what is short has a least width, an end before its begin is short too."""
    for segment in spans([("lock", *part) for part in parts], 0, 1000):
        assert segment.width >= LEAST
        assert segment.x >= 0
        assert segment.x + segment.width <= 100.001
        assert segment.amount >= 0


def test_spans_stand_where_they_were() -> None:
    """In percent of the axis."""
    assert spans([("lock", 1100, 1300), ("running", 1300, 1999)], 1000, 2000) == [
        Segment("lock", 10, 20, 200),
        Segment("running", 30, 69.9, 699),
    ]


def test_nothing_of_nothing_is_zero_percent() -> None:
    """An axis may have no length."""
    assert percent(5, 0) == 0


def test_columns_are_as_high_as_their_amounts() -> None:
    """The highest fills the chart; what is 0 is still a line, since a run without a length is a run."""
    assert columns([50, 100, 0], 48) == [
        ChartColumn(0, 26.667, 24),
        ChartColumn(33.333, 26.667, 48),
        ChartColumn(66.667, 26.667, 1),
    ]
    assert columns([], 48) == []
    assert columns([0], 48) == [ChartColumn(0, 80, 1)]
