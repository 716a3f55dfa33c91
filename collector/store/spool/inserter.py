"""
Sends the spool's rows to the store: sealed batches in order, each repeated until the store acknowledges it.

A batch is sent with the hash of its content as deduplication token, and each row has a key and a version: sending a batch
twice changes nothing. Positions and live rows are the last batches of a round, so a position never arrives before its
facts. Rows that can never be stored are found by halving and set aside; everything else is repeated until it succeeds.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.catalog.schema import Table
from collector.catalog.tables import TABLE_NAMED, TABLES
from collector.catalog.watches import QUARANTINE
from collector.core.facts.watches import Quarantine, WatchGap
from collector.core.model import Instant
from collector.measured import Measure, unmeasured
from collector.store.clickhouse import RowsRefusedError, Store, StoreError
from collector.store.spool.batches import ROUND_ROWS, Batch
from collector.store.spool.failpoints import Failpoint, no_failpoint
from collector.store.spool.file import SpoolError
from collector.store.spool.lost import SENT_AGAIN, Lost, facts_of
from collector.store.spool.packing import BATCH_ROWS, encode, hash_rows, quarantine_row
from collector.store.spool.spool import Spool
from collector.store.worker import Worker

log = logging.getLogger(__name__)

EVERY_S = 2.0
"""Between two rounds of inserts: each writes a part for every table that has new rows."""
POSITIONS_EVERY_S = 5.0
CHECK_EVERY_S = 15.0
"""How often an idle store is asked whether it still answers, and for its time."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
UNKNOWN = "not asked yet"


def initialise_counters(counters: Counters, clusters: Collection[str]) -> None:
    """Makes the counters of every table exist at 0; rows that name no cluster may be set aside too."""
    for table in TABLES:
        counters.initialise(metrics.STORE_INSERT_ERRORS, table=table.name)
        counters.initialise(metrics.STORE_INSERTED_ROWS, table=table.name)
        for cluster in ("", *clusters):
            counters.initialise(metrics.QUARANTINED, cluster=cluster, kind=table.name, reason="store")


