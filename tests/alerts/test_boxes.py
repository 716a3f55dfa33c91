"""Overrides cut the space of series into boxes: each series is in one box, and its number is the one that was meant."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.boxes import LABELS, Box, boxes
from alerts.numbers import Number, Override

names = st.sampled_from(["a", "b", "c"])
selectors = st.lists(st.dictionaries(st.sampled_from(LABELS), names, min_size=1), max_size=5)
every_series = st.fixed_dictionaries({label: st.sampled_from(["a", "b", "c", "d"]) for label in LABELS})


def is_in(series: dict[str, str], box: Box) -> bool:
    """Whether a series has the values of a box and none of those that it excludes."""
    return all(series[label] == value for label, value in box.equal.items()) and all(
        series[label] not in values for label, values in box.differ.items()
    )


@given(selectors, every_series)
def test_a_series_is_in_exactly_one_box(cuts: list[dict[str, str]], series: dict[str, str]) -> None:
    """No series is judged twice, and none is forgotten, however overrides meet."""
    assert sum(is_in(series, box) for box in boxes(cuts)) == 1


@given(selectors, every_series)
def test_the_override_with_most_labels_wins(cuts: list[dict[str, str]], series: dict[str, str]) -> None:
    """Of equal ones the last; a series that no override names has the usual value."""
    overrides = tuple(Override(value=place, reason="r", **cut) for place, cut in enumerate(cuts))
    number = Number(value=-1, unit="workflows", reason="r", overrides=overrides)
    matching = [place for place, cut in enumerate(cuts) if cut.items() <= series.items()]
    best = max(matching, key=lambda place: (len(cuts[place]), place), default=-1)

    (box,) = (box for box in boxes(cuts) if is_in(series, box))

    assert number.at(box) == best


def test_matchers_are_plain_promql() -> None:
    """Names full of signs stay one name."""
    named, other = boxes([{"queue": 'night.ly|"x\\'}])[0], boxes([{"queue": "a.b"}, {"queue": "c"}])[-1]

    assert named.matchers(["queue"]) == ['queue="night.ly|\\"x\\\\"']
    assert other.matchers(["cluster", "queue"]) == ['queue!~"a\\\\.b|c"']
    assert other.matchers(["cluster"]) == []
