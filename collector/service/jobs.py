"""
What a running collector asks of the store's months, and does to them, now and then: beside the loop, in threads of its own.
"""

import asyncio
import contextlib
import logging
import socket
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from collector import connect
from collector.billing import corrections, runs
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.catalog.retention import retention_days
from collector.catalog.rollups import ROLLUPS, Rollup
from collector.clock import now_ms
from collector.core.cost.pricing_runs import FIRST_RUN
from collector.core.model import Instant
from collector.pipeline.pipeline import Pipeline
from collector.prices import book
from collector.settings.derived import make_data_dir, rules_version
from collector.settings.model import Settings
from collector.store.claim import acquire_claim
from collector.store.clickhouse import Store, StoreError
from collector.store.rollup import roll_up, rolled_up_at
from collector.store.schema.retention import retain
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOOK_S = 15
"""How often the store is asked which pricing runs to write; repricing/following.py waits for longer than that."""
FIRST_LOOK_S = 1
"""Until the store first answers."""
ROLL_UP_S = 60
ROLL_UP_CLAIM_S = 3 * ROLL_UP_S
"""After so long without a word from who rebuilds rollups another collector does it."""
REBUILD_TIMEOUT_S = 600
"""For one cluster's day."""
FIRST_ROUND_S = 5
"""Until the store first answers, and is migrated."""


async def look_for_ever(settings: Settings, pipeline: Pipeline) -> None:
    """Hear of new pricing runs and locked months; until the store first says, charges are the first run's."""
    worker, known, store = Worker("runs"), False, connect.reading_store(settings, "")
    try:
        while True:
            with contextlib.suppress(StoreError):
                heard, now = await worker.run(runs.current_runs, store), now_ms()
                pipeline.set_pricing_runs(heard, now)
                if not known and heard.numbers == {FIRST_RUN}:
                    pipeline.open_pricing_run(now, f"{book.digest(pipeline.books)}-{rules_version(settings)}")
                known = True
            await asyncio.sleep(LOOK_S if known else FIRST_LOOK_S)
    finally:
        worker.close()
        store.close()


async def correct_for_ever(settings: Settings, every_s: float) -> None:
    """Book what came late for locked months; several collectors that do so write the same rows."""
    worker, store, zone = Worker("corrections"), connect.writing_store(settings), ZoneInfo(settings.billing_timezone)
    try:
        while True:
            await asyncio.sleep(every_s)
            with contextlib.suppress(StoreError):
                if booked := await worker.run(corrections.book, store, datetime.now(zone).date()):
                    log.info("corrections of locked months were booked", extra={"entries": booked})
    finally:
        worker.close()
        store.close()


async def retain_once(settings: Settings) -> None:
    """Give the store's tables the life times of the settings, as soon as it answers and has them."""
    worker, store = Worker("retention"), connect.writing_store(settings)
    try:
        while True:
            try:
                await worker.run(retain, store, retention_days(settings.retention), settings.store.cluster)
            except (StoreError, KeyError):  # it does not answer yet, or its tables are still being made
                await asyncio.sleep(FIRST_ROUND_S)
            else:
                return
    finally:
        worker.close()
        store.close()


async def roll_up_for_ever(
    settings: Settings, counters: Counters, rolled_up: dict[str, Instant], every_s: float = ROLL_UP_S
) -> None:
    """Keep the rollups, as one collector of those that share the store; all of them say in `rolled_up` how it goes."""
    worker, store = Worker("rollups"), connect.writing_store(settings, REBUILD_TIMEOUT_S)
    for rollup in ROLLUPS:
        for metric in (metrics.ROLLED_UP_DAYS, metrics.ROLLUP_ERRORS):
            counters.initialise(metric, rollup=rollup.name)
    try:
        while True:
            for rollup in ROLLUPS:
                try:
                    await worker.run(_roll_up, store, settings, rollup, counters)
                except StoreError as error:
                    if rolled_up:  # before the first time it may not be up, or have the tables
                        counters.add(metrics.ROLLUP_ERRORS, rollup=rollup.name)
                        log.warning("a rollup was not rebuilt", extra={"rollup": rollup.name, "reason": str(error)})
            with contextlib.suppress(StoreError):
                rolled_up.update(await worker.run(rolled_up_at, store))
            await asyncio.sleep(every_s if rolled_up else FIRST_ROUND_S)
    finally:
        worker.close()
        store.close()


def _roll_up(store: Store, settings: Settings, rollup: Rollup, counters: Counters) -> None:
    """One round, if nobody else does it. The collector's name outlives a restart, which goes on with its own claim."""
    holder, now = f"{socket.gethostname()}:{make_data_dir(settings)}", now_ms()
    claim = partial(acquire_claim, store, f"rollup {rollup.name}", holder, for_s=ROLL_UP_CLAIM_S)
    if not claim(now=now):
        return

    def rebuilt(_: date) -> None:
        counters.add(metrics.ROLLED_UP_DAYS, rollup=rollup.name)
        claim(now=now_ms())

    kept = retention_days(settings.retention).get(rollup.source, 0)
    oldest = datetime.now(UTC).date() - timedelta(days=kept) if kept else date.min
    roll_up(store, rollup, oldest, rebuilt)
