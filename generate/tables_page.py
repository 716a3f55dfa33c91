"""
docs/reference/tables.md, from the catalogue.
"""

import re

from collector.catalog.bills import COST_CURRENT
from collector.catalog.retention import RETENTION
from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS, Housekeeping, Rollup
from collector.catalog.schema import DATABASE, Table
from collector.catalog.tables import TABLE_NAMED, TABLES
from generate.markdown import code, page, table

INTRODUCTION = f"""
All tables are in the database `{DATABASE}`. `DESCRIBE {DATABASE}.workflow_run` shows the columns with the same comments.

Rows are replaced by a newer row with the same key. Add `FINAL` to a table whose rows you sum.
The view `cost_current` and the rollups need no `FINAL`.
Columns marked *observed* depend on when and where the object was seen; the others depend on the object alone.
""".strip()


Entry = Table | Rollup | Housekeeping

DERIVED: tuple[Entry, ...] = (*ROLLUPS, *HOUSEKEEPING)
"""Tables that hold no facts."""


def build() -> str:
    """The page."""
    overview = [
        *((_link(entry.name), entry.comment, _retention(entry.name)) for entry in TABLES),
        (_link(COST_CURRENT.name), COST_CURRENT.comment, _retention(COST_CURRENT.of.name)),
        *((_link(entry.name), entry.comment, _retention(entry.name)) for entry in DERIVED),
    ]
    return page(
        title="Tables",
        source="`collector/catalog/`",
        parts=[
            INTRODUCTION,
            table(("table", "one row is", "kept"), overview),
            *(part for entry in TABLES for part in _section(entry)),
            f"## {COST_CURRENT.name}",
            f"{COST_CURRENT.comment}. A view with the columns of [{COST_CURRENT.of.name}](#{COST_CURRENT.of.name}).",
            *(part for entry in DERIVED for part in _section(entry)),
        ],
    )


def _section(entry: Entry) -> tuple[str, ...]:
    key = ", ".join(map(code, entry.order_by))
    partition = f" Partitioned by {code(entry.partition)}." if entry.partition else ""
    columns = [
        (code(column.name), code(column.type), column.comment + (" *(observed)*" if column.observed else ""))
        for column in entry.columns
    ]
    return (
        f"## {entry.name}",
        f"{entry.comment}. Key: {key}.{partition}",
        table(("column", "type", "meaning"), columns),
    )


def _link(name: str) -> str:
    return f"[`{name}`](#{name})"


def _retention(name: str) -> str:
    """How long rows are kept by default; a table that does not age is kept forever."""
    if rule := RETENTION.get(name):
        return f"{rule.days}d" if rule.days else "forever"
    fixed = re.search(r"toIntervalDay\((\d+)\)", TABLE_NAMED[name].ttl) if name in TABLE_NAMED else None
    return f"{fixed[1]}d after the last change" if fixed else "forever"
