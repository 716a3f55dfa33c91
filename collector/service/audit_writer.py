"""
Writes what visitors saw into the store, a few seconds later and in one insert.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector import connect
from collector.access.audit import AuditLog
from collector.billing.rows import write_facts
from collector.clock import now_ms
from collector.service.tasks import background_task, every, own_thread
from collector.settings.model import Settings
from collector.store.clickhouse import RowsRefusedError, Store, StoreError
from collector.store.worker import Worker

log = logging.getLogger(__name__)

WRITE_S = 10.0
LAST_S = 2.0
"""For what is left at the end."""
PATIENCE = 6
"""Failures in a row before one is logged: a store that starts, or is down, is reported elsewhere."""


class AuditWriter:
    """Moves entries from the log into the store."""

    def __init__(self, entries: AuditLog, store: Store, worker: Worker) -> None:
        """`worker` is the thread of `store`."""
        self._entries, self._store, self._worker = entries, store, worker
        self._failures = 0

    async def write(self) -> None:
        """Writes what is due; what the store does not take now is tried again the next time."""
        while taken := self._entries.take(now_ms()):
            try:
                await self._worker.run(write_facts, self._store, taken)
            except RowsRefusedError as error:
                self._count_lost(len(taken), error)
            except (StoreError, asyncio.CancelledError) as error:
                # After a write that was cut short the same rows are written again, and replace themselves.
                self._entries.give_back(taken)
                if not isinstance(error, StoreError):
                    raise
                self._failed(error)
                return
            self._failures = 0

    async def write_last(self) -> None:
        """Writes all that is left, and counts it as lost where the store does not take it in time."""
        if rest := self._entries.take_all():
            try:
                async with asyncio.timeout(LAST_S):
                    await self._worker.run(write_facts, self._store, rest)
            except (StoreError, TimeoutError) as error:
                self._count_lost(len(rest), error)

    def _count_lost(self, number: int, error: Exception) -> None:
        self._entries.drop(number)
        log.warning("entries of the audit log are lost", extra={"entries": number, "reason": str(error)})

    def _failed(self, error: StoreError) -> None:
        self._failures += 1
        if self._failures >= PATIENCE:
            log.warning(
                "the store does not take entries of the audit log, which wait",
                extra={"entries": self._entries.waiting, "reason": str(error)},
            )


@asynccontextmanager
async def writing_audit(settings: Settings, entries: AuditLog) -> AsyncIterator[None]:
    """Writes for as long as the block lasts, and at its end what is left."""
    store = connect.writing_store(settings)
    with own_thread("audit", store) as worker:
        writer = AuditWriter(entries, store, worker)
        async with background_task(every(WRITE_S, writer.write), "audit"):
            yield
        await writer.write_last()
