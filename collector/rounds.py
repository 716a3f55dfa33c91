"""
What a running collector asks of the store's months, and does to them, now and then: beside the loop, in threads of its own.
"""

import asyncio
import contextlib
import logging
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from collector import asking
from collector import settings as configuration
from collector.core.pricing_runs import FIRST_RUN
from collector.pipeline import Pipeline
from collector.prices import book
from collector.repricing import corrections, runs
from collector.settings import Settings
from collector.store.clickhouse import StoreError
from collector.store.worker import Worker

log = logging.getLogger(__name__)

LOOK_S = 15
"""How often the store is asked which pricing runs to write; repricing/following.py waits for longer than that."""
FIRST_LOOK_S = 1
"""Until the store first answers."""


async def look_for_ever(settings: Settings, pipeline: Pipeline) -> None:
    """Hear of new pricing runs and locked months; until the store first says, charges are the first run's."""
    worker, known, store = Worker("runs"), False, asking.reading_store(settings, "")
    try:
        while True:
            with contextlib.suppress(StoreError):
                heard, now = await worker.run(runs.known, store), time.time_ns() // 1_000_000
                pipeline.know_runs(heard, now)
                if not known and heard.numbers == {FIRST_RUN}:
                    pipeline.open_pricing_run(
                        now, f"{book.digest(pipeline.books)}-{configuration.rules_version(settings)}"
                    )
                known = True
            await asyncio.sleep(LOOK_S if known else FIRST_LOOK_S)
    finally:
        worker.close()
        store.close()


async def correct_for_ever(settings: Settings, every_s: float) -> None:
    """Book what came late for locked months; several collectors that do so write the same rows."""
    worker, store, zone = Worker("corrections"), asking.writing_store(settings), ZoneInfo(settings.billing_timezone)
    try:
        while True:
            await asyncio.sleep(every_s)
            with contextlib.suppress(StoreError):
                if booked := await worker.run(corrections.book, store, datetime.now(zone).date()):
                    log.info("corrections of locked months were booked", extra={"entries": booked})
    finally:
        worker.close()
        store.close()
