"""
Whether users of a ClickHouse server read what they must not: asked as each of them, on the server as it is.

ClickHouse lets a user read every row of a table whose policies do not name it, unless the server or a policy for all others
says otherwise. So what keeps rows apart is not what a file of users says, but what each user gets to see.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collector.access.shared_tables import CLOSED, HIDDEN, VIEWS
from collector.access.table_filters import OWNED_TABLES, stored_names
from collector.catalog.schema import DATABASE
from collector.store.clickhouse import Store, StoreRefusedError

SYSTEM_TABLES = ("query_log", "processes", "parts", "row_policies", "users")
"""Tables of `system` that show statements, rows or policies of others."""

_REFUSALS = frozenset(
    {
        497,  # ACCESS_DENIED
        60,  # UNKNOWN_TABLE
        81,  # UNKNOWN_DATABASE
        182,  # ILLEGAL_PREWHERE: a policy on a Distributed table, which ClickHouse refuses to read then
        359,
    }
)
"""Errors that mean that nothing is read."""


@dataclass(frozen=True, slots=True)
class RestrictedUser:
    """A user, and whose rows it may read."""

    name: str
    departments: tuple[str, ...]
    """None: no row at all."""


def leaks(store: Store, user: RestrictedUser) -> list[str]:
    """
    What a user reads that it must not, each as what stands after `reads`; empty: nothing.

    `store` is logged in as the user. StoreError if it is not known.
    """
    return list(_leaks(store, user))


def blind_spots(store: Store, everything: Store, user: RestrictedUser) -> list[str]:
    """The tables that have no row for a user, though `everything` finds rows of its departments there."""
    own = {"own": list(user.departments)}
    queries = {
        table: f"SELECT 1 FROM {DATABASE}.{table} WHERE has({{own:Array(String)}}, department) LIMIT 1"
        for table in OWNED_TABLES
    }
    return [table for table, sql in queries.items() if everything.query_rows(sql, own) and not _rows(store, sql, own)]


def _leaks(store: Store, user: RestrictedUser) -> Iterator[str]:
    own = {"own": list(user.departments)}
    for table in (*_all_names(OWNED_TABLES), *(view.name for view in VIEWS)):
        foreign = f"SELECT 1 FROM {DATABASE}.{table} WHERE NOT has({{own:Array(String)}}, department) LIMIT 1"
        if _rows(store, foreign, own):
            yield f"rows of other departments in {DATABASE}.{table}"
    for table in _all_names(CLOSED):
        if _rows(store, f"SELECT 1 FROM {DATABASE}.{table} LIMIT 1"):
            yield f"{DATABASE}.{table}"
    if not user.departments:
        return
    for table, columns in HIDDEN.items():
        for column in columns:
            if _rows(store, f"SELECT {column} FROM {DATABASE}.{table} LIMIT 1"):
                yield f"{DATABASE}.{table}.{column}"
    for table in SYSTEM_TABLES:
        if _rows(store, f"SELECT 1 FROM system.{table} LIMIT 1"):
            yield f"system.{table}"


def _all_names(tables: Iterable[str]) -> Iterator[str]:
    for table in tables:
        yield from stored_names(table)


def _rows(store: Store, sql: str, parameters: dict[str, list[str]] | None = None) -> bool:
    """Whether a query has rows; what is refused has none."""
    try:
        return bool(store.query_rows(sql, dict(parameters or {})))
    except StoreRefusedError as error:
        if error.code in _REFUSALS:
            return False
        raise
