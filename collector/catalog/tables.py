"""
Every table as data: the one list of them; a table's columns, key and meaning are declared once, in the room of its domain.

The migrations are checked against this list, the inserter, the reports and the documentation are driven by it.
A table's columns are its fact's fields in order, then `inserted_at`.
"""

from collector.catalog.audit import AUDIT_ENTRY
from collector.catalog.bill_lines import BILL_IMPORT, BILL_LINE
from collector.catalog.bills import (
    COMMITMENT_HOUR,
    MONTH_STATEMENT,
    NODE_RUN,
    PERIOD,
    POD_COST,
    POD_RUN,
    PRICING_RUN,
    STATEMENT_LINE,
)
from collector.catalog.schema import Table
from collector.catalog.watches import BACKFILL, LIVE_STATE, QUARANTINE, RECONCILE, WATCH_CURSOR, WATCH_GAP
from collector.catalog.workflows import (
    CONTROLLER_INCIDENT,
    CRON_RUN,
    QUEUE_SAMPLE,
    STEP_RUN,
    WORKFLOW_LIVE,
    WORKFLOW_RUN,
)
from collector.core.model import Fact

TABLES: tuple[Table, ...] = (
    WORKFLOW_RUN, WORKFLOW_LIVE, STEP_RUN, POD_RUN, POD_COST, NODE_RUN, COMMITMENT_HOUR, PRICING_RUN, PERIOD,
    MONTH_STATEMENT, STATEMENT_LINE, BILL_IMPORT, BILL_LINE, QUEUE_SAMPLE, CONTROLLER_INCIDENT, CRON_RUN, WATCH_GAP,
    WATCH_CURSOR, LIVE_STATE, RECONCILE, BACKFILL, QUARANTINE, AUDIT_ENTRY,
)  # fmt: skip

TABLE_OF: dict[type[Fact], Table] = {table.fact: table for table in TABLES}
TABLE_NAMED: dict[str, Table] = {table.name: table for table in TABLES}


def local_name(table: str) -> str:
    """The table that holds the rows on each server of a cluster; its partitions can be replaced, detached or dropped."""
    declared = TABLE_NAMED.get(table)
    return f"{table}_local" if declared and declared.shard_by else table
