"""
How stored rows are read as facts: the columns to select, and the fact that a row holds.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from collector.catalog.columns import Column
from collector.catalog.schema import DATABASE, Table
from collector.core.facts.bills import Meter
from collector.core.model import Fact

F = TypeVar("F", bound=Fact)


def select_columns(table: Table, source: str = "") -> str:
    """Returns the SELECT of a table's stored columns: instants as milliseconds, days as numbers."""
    return f"SELECT {', '.join(column_expr(column) for column in table.stored)} FROM {DATABASE}.{source or table.name} "


def column_expr(column: Column) -> str:
    """Returns the SQL that reads a column as its fact holds it."""
    if "DateTime64" in column.type:
        return f"toUnixTimestamp64Milli(`{column.name}`)"
    return f"toUInt16(`{column.name}`)" if column.type == "Date" else f"`{column.name}`"


def fact_of(kind: type[F], row: Sequence[Any]) -> F:
    """Returns the fact that a row of `select_columns` holds."""
    values = dict(zip(kind.__struct_fields__, row, strict=True))
    if "meters" in values:
        values["meters"] = tuple(Meter(**meter) for meter in values["meters"])
    return kind(**values)
