"""What the store shows of unusual costs, and for how long it counts."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from collector.billing.rows import write_facts
from collector.core.cost.unusual_cost import UnusualCost
from collector.service import unusual_costs
from collector.service.tasks import background_task
from collector.service.unusual_costs import UnusualCosts
from collector.settings.model import Settings, StoreSettings
from collector.store.schema.migrate import migrate
from tests.reports.test_anomalies import a_run
from tests.store.running import start
from tests.watch.server import eventually


async def test_figures_follow_the_store_and_are_unknown_when_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that costs six times as much as each of 60 before, of a department; then neither that nor 0."""
    monkeypatch.setattr(unusual_costs, "FIRST_S", 0.02)
    monkeypatch.setattr(unusual_costs, "EVERY_S", 0.02)
    monkeypatch.setattr(unusual_costs, "SHARE", 1.0)
    running = await asyncio.to_thread(start, tmp_path / "store")
    writer = running.writer()
    place = StoreSettings(url=running.url, username="lynceus", password_file=str(running.token_file))
    found = UnusualCosts(Settings(store=place))
    today = datetime.now(UTC).date()
    charges = [a_run(number, today - timedelta(1 + number // 6), 100) for number in range(60)]
    async with background_task(found.follow_forever(), "anomalies"):
        assert found.costs() == []
        await asyncio.to_thread(migrate, writer)
        await asyncio.to_thread(write_facts, writer, [*charges, a_run(99, today, 600)])
        await eventually(found.costs)
        known = found.costs()
        writer.close()
        await asyncio.to_thread(running.stop)
        before = found.costs()
        monkeypatch.setattr(unusual_costs, "KNOWN_S", 0.0)
        later = found.costs()

    assert known == before == [UnusualCost("maps", "USD", 1, Decimal(50))]
    assert later == []
