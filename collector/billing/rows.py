"""
Reads facts from the store and writes facts to it, as the collector's own inserts do: stored columns, in their order.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from collector.catalog.rows import fact_of, select_columns
from collector.catalog.tables import TABLE_OF
from collector.core.model import Fact
from collector.store.clickhouse import Store, StoreRows
from collector.store.spool import packing

F = TypeVar("F", bound=Fact)
R = TypeVar("R")


def read_facts(
    store: StoreRows, kind: type[F], where: str, parameters: Mapping[str, Any] | None = None, source: str = ""
) -> list[F]:
    """Reads the facts of a table; `where` is the clause after FROM, `source` a view with the table's columns."""
    table = TABLE_OF[kind]
    rows = store.query_rows(select_columns(table, source) + where, dict(parameters or {}))
    return [fact_of(kind, row) for row in rows]


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
