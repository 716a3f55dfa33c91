"""
The running collector: one asyncio process, with its store as a child.

Failures are isolated: one cluster's watches do not affect another's (watchers.py), the store and a slow disk do not block the
watches (storage.py), and the web pages stay up (http_server.py).
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from collector import connect, logs
from collector.access.audit import AuditLog
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.connect import ExternalError
from collector.core.units import MINUTE_MS
from collector.desired import desired, own_cluster
from collector.measured import unmeasured
from collector.pipeline.pipeline import Pipeline
from collector.service import jobs
from collector.service.audit_writer import writing_audit
from collector.service.backups import Backups
from collector.service.budgets import BudgetWatch
from collector.service.copied_secrets import CopiedSecrets
from collector.service.deliveries import Deliveries
from collector.service.departments import DepartmentCosts
from collector.service.disks import Disks
from collector.service.fleet import FleetParts, WatchedFleet
from collector.service.garbage import short_searches
from collector.service.http_server import serving
from collector.service.live_settings import LiveSettings
from collector.service.passes import TimedSelector
from collector.service.runtime import Runtime
from collector.service.shards import shards_of
from collector.service.storage import Storage
from collector.service.store_probe import StoreProbe
from collector.service.tasks import background_task
from collector.service.trace_export import TraceExport
from collector.service.unusual_costs import UnusualCosts
from collector.service.visitors import Visitors
from collector.service.watchers import Watchers
from collector.settings.derived import rules_of
from collector.settings.model import Settings
from collector.traces.open_receiver import open_receiver

ACCRUE_S = 3600


async def run(
    settings: Settings,
    folder: Path,
    *,
    stop: asyncio.Event | None = None,
    accrue_s: int = ACCRUE_S,
    ready: Callable[[Runtime], object] | None = None,
    passes: TimedSelector | None = None,
    file: Path | None = None,
) -> Runtime:
    """
    Watches and serves until `stop` or a signal; calls `ready` once all is started. Returns the runtime, for a summary.

    `passes`: the selector of the running loop, if it is to be measured how long each pass takes. `file`: where the settings
    are from, to be read again when it changes.
    """
    logs.to_stderr(settings.log.level, settings.log.format)
    runtime = build(settings, folder, stop or asyncio.Event(), file=file)
    if passes is not None:
        passes.observe = lambda seconds: runtime.counters.observe(metrics.LOOP_HOLD, seconds)
    with short_searches(), _signals(runtime.stop), _private_files():
        async with AsyncExitStack() as stack:
            await _start(runtime, stack, accrue_s)
            if ready is not None:
                ready(runtime)
            await runtime.stop.wait()
    if runtime.storage.failure:
        raise ExternalError(runtime.storage.failure)
    return runtime


def build(settings: Settings, folder: Path, stop: asyncio.Event, file: Path | None = None) -> Runtime:
    """Makes all parts of a collector; none of them runs yet. `file`: where the settings are from."""
    counters, first, shards = Counters(), desired(settings), shards_of(settings)
    copied = CopiedSecrets(own_cluster())
    live, wanted = LiveSettings(settings, file, copied), shards.wanted
    pipeline = Pipeline(
        {name: rules_of(settings, cluster.settings) for name, cluster in first.clusters.items() if wanted(name)},
        connect.books(settings, folder),
        ZoneInfo(settings.billing_timezone),
        counters,
        settings.stuck_after_minutes * MINUTE_MS,
    )
    export = TraceExport(settings, counters, open_receiver(settings.traces)) if settings.traces.endpoint else None
    measure = export.measure if export else unmeasured
    committed, before = (export.offer if export else None), shards.was_held_before
    storage = Storage(settings, pipeline, counters, stop, committed=committed, measure=measure, was_held_before=before)
    watchers = Watchers(settings, pipeline, counters, measure=measure)
    return Runtime(
        settings=settings,
        pipeline=pipeline,
        counters=counters,
        storage=storage,
        watchers=watchers,
        fleet=WatchedFleet(FleetParts(settings, pipeline, storage, watchers, counters), first, live.desired, wanted),
        live_settings=live,
        copied_secrets=copied,
        shards=shards,
        disks=Disks(settings),
        backups=Backups(settings, counters),
        departments=DepartmentCosts(settings),
        budgets=BudgetWatch(settings),
        deliveries=Deliveries(settings, counters),
        unusual=UnusualCosts(settings),
        audit=AuditLog(counters, log_lines=settings.access.audit_log),
        visitors=Visitors(settings),
        store_probe=StoreProbe(settings),
        stop=stop,
        trace_export=export,
        measure=measure,
    )


async def _start(runtime: Runtime, stack: AsyncExitStack, accrue_s: int) -> None:
    """Starts everything; the last to start is the first to end: watches end before the spool does, and Leases after it."""
    settings, pipeline, counters, storage = runtime.settings, runtime.pipeline, runtime.counters, runtime.storage
    await stack.enter_async_context(runtime.store_probe.watching())
    pages = serving(
        settings,
        runtime.view,
        counters,
        runtime.measure,
        runtime.queue_position,
        entrance=runtime.visitors.entrance,
        seen=runtime.audit.record,
        books=pipeline.books,
    )
    await stack.enter_async_context(pages)
    await stack.enter_async_context(runtime.shards.sharing())
    await stack.enter_async_context(storage.running())
    await stack.enter_async_context(writing_audit(settings, runtime.audit))
    stack.enter_context(runtime.disks.watching())
    stack.enter_context(runtime.backups.running())
    await stack.enter_async_context(runtime.deliveries.running())
    for name, work in _jobs(runtime, accrue_s).items():
        await stack.enter_async_context(background_task(work, name))
    if runtime.trace_export is not None:
        await stack.enter_async_context(background_task(runtime.trace_export.run(storage.stored_until), "traces"))
    await stack.enter_async_context(runtime.copied_secrets.following(runtime.live_settings.discovery))
    await stack.enter_async_context(runtime.fleet.watching())
    await stack.enter_async_context(background_task(runtime.shards.follow_forever(runtime.fleet.look), "held shards"))


def _jobs(runtime: Runtime, accrue_s: int) -> dict[str, Coroutine[Any, Any, None]]:
    """What runs for as long as the collector, by name."""
    settings, pipeline, counters, charging = runtime.settings, runtime.pipeline, runtime.counters, asyncio.Lock()
    return {
        "samples": jobs.sample_forever(runtime),
        "loop lag": jobs.time_loop_forever(counters),
        "charges": jobs.accrue_forever(pipeline, accrue_s, charging),
        "runs": jobs.follow_pricing_runs(settings, pipeline, charging),
        "corrections": jobs.correct_forever(settings, accrue_s),
        "rollups": jobs.roll_up_forever(settings, counters, runtime.storage.rolled_up_at, pipeline.books),
        "departments": runtime.departments.follow_forever(),
        "budgets": runtime.budgets.follow_forever(),
        "anomalies": runtime.unusual.follow_forever(),
        "tokens": runtime.visitors.follow_forever(),
        "retention": jobs.retain_once(settings),
    }


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
