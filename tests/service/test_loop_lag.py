"""How late the event loop is."""

import asyncio
import time

from collector.catalog.counters import Buckets, Counters
from collector.catalog.metrics import LOOP_LAG
from collector.service.jobs import time_loop_forever


async def test_what_holds_the_loop_is_seen() -> None:
    """A timer that woke late because a part of the collector held the loop is in a bucket above that time's."""
    counters = Counters()
    timing = asyncio.create_task(time_loop_forever(counters, 0.001))

    async def observed(least: int) -> Buckets:
        while LOOP_LAG.name not in counters.histograms or sum(counters.histograms[LOOP_LAG.name][()].counts) < least:
            await asyncio.sleep(0)
        return counters.histograms[LOOP_LAG.name][()]

    before = sum((await observed(1)).counts)
    time.sleep(0.2)  # noqa: ASYNC251 - that the loop is held is the point
    after = await observed(before + 1)
    timing.cancel()

    assert sum(after.counts[LOOP_LAG.buckets.index(0.25) :]) >= 1
    assert after.sum >= 0.19
