"""Periodic jobs of a collector on its store: rollups and retention, with the real engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector import connect
from collector.billing.rows import write_facts
from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS
from collector.core.model import Instant
from collector.service import jobs
from collector.settings.model import EmbeddedSettings, Settings
from collector.store.clickhouse import Store
from tests.core.cost.charged import shipped
from tests.reports.stored import a_run
from tests.store.running import Running

NAMES = (*(rollup.name for rollup in ROLLUPS), jobs.STATEMENT)
ENGINE = "SELECT engine_full FROM system.tables WHERE name = 'quarantine'"


def settings(running: Running, **more: Any) -> Settings:
    """Settings of a collector that started this store."""
    listen = EmbeddedSettings(listen=running.address)
    return Settings(embedded=listen, data_dir=str(running.token_file.parent), **more)


@pytest.fixture(autouse=True)
def no_months(writer: Store) -> None:
    """The store is shared: a row that another test left in 1970 makes a round of seven hundred months."""
    for table in ("pod_cost", "period", "month_statement", "statement_line", "bill_import"):
        writer.command(f"TRUNCATE TABLE lynceus.{table}")


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

    async with going(jobs.roll_up_forever(settings(running), counters, until, shipped())):
        while len(until) < len(NAMES):
            await asyncio.sleep(0.05)
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    async with going(jobs.roll_up_forever(settings(running), other, heard, shipped())):
        while not heard:
            await asyncio.sleep(0.05)

    assert heard == until
    assert writer.query_rows("SELECT count() FROM lynceus.month_statement") >= [(1,)]
    assert counters.series[metrics.ROLLED_UP_DAYS.name]["workflow_hourly",] >= 1
    assert other.series[metrics.ROLLED_UP_DAYS.name]["workflow_hourly",] == 0
    assert other.series[metrics.ROLLUP_ERRORS.name] == {(name,): 0 for name in NAMES}
    assert writer.query_rows("SELECT sum(runs) FROM lynceus.workflow_hourly WHERE cluster = 'rounds'") == [(1,)]


async def test_the_claim_lasts_for_the_pause_after_a_long_round(
    running: Running, writer: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each of several collectors would take its share of the store's time."""
    monkeypatch.setattr(jobs, "ROLL_UP_SHARE", 1e-9)
    writer.command("TRUNCATE TABLE lynceus.claim")
    claimed = f"""
        SELECT DISTINCT name FROM lynceus.claim
        WHERE until > now() + {jobs.LONGEST_PAUSE_S} AND startsWith(name, 'rollup')
        ORDER BY name
    """  # a claim that is extended is one row more, until the engine merges both
    async with going(jobs.roll_up_forever(settings(running), Counters(), {}, shipped(), every_s=0.05)):
        while len(writer.query_rows(claimed)) < len(NAMES):
            await asyncio.sleep(0.05)

    assert writer.query_rows(claimed) == [(f"rollup {name}",) for name in sorted(NAMES)]


def test_rounds_use_one_thread_of_the_store(running: Running) -> None:
    """Else the time that a round takes would say nothing of its share of a core."""
    store = connect.writing_store(settings(running), limit=jobs.ONE_THREAD)

    assert store.query_rows("SELECT getSetting('max_threads')") == [(1,)]
    store.close()


async def test_a_store_without_rollups_is_tried_again(
    running: Running, writer: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first start the tables are created after the first query; later a failure is counted."""
    monkeypatch.setattr(jobs, "FIRST_ROUND_S", 0.05)
    monkeypatch.setattr(jobs, "ROLL_UP_SHARE", 1.0)  # a round follows the other
    writer.command("TRUNCATE TABLE lynceus.claim")
    writer.command("RENAME TABLE lynceus.rollup_state TO lynceus.elsewhere")
    counters = Counters()
    until: dict[str, Instant] = {}
    errors = counters.series.setdefault(metrics.ROLLUP_ERRORS.name, {})

    async with going(jobs.roll_up_forever(settings(running), counters, until, shipped(), every_s=0.05)):
        while not writer.query_rows("SELECT 1 FROM lynceus.claim"):
            await asyncio.sleep(0.05)
        assert not any(errors.values())
        writer.command("RENAME TABLE lynceus.elsewhere TO lynceus.rollup_state")
        while not until:
            await asyncio.sleep(0.05)
        writer.command("RENAME TABLE lynceus.rollup_state TO lynceus.elsewhere")
        try:
            while not any(errors.values()):
                await asyncio.sleep(0.05)
        finally:  # other tests share the store
            writer.command("RENAME TABLE lynceus.elsewhere TO lynceus.rollup_state")


async def test_retention_follows_the_settings(running: Running, writer: Store) -> None:
    """It is applied once, at the start; `forever` removes it."""
    await jobs.retain_once(settings(running, retention={"quarantine": "9d"}))
    assert "toIntervalDay(9)" in writer.query_rows(ENGINE)[0][0]

    await jobs.retain_once(settings(running, retention=dict.fromkeys(RETAINED, "forever")))
    assert "TTL" not in writer.query_rows(ENGINE)[0][0]


RETAINED = ("queue_sample", "quarantine", "cron_run", "controller_incident")
