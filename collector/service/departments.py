"""
Reads what each department has cost this month from the store, every few minutes, for the metrics of budgets.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector import connect
from collector.core.live_view import DepartmentCost
from collector.reports.month import month_to_date
from collector.service.tasks import every, own_thread
from collector.settings.model import Settings
from collector.store.clickhouse import StoreError

EVERY_S = 300.0
FIRST_S = 15.0
"""Between two looks until the store first has a figure."""
KNOWN_S = 900.0
"""Figures that are older than this are not shown: unknown is not the amount of an hour ago."""


class DepartmentCosts:
    """This month's cost by department, as the store last answered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._costs: list[DepartmentCost] = []
        self._read_at = 0.0
        """By the monotonic clock."""

    def costs(self) -> list[DepartmentCost]:
        """The costs that are known at present."""
        return self._costs if time.monotonic() - self._read_at <= KNOWN_S else []

    async def follow_forever(self) -> None:
        """Reads the store until cancelled. Each collector does so: figures of several are the same."""
        store, zone = connect.reading_store(self._settings, "", own=True), ZoneInfo(self._settings.billing_timezone)

        def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
            return store.query_rows(sql, dict(parameters))

        with own_thread("departments", store) as worker:

            async def look() -> float:
                with contextlib.suppress(StoreError):  # which the store's own health reports
                    self._costs = await worker.run(month_to_date, query, datetime.now(zone).date())
                    self._read_at = time.monotonic()
                return EVERY_S if self._costs else FIRST_S

            await every(EVERY_S, look, first_s=0)
