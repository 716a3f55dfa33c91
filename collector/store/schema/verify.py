"""
Checks that a store's tables are Lynceus', before the first statement that could change another product's table.

A name proves nothing: CREATE TABLE IF NOT EXISTS accepts any table with that name, and the first insert might even fit.
"""

from collector.catalog.schema import DATABASE, RECORD
from collector.catalog.tables import TABLES
from collector.store.clickhouse import Store

_RECORD_COLUMNS = {"number", "name", "checksum", "applied_at"}

_COLUMNS = "SELECT table, name, type FROM system.columns WHERE database = {database:String} ORDER BY table, position"


def foreign_table(store: Store) -> str:
    """Finds a table with a name of Lynceus' that no migration can have made; returns the error, empty: none."""
    tables = _columns(store)
    record = set(tables.get(RECORD, ()))
    if record and not record >= _RECORD_COLUMNS:
        return foreign_table_error(RECORD, f"it lacks {', '.join(sorted(_RECORD_COLUMNS - record))}")
    ours = sorted(tables.keys() & {table.name for table in TABLES})
    return foreign_table_error(ours[0], f"there is no {RECORD} beside it") if ours and not record else ""


def other_columns(store: Store) -> str:
    """Finds a table that differs from the catalogue after all migrations; returns the error, empty: none."""
    tables = _columns(store)
    for table in TABLES:
        columns = tables.get(table.name, {})
        for column in table.columns:
            if columns.get(column.name) != column.type:
                actual = columns.get(column.name, "missing")
                return foreign_table_error(table.name, f"column {column.name} is {actual} and not {column.type}")
    return ""


def _columns(store: Store) -> dict[str, dict[str, str]]:
    """Reads column types by table and name."""
    tables: dict[str, dict[str, str]] = {}
    for table, name, column_type in store.query_rows(_COLUMNS, {"database": DATABASE}):
        tables.setdefault(table, {})[name] = column_type
    return tables


def foreign_table_error(table: str, why: str) -> str:
    """Builds the error for a table of this name that Lynceus did not make."""
    return (
        f"table {DATABASE}.{table} is not Lynceus': {why}; no row was written. Point store.url at another server, "
        "or move that database away"
    )
