"""
The running collector: one asyncio process, with its store as a child.

Failures are isolated: one cluster's watches do not affect another's (watchers.py), the store and a slow disk do not block the
watches (storage.py), and the web pages stay up (http_server.py).
"""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

from collector import connect, logs
from collector.catalog.counters import Counters
from collector.connect import ExternalError
from collector.core.units import MINUTE_MS
from collector.measured import unmeasured
from collector.pipeline.pipeline import Pipeline
from collector.service import gap_filler, jobs
from collector.service.departments import DepartmentCosts
from collector.service.disks import Disks
from collector.service.http_server import serving
from collector.service.runtime import Runtime
from collector.service.storage import Storage
from collector.service.tasks import background_task
from collector.service.trace_export import TraceExport
from collector.service.watchers import Watchers
from collector.settings.derived import rules_of
from collector.settings.model import Settings
from collector.traces.open_receiver import open_receiver

ACCRUE_S = 3600

COLLECT_AFTER = 10_000
"""Allocations after which Python looks for reference cycles. There are few cycles here, but a batch of rows has as many objects
as Python's own 700 a dozen times over, and each look walks through all of them: a tenth of all CPU."""


async def run(
    settings: Settings,
    folder: Path,
    *,
    stop: asyncio.Event | None = None,
    accrue_s: int = ACCRUE_S,
    ready: Callable[[Runtime], object] | None = None,
) -> Runtime:
    """Watches and serves until `stop` or a signal; calls `ready` once all is started. Returns the runtime, for a summary."""
    logs.to_stderr(settings.log.level, settings.log.format)
    gc.set_threshold(COLLECT_AFTER)
    runtime = build(settings, folder, stop or asyncio.Event())
    with _signals(runtime.stop), _private_files():
        async with AsyncExitStack() as stack:
            await _start(runtime, stack, accrue_s)
            if ready is not None:
                ready(runtime)
            await runtime.stop.wait()
    if runtime.storage.failure:
        raise ExternalError(runtime.storage.failure)
    return runtime


def build(settings: Settings, folder: Path, stop: asyncio.Event) -> Runtime:
    """Makes all parts of a collector; none of them runs yet."""
    known, counters = connect.addresses(settings), Counters()
    pipeline = Pipeline(
        {name: rules_of(settings, cluster) for name, (_, cluster) in known.items()},
        connect.books(settings, folder),
        ZoneInfo(settings.billing_timezone),
        counters,
        settings.stuck_after_minutes * MINUTE_MS,
    )
    addresses = {name: address for name, (address, _) in known.items()}
    export = TraceExport(settings, counters, open_receiver(settings.traces)) if settings.traces.endpoint else None
    measure = export.measure if export else unmeasured
    return Runtime(
        settings=settings,
        addresses=addresses,
        pipeline=pipeline,
        counters=counters,
        storage=Storage(
            settings, pipeline, counters, stop, committed=export.offer if export else None, measure=measure
        ),
        watchers=Watchers(settings, addresses, pipeline, counters, measure=measure),
        disks=Disks(settings),
        departments=DepartmentCosts(settings),
        stop=stop,
        trace_export=export,
        measure=measure,
    )


async def _start(runtime: Runtime, stack: AsyncExitStack, accrue_s: int) -> None:
    """Starts everything; the last to start is the first to end, so that watches end before the spool does."""
    settings, pipeline, counters, storage = runtime.settings, runtime.pipeline, runtime.counters, runtime.storage
    await stack.enter_async_context(serving(settings, runtime.view, counters, runtime.measure))
    await stack.enter_async_context(storage.running())
    stack.enter_context(runtime.disks.watching())
    for name, work in {
        "samples": jobs.sample_forever(runtime),
        "loop lag": jobs.time_loop_forever(counters),
        "charges": jobs.accrue_forever(pipeline, accrue_s),
        "runs": jobs.follow_pricing_runs(settings, pipeline),
        "corrections": jobs.correct_forever(settings, accrue_s),
        "rollups": jobs.roll_up_forever(settings, counters, storage.rolled_up_at),
        "departments": runtime.departments.follow_forever(),
        "retention": jobs.retain_once(settings),
        "backfill": gap_filler.backfill_forever(settings, pipeline, counters, storage.is_caught_up),
    }.items():
        await stack.enter_async_context(background_task(work, name))
    if runtime.trace_export is not None:
        await stack.enter_async_context(background_task(runtime.trace_export.run(storage.stored_until), "traces"))
    for name in runtime.addresses:
        await stack.enter_async_context(runtime.watchers.watching(name))


@contextlib.contextmanager
def _private_files() -> Iterator[None]:
    """Makes files that no other user can read."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Sets `stop` on SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
