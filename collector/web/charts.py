"""
Scales, ticks and segments of the charts that templates draw as SVG: pure arithmetic, in percent of a chart's width.

Percent needs no knowledge of the width: a chart is as wide as its column on a desk and on a telephone, and its texts are not
stretched. Every chart stands beside a table or a sentence with the same figures.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from collector.core.model import Instant
from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from collector.language.language import SECOND_MS, Language, in_catalog

LEAST = 0.3
"""The least width of a segment, in percent: what is there can be seen."""

ROUND_MS = (
    *(n * SECOND_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE_MS for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR_MS for n in (1, 2, 3, 6, 12)),
    *(n * DAY_MS for n in (1, 2, 7, 14, 28)),
)
"""Distances between two ticks of time that a person can count in."""

UNITS = (
    (DAY_MS, in_catalog("{number} d")),
    (HOUR_MS, in_catalog("{number} h")),
    (MINUTE_MS, in_catalog("{number} m")),
    (SECOND_MS, in_catalog("{number} s")),
)


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    """In percent of the axis."""
    label: str


class Segment(NamedTuple):
    """A part of a bar."""

    key: str
    x: float
    """Where it begins, in percent of the bar."""
    width: float
    amount: int


def percent(part: float, whole: float) -> float:
    """A part of a whole in percent, within 0 and 100, exact to a thousandth."""
    return round(min(100.0, max(0.0, 100 * part / whole)), 3) if whole > 0 else 0.0


def time_ticks(length_ms: int, language: Language, most: int = 8) -> list[Tick]:
    """Ticks at round times from 0 to the length, at most so many of them and at least the first."""
    step = next((step for step in ROUND_MS if length_ms < step * most), ROUND_MS[-1] * (1 + length_ms // ROUND_MS[-1]))
    return [Tick(percent(at, length_ms), _label(at, language)) for at in range(0, length_ms + 1, step)]


def _label(ms: int, language: Language) -> str:
    for size, unit in UNITS:
        if ms >= size:
            whole, rest = divmod(ms, size)
            amount = language.text(unit, number=whole)
            return f"{amount} {_label(rest, language)}" if rest else amount
    return "0"


def stack(amounts: Mapping[str, int]) -> list[Segment]:
    """Segments that fill a bar in the order of the amounts; an amount of 0 has none."""
    whole, at, segments = sum(amounts.values()), 0, []
    for key, amount in amounts.items():
        if amount > 0:
            segments.append(Segment(key, percent(at, whole), percent(amount, whole), amount))
        at += amount
    return segments


def spans(parts: Iterable[tuple[str, Instant, Instant]], begin: Instant, end: Instant) -> list[Segment]:
    """Segments on an axis of time; what lies outside of it is cut, and what is short is drawn so that it can be seen."""
    segments = []
    for key, start, stop in parts:
        left, right = (percent(at - begin, end - begin) for at in (start, stop))
        width = min(max(right - left, LEAST), 100.0)
        segments.append(Segment(key, round(min(left, 100.0 - width), 3), round(width, 3), max(0, stop - start)))
    return segments


class ChartColumn(NamedTuple):
    """A column of a chart of columns."""

    x: float
    """Where it begins, in percent of the chart."""
    width: float
    height: float
    """In pixels; at least one where there is anything."""


def columns(amounts: Sequence[int], height_px: int) -> list[ChartColumn]:
    """Columns side by side with a gap of a fifth, the highest as high as the chart."""
    most, room = max(amounts, default=0) or 1, 100 / max(len(amounts), 1)
    return [
        ChartColumn(round(n * room, 3), round(room * 0.8, 3), round(max(height_px * amount / most, 1), 1))
        for n, amount in enumerate(amounts)
    ]
