"""
Conditions that the SQL of panels shares: what the viewer chose, and which partitions the store opens.

Written for plugin version 4: its macros are expanded before the store sees a statement.
"""

from collector.catalog.schema import DATABASE, Table, View
from collector.core.model import REASONS

REASON_COLUMNS = tuple(f"{reason}_ms" for reason in REASONS if reason != "running")
"""Waiting time of a finished workflow, one column for each reason."""

COUNTED = "outcome IN ('succeeded', 'failed', 'platform')"
"""Outcomes that a success rate counts; cancelled and invalid runs are not failures."""

RECENT_DAYS = 31
"""Rows created longer than this before the chosen time are not opened, so that months of partitions are spared."""


def chosen(column: str, variable: str = "") -> str:
    """The rows whose column has one of the chosen values; all rows where the viewer chose All."""
    variable = variable or column
    return f"$__conditionalAll({column} IN (${{{variable}:singlequote}}), ${variable})"


CHOSEN_CLUSTERS = chosen("cluster")


def recent(column: str = "created_at", days: int = RECENT_DAYS) -> str:
    """Limits the partitions that the store opens."""
    return f"{column} >= $__fromTime - INTERVAL {days} DAY"


def during(column: str) -> str:
    """The chosen time."""
    return f"$__timeFilter({column})"


def during_days(column: str = "day", zone: str = "UTC") -> str:
    """
    The chosen billing days, both ends included; `zone` is the billing time zone, in which a day begins.

    Compared as days: a day compared with an instant is its midnight, and today would be missing. Without its zone, today
    would be missing in Shanghai until 8 o'clock.
    """
    return f"{column} BETWEEN toDate($__fromTime, '{zone}') AND toDate($__toTime, '{zone}')"


def text(variable: str) -> str:
    """A chosen text as a literal; the plugin escapes it."""
    return f"${{{variable}:sqlstring}}"


MARGIN_MS = 2_000
"""Shown before and after a workflow, since times of objects are exact to a second."""


def life(begin: str = "created_at", end: str = "finished_at") -> str:
    """
    Two columns for links.to_workflow: the milliseconds between which a workflow lived, as texts, since Grafana writes a
    number into a link as it draws it. Without an end, which may be NULL, it lives until now.
    """
    since = f"toString(toUnixTimestamp64Milli({begin}) - {MARGIN_MS}) AS from_ms"
    if end == "":
        return f"{since}, 'now' AS to_ms"
    return f"{since}, ifNull(toString(toUnixTimestamp64Milli({end}) + {MARGIN_MS}), 'now') AS to_ms"


def name(table: Table | View) -> str:
    """A table with its database, deduplicated where keys may have several versions."""
    return f"{DATABASE}.{table.name}" if isinstance(table, View) else f"{DATABASE}.{table.name} FINAL"
