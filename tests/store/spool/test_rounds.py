"""Periodic jobs of a collector on its store: rollups and retention, with the real engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector.billing.rows import write_facts
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS
from collector.core.model import Instant
from collector.service import jobs
from collector.settings.model import EmbeddedSettings, Settings
from collector.store.clickhouse import Store
from tests.reports.stored import a_run
from tests.store.running import Running

ENGINE = "SELECT engine_full FROM system.tables WHERE name = 'quarantine'"


def settings(running: Running, **more: Any) -> Settings:
    """Settings of a collector that started this store."""
    listen = EmbeddedSettings(listen=running.address)
    return Settings(embedded=listen, data_dir=str(running.token_file.parent), **more)


@asynccontextmanager
async def going(work: Any) -> AsyncIterator[None]:
    """Runs a job during the block."""
    task = asyncio.create_task(work)
    yield
    task.cancel()
    await asyncio.wait([task])


async def test_rollups_are_kept_and_their_progress_is_reported(
    running: Running, writer: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each collector reports until when rollups hold all rows; one of them rebuilds."""
    monkeypatch.setattr(jobs, "FIRST_ROUND_S", 0.05)
    for name in [*(rollup.name for rollup in ROLLUPS), *(table.name for table in HOUSEKEEPING)]:
        writer.command(f"TRUNCATE TABLE lynceus.{name}")
    write_facts(writer, [a_run("w", cluster="rounds")])
    counters, other = Counters(), Counters()
    until: dict[str, Instant] = {}
    heard: dict[str, Instant] = {}

    async with going(jobs.roll_up_forever(settings(running), counters, until)):
        while len(until) < len(ROLLUPS):
            await asyncio.sleep(0.05)
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    async with going(jobs.roll_up_forever(settings(running), other, heard)):
        while not heard:
            await asyncio.sleep(0.05)

    assert heard == until
    assert counters.series[metrics.ROLLED_UP_DAYS.name]["workflow_hourly",] >= 1
    assert other.series[metrics.ROLLED_UP_DAYS.name]["workflow_hourly",] == 0
    assert other.series[metrics.ROLLUP_ERRORS.name] == {(rollup.name,): 0 for rollup in ROLLUPS}
    assert writer.query_rows("SELECT sum(runs) FROM lynceus.workflow_hourly WHERE cluster = 'rounds'") == [(1,)]


async def test_a_store_without_rollups_is_tried_again(
    running: Running, writer: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first start the tables are created after the first query; later a failure is counted."""
    monkeypatch.setattr(jobs, "FIRST_ROUND_S", 0.05)
    writer.command("TRUNCATE TABLE lynceus.claim")
    writer.command("RENAME TABLE lynceus.rollup_state TO lynceus.elsewhere")
    counters = Counters()
    until: dict[str, Instant] = {}
    errors = counters.series.setdefault(metrics.ROLLUP_ERRORS.name, {})

    async with going(jobs.roll_up_forever(settings(running), counters, until, every_s=0.05)):
        while not writer.query_rows("SELECT 1 FROM lynceus.claim"):
            await asyncio.sleep(0.05)
        assert not any(errors.values())
        writer.command("RENAME TABLE lynceus.elsewhere TO lynceus.rollup_state")
        while not until:
            await asyncio.sleep(0.05)
        writer.command("RENAME TABLE lynceus.rollup_state TO lynceus.elsewhere")
        while not any(errors.values()):
            await asyncio.sleep(0.05)
    writer.command("RENAME TABLE lynceus.elsewhere TO lynceus.rollup_state")


async def test_retention_follows_the_settings(running: Running, writer: Store) -> None:
    """It is applied once, at the start; `forever` removes it."""
    await jobs.retain_once(settings(running, retention={"quarantine": "9d"}))
    assert "toIntervalDay(9)" in writer.query_rows(ENGINE)[0][0]

    await jobs.retain_once(settings(running, retention=dict.fromkeys(RETAINED, "forever")))
    assert "TTL" not in writer.query_rows(ENGINE)[0][0]


RETAINED = ("queue_sample", "quarantine", "cron_run", "controller_incident")
