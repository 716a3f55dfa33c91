"""
Charts over time that templates draw as SVG: stacked areas and lines in steps, their axes, and times that were not seen.

Shapes are in a box of 1000 by 100 that is stretched to the chart; texts, grid and hatching are placed in percent and pixels,
so they are not stretched. A value of None is drawn as a break, never as 0.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from collector.core.model import Instant
from collector.core.units import DAY_MS, MINUTE_MS
from collector.language.language import Language
from collector.web import words
from collector.web.charts import ROUND_MS, Tick, percent

WIDE, HIGH = 1000, 100
PLOT_PX = 150
"""Height of the area in which a chart draws; its texts have room above and below."""
ROUND = (1, 2, 3, 4, 5, 6, 8)
TICKS = 7


class TimeOnAxis(NamedTuple):
    """A time on an axis."""

    begin: Instant
    end: Instant


class Shape(NamedTuple):
    """A path, and what it shows: the class of its colour."""

    key: str
    path: str


class Zone(NamedTuple):
    """A part of the width, and its words."""

    x: float
    """In percent."""
    width: float
    words: str


class GridLine(NamedTuple):
    """A line of the grid."""

    y: float
    """In pixels from the top of the plot."""
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All that a template draws."""

    label: str
    """What the chart shows, for who does not see it; a table below has the figures."""
    areas: Sequence[Shape] = ()
    lines: Sequence[Shape] = ()
    times: Sequence[Tick] = ()
    levels: Sequence[GridLine] = ()
    unseen: Sequence[Zone] = ()
    tips: Sequence[Zone] = ()
    """What is shown where a pointer rests on a step."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A period in steps; the last step may be cut."""

    begin: Instant
    end: Instant
    step_ms: int

    @property
    def steps(self) -> list[TimeOnAxis]:
        """The steps, in order."""
        return [TimeOnAxis(at, min(at + self.step_ms, self.end)) for at in range(self.begin, self.end, self.step_ms)]

    def zone(self, part: TimeOnAxis, text: str) -> Zone:
        """A part of the width; what lies outside of the axis is cut."""
        left, right = (percent(at - self.begin, self.end - self.begin) for at in part)
        return Zone(left, round(right - left, 3), text)

    def times(self, language: Language) -> list[Tick]:
        """Ticks at round times of the day in UTC, or at midnights."""
        span = self.end - self.begin
        every = next((ms for ms in ROUND_MS if ms >= MINUTE_MS and span <= ms * TICKS), ROUND_MS[-1])
        first = -(-self.begin // every) * every
        return [
            Tick(percent(at - self.begin, span), _time(at, every, language)) for at in range(first, self.end, every)
        ]

    def x(self, at: Instant) -> int:
        """An instant in the box."""
        return round(WIDE * (at - self.begin) / (self.end - self.begin))


def _time(at: Instant, every: int, language: Language) -> str:
    when = datetime.fromtimestamp(at / 1000, UTC)
    return language.day_of_year(when) if every >= DAY_MS or at % DAY_MS == 0 else f"{when:%H:%M}"


def top_of(most: float) -> int:
    """The least round number that is not below `most`: one digit and zeros."""
    size = 1
    while True:
        for digit in ROUND:
            if digit * size >= most:
                return digit * size
        size *= 10


def top_time(most_ms: float) -> int:
    """The least round time that is not below it, in milliseconds."""
    return next((ms for ms in ROUND_MS if ms >= most_ms), int(most_ms))


def levels(top: int, label: Callable[[int], str] = words.count) -> list[GridLine]:
    """The grid: at the top and in the middle, if the middle is a whole number."""
    return [GridLine(round(PLOT_PX * (1 - at / top), 1), label(at)) for at in {top, top // 2 if top % 2 == 0 else top}]


def tips(axis: Axis, texts: Sequence[str], language: Language) -> list[Zone]:
    """The words of each step, with its begin."""
    return [
        axis.zone(step, language.text("{instant} UTC: {what}", instant=words.clock(step.begin), what=text))
        for step, text in zip(axis.steps, texts, strict=True)
    ]


def areas(
    axis: Axis, parts: Sequence[Mapping[str, float]], keys: Iterable[str], top: float, prefix: str
) -> list[Shape]:
    """One shape for each key, the first at the bottom; `parts` has the amounts of each step, `prefix` that of the classes."""
    below = [0.0] * len(parts)
    shapes = []
    for key in keys:
        path = []
        for number, (step, amounts) in enumerate(zip(axis.steps, parts, strict=True)):
            if amount := amounts.get(key, 0):
                low, below[number] = below[number], below[number] + amount
                left, right = axis.x(step.begin), axis.x(step.end)
                path.append(f"M{left} {_y(low, top)}H{right}V{_y(below[number], top)}H{left}Z")
        if path:
            shapes.append(Shape(prefix + key, "".join(path)))
    return shapes


def line(axis: Axis, key: str, values: Sequence[float | None], top: float) -> Shape:
    """A line in steps, broken where there is no value."""
    path, drawing = [], False
    for step, value in zip(axis.steps, values, strict=True):
        if value is None:
            drawing = False
            continue
        at = f"V{_y(value, top)}" if drawing else f"M{axis.x(step.begin)} {_y(value, top)}"
        path.append(f"{at}H{axis.x(step.end)}")
        drawing = True
    return Shape(key, "".join(path))


def _y(value: float, top: float) -> str:
    return f"{HIGH * (1 - min(value / top, 1.0)):.4g}"
