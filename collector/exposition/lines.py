"""
Writes families as lines of Prometheus' text format 0.0.4 and of OpenMetrics 1.0.0.

prometheus-client has writers of both, and tests hold ours against them. They take an object a sample and escape every label
at every scrape: a scrape of 100,000 samples costs 12 to 15 times as much CPU with them (`python -m tests.bench.scrape`). Here a
series keeps what does not change between scrapes, its name and escaped labels; a histogram series keeps all its lines, as one
template of `%`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate, islice
from math import isfinite, isnan

from collector.catalog.counters import Buckets, Exemplar, Labels
from collector.catalog.metrics import Metric

LONGEST_EXEMPLAR = 128
"""Characters that name and value of an exemplar's label may have together (OpenMetrics 1.0.0, section Exemplars)."""

PIECE = 500
"""Lines that are written in one go, about."""

SPARE = 100
"""Forgotten series whose text a family may keep, beyond as many as it has."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its samples of one instant, which nothing changes later."""

    metric: Metric
    series: Mapping[Labels, float | Decimal] = field(default_factory=dict)
    histograms: Mapping[Labels, Buckets] = field(default_factory=dict)


class Writer:
    """Writes families, and remembers the text of their series; for one thread at a time."""

    def __init__(self) -> None:
        self._texts: dict[str, dict[Labels, str]] = {}

    def write(self, families: Iterable[Family], openmetrics: bool) -> Iterator[bytes]:
        """Yields an answer in pieces that take a millisecond or two each."""
        for family in families:
            yield "".join(_head(family.metric, openmetrics)).encode()
            lines, series = self._lines(family, openmetrics), PIECE // (len(family.metric.buckets) + 1)
            while piece := "".join(islice(lines, series)):
                yield piece.encode()
        if openmetrics:
            yield b"# EOF\n"

    def _lines(self, family: Family, openmetrics: bool) -> Iterator[str]:
        """The lines of each series."""
        metric, series = family.metric, family.histograms or family.series
        texts = self._texts.setdefault(metric.name, {})
        if len(texts) > 2 * len(series) + SPARE:
            texts = self._texts[metric.name] = {labels: text for labels, text in texts.items() if labels in series}
        for labels, value in series.items():
            text = texts.get(labels)
            if text is None:
                text = texts[labels] = _text(metric, labels)
            if text:
                yield _histogram(text, value, openmetrics) if isinstance(value, Buckets) else f"{text}{number(value)}\n"


def _histogram(template: str, buckets: Buckets, openmetrics: bool) -> str:
    counts: list[int | str] = [*accumulate(buckets.counts)]
    total = counts[-1]
    if openmetrics:
        for place, (seconds, exemplar) in buckets.exemplars.items():
            counts[place] = f"{counts[place]}{_exemplar(exemplar, seconds)}"
    return template % (*counts, total, number(buckets.sum))


def _exemplar(exemplar: Exemplar, seconds: float) -> str:
    """Empty for one that is too long: a scraper would refuse the whole answer for it."""
    if len(exemplar.label) + len(exemplar.value) > LONGEST_EXEMPLAR:
        return ""
    return f' # {{{exemplar.label}="{_escaped(exemplar.value)}"}} {number(seconds)} {exemplar.at / 1000:.3f}'


def _head(metric: Metric, openmetrics: bool) -> tuple[str, str]:
    """The lines before the samples: in OpenMetrics the name of a counter's family has no `_total`."""
    name = metric.name.removesuffix("_total") if openmetrics and metric.kind == "counter" else metric.name
    meaning = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        meaning = meaning.replace('"', r"\"")
    return f"# HELP {name} {meaning}\n", f"# TYPE {name} {metric.kind}\n"


def _text(metric: Metric, labels: Labels) -> str:
    """
    What stands before a sample's value, or the template of a histogram's lines.

    Empty if the metric has other labels: a stored total may be of another release.
    """
    if len(labels) != len(metric.labels):
        return ""
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(metric.labels, labels, strict=True))
    if not metric.buckets:
        return f"{metric.name}{{{pairs}}} " if pairs else f"{metric.name} "
    pairs = pairs.replace("%", "%%")
    before, alone = (f"{pairs},", f"{{{pairs}}}") if pairs else ("", "")
    bounds = (*map(number, map(float, metric.buckets)), "+Inf")
    lines = [f'{metric.name}_bucket{{{before}le="{bound}"}} %s\n' for bound in bounds]
    return "".join([*lines, f"{metric.name}_count{alone} %s\n", f"{metric.name}_sum{alone} %s\n"])


def _escaped(label: str) -> str:
    if not label.isascii():
        # One lone surrogate would make the whole answer impossible to encode.
        label = label.encode("utf-8", "replace").decode()
    return label.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def number(value: float | Decimal) -> str:
    """A sample's value: every digit of an integer, else the nearest number of 64 bits, as scrapers hold it."""
    if type(value) is int:
        return str(value)
    nearest = float(value)
    if isfinite(nearest):
        return repr(nearest)
    return "NaN" if isnan(nearest) else "+Inf" if nearest > 0 else "-Inf"
