"""A demo fleet scraped for a minute: no counter appears above 0, and no queue depth has a hole."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from collector.catalog import metrics
from collector.pipeline.first_sight import UNKNOWN_BEFORE
from tests.exposition.test_prometheus import families
from tests.live.test_prometheus import watched_fleet

pytestmark = pytest.mark.live

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Values by name and labels."""
SCRAPES, EVERY_S = 60, 1.0


async def scrapes(url: str) -> AsyncIterator[Samples]:
    """What a Prometheus would get."""
    async with aiohttp.ClientSession() as session:
        for _ in range(SCRAPES):
            async with session.get(url) as response:
                found = families(await response.read())
            yield {
                (sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in found.values()
                for sample in family.samples
            }
            await asyncio.sleep(EVERY_S)


async def test_counters_begin_at_0_and_depths_have_no_holes(tmp_path: Path) -> None:
    """Each series that a scrape showed is in every later one; a counter's first value is 0, but for the named exceptions."""
    counters = {metric.name for metric in metrics.METRICS if metric.kind == "counter"} - UNKNOWN_BEFORE.keys()
    gauges = {"lynceus_queue_depth", "lynceus_queue_oldest_age_seconds", "lynceus_workflows", "lynceus_pods"}
    async with watched_fleet(tmp_path) as collector:
        await collector.until(lambda: all(c.ready for c in collector.runtime.view().clusters))
        await collector.until(lambda: bool(collector.runtime.view().pods))
        seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        late, holes = set(), set()
        async for found in scrapes(f"{collector.url}/metrics"):
            if seen:
                late |= {key for key, value in found.items() if key[0] in counters and value and key not in seen}
            holes |= {key for key in seen - found.keys() if key[0] in gauges}
            seen |= found.keys()

    assert late == set()
    assert holes == set()
    assert {name for name, _ in seen} >= gauges
