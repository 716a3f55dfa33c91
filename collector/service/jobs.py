"""
Periodic jobs of a running collector: queue samples and charges, and work on the store in threads of its own.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from collector import connect
from collector.billing import corrections, runs, statement
from collector.billing.rows import store_clock
from collector.billing.shared import StatementTerms
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.catalog.retention import retention_days
from collector.catalog.rollups import ROLLUPS, Rollup
from collector.clock import now_ms
from collector.core.cost.pricing_runs import FIRST_RUN
from collector.core.live_view import Clock
from collector.core.model import Instant
from collector.pipeline.pipeline import Pipeline
from collector.prices import book
from collector.prices.lookup import Books
from collector.service.runtime import Runtime
from collector.service.tasks import every, in_slices, on_wall_clock, own_thread, pause_after
from collector.settings.derived import make_data_dir, rules_version
from collector.settings.model import Settings
from collector.store.claim import acquire_claim
from collector.store.clickhouse import Store, StoreError
from collector.store.rollup import record_round, roll_up, rolled_up_at
from collector.store.schema.on_cluster import ServersPendingError
from collector.store.schema.retention import apply_retention, kept_days
from collector.web.readiness import SKEWED_MS

log = logging.getLogger(__name__)

SAMPLE_S = 15
LOOK_S = 15
"""Between two looks at the store's pricing runs; billing/wait_for_collectors.py waits for longer than that."""
FIRST_LOOK_S = 1
"""The same until the store first answers."""
STATEMENT = "statement"
"""What metrics and claims name the statements of months, which are kept up to date as rollups are."""
ROLL_UP_S = 60
ROLL_UP_SHARE = 0.05
"""Of the time at most: rounds of rollups that take long are followed by longer pauses."""
ONE_THREAD = {"max_threads": 1}
"""A round's share of the time is then its share of a core."""
LONGEST_PAUSE_S = 7200
"""Between two rounds, however long one took; alerts/thresholds/stores.yaml counts on it."""
ROLL_UP_CLAIM_S = 3 * ROLL_UP_S
"""After this time without a sign of the collector that rebuilds rollups, once it is due, another collector takes over."""
REBUILD_TIMEOUT_S = 600
"""For one cluster's day."""
LOOP_LAG_S = 0.5
FIRST_ROUND_S = 5
"""Between two attempts until the store first answers and is migrated."""


async def sample_forever(runtime: Runtime) -> None:
    """Samples queues and applies what follows from time alone, at each multiple of 15 seconds."""
    warned: set[tuple[str, str]] = set()

    async def sample() -> None:
        now, wanted = now_ms(), runtime.shards.wanted
        # What is known of a cluster may be old when this process was stopped and another replica watches the cluster.
        with_queues, with_crons = (
            {*filter(wanted, names)}
            for names in (runtime.watchers.with_queues_watched(), runtime.watchers.with_crons_watched())
        )
        await in_slices(runtime.pipeline.sample_queues(now, with_queues))
        await in_slices(runtime.pipeline.tick(now, with_crons))
        runtime.pipeline.set_skews({clock.cluster: clock.skew_ms for clock in runtime.watchers.clocks()})
        for _ in runtime.counters.look_for_idle():
            await asyncio.sleep(0)  # what else is due goes first
        warn_of_clocks(runtime.clocks(), warned)

    await on_wall_clock(SAMPLE_S, sample)


def warn_of_clocks(clocks: list[Clock], warned: set[tuple[str, str]]) -> None:
    """Warns once about each clock that is off."""
    for clock in clocks:
        owner = (clock.subject, clock.cluster)
        if abs(clock.skew_ms) > SKEWED_MS and owner not in warned:
            warned.add(owner)
            log.warning(
                "a clock is off, set both by NTP",
                extra={
                    "subject": clock.subject,
                    "cluster": clock.cluster,
                    "theirs_minus_ours_s": clock.skew_ms // 1000,
                },
            )


async def time_loop_forever(counters: Counters, every_s: float = LOOP_LAG_S) -> None:
    """Observes how late the event loop wakes a timer: what one part of the collector makes all others wait."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + every_s
        await asyncio.sleep(every_s)
        counters.observe(metrics.LOOP_LAG, max(0.0, clock() - due))


async def accrue_forever(pipeline: Pipeline, every_s: float, charging: asyncio.Lock) -> None:
    """Charges running pods every so often; `charging` is shared by all that charge."""

    async def accrue() -> None:
        async with charging:
            await in_slices(pipeline.accrue(now_ms()))

    await every(every_s, accrue)


async def follow_pricing_runs(settings: Settings, pipeline: Pipeline, charging: asyncio.Lock) -> None:
    """Passes the store's pricing runs and locked months to the pipeline; until then charges are the first run's."""
    known, store = False, connect.reading_store(settings, "", own=True, sequential=True)
    with own_thread("runs", store) as worker:

        async def look() -> float:
            nonlocal known
            with contextlib.suppress(StoreError):
                current = await worker.run(runs.current_runs, store)
                async with charging:
                    now = now_ms()
                    await in_slices(pipeline.set_pricing_runs(current, now))
                if not known and current.numbers == {FIRST_RUN}:
                    pipeline.open_pricing_run(now, f"{book.digest(pipeline.books)}-{rules_version(settings)}")
                known = True
            return LOOK_S if known else FIRST_LOOK_S

        await every(LOOK_S, look, first_s=0)


async def correct_forever(settings: Settings, every_s: float) -> None:
    """Books charges that arrived late for locked months. Several collectors that do so write the same rows."""
    store, zone = connect.writing_store(settings), ZoneInfo(settings.billing_timezone)
    with own_thread("corrections", store) as worker:

        async def correct() -> float:
            with contextlib.suppress(StoreError):
                if booked := await worker.run(corrections.book, store, datetime.now(zone).date()):
                    log.info("booked corrections of locked months", extra={"entries": booked})
            return every_s

        await every(every_s, correct)


async def retain_once(settings: Settings) -> None:
    """Sets the retention of the store's tables, as soon as the store answers and has the tables."""
    store, days = connect.writing_store(settings), retention_days(settings.retention)
    defaults = days.keys() - settings.retention.keys()
    apply = partial(apply_retention, store, days, settings.store.cluster, by_default=defaults)
    with own_thread("retention", store) as worker:
        while True:
            try:
                await worker.run(apply)
            except (StoreError, KeyError) as error:  # it does not answer yet, or its tables are still being made
                if isinstance(error, ServersPendingError):
                    log.warning("retention is not set everywhere yet", extra={"reason": str(error)})
                await asyncio.sleep(FIRST_ROUND_S)
            else:
                return