@dataclass(slots=True, kw_only=True)
class Inserter:
    """Sends from one spool to one store: `run` never ends, `finish` sends the rest; `wake` starts a round at once."""

    spool: Spool
    spool_worker: Worker
    store: Store
    store_worker: Worker
    counters: Counters
    now: Callable[[], Instant]
    reachable: bool = False
    detail: str = UNKNOWN
    """Why rows wait in the spool; empty: the store accepts rows."""
    cause: str = ""
    """The reason as one word."""
    skew_ms: int | None = None
    """The store's clock minus ours; None: not asked yet."""
    last_insert_at: Instant | None = None
    sent_until: Instant = 0
    """The store has all that was committed to the spool before this instant; 0: not known yet."""
    measure: Measure = unmeasured
    failpoint: Failpoint = no_failpoint
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _positions_at: float = -math.inf
    _checked_at: float = -math.inf

    async def run(self, *, prepare: Callable[[Store], object] | None = None) -> None:
        """Prepares the store (a migration) as soon as it answers, then sends for ever; only an error of `prepare` ends it."""
        pause = FIRST_PAUSE_S
        while True:
            if prepare is not None and await self._succeeds(partial(self.store_worker.run, prepare, self.store)):
                prepare = None
            if prepare is None and await self._succeeds(self._send_all):
                pause = FIRST_PAUSE_S
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), EVERY_S)
                self.wake.clear()
            else:
                # At least half the pause, at random: all collectors lost the store at once and must not return at once.
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def finish(self, within_s: float = 3.0) -> None:
        """Sends the remaining rows, if the store accepts them in time; other rows stay in the spool."""
        if not self.reachable:
            return
        self._positions_at = -math.inf
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._succeeds(self._send_all)

    async def _succeeds(self, attempt: Callable[[], Awaitable[object]]) -> bool:
        """Runs an attempt; returns False when it must be repeated."""
        try:
            async with self._one_at_a_time:
                await attempt()
        except (StoreError, SpoolError) as error:
            self._down(str(error), error.cause if isinstance(error, StoreError) else "spool_fails")
            return False
        return True

    async def _send_all(self) -> None:
        positions = monotonic() - self._positions_at >= POSITIONS_EVERY_S
        while True:
            at = self.now()
            batches = await self.spool_worker.run(self.spool.seal, at, positions=positions)
            for batch in batches:
                await self._send(batch)
            if sum(batch.rows for batch in batches) < ROUND_ROWS:  # else facts may have been left for the next round
                self.sent_until = batches[0].sealed_at if batches else at
            if not batches or self.spool.rows < BATCH_ROWS:  # else a backlog, which need not wait for the next second
                break
        if positions:
            self._positions_at = monotonic()
        await self._check_idle()

    async def _check_idle(self) -> None:
        """Asks an idle store from time to time, so that its health is known."""
        if self.reachable and monotonic() - self._checked_at < CHECK_EVERY_S:
            return
        before = self.now()
        store_time = await self.store_worker.run(self.store.ping)
        after = self.now()
        self.skew_ms = store_time - min(max(store_time, before), after)
        self._checked_at = monotonic()
        self._up()

    async def _send(self, batch: Batch) -> None:
        table = TABLE_NAMED.get(batch.table)
        if table is None:
            await self._set_aside(batch, [self._unreadable(batch, "no such table in this version")])
            return
        content = await self.spool_worker.run(self.spool.read, batch)
        bad = await self._insert(table, content.rows, batch.content) if content.rows else []
        instead = [quarantine_row(table, row, why, batch.sealed_at) for row, why in bad]
        if content.lost is not None:
            await self._record_lost(batch, content.lost, instead)
        elif instead:
            await self._set_aside(batch, instead)
        else:
            await self.spool_worker.run(self.spool.acknowledge, batch)

    async def _insert(self, table: Table, rows: Sequence[Any], token: str) -> list[tuple[Any, str]]:
        """Stores the rows; returns the rows that cannot be stored, each with the reason."""
        began = monotonic()
        self.failpoint("insert:before")
        try:
            with self.measure("insert", table=table.name):
                await self.store_worker.run(self.store.insert, table, rows, token)
        except RowsRefusedError as error:
            self.counters.add(metrics.STORE_INSERT_ERRORS, table=table.name)
            if len(rows) == 1:
                return [(rows[0], str(error))]
            middle = len(rows) // 2
            halves = (rows[:middle], rows[middle:])
            return [bad for half in halves for bad in await self._insert(table, half, _token(table, half))]
        except StoreError:
            self.counters.add(metrics.STORE_INSERT_ERRORS, table=table.name)
            raise
        self.failpoint("insert:stored")
        log.debug(
            "rows are stored", extra={"table": table.name, "rows": len(rows), "took_s": round(monotonic() - began, 3)}
        )
        self.counters.observe(metrics.STORE_INSERT_SECONDS, monotonic() - began, table=table.name)
        self.counters.add(metrics.STORE_INSERTED_ROWS, len(rows), table=table.name)
        self.last_insert_at = self.now()
        self._up()
        return []

    async def _record_lost(self, batch: Batch, lost: Lost, instead: Sequence[Quarantine]) -> None:
        """Deletes a batch with damaged rows: they become gaps, and what the spool has elsewhere is sent again."""
        log.error(
            "rows in the spool were damaged and are lost",
            extra={"table": lost.table, "rows": lost.rows, "from_at": lost.from_at, "to_at": lost.to_at},
        )
        clusters = await self.spool_worker.run(self.spool.clusters)
        found = [*facts_of(lost, clusters, "damaged in the spool")]
        for gap in found:
            if isinstance(gap, WatchGap):
                self.counters.add(metrics.WATCH_GAPS, cluster=gap.cluster, kind=gap.kind)
        await self._set_aside(batch, [*instead, *found], send_copy=lost.table in SENT_AGAIN)

    async def _set_aside(
        self, batch: Batch, instead: Sequence[Quarantine | WatchGap], *, send_copy: bool = False
    ) -> None:
        """Drops some rows of a batch for good, with a log line, a counter and a quarantine row."""
        for row in instead:
            if isinstance(row, Quarantine):
                log.error("a row was set aside", extra={"table": batch.table, "uid": row.uid, "reason": row.reason})
                self.counters.add(metrics.QUARANTINED, cluster=row.cluster, kind=batch.table, reason="store")
        # A quarantine row that cannot be stored is only logged: it must not return for ever.
        rows = () if batch.table == QUARANTINE.name else instead
        await self.spool_worker.run(self.spool.acknowledge, batch, rows, send_copy=send_copy)

    def _unreadable(self, batch: Batch, why: str) -> Quarantine:
        return Quarantine(
            cluster="",
            kind=batch.table,
            uid=batch.content,
            at=batch.sealed_at,
            version=1,
            reason=f"{batch.rows} rows: {why}",
            sample="",
        )

    def _up(self) -> None:
        if not self.reachable:
            log.info("the store is reachable")
        self.reachable, self.detail, self.cause = True, "", ""

    def _down(self, why: str, cause: str) -> None:
        if self.reachable or self.detail == UNKNOWN:
            log.warning("the store does not accept rows, they stay in the spool", extra={"reason": why})
        self.reachable, self.detail, self.cause = False, why, cause


def _token(table: Table, rows: Sequence[Any]) -> str:
    return hash_rows(table.name, [encode(rows)])
