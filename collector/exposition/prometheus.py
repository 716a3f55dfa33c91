"""
The answer to a Prometheus scrape: the catalogue's metrics, drawn at that moment from the live view and the tally.

Gauges have no memory of their own, so what is gone from the view is gone from the answer. Names, labels and meanings
are the catalogue's; nothing is counted here.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.exposition import generate_latest as plain_text
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE_OPENMETRICS
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from prometheus_client.registry import Collector

from collector.catalog import metrics as catalog
from collector.catalog.tally import MAX_SERIES, Labels, Tally
from collector.core.view import LiveView

V = TypeVar("V")

Series = dict[Labels, float]
"""The samples of one gauge by label values, in the catalogue's order."""


def render(view: LiveView, tally: Tally, openmetrics: bool = False) -> bytes:
    """Every metric of the catalogue, in Prometheus' plain text or as OpenMetrics."""
    return text(families(view, tally), openmetrics)


async def answer(view: LiveView, tally: Tally, accept: str) -> tuple[bytes, str]:
    """The body and content type for a scraper that accepts this."""
    openmetrics = "application/openmetrics-text" in accept
    # 24,000 samples take 30 ms to gather and 160 ms to spell out. Only the first needs the loop's own thread, and an
    # arrival that waits for a scrape would be stamped late.
    drawn = families(view, tally)
    body = await asyncio.to_thread(text, drawn, openmetrics)
    return body, CONTENT_TYPE_OPENMETRICS if openmetrics else CONTENT_TYPE_PLAIN_0_0_4


def families(view: LiveView, tally: Tally) -> list[Metric]:
    """Every metric family with its samples; shares nothing with the view or the tally afterwards."""
    return [_family(metric, view, tally) for metric in catalog.METRICS]


def text(drawn: Iterable[Metric], openmetrics: bool) -> bytes:
    """Families as the scraper reads them."""
    write: Callable[[Collector], bytes] = openmetrics_text if openmetrics else plain_text
    return write(_Drawn(drawn))


class _Drawn(Collector):
    """Families drawn beforehand, in the shape that prometheus-client's writers take."""

    def __init__(self, drawn: Iterable[Metric]) -> None:
        self._drawn = drawn

    def collect(self) -> Iterable[Metric]:
        return self._drawn


def _family(metric: catalog.Metric, view: LiveView, tally: Tally) -> Metric:
    if metric.kind == "gauge":
        return _gauge(metric, GAUGES[metric.name](view))
    if metric.kind == "counter":
        counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, total in _well_shaped(metric, tally.counters.get(metric.name, {})):
            counter.add_metric(labels, float(total))
        return counter
    histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = (*(str(float(bound)) for bound in metric.buckets), "+Inf")
    for labels, buckets in _well_shaped(metric, tally.histograms.get(metric.name, {})):
        cumulative = list(zip(bounds, accumulate(buckets.counts), strict=True))
        histogram.add_metric(labels, cumulative, buckets.sum)
    return histogram


def _gauge(metric: catalog.Metric, series: Series) -> Metric:
    gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in series.items():
        gauge.add_metric([_sayable(label) for label in labels], value)
    return gauge


def _well_shaped(metric: catalog.Metric, series: Mapping[Labels, V]) -> Iterator[tuple[list[str], V]]:
    """The series that have the catalogue's labels: a stored total may come from a release that had others."""
    for labels, value in series.items():
        if len(labels) == len(metric.labels):
            yield [_sayable(label) for label in labels], value


def _sayable(label: str) -> str:
    """The label as UTF-8 can carry it; a lone surrogate would cost us the whole scrape."""
    return label if label.isascii() else label.encode("utf-8", "replace").decode()


def _bounded(series: Series, merge: Callable[[float, float], float]) -> Series:
    """At most as many series as the tally allows a family; what goes over is merged under `_other`."""
    if len(series) <= MAX_SERIES:
        return series
    kept = dict(list(series.items())[:MAX_SERIES])
    for labels, value in list(series.items())[MAX_SERIES:]:
        other = ("_other",) * len(labels)
        kept[other] = merge(kept[other], value) if other in kept else value
    return kept


def _sum(a: float, b: float) -> float:
    return a + b


def _queue_depth(view: LiveView) -> Series:
    depth: Series = {}
    for row in view.queues:
        if not row.begun:
            labels = (row.cluster, row.namespace, row.queue, row.reason)
            depth[labels] = depth.get(labels, 0) + row.count
    return _bounded(depth, _sum)


def _queue_oldest_age(view: LiveView) -> Series:
    oldest: Series = {}
    for row in view.queues:
        if not row.begun:
            labels = (row.cluster, row.namespace, row.queue)
            # An object may be stamped by a clock that runs ahead of ours.
            oldest[labels] = max(oldest.get(labels, 0.0), (view.at - row.since) / 1000)
    return _bounded(oldest, max)


def _workflows(view: LiveView) -> Series:
    begun: Series = {}
    for row in view.queues:
        if row.begun:
            labels = (row.cluster, row.namespace, row.reason)
            begun[labels] = begun.get(labels, 0) + row.count
    return _bounded(begun, _sum)


def _watch_last_event(view: LiveView) -> Series:
    return {
        (watch.cluster, watch.kind): watch.last_event_at / 1000
        for cluster in view.clusters
        for watch in cluster.watches
        if watch.last_event_at is not None
    }


def _store_last_insert(view: LiveView) -> Series:
    at = view.store.last_insert_at
    return {} if at is None else {(): at / 1000}


@cache
def _release() -> str:
    try:
        return version("lynceus")
    except PackageNotFoundError:
        # A checkout that was never installed.
        return "unreleased"


GAUGES: dict[str, Callable[[LiveView], Series]] = {
    catalog.QUEUE_DEPTH.name: _queue_depth,
    catalog.QUEUE_OLDEST_AGE.name: _queue_oldest_age,
    catalog.WORKFLOWS.name: _workflows,
    catalog.CLUSTER_UP.name: lambda view: {(cluster.name,): float(cluster.ready) for cluster in view.clusters},
    catalog.WATCH_LAST_EVENT.name: _watch_last_event,
    catalog.STORE_UP.name: lambda view: {(): float(view.store.reachable)},
    catalog.STORE_LAST_INSERT.name: _store_last_insert,
    catalog.SPOOL_ROWS.name: lambda view: {(): float(view.store.spooled_rows)},
    catalog.SPOOL_BYTES.name: lambda view: {(): float(view.store.spooled_bytes)},
    catalog.BUILD_INFO.name: lambda _: {(_release(),): 1.0},
}
"""How each gauge of the catalogue is read off the live view."""
