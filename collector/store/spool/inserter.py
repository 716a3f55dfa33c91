"""
Carries what the spool holds to the store: sealed batches in order, again and again until each is acknowledged.

A batch is sent with the hash of its content as deduplication token, and every row has a key and a version: sending one
twice changes nothing. Positions and live rows travel as the last batches of a round, so a position never overtakes the
facts it stands for. Rows that can never be stored are found by halving and set aside; all else is tried until it works.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.catalog.schema import Table
from collector.catalog.tables import TABLE_NAMED
from collector.core.facts.watches import Quarantine
from collector.core.model import Instant
from collector.store.clickhouse import RowsRefusedError, Store, StoreError
from collector.store.spool.batches import BATCH_ROWS, content_of, encode, quarantined
from collector.store.spool.failpoints import Failpoint, passed
from collector.store.spool.file import SpoolDamagedError, SpoolError
from collector.store.spool.spool import Batch, Spool
from collector.store.worker import Worker

log = logging.getLogger(__name__)

EVERY_S = 1.0
POSITIONS_EVERY_S = 5.0
LOOK_EVERY_S = 15.0
"""How often a store that is not sent anything is asked whether it still answers, and what time it is there."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
NOT_ASKED = "not asked yet"


@dataclass(slots=True)
class Inserter:
    """The way from one spool to one store: `run` it for ever, `finish` before the end; `wake` it when much was committed."""

    spool: Spool
    spool_worker: Worker
    store: Store
    store_worker: Worker
    counters: Counters
    now: Callable[[], Instant]
    reachable: bool = False
    detail: str = NOT_ASKED
    """Why rows wait in the spool; empty: they do not."""
    cause: str = ""
    """The same in one word."""
    skew_ms: int | None = None
    """The store's clock minus ours; None: not asked yet."""
    last_insert_at: Instant | None = None
    reached: Failpoint = passed
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _positions_at: float = -math.inf
    _looked_at: float = -math.inf

    async def run(self, *, prepare: Callable[[Store], object] | None = None) -> None:
        """Prepare the store (a migration) as soon as it answers, then send for ever. Only an error of `prepare` ends it."""
        pause = FIRST_PAUSE_S
        while True:
            if prepare is not None and await self._tried(partial(self.store_worker.run, prepare, self.store)):
                prepare = None
            if prepare is None and await self._tried(self._send_all):
                pause = FIRST_PAUSE_S
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), EVERY_S)
                self.wake.clear()
            else:
                # Half of it at least: all collectors lost the store at once and should not come back at once.
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def finish(self, within_s: float = 3.0) -> None:
        """Send what is there, if the store takes it in time; what it does not take stays in the spool."""
        if not self.reachable:
            return
        self._positions_at = -math.inf
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._tried(self._send_all)

    async def _tried(self, attempt: Callable[[], Awaitable[object]]) -> bool:
        """False when it has to be tried again."""
        try:
            async with self._one_at_a_time:
                await attempt()
        except (StoreError, SpoolError) as error:
            self._down(str(error), error.cause if isinstance(error, StoreError) else "spool_fails")
            return False
        return True

    async def _send_all(self) -> None:
        positions = monotonic() - self._positions_at >= POSITIONS_EVERY_S
        while batches := await self.spool_worker.run(self.spool.seal, self.now(), positions=positions):
            for batch in batches:
                await self._send(batch)
            if self.spool.rows < BATCH_ROWS:  # else a backlog, which need not wait for the next second
                break
        if positions:
            self._positions_at = monotonic()
        await self._look()

    async def _look(self) -> None:
        """With nothing to send, ask now and then, so that health is no guess."""
        if self.reachable and monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        asked = self.now()
        told = await self.store_worker.run(self.store.ping)
        answered = self.now()
        self.skew_ms = told - min(max(told, asked), answered)
        self._looked_at = monotonic()
        self._up()

    async def _send(self, batch: Batch) -> None:
        table = TABLE_NAMED.get(batch.table)
        if table is None:
            await self._set_aside(batch, [self._unreadable(batch, "no such table in this version")])
            return
        try:
            rows = await self.spool_worker.run(self.spool.read, batch)
        except SpoolDamagedError as error:
            await self._set_aside(batch, [self._unreadable(batch, str(error))])
            return
        bad = await self._insert(table, rows, batch.content)
        if bad:
            await self._set_aside(batch, [quarantined(table, row, why, batch.sealed_at) for row, why in bad])
        else:
            await self.spool_worker.run(self.spool.acknowledge, batch)

    async def _insert(self, table: Table, rows: Sequence[Any], token: str) -> list[tuple[Any, str]]:
        """Store the rows; those that cannot be stored come back with the reason."""
        began = monotonic()
        self.reached("insert:before")
        try:
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
        self.reached("insert:stored")
        self.counters.observe(metrics.STORE_INSERT_SECONDS, monotonic() - began, table=table.name)
        self.counters.add(metrics.STORE_INSERTED_ROWS, len(rows), table=table.name)
        self.last_insert_at = self.now()
        self._up()
        return []

    async def _set_aside(self, batch: Batch, instead: Sequence[Quarantine]) -> None:
        """Give up some rows of a batch for good, and say so where it will be seen."""
        for row in instead:
            log.error("row set aside", extra={"table": batch.table, "uid": row.uid, "reason": row.reason})
            self.counters.add(metrics.QUARANTINED, cluster=row.cluster, kind=batch.table, reason="store")
        # A quarantine row that cannot be stored either is only logged: it must not come back for ever.
        kept = () if batch.table == "quarantine" else instead
        await self.spool_worker.run(self.spool.acknowledge, batch, kept)

    def _unreadable(self, batch: Batch, why: str) -> Quarantine:
        return Quarantine(
            cluster="", kind=batch.table, uid=batch.content, at=batch.sealed_at, version=1,
            reason=f"{batch.rows} rows: {why}", sample="",
        )  # fmt: skip

    def _up(self) -> None:
        if not self.reachable:
            log.info("store reachable")
        self.reachable, self.detail, self.cause = True, "", ""

    def _down(self, why: str, cause: str) -> None:
        if self.reachable or self.detail == NOT_ASKED:
            log.warning("store does not take rows, they stay in the spool", extra={"reason": why})
        self.reachable, self.detail, self.cause = False, why, cause


def _token(table: Table, rows: Sequence[Any]) -> str:
    return content_of(table.name, [encode(rows)])
