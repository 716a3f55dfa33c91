"""
How long each table's rows are kept, as data: by which instant they age, for how long, and which may not go at all.

A store drops a month's part when the last of its rows is old enough, so rows stay up to a month longer. Money is kept for
ever: a locked month is proven by its charges, and what would be missing of a bill could not be told from what was free.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

FOR_EVER = "forever"
EVIDENCE_DAYS = 400
"""A year and a month: what charges are computed from outlives every month that may still be open or be compared."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How a table's rows age."""

    age: str
    """By what, as SQL; never a column that may change."""
    days: int = 0
    """For how long they are kept where the settings do not say; 0: for ever."""
    least: int = 1

    def ttl(self, days: int) -> str:
        """The table's TTL expression as the store spells it; empty: rows never expire."""
        return f"{self.age} + toIntervalDay({days})" if days else ""


RETENTION: Mapping[str, Retention] = {
    "workflow_run": Retention("toDateTime(created_at)", least=EVIDENCE_DAYS),
    "step_run": Retention("toDateTime(workflow_created_at)", least=EVIDENCE_DAYS),
    "pod_run": Retention("toDateTime(created_at)", least=EVIDENCE_DAYS),
    "node_run": Retention("toDateTime(created_at)", least=EVIDENCE_DAYS),
    "workflow_hourly": Retention("created_day", least=31),
    "queue_sample": Retention("toDateTime(at)", 90),
    "controller_incident": Retention("toDateTime(at)", 400),
    "cron_run": Retention("toDateTime(due_at)", 400),
    "watch_gap": Retention("toDateTime(from_at)", least=EVIDENCE_DAYS),
    "quarantine": Retention("toDateTime(at)", 30),
}
MONEY = ("pod_cost", "cost_daily", "cost_current", "period", "pricing_run")


def kept_days(asked: Mapping[str, str]) -> dict[str, int]:
    """Days by table, 0 for ever, of all tables that age; ValueError names the table that is asked for amiss, and why."""
    for table, text in asked.items():
        if table in MONEY:
            raise ValueError(f"{table}: money is kept for ever; leave it out")
        if table not in RETENTION:
            raise ValueError(f"{table}: no table whose rows age; there are {', '.join(RETENTION)}")
        _days(table, text)
    return {table: _days(table, asked[table]) if table in asked else rule.days for table, rule in RETENTION.items()}


def _days(table: str, text: str) -> int:
    if text == FOR_EVER:
        return 0
    found = re.fullmatch(r"([1-9][0-9]{0,4})d", text)
    if not found:
        raise ValueError(f"{table}: {text!r} is no time to keep rows; write days, like 400d, or {FOR_EVER}")
    if int(found[1]) < RETENTION[table].least:
        raise ValueError(f"{table}: {text} is too short; keep {RETENTION[table].least}d at least, or {FOR_EVER}")
    return int(found[1])
