"""
Wires the parts together: the collector as one asyncio process, with its store as a child.

What can fail by itself is kept apart: a cluster's watches from the other clusters (watching.py), the store from the
watches and a slow disk from the sockets (storing.py), the pages from all (serving.py).
"""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable, Container, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from collector import connect
from collector.catalog.counters import Counters
from collector.clock import now_ms
from collector.connect import Failure
from collector.core.live_view import Clock
from collector.core.units import MINUTE_MS
from collector.exposition import logs
from collector.pipeline.pipeline import Pipeline
from collector.service import gap_filler, jobs
from collector.service.http_server import serving
from collector.service.runtime import ACCRUE_S, COLLECT_AFTER, Runtime, background_task
from collector.service.storage import caught_up, committing, opened_spool, storing, take_over
from collector.service.watchers import watching
from collector.settings.derived import make_data_dir, rules_of
from collector.settings.model import Settings
from collector.store.worker import Worker
from collector.watch.protocol import Watch
from collector.web.readiness import SKEWED_MS

log = logging.getLogger(__name__)

SAMPLE_S = 15


async def run(
    settings: Settings,
    folder: Path,
    *,
    stop: asyncio.Event | None = None,
    accrue_s: int = ACCRUE_S,
    ready: Callable[[Runtime], object] = str,
    log_level: int = logging.INFO,
) -> Runtime:
    """Watch and serve until told to stop; returns what ran, for a summary."""
    logs.to_stderr(log_level)
    gc.set_threshold(COLLECT_AFTER)
    known, zone = connect.addresses(settings), ZoneInfo(settings.billing_timezone)
    loaded, data, counters = connect.books(settings, folder), make_data_dir(settings), Counters()
    rules = {name: rules_of(settings, cluster) for name, (_, cluster) in known.items()}
    pipeline = Pipeline(rules, loaded, zone, counters, settings.stuck_after_minutes * MINUTE_MS)
    where = {name: address for name, (address, _) in known.items()}
    parts = Runtime(settings, folder, data, where, pipeline, counters, stop or asyncio.Event(), accrue_s)
    with _signals(parts.stop):
        async with AsyncExitStack() as stack:
            await _start(parts, stack)
            ready(parts)
            await parts.stop.wait()
    if parts.failure:
        raise Failure(parts.failure)
    return parts


async def _start(parts: Runtime, stack: AsyncExitStack) -> None:
    """Start everything; what is entered last is ended first, so that watches end before the spool does."""
    await stack.enter_async_context(serving(parts.settings, parts.view, parts.counters))
    disk = Worker("spool")
    stack.callback(disk.close)
    parts.spool = await opened_spool(parts, disk)
    stack.push_async_callback(disk.run, parts.spool.close)
    fresh = not parts.settings.store.url and not (parts.data / "store").exists()
    await stack.enter_async_context(storing(parts, disk))
    await take_over(parts, disk, fresh)
    await stack.enter_async_context(committing(parts, disk))
    await stack.enter_async_context(_ticking(parts))
    await stack.enter_async_context(background_task(jobs.look_for_ever(parts.settings, parts.pipeline), "runs"))
    await stack.enter_async_context(
        background_task(jobs.correct_for_ever(parts.settings, parts.accrue_s), "corrections")
    )
    rolling = jobs.roll_up_for_ever(parts.settings, parts.counters, parts.rolled_up_at)
    await stack.enter_async_context(background_task(rolling, "rollups"))
    await stack.enter_async_context(background_task(jobs.retain_once(parts.settings), "retention"))
    fill = gap_filler.backfill_for_ever(parts.settings, parts.pipeline, parts.counters, lambda: caught_up(parts))
    await stack.enter_async_context(background_task(fill, "backfill"))
    for name in parts.addresses:
        await stack.enter_async_context(watching(parts, name))


@asynccontextmanager
async def _ticking(parts: Runtime) -> AsyncIterator[None]:
    warned: set[tuple[str, str]] = set()
    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None})
    pipeline = parts.pipeline

    async def sample() -> None:
        now, watched = now_ms(), {name for name, watches in parts.watches.items() if _hears_crons(watches)}
        pipeline.sample_queues(now)
        pipeline.tick(now, watched)
        warned.update(_warn_of_clocks(parts.clocks(), warned))

    async def accrue() -> None:
        pipeline.accrue(now_ms())

    scheduler.add_job(sample, "interval", seconds=SAMPLE_S)
    scheduler.add_job(accrue, "interval", seconds=parts.accrue_s)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _warn_of_clocks(clocks: list[Clock], warned: Container[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Say once of each clock that is off; yields whose it was."""
    for clock in clocks:
        whose = (clock.subject, clock.cluster)
        if abs(clock.skew_ms) > SKEWED_MS and whose not in warned:
            about = {"subject": clock.subject, "cluster": clock.cluster, "theirs_minus_ours_s": clock.skew_ms // 1000}
            log.warning("a clock is off: set both by NTP", extra=about)
            yield whose


def _hears_crons(watches: list[Watch]) -> bool:
    """Whether a cron's run could not be missed: both kinds that would show it are watched now."""
    return {w.resource.kind for w in watches if w.synced and w.health().state == "watching"} >= {
        "workflows",
        "cronworkflows",
    }


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
