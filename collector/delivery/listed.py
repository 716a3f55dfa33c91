"""
What was sent, when and how it ended, the newest first: the report of `lynceus report deliveries`.
"""

from datetime import UTC, datetime

from collector.catalog.rollups import DELIVERY
from collector.catalog.schema import DATABASE
from collector.reports.report import Query, Report

COLUMNS = ("at", "report", "department", "period", "state", "attempt", "receiver", "detail")
SHORT = ("at", "report", "period", "state", "detail")
"""What a terminal has room for."""

DELIVERIES = f"""
    SELECT toUnixTimestamp64Milli(at) AS since, name, department, period, state, attempt, receiver, detail
    FROM {DATABASE}.{DELIVERY.name} FINAL WHERE state != 'known'
    ORDER BY since DESC, name LIMIT {{most:UInt64}}
"""


def list_deliveries(query: Query, most: int, *, short: bool) -> Report:
    """Reports the messages; `short` leaves room for a terminal of 80 columns."""
    rows = [
        dict(zip(COLUMNS, (_time(row[0]), *row[1:]), strict=True)) for row in query(DELIVERIES, {"most": most or 2**63})
    ]
    columns = SHORT if short else COLUMNS
    return Report(
        "Reports that were sent, times in UTC",
        columns,
        [tuple(row[name] for name in columns) for row in rows],
        notes=[] if rows else ["none yet: `delivery.reports` of the settings has what is sent, and when"],
    )


def _time(at: object) -> str:
    return datetime.fromtimestamp(int(str(at)) / 1000, UTC).strftime("%F %T")
