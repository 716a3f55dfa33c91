"""
Lines, stacked bars and figures as SVG and text. A sketch of what Grafana draws, without any of its code.
"""

import itertools
import math
import time
from collections.abc import Iterable, Sequence
from html import escape

from tests.screenshots.sources import Series

COLOURS = ("#3b7dd8", "#2a9d6f", "#e0a100", "#d1495b", "#7b5ea7", "#3aa6b9", "#b5651d", "#6b7280", "#9aa91f", "#c2569b")
LEFT, BOTTOM, TOP = 58, 20, 8
SECONDS = (0.1, 0.2, 0.4, 1, 2, 4, 8, 20, 40, 60, 120, 240, 480, 1200, 2400, 3600, 7200, 14400, 28800, 86400)
"""Ends of an axis whose quarters read well."""


def amount(value: float, unit: str, decimals: int | None = None) -> str:
    """A value as people read it."""
    if not math.isfinite(value):
        return "∞"
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f} %"
    if unit == "s":
        return _duration(value)
    if decimals:
        return f"{value:,.{decimals}f}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _duration(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1000:.3g} ms" if seconds else "0 s"


def chart(series: Sequence[Series], *, span: tuple[int, int], size: tuple[int, int], unit: str, stacked: bool) -> str:
    """An SVG of lines, or of bars on top of each other."""
    width, height = size
    highest = _highest(series, stacked)
    scale = _Scale(span=span, width=width, height=height, top=_nice(highest, unit) if highest > 0 else 1.0)
    marks = _bars(series, scale) if stacked else _lines(series, scale)
    return f'<svg width="{width}" height="{height}">{"".join((*_grid(scale, unit), *marks))}</svg>'


class _Scale:
    """Places of instants and values in the picture."""

    def __init__(self, *, span: tuple[int, int], width: int, height: int, top: float) -> None:
        self.span, self.width, self.height, self.top = span, width, height, top

    def x(self, at: float) -> float:
        begin, end = self.span
        return round(LEFT + (self.width - LEFT - 4) * (at - begin) / (end - begin), 1)

    def y(self, value: float) -> float:
        return round(self.height - BOTTOM - (self.height - BOTTOM - TOP) * min(value, self.top) / self.top, 1)


def _highest(series: Sequence[Series], stacked: bool) -> float:
    sums: dict[float, float] = {}
    for line in series:
        for at, value in line.points:
            if math.isfinite(value):
                sums[at] = sums.get(at, 0.0) + value if stacked else max(sums.get(at, 0.0), value)
    return max(sums.values(), default=0.0)


def _nice(value: float, unit: str) -> float:
    """The next round number, whose quarters are round too."""
    if unit == "s":
        return next((end for end in SECONDS if end >= value), value)
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.2, 1.6, 2, 4, 6, 8, 10) if step * power >= value)


def _grid(scale: _Scale, unit: str) -> Iterable[str]:
    for i in range(5):
        value = scale.top * i / 4
        y = scale.y(value)
        yield f'<line x1="{LEFT}" x2="{scale.width}" y1="{y}" y2="{y}" class="grid"/>'
        yield f'<text x="{LEFT - 5}" y="{y + 4}" class="axis" text-anchor="end">{escape(amount(value, unit))}</text>'
    begin, end = scale.span
    for i in range(5):
        at = begin + (end - begin) * (2 * i + 1) / 10
        clock = time.strftime("%H:%M", time.localtime(at))
        yield f'<text x="{scale.x(at)}" y="{scale.height - 5}" class="axis" text-anchor="middle">{clock}</text>'


def _lines(series: Sequence[Series], scale: _Scale) -> Iterable[str]:
    for i, line in enumerate(series):
        points = " ".join(f"{scale.x(at)},{scale.y(value)}" for at, value in line.points if math.isfinite(value))
        yield f'<polyline points="{points}" fill="none" stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="2"/>'


def _bars(series: Sequence[Series], scale: _Scale) -> Iterable[str]:
    steps = sorted({at for line in series for at, _ in line.points})
    gap = min((b - a for a, b in itertools.pairwise(steps)), default=60)
    wide = max(1.0, (scale.width - LEFT) * gap / (scale.span[1] - scale.span[0]) * 0.85)
    below: dict[float, float] = {}
    for i, line in enumerate(series):
        for at, value in line.points:
            if value > 0 and math.isfinite(value) and scale.span[0] <= at <= scale.span[1]:
                base = below.get(at, 0.0)
                below[at] = base + value
                y, foot = scale.y(base + value), scale.y(base)
                x, high = round(scale.x(at) - wide / 2, 1), round(foot - y, 1)
                colour = COLOURS[i % len(COLOURS)]
                yield f'<rect x="{max(x, LEFT)}" y="{y}" width="{wide:.1f}" height="{high}" fill="{colour}" opacity="0.85"/>'


def legend(series: Sequence[Series]) -> str:
    """Names with their colours."""
    names = (
        f'<span><i style="background:{COLOURS[i % len(COLOURS)]}"></i>{escape(line.name)}</span>'
        for i, line in enumerate(series)
    )
    return f'<div class="legend">{"".join(names)}</div>'
