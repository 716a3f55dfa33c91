"""
The answer to a Prometheus scrape: the catalogue's metrics, read at that moment from the live view and the counters.

Names, labels and meanings are the catalogue's, how a gauge is read is in `gauges`, its text in `lines`; nothing is counted.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE_OPENMETRICS

from collector.catalog import metrics as catalog
from collector.catalog.counters import Counters
from collector.catalog.metrics.metric import MAX_SERIES
from collector.core.live_view import LiveView
from collector.exposition import own_process
from collector.exposition.gauges import GAUGES, Series
from collector.exposition.lines import Family, Writer
from collector.exposition.negotiation import Choice, choose
from collector.exposition.seen_series import SeenSeries

GZIP_LEVEL, GZIP_WBITS = 1, 16 + zlib.MAX_WBITS
"""The fastest: it makes 9.9 MB 17 times smaller in 12 ms, outside of the interpreter's lock."""

PAUSE_S = 0.0001


class Scraped(NamedTuple):
    """What a scraper gets."""

    body: bytes
    headers: dict[str, str]


class Scrapes:
    """Answers scrapes, one at a time; scrapers that wait for the same answer share it."""

    def __init__(self, view: Callable[[], LiveView], counters: Counters) -> None:
        self._view = view
        self._counters = counters
        self._seen = SeenSeries()
        self._writer = Writer()
        self._process = own_process.readers()
        self._one = asyncio.Lock()
        self._waiting: dict[Choice, asyncio.Task[bytes]] = {}
        """Answers that are not being made yet."""

    async def answer(self, accept: str, accept_encoding: str, names: Iterable[str] = ()) -> Scraped:
        """The answer for these request headers, with the families that `names` names, or all."""
        wanted = choose(accept, accept_encoding, names)
        task = self._waiting.get(wanted)
        if task is None:
            task = self._waiting[wanted] = asyncio.create_task(self._make(wanted))
        body = await asyncio.shield(task)  # others may wait for it too
        content_type = CONTENT_TYPE_OPENMETRICS if wanted.openmetrics else CONTENT_TYPE_PLAIN_0_0_4
        headers = {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
        return Scraped(body, headers | ({"content-encoding": "gzip"} if wanted.gzip else {}))

    async def _make(self, wanted: Choice) -> bytes:
        async with self._one:
            del self._waiting[wanted]
            # Copied in one go: what is added while the text is written does not come into it. The rest needs no such instant.
            view, counted = self._view(), self._counters.copy()
            body, full = await asyncio.to_thread(self._write, view, counted, wanted)
        for metric in full:
            self._counters.count_overflow(metric)
        return body

    def _write(self, view: LiveView, counted: Counters, wanted: Choice) -> tuple[bytes, list[catalog.Metric]]:
        """The answer, and the gauges that had more series than they may."""
        full: list[catalog.Metric] = []
        view = self._seen.with_zeros(view, counted)

        def gathered() -> Iterator[Family]:
            for family in families(view, counted, own_process.read(self._process), wanted.names):
                if family.metric.kind == "gauge" and len(family.series) > MAX_SERIES["gauge"]:
                    full.append(family.metric)
                yield family

        pieces = _giving_way(self._writer.write(gathered(), wanted.openmetrics))
        return b"".join(_packed(pieces) if wanted.gzip else pieces), full


def _giving_way(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """
    Pauses after each piece for as short as the system can.

    The interpreter's lock would otherwise change hands each 5 ms only, whenever the loop has something to do.
    """
    for piece in pieces:
        yield piece
        time.sleep(PAUSE_S)


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pack = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WBITS)
    yield from map(pack.compress, pieces)
    yield pack.flush()


def render(view: LiveView, counters: Counters, openmetrics: bool = False) -> bytes:
    """Renders all metrics of the catalogue, as Prometheus' plain text or as OpenMetrics."""
    return b"".join(Writer().write(families(view, counters, own_process.read(own_process.readers())), openmetrics))


def families(
    view: LiveView, counters: Counters, process: Mapping[str, Series], names: frozenset[str] = frozenset()
) -> Iterator[Family]:
    """All families of the catalogue with their samples, or those that `names` names by a family or a sample."""
    wanted = (metric for metric in catalog.METRICS if not names or _named(metric) & names)
    return (_family(metric, view, counters, process) for metric in wanted)


def _named(metric: catalog.Metric) -> set[str]:
    suffixes = ("", "_bucket", "_count", "_sum") if metric.buckets else ("",)
    return {f"{metric.name}{suffix}" for suffix in suffixes} | {metric.name.removesuffix("_total")}


def _family(metric: catalog.Metric, view: LiveView, counters: Counters, process: Mapping[str, Series]) -> Family:
    if metric.kind == "histogram":
        return Family(metric, histograms=counters.histograms.get(metric.name, {}))
    if metric in catalog.OF_THE_PROCESS:
        return Family(metric, process.get(metric.name, {}))
    if metric.kind == "gauge":
        return Family(metric, GAUGES[metric.name](view))
    return Family(metric, counters.series.get(metric.name, {}))
