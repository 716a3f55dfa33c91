"""
Looks in the store for what began to cost far more than usual, twice an hour, for the metrics of anomalies.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector import connect
from collector.core.cost.unusual_cost import UnusualCost
from collector.reports.anomalies import unusual_costs
from collector.service.tasks import every, own_thread, pause_after
from collector.settings.model import Settings
from collector.store.clickhouse import StoreError

EVERY_S = 1800.0
FIRST_S = 60.0
"""Between two looks until the store first answers."""
SHARE = 0.01
"""Of the time at most: a look at a large store is followed by a longer pause."""
LONGEST_PAUSE_S = 7200.0
KNOWN_S = 3 * LONGEST_PAUSE_S
"""Figures that are older than this are not shown."""


class UnusualCosts:
    """What cost far more than usual yesterday and today, as the store last answered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._costs: list[UnusualCost] = []
        self._read_at: float | None = None
        """By the monotonic clock."""

    def costs(self) -> list[UnusualCost]:
        """The sums that are known at present."""
        known = self._read_at is not None and time.monotonic() - self._read_at <= KNOWN_S
        return self._costs if known else []

    async def follow_forever(self) -> None:
        """Reads the store until cancelled. Each collector does so: figures of several are the same."""
        store, zone = connect.reading_store(self._settings, "", own=True), self._settings.billing_timezone

        def query(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
            return store.query_rows(sql, dict(parameters))

        with own_thread("anomalies", store) as worker:

            async def look() -> float:
                began = time.monotonic()
                with contextlib.suppress(StoreError):  # which the store's own health reports
                    self._costs = await worker.run(unusual_costs, query, datetime.now(ZoneInfo(zone)).date(), zone)
                    self._read_at = time.monotonic()
                if self._read_at is None:
                    return FIRST_S
                return pause_after(time.monotonic() - began, SHARE, EVERY_S, LONGEST_PAUSE_S)

            await every(EVERY_S, look, first_s=0)
