"""
A scrape as large as that of a large fleet, and a probe of how long it holds the event loop.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from collector.catalog import metrics as catalog
from collector.catalog.counters import Counters, Exemplar
from collector.core.live_view import LiveView
from collector.exposition.prometheus import Scrapes
from tests.web.fleet import MINUTE, NOW, a_cluster, a_view, waiting

CLUSTERS = 20
COUNTERS = (catalog.FINISHED, catalog.PLATFORM_FAILURES, catalog.RETRIES, catalog.COST)
HISTOGRAMS = (catalog.QUEUE_LATENCY, catalog.START_LATENCY, catalog.POD_START_LATENCY)


def scrapes(samples: int) -> Scrapes:
    """A fleet with about so many samples: 4 in 10 are counters, 2 gauges, 4 of histograms, all histograms with exemplars."""
    seen, made = view(samples), counters(samples)
    return Scrapes(lambda: seen, made)


def view(samples: int) -> LiveView:
    """What is known there."""
    return a_view(
        clusters=[a_cluster(f"cluster-{n}") for n in range(CLUSTERS)],
        queues=[
            waiting((place(n)["cluster"], f"team-{n}", "night"), "unseen", n, MINUTE) for n in range(samples // 10)
        ],
    )


def counters(samples: int) -> Counters:
    """What was counted there."""
    made = Counters()
    for n in range(samples // 10):
        for metric in COUNTERS:
            made.add(metric, Decimal(n) / 7 if metric is catalog.COST else n, **of(metric, n))
    for metric in HISTOGRAMS:
        for n in range(samples * 4 // 10 // len(HISTOGRAMS) // (len(metric.buckets) + 3)):
            for seconds in (0.07, 3, 40, 700):
                made.observe(metric, seconds, Exemplar("workflow_uid", f"uid-{n}", NOW), **of(metric, n))
    return made


def place(n: int) -> dict[str, str]:
    """Labels that many metrics have."""
    return {"cluster": f"cluster-{n % CLUSTERS}", "namespace": f"team-{n}", "queue": f"night-{n}"}


def of(metric: catalog.Metric, n: int) -> dict[str, str]:
    """The labels of one series."""
    return {label: place(n).get(label, "some") for label in metric.labels}


@asynccontextmanager
async def holds() -> AsyncIterator[list[float]]:
    """
    How long the loop kept a timer of a millisecond from waking, again and again while the block lasts.

    In seconds of CPU that the process used meanwhile: on a shared machine wall time shows what others do.
    """
    used: list[float] = []

    async def probe() -> None:
        before = time.process_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.process_time()
            used.append(now - before)
            before = now

    probing = asyncio.create_task(probe())
    try:
        yield used
    finally:
        probing.cancel()
