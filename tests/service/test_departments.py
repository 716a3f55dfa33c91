"""What the store states of this month, and for how long it counts."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.catalog.rollups import COST_DAILY
from collector.core.cost.billing_days import day_of
from collector.core.live_view import DepartmentCost
from collector.service import departments
from collector.service.departments import DepartmentCosts
from collector.service.tasks import background_task
from collector.settings.model import Settings, StoreSettings
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.builders import a_pod_run
from tests.core.cost.charged import charge
from tests.store.running import start
from tests.watch.server import eventually


async def test_figures_follow_the_store_and_are_unknown_when_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to pay, neither 0 nor the last amount for ever."""
    monkeypatch.setattr(departments, "FIRST_S", 0.02)
    monkeypatch.setattr(departments, "EVERY_S", 0.02)
    running = await asyncio.to_thread(start, tmp_path / "store")
    writer = running.writer()
    await asyncio.to_thread(migrate, writer)
    place = StoreSettings(url=running.url, username="lynceus", password_file=str(running.token_file))
    found = DepartmentCosts(Settings(store=place))
    [one] = charge(a_pod_run())
    today = day_of(datetime.now(UTC).date())
    async with background_task(found.follow_forever(), "departments"):
        assert found.costs() == []
        billed = replace(one, day=today, department="maps", cost=Decimal(2), rounded_cost=Decimal(3))
        await asyncio.to_thread(write_facts, writer, [billed])
        await asyncio.to_thread(roll_up, writer, COST_DAILY)
        await eventually(found.costs)
        known = found.costs()
        writer.close()
        await asyncio.to_thread(running.stop)
        before = found.costs()
        monkeypatch.setattr(departments, "KNOWN_S", 0.0)
        later = found.costs()

    assert known == before == [DepartmentCost("maps", "USD", Decimal(3))]
    assert later == []
