"""
The answer to a Prometheus scrape: the catalogue's metrics, read at that moment from the live view and the counters.

Names, labels and meanings are the catalogue's, how a gauge is read is in `gauges`; nothing is counted here.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.exposition import generate_latest as plain_text
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE_OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from prometheus_client.registry import Collector

from collector.catalog import metrics as catalog
from collector.catalog.counters import Counters, Labels
from collector.core.live_view import LiveView
from collector.exposition.gauges import GAUGES, Series

V = TypeVar("V")


def render(view: LiveView, counters: Counters, openmetrics: bool = False) -> bytes:
    """Renders all metrics of the catalogue, as Prometheus' plain text or as OpenMetrics."""
    return text(families(view, counters), openmetrics)


async def answer(view: LiveView, counters: Counters, accept: str) -> tuple[bytes, str]:
    """Returns body and content type for a scraper with this Accept header."""
    openmetrics = "application/openmetrics-text" in accept
    # 24,000 samples take 30 ms to gather and 160 ms to write as text. Only gathering needs the event loop's thread, and an
    # event that waits for a scrape would get a late arrival time.
    gathered = families(view, counters)
    body = await asyncio.to_thread(text, gathered, openmetrics)
    return body, CONTENT_TYPE_OPENMETRICS if openmetrics else CONTENT_TYPE_PLAIN_0_0_4


def families(view: LiveView, counters: Counters) -> list[Metric]:
    """Gathers all metric families with their samples; the result shares nothing with the view or the counters afterwards."""
    return [_family(metric, view, counters) for metric in catalog.METRICS]


def text(gathered: Iterable[Metric], openmetrics: bool) -> bytes:
    """Renders families as text."""
    write: Callable[[Collector], bytes] = openmetrics_text if openmetrics else plain_text
    return write(_Gathered(gathered))


class _Gathered(Collector):
    """Families gathered beforehand, as the object that prometheus-client's writers take."""

    def __init__(self, gathered: Iterable[Metric]) -> None:
        self._families = gathered

    def collect(self) -> Iterable[Metric]:
        return self._families


def _family(metric: catalog.Metric, view: LiveView, counters: Counters) -> Metric:
    if metric.kind == "gauge":
        return _gauge(metric, GAUGES.get(metric.name, _unread)(view))
    if metric.kind == "counter":
        counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, total in _with_declared_labels(metric, counters.series.get(metric.name, {})):
            counter.add_metric(labels, float(total))
        return counter
    histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = (*(str(float(bound)) for bound in metric.buckets), "+Inf")
    for labels, buckets in _with_declared_labels(metric, counters.histograms.get(metric.name, {})):
        cumulative = list(zip(bounds, accumulate(buckets.counts), strict=True))
        histogram.add_metric(labels, cumulative, buckets.sum)
    return histogram


def _unread(view: LiveView) -> Series:  # noqa: ARG001
    """For a gauge that nothing reads yet."""
    return {}


def _gauge(metric: catalog.Metric, series: Series) -> Metric:
    gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in series.items():
        gauge.add_metric([_encodable(label) for label in labels], value)
    return gauge


def _with_declared_labels(metric: catalog.Metric, series: Mapping[Labels, V]) -> Iterator[tuple[list[str], V]]:
    """Yields series with as many labels as the catalogue declares: stored totals may be of a release with others."""
    for labels, value in series.items():
        if len(labels) == len(metric.labels):
            yield [_encodable(label) for label in labels], value


def _encodable(label: str) -> str:
    """Makes a label encodable as UTF-8: one lone surrogate would make the whole scrape fail."""
    return label if label.isascii() else label.encode("utf-8", "replace").decode()
