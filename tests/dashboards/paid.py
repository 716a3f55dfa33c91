"""Charges of some days, for tests of what dashboards say about money."""

from datetime import UTC, date, datetime
from typing import Any

from msgspec.structs import replace

from collector.core.facts.bills import PodCost
from collector.reports.report import Span
from tests.builders import DAY, HOUR, NOON, a_pod_run
from tests.core.cost.charged import charge

SPAN = Span(date(2026, 11, 20), date(2026, 11, 24))
BEGIN_S, END_S = (int(datetime(2026, 11, day, 9, tzinfo=UTC).timestamp()) for day in (20, 23))
"""A chosen time within the days of SPAN."""


def charges(count: int, seed: str, **changes: Any) -> list[PodCost]:
    """Pods of three days and two departments; some end on the next day, and some have no price."""
    found = []
    for i in range(count):
        at = NOON - (i % 3) * DAY
        run = a_pod_run(uid=f"{seed}{i}", cluster=f"c{i % 2}", created_at=at, scheduled_at=at, instance_created_at=at,
                        main_started_at=at + 9000, finished_at=at + (i % 4) * 5 * HOUR + 60_000)  # fmt: skip
        lacks = {"cost": None, "cost_pending": None, "list_cost": None} if i % 5 == 0 else {}
        payer = {"department": ["maps", "slam"][i % 2], "currency": ["USD", "CNY"][i % 7 == 0]}
        found += [replace(one, **payer, **lacks, **changes) for one in charge(run)]
    return found
