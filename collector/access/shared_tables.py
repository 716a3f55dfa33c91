"""
What of the store a department may read: the one declaration, for SQL of visitors on the embedded store and on servers.

A table is in one of three groups. Rows of OWNED_TABLES have a department, and are read by that one alone, without HIDDEN
columns. SHARED tables say nothing about a department in some columns, which all may read. CLOSED tables are for readers of
everything: what a new table shows is decided here before anybody may read it.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from collector.access.table_filters import OWNED_TABLES
from collector.catalog.bills import COST_CURRENT, STATEMENT_CURRENT
from collector.catalog.columns import Column
from collector.catalog.rollups import HOUSEKEEPING, ROLLUP_STATE, ROLLUPS
from collector.catalog.schema import RECORD, View
from collector.catalog.tables import TABLES

HIDDEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "workflow_live": ("waiting_words",),  # names the holders of a lock
        "statement_line": ("whole",),  # what all departments share; the others' part follows by subtraction
    }
)
"""Columns of tables whose rows belong to departments that show other departments."""

SHARED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "period": (
            "month",
            "active_run",
            "state",
            "inserted_at",
        ),  # the views of what counts read it; its totals are of all departments
        "month_statement": (
            "month",
            "run",
            "complete_until",
            "inserted_at",
        ),  # until when rows are in the bill; its counts are of all
        "rollup_state": (
            "name",
            "day",
            "built_at",
            "run",
            "inserted_at",
        ),  # which days of a rollup are to be computed from rows
        "watch_gap": ("cluster", "kind", "from_at", "to_at", "cause", "inserted_at"),  # whether figures are complete
    }
)
"""Columns of tables without departments that every department may read."""

CLOSED: Mapping[str, str] = MappingProxyType(
    {
        "step_run": "steps of every workflow, without a department",
        "pod_run": "pods of every workflow, without a department",
        "node_run": "what the fleet consists of",
        "commitment_hour": "what is committed and used by all",
        "pricing_run": "price books and rules",
        "bill_import": "the provider's bill",
        "bill_line": "the provider's bill",
        "queue_sample": "queues and namespaces of all",
        "controller_incident": "for those who run the clusters",
        "cron_run": "schedules of all, without a department",
        "audit_entry": "who did what",
        "watch_cursor": "the collector's own",
        "live_state": "the collector's own: all objects as they are now",
        "reconcile": "the collector's own",
        "backfill": "the collector's own",
        "quarantine": "parts of objects that could not be processed",
        RECORD: "the collector's own",
        **dict.fromkeys((table.name for table in HOUSEKEEPING if table is not ROLLUP_STATE), "the collector's own"),
    }
)
"""Tables that only readers of everything read, and why."""

VIEWS: tuple[View, ...] = (COST_CURRENT, STATEMENT_CURRENT)
"""They read with the rights of who asks, so rows and columns are hidden in them as in their tables."""


def readable_tables() -> Mapping[str, tuple[str, ...]]:
    """The tables and views that a department may read, each with the columns that it may read."""
    columns = {table.name: _names(table.columns) for table in TABLES}
    columns |= {rollup.name: _names(rollup.columns) for rollup in ROLLUPS}
    owned = {name: _without(columns[name], HIDDEN.get(name, ())) for name in OWNED_TABLES}
    views = {view.name: owned[view.of.name] for view in VIEWS}
    return {**owned, **SHARED, **views}


def _names(columns: Iterable[Column]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


def _without(columns: Iterable[str], hidden: Iterable[str]) -> tuple[str, ...]:
    return tuple(column for column in columns if column not in hidden)
