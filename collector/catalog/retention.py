"""
How long each table's rows are kept, as data: the instant by which they age, the days, and which tables keep all rows.

A store drops a month's part when the last row of the part is old enough, so rows stay up to a month longer. Money is kept
for ever: charges prove a locked month, and charges missing from a bill would look the same as work that was free. Their
evidence ages by default, since it is four fifths of a store; the rollups that reports of old months read do not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

FOR_EVER = "forever"
EVIDENCE_DAYS = 400
"""A year and a month: the evidence of charges outlives every month that may still be open or be compared."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How a table's rows age."""

    age: str
    """The instant by which rows age, as SQL; never a column that may change."""
    days: int = 0
    """How many days rows are kept where the settings give no value; 0: for ever."""
    least: int = 1
    """The fewest days that the settings may give."""

    def ttl(self, days: int) -> str:
        """The table's TTL expression in the store's spelling; empty: rows never expire."""
        return f"{self.age} + toIntervalDay({days})" if days else ""


RETENTION: Mapping[str, Retention] = {
    "workflow_run": Retention("toDateTime(created_at)", EVIDENCE_DAYS, least=EVIDENCE_DAYS),
    "step_run": Retention("toDateTime(workflow_created_at)", EVIDENCE_DAYS, least=EVIDENCE_DAYS),
    "pod_run": Retention("toDateTime(created_at)", EVIDENCE_DAYS, least=EVIDENCE_DAYS),
    "node_run": Retention("toDateTime(created_at)", least=EVIDENCE_DAYS),
    "workflow_hourly": Retention("created_day", least=31),
    "run_daily": Retention("day", EVIDENCE_DAYS, least=62),
    "queue_sample": Retention("toDateTime(at)", 90),
    "controller_incident": Retention("toDateTime(at)", 400),
    "cron_run": Retention("toDateTime(due_at)", 400),
    "watch_gap": Retention("toDateTime(from_at)", least=EVIDENCE_DAYS),
    "quarantine": Retention("toDateTime(at)", 30),
    "audit_entry": Retention("toDateTime(at)", EVIDENCE_DAYS, least=90),
}
MONEY = (
    "pod_cost",
    "cost_daily",
    "cost_current",
    "period",
    "pricing_run",
    "month_statement",
    "statement_line",
    "statement_current",
    "bill_import",
    "bill_line",
)


def retention_days(configured: Mapping[str, str]) -> dict[str, int]:
    """Days by table, 0 for ever, of all tables that age; ValueError names the table whose setting is wrong, and why."""
    for table in configured:
        if table in MONEY:
            raise ValueError(f"{table}: money is kept for ever; remove this setting")
        if table not in RETENTION:
            raise ValueError(f"{table}: not a table whose rows age; choose one of {', '.join(RETENTION)}")
    days = {table: _days(table, text) for table, text in configured.items()}
    return {table: days.get(table, rule.days) for table, rule in RETENTION.items()}


def _days(table: str, text: str) -> int:
    if text == FOR_EVER:
        return 0
    found = re.fullmatch(r"([1-9][0-9]{0,4})d", text)
    if not found:
        raise ValueError(f"{table}: {text!r} is not a time to keep rows; write days, such as 400d, or {FOR_EVER}")
    if int(found[1]) < RETENTION[table].least:
        raise ValueError(f"{table}: {text} is too short; keep at least {RETENTION[table].least}d, or {FOR_EVER}")
    return int(found[1])
