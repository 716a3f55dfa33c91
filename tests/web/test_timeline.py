"""Charts over time: what is drawn, and what is not drawn because it is not known."""

import pytest

from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from collector.language.language import ENGLISH
from collector.web import timeline
from collector.web.timeline import Axis, GridLine, Shape, TimeOnAxis, Zone
from tests.builders import NOON

AXIS = Axis(NOON, NOON + 4 * MINUTE_MS, MINUTE_MS)


def test_the_last_step_ends_with_the_period() -> None:
    """It has just begun: drawn whole it would reach into the future."""
    assert Axis(NOON, NOON + 90_000, MINUTE_MS).steps[-1] == TimeOnAxis(NOON + MINUTE_MS, NOON + 90_000)


def test_areas_stand_on_one_another() -> None:
    """In the order of the keys; a step without an amount has none."""
    first, second = timeline.areas(AXIS, [{"a": 5, "b": 5}, {}, {"b": 10}, {}], ["a", "b", "c"], 10, "r-")

    assert first == Shape("r-a", "M0 100H250V50H0Z")
    assert second == Shape("r-b", "M0 50H250V0H0ZM500 100H750V0H500Z")


def test_a_line_breaks_where_nothing_is_known() -> None:
    """A line through what was not seen would be a claim."""
    assert timeline.line(AXIS, "peak", [10, 5, None, 0], 10).path == "M0 0H250V50H500M750 100H1000"


def test_what_was_not_seen_is_cut_to_the_period() -> None:
    """A gap may have begun before it."""
    assert AXIS.zone(TimeOnAxis(NOON - HOUR_MS, NOON + MINUTE_MS), "gap") == Zone(0.0, 25.0, "gap")


@pytest.mark.parametrize(
    ("length_ms", "labels"),
    [(HOUR_MS, ["12:00", "12:10"]), (DAY_MS, ["12:00", "18:00"]), (7 * DAY_MS, ["23 Nov", "24 Nov"])],
    ids=["hour", "day", "week"],
)
def test_ticks_are_round_times(length_ms: int, labels: list[str]) -> None:
    """Minutes, hours or midnights, whatever the period begins with."""
    axis = Axis(NOON, NOON + length_ms, MINUTE_MS)

    assert [tick.label for tick in axis.times(ENGLISH)][:2] == labels
    assert len(axis.times(ENGLISH)) <= timeline.TICKS + 1


def test_midnight_shows_the_day() -> None:
    """Hours alone do not say which day it was."""
    assert "23 Nov" in [tick.label for tick in Axis(NOON, NOON + DAY_MS, HOUR_MS).times(ENGLISH)]


@pytest.mark.parametrize(("most", "top"), [(0, 1), (1, 1), (7, 8), (45, 50), (108, 200)])
def test_the_top_is_round(most: int, top: int) -> None:
    """One digit and zeros; of nothing there is a scale too."""
    assert timeline.top_of(most) == top


def test_times_have_round_tops() -> None:
    """Beyond the longest round time the time itself is the top."""
    assert timeline.top_time(61_000) == 2 * MINUTE_MS
    assert timeline.top_time(90 * DAY_MS) == 90 * DAY_MS


def test_the_grid_has_whole_numbers() -> None:
    """Half a workflow does not wait."""
    assert timeline.levels(1) == [GridLine(0.0, "1")]
    assert sorted(timeline.levels(50)) == [GridLine(0.0, "50"), GridLine(75.0, "25")]
