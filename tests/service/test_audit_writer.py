"""Entries of the audit log on their way into the store: none is lost while it is down, and a loss is counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.access.audit import MOST_AT_ONCE, AuditLog, entry_of
from collector.access.scope import ALL, Visitor
from collector.catalog.counters import Counters
from collector.service import audit_writer
from collector.service.audit_writer import PATIENCE, AuditWriter
from collector.settings.model import DiscoverySettings
from collector.store.clickhouse import RowsRefusedError, Store, StoreUnreachableError
from collector.store.worker import Worker
from tests.running import a_service, running

BEN = Visitor("ben", ALL, "token")


class Table(Store):
    """A store that keeps what is inserted, or fails."""

    def __init__(self) -> None:
        super().__init__(lambda: pytest.fail("nothing is connected"))
        self.rows: list[Sequence[Any]] = []
        self.error: Exception | None = None

    def insert(self, table: Any, rows: Sequence[Sequence[Any]], token: str, *, database: str = "") -> None:
        if self.error:
            raise self.error
        assert table.name == "audit_entry"
        self.rows += rows


@asynccontextmanager
async def a_writer() -> AsyncIterator[tuple[AuditLog, Table, AuditWriter]]:
    """A log, the table that it is written to, and what does so."""
    entries, table, worker = AuditLog(Counters()), Table(), Worker("audit")
    yield entries, table, AuditWriter(entries, table, worker)
    worker.close()


def sign_ins(entries: AuditLog, number: int) -> None:
    for count in range(number):
        entries.record(entry_of("sign_in", str(count), visitor=BEN))


async def test_what_waits_is_written_in_few_inserts() -> None:
    """Also when more waits than one insert takes."""
    async with a_writer() as (entries, table, writer):
        sign_ins(entries, 2 * MOST_AT_ONCE + 1)
        await writer.write()
        assert (len(table.rows), entries.waiting, entries.dropped) == (2 * MOST_AT_ONCE + 1, 0, 0)


async def test_a_store_that_is_down_gets_them_later(caplog: pytest.LogCaptureFixture) -> None:
    """One try each time, and a line of the log once it lasts."""
    async with a_writer() as (entries, table, writer):
        sign_ins(entries, 3)
        table.error = StoreUnreachableError("down")
        for _ in range(PATIENCE - 1):
            await writer.write()
        assert (entries.waiting, caplog.records) == (3, [])
        await writer.write()
        [line] = caplog.records
        assert (line.message, vars(line)["entries"]) == (
            "the store does not take entries of the audit log, which wait",
            3,
        )
        table.error = None
        await writer.write()
        assert ([row[10] for row in table.rows], entries.dropped) == (["0", "1", "2"], 0)


async def test_rows_that_no_store_takes_are_counted_and_do_not_block_others(caplog: pytest.LogCaptureFixture) -> None:
    """Else one bad entry would end the log."""
    async with a_writer() as (entries, table, writer):
        sign_ins(entries, 2)
        table.error = RowsRefusedError("no")
        await writer.write()
        assert (entries.waiting, entries.dropped, len(caplog.records)) == (0, 2, 1)


async def test_a_write_that_is_cut_short_is_done_again() -> None:
    """The rows replace themselves if the store had them already."""
    async with a_writer() as (entries, table, writer):
        sign_ins(entries, 2)
        task = asyncio.create_task(writer.write())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert entries.waiting == 2
        await writer.write_last()
        assert {row[10] for row in table.rows} == {"0", "1"}


async def test_what_the_end_cannot_write_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """And nothing is written where nothing waits."""
    async with a_writer() as (entries, table, writer):
        await writer.write_last()
        sign_ins(entries, 2)
        table.error = StoreUnreachableError("down")
        await writer.write_last()
        assert (entries.dropped, len(caplog.records)) == (2, 1)


async def test_a_collector_writes_its_log_and_at_its_end_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the store of a running collector; a row that is counted again takes the place of the first."""
    monkeypatch.setattr(audit_writer, "WRITE_S", 0.1)
    (tmp_path / "secrets").mkdir()
    settings = a_service(tmp_path, discovery=DiscoverySettings(argocd_secrets=str(tmp_path / "secrets")))
    page = entry_of("read", "/cost", visitor=BEN, address="10.0.0.1", outcome="200")
    async with running(settings) as one:
        one.runtime.audit.record(page)
        await one.until("SELECT count() = 1 FROM lynceus.audit_entry WHERE actor = 'ben' AND times = 1")
        one.runtime.audit.record(page)
    async with running(settings) as one:
        await one.until("SELECT count() = 1 FROM lynceus.audit_entry FINAL WHERE target = '/cost' AND times = 2")
        assert one.runtime.view().audit_dropped == 0
