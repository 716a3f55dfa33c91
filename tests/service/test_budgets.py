"""What the store states of this month's budgets, and for how long it counts."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.core.cost.billing_days import day_of
from collector.core.cost.budget import BudgetUse
from collector.service import budgets
from collector.service.budgets import BudgetWatch
from collector.service.tasks import background_task
from collector.settings.budgets import BudgetSettings
from collector.settings.model import Settings, StoreSettings
from collector.store.schema.migrate import migrate
from tests.builders import a_pod_run
from tests.core.cost.charged import charge
from tests.store.running import start
from tests.watch.server import eventually


async def test_budgets_follow_the_store_and_are_unknown_when_it_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their shares and thresholds; a forecast without history has no series."""
    monkeypatch.setattr(budgets, "FIRST_S", 0.02)
    monkeypatch.setattr(budgets, "EVERY_S", 0.02)
    running = await asyncio.to_thread(start, tmp_path / "store")
    writer = running.writer()
    place = StoreSettings(url=running.url, username="lynceus", password_file=str(running.token_file))
    of_maps = BudgetSettings(month="4", where={"department": "maps"})
    found = BudgetWatch(Settings(store=place, budgets=(of_maps,)))
    [one] = charge(a_pod_run())
    async with background_task(found.follow_forever(), "budgets"):
        assert found.uses() == []
        await asyncio.to_thread(migrate, writer)
        billed = replace(
            one, day=day_of(datetime.now(UTC).date()), department="maps", cost=Decimal(2), rounded_cost=Decimal("3.5")
        )
        await asyncio.to_thread(write_facts, writer, [billed])
        await eventually(lambda: found.uses() and found.uses()[0].used)
        known = found.uses()
        writer.close()
        await asyncio.to_thread(running.stop)
        before = found.uses()
        monkeypatch.setattr(budgets, "KNOWN_S", 0.0)
        later = found.uses()

    assert known == before
    assert later == []
    assert known == [
        BudgetUse(
            budget="maps",
            department="maps",
            currency="USD",
            amount=Decimal(4),
            used=Decimal("0.875"),
            forecast={},
            thresholds={("actual", 80): True, ("actual", 100): False},
        )
    ]


async def test_without_budgets_the_store_is_not_read() -> None:
    """A store that nothing is asked of has nothing to do."""
    found = BudgetWatch(Settings())

    await found.follow_forever()

    assert found.uses() == []
