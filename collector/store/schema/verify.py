"""
Whether the tables of a store are ours: looked at before the first statement that could change one of another product's.

A name proves nothing: CREATE TABLE IF NOT EXISTS is content with any table that has it, and the first insert would
fail, or fit.
"""

from collector.catalog.schema import DATABASE
from collector.catalog.tables import TABLES
from collector.store.clickhouse import Store

RECORD = "schema_migrations"
_RECORD_COLUMNS = {"number", "name", "checksum", "applied_at"}

_COLUMNS = "SELECT table, name, type FROM system.columns WHERE database = {database:String} ORDER BY table, position"


def foreign_table(store: Store) -> str:
    """The table with a name of ours that no migration of ours can have made, and the remedy; empty: there is none."""
    found = _found(store)
    record = set(found.get(RECORD, ()))
    if record and not record >= _RECORD_COLUMNS:
        return foreign_table_error(RECORD, f"it lacks {', '.join(sorted(_RECORD_COLUMNS - record))}")
    ours = sorted(found.keys() & {table.name for table in TABLES})
    return foreign_table_error(ours[0], f"there is no {RECORD} beside it") if ours and not record else ""


def other_columns(store: Store) -> str:
    """The first table that is not as the catalogue says once all migrations are applied, and the remedy; empty: none is."""
    found = _found(store)
    for table in TABLES:
        there = found.get(table.name, {})
        for column in table.columns:
            if there.get(column.name) != column.type:
                is_there = there.get(column.name, "not there")
                return foreign_table_error(table.name, f"column {column.name} is {is_there} and not {column.type}")
    return ""


def _found(store: Store) -> dict[str, dict[str, str]]:
    """Column types by table and name."""
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