async def roll_up_forever(
    settings: Settings,
    counters: Counters,
    rolled_up: dict[str, Instant],
    books: Books,
    every_s: float = ROLL_UP_S,
) -> None:
    """
    Rebuilds rollups and then the statements of months, in one collector of those that share the store.

    The longer a round takes, the longer is the pause after it. Every collector keeps `rolled_up` up to date.
    """
    for name in (*(rollup.name for rollup in ROLLUPS), STATEMENT):
        for metric in (metrics.ROLLED_UP_DAYS, metrics.ROLLUP_ERRORS):
            counters.initialise(metric, rollup=name)
    store = connect.writing_store(settings, REBUILD_TIMEOUT_S, limit=ONE_THREAD)
    terms = _statement_terms(settings, books)
    work: dict[str, Callable[[], bool]] = {
        rollup.name: partial(_roll_up, store, settings, rollup, counters) for rollup in ROLLUPS
    }
    work[STATEMENT] = partial(_write_statements, store, settings, terms, counters)

    def failed(name: str, error: StoreError) -> None:
        if rolled_up:  # before the first success the store may be down, or lack the tables
            counters.add(metrics.ROLLUP_ERRORS, rollup=name)
            log.warning("a rollup failed", extra={"rollup": name, "reason": str(error)})

    def roll_all_up() -> float:
        """Returns the seconds until the next round."""
        began, done = time.monotonic(), _work_through(work, failed)
        pause = pause_after(time.monotonic() - began, ROLL_UP_SHARE, every_s, LONGEST_PAUSE_S)
        with contextlib.suppress(StoreError):
            rolled_up.update(rolled_up_at(store))
            if pause > every_s:  # else the claims of this round last
                for name in done:
                    _claim(store, settings, name, pause)
        return pause if rolled_up else FIRST_ROUND_S

    with own_thread("rollups", store) as worker:
        await every(every_s, partial(worker.run, roll_all_up), first_s=0)


def _work_through(work: Mapping[str, Callable[[], bool]], failed: Callable[[str, StoreError], None]) -> list[str]:
    """Does all of the work and returns the names of what this collector did, and not another."""
    done = list[str]()
    for name, do in work.items():
        try:
            if do():
                done.append(name)
        except StoreError as error:
            failed(name, error)
    return done


def _statement_terms(settings: Settings, books: Books) -> StatementTerms:
    rules = f"{book.digest(books)}-{rules_version(settings)}"
    zone = ZoneInfo(settings.billing_timezone)
    return StatementTerms(books=books, zone=zone, rules=rules, bill=settings.bill.rules)


def _roll_up(store: Store, settings: Settings, rollup: Rollup, counters: Counters) -> bool:
    """Rebuilds one rollup unless another collector does; returns whether this one did."""
    claim = partial(_claim, store, settings, rollup.name)
    if not claim():
        return False

    def count_day(_: date) -> None:
        counters.add(metrics.ROLLED_UP_DAYS, rollup=rollup.name)
        claim()

    kept = kept_days(store, settings.store.cluster)
    ages = [days for table in (rollup.source, rollup.name) if (days := kept.get(table, 0))]
    oldest = datetime.now(UTC).date() - timedelta(days=min(ages)) if ages else date.min
    roll_up(store, rollup, oldest, count_day)
    return True


def _write_statements(store: Store, settings: Settings, terms: StatementTerms, counters: Counters) -> bool:
    """Brings the statements of months up to date unless another collector does; returns whether this one did."""
    if not _claim(store, settings, STATEMENT):
        return False
    at = store_clock(store)
    for _ in statement.write_due(store, terms, datetime.now(terms.zone).date(), now_ms()):
        counters.add(metrics.ROLLED_UP_DAYS, rollup=STATEMENT)
        _claim(store, settings, STATEMENT)
    record_round(store, STATEMENT, at)
    return True


def _claim(store: Store, settings: Settings, name: str, pause_s: float = 0) -> bool:
    """Claims the upkeep of a rollup, also for a pause. The holder's name survives a restart, and so does its claim."""
    holder = f"{socket.gethostname()}:{make_data_dir(settings)}"
    return acquire_claim(store, f"rollup {name}", holder, now_ms(), ROLL_UP_CLAIM_S + int(pause_s))
