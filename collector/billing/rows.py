"""
Reads facts from the store and writes facts to it, as the collector's own inserts do: stored columns, in their order.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from collector.catalog.columns import Column
from collector.catalog.schema import DATABASE, Table
from collector.catalog.tables import TABLE_OF
from collector.core.facts.bills import Meter
from collector.core.model import Fact
from collector.store.clickhouse import Store
from collector.store.spool import packing

F = TypeVar("F", bound=Fact)
R = TypeVar("R")


def select_columns(table: Table, source: str = "") -> str:
    """Returns the SELECT of a table's stored columns: instants as milliseconds, days as numbers."""
    return f"SELECT {', '.join(column_expr(column) for column in table.stored)} FROM {DATABASE}.{source or table.name} "


def column_expr(column: Column) -> str:
    """Returns the SQL that reads a column as its fact holds it."""
    if "DateTime64" in column.type:
        return f"toUnixTimestamp64Milli(`{column.name}`)"
    return f"toUInt16(`{column.name}`)" if column.type == "Date" else f"`{column.name}`"


def read_facts(
    store: Store, kind: type[F], where: str, parameters: Mapping[str, Any] | None = None, source: str = ""
) -> list[F]:
    """Reads the facts of a table; `where` is the clause after FROM, `source` a view with the table's columns."""
    table = TABLE_OF[kind]
    rows = store.query_rows(select_columns(table, source) + where, dict(parameters or {}))
    return [_fact(kind, row) for row in rows]


def _fact(kind: type[F], row: Sequence[Any]) -> F:
    values = dict(zip(kind.__struct_fields__, row, strict=True))
    if "meters" in values:
        values["meters"] = tuple(Meter(**meter) for meter in values["meters"])
    return kind(**values)


def read_rows(store: Store, kind: Callable[..., R], sql: str, parameters: Mapping[str, Any] | None = None) -> list[R]:
    """Reads rows as objects whose fields are the names in the SELECT."""
    return [kind(**row) for row in store.query_named(sql, dict(parameters or {}))]


def write_facts(store: Store, new: Iterable[Fact]) -> None:
    """Writes facts of one kind in one insert; harmless to repeat."""
    packed = packing.encode(listed := list(new))
    if listed:
        table = TABLE_OF[type(listed[0])]
        store.insert(table, msgspec.msgpack.decode(packed), packing.hash_rows(table.name, [packed]))


def store_clock(store: Store) -> int:
    """Returns the store's own clock in ms, which also sets `inserted_at`."""
    ((now,),) = store.query_rows("SELECT toUnixTimestamp64Milli(now64(3))")
    return int(now)
