"""
Reads how far the month has gone towards each budget from the store, every few minutes, for metrics and alerts.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector import connect
from collector.core.cost.budget import BudgetUse
from collector.reports.budgets import BudgetState, budget_states
from collector.service.tasks import every, own_thread
from collector.settings.budgets import budgets_of
from collector.settings.model import Settings
from collector.store.clickhouse import StoreError

EVERY_S = 300.0
FIRST_S = 15.0
"""Between two looks until the store first answers."""
KNOWN_S = 900.0
"""Figures that are older than this are not shown: unknown is not the share of an hour ago."""


class BudgetWatch:
    """This month's use of budgets, as the store last answered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._budgets = budgets_of(settings.budgets, settings.currency)
        self._uses: list[BudgetUse] = []
        self._read_at: float | None = None
        """By the monotonic clock."""

    def uses(self) -> list[BudgetUse]:
        """What is known at present."""
        if self._read_at is None or time.monotonic() - self._read_at > KNOWN_S:
            return []
        return self._uses

    async def follow_forever(self) -> None:
        """Reads the store until cancelled, if there are budgets. Each collector does so: figures of several are the same."""
        if not self._budgets:
            return
        store, zone = connect.reading_store(self._settings, "", own=True), ZoneInfo(self._settings.billing_timezone)

        def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
            return store.query_rows(sql, dict(parameters))

        with own_thread("budgets", store) as worker:

            async def look() -> float:
                with contextlib.suppress(StoreError):  # which the store's own health reports
                    states = await worker.run(budget_states, query, self._budgets, datetime.now(zone))
                    self._uses, self._read_at = [use_of(state) for state in states], time.monotonic()
                return EVERY_S if self._read_at is not None else FIRST_S

            await every(EVERY_S, look, first_s=0)


def use_of(state: BudgetState) -> BudgetUse:
    """A budget's state as metrics show it: in parts of its amount."""
    budget = state.budget
    return BudgetUse(
        budget=budget.name,
        department=budget.of("department"),
        currency=budget.currency,
        amount=budget.amount,
        used=state.share,
        forecast={
            bound: share
            for bound, amount in (("low", state.low), ("likely", state.likely), ("high", state.high))
            if (share := budget.share(amount)) is not None
        },
        thresholds={
            **{("actual", one): one in state.actual for one in budget.actual if state.used is not None},
            **{("forecast", one): one in state.forecast for one in budget.forecast if state.likely is not None},
        },
    )
