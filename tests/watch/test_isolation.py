"""
One cluster's fault is its own: the events of the others arrive as soon as before. `python -m tests.bench.fleet --fault` has
the figures of twenty clusters with the whole collector.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from collector.catalog.counters import Counters
from collector.core.messages import Observation, Outcome
from collector.kube.connection import Connection
from collector.watch.arrivals import REST_S
from collector.watch.kinds import resources
from collector.watch.protocol import Watch
from collector.watch.reflector import watch_cluster
from tests.watch.server import QUICK, ApiServer, Exchange, always_room, body, eventually, kubeconfig, silence
from tests.watch.steps import modified, refusal

WELL, PART_S, PACE_S = 4, 1.5, 0.02
EVENT_S = 0.0003
"""How long the pipeline works on one of its events."""
BLOCK = 20
"""Events of the flooding cluster that are sent at once, 12 KB each."""
NUMBER = b"4711471147"
LARGE = modified("f", int(NUMBER), status={"message": "x" * 12_000})


class Steady:
    """A cluster that sends an event every PACE_S, and how late each arrives at the pipeline."""

    def __init__(self) -> None:
        self.server, self.lags_s = ApiServer(), list[float]()
        self._sent: dict[int, float] = {}
        self.server.otherwise["watch"] = self._stream

    async def _stream(self, exchange: Exchange) -> None:
        await exchange.head(Transfer_Encoding="chunked")
        while exchange.request.path.endswith("/workflows"):
            version = 1_000_000 + len(self._sent)
            self._sent[version] = time.monotonic()
            await exchange.chunks(modified("a", version))
            await asyncio.sleep(PACE_S)
        await silence(exchange)

    def take(self, outcomes: list[Outcome]) -> None:
        """The sink."""
        versions = [(o.version & (1 << 56) - 1) >> 8 for o in outcomes if isinstance(o, Observation)]
        self.lags_s += [time.monotonic() - self._sent[version] for version in versions]


async def flood(exchange: Exchange) -> None:
    """As many events as the client takes."""
    await exchange.head(Transfer_Encoding="chunked")
    if not exchange.request.path.endswith(("/workflows", "/pods")):
        await silence(exchange)
    version = int(exchange.request.params["resourceVersion"])
    while True:
        block = b"".join(LARGE.replace(NUMBER, b"%d" % (version + n)) for n in range(1, BLOCK + 1))
        version += BLOCK
        await exchange.chunks(block)
        await asyncio.sleep(0.001)


FAULTS = {
    "blackhole": silence,
    "throttle": body(refusal(429, "TooManyRequests"), 429, Retry_After="1"),
    "flood": flood,
}


@asynccontextmanager
async def watched(folder: Path, server: ApiServer, sink: Callable[[list[Outcome]], None]) -> AsyncIterator[list[Watch]]:
    """A cluster of its own, all kinds of it."""
    watches = [Watch(folder.name, r, dice=Random(), counters=Counters()) for r in resources()]
    async with server.serving(), Connection(kubeconfig(folder, server.url)) as connection:
        run = watch_cluster(connection, watches, sink=sink, room=always_room, patience=QUICK)
        task = asyncio.create_task(run)
        try:
            yield watches
        finally:
            task.cancel()
            await asyncio.wait([task])


def late(lags_s: list[float]) -> float:
    """What one in ten exceeds; with so few events, one of a hundred says nothing."""
    return sorted(lags_s)[len(lags_s) * 9 // 10]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_fault_of_one_cluster_does_not_delay_the_others(tmp_path: Path, fault: str) -> None:
    """Lags of the same clusters in the same run, before and during the fault; a rest of a stream is allowed on top."""
    faulty, well = ApiServer(), [Steady() for _ in range(WELL)]

    def work(outcomes: list[Outcome]) -> None:
        time.sleep(len(outcomes) * EVENT_S)

    async with AsyncExitStack() as stack:
        for number, steady in enumerate(well):
            (tmp_path / f"well-{number}").mkdir()
            await stack.enter_async_context(watched(tmp_path / f"well-{number}", steady.server, steady.take))
        (tmp_path / "faulty").mkdir()
        await stack.enter_async_context(watched(tmp_path / "faulty", faulty, work))
        await eventually(lambda: all(steady.lags_s for steady in well))
        await asyncio.sleep(PART_S)
        before = [lag for steady in well for lag in steady.lags_s]
        faulty.otherwise |= dict.fromkeys(("list", "watch", "fence"), FAULTS[fault])
        await faulty.cut()
        await asyncio.sleep(PART_S / 5)
        for steady in well:
            steady.lags_s.clear()
        await asyncio.sleep(PART_S)
        during = [lag for steady in well for lag in steady.lags_s]

    assert late(during) < 2 * late(before) + REST_S
