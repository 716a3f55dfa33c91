"""
The one place that says which rows of the store a scope may read.

The predicate goes with each query as ClickHouse's setting `additional_table_filters`: the engine applies it to the tables
wherever a query reads them, through views, joins and subqueries. It does not hold against a statement that a visitor wrote:
PREWHERE runs before it, and table functions pass it by. Such statements are checked by store/embedded/read_only.py, and on
servers row policies take its place.
"""

from collections.abc import Mapping

from collector.access.scope import Scope
from collector.catalog.rollups import ROLLUPS
from collector.catalog.schema import DATABASE
from collector.catalog.tables import TABLES, local_name

SETTING = "additional_table_filters"
DEPARTMENT = "department"
NO_ROW = "0"
"""The predicate that no row fulfils."""

OWNED_TABLES: tuple[str, ...] = tuple(
    name
    for name, columns in (
        *((table.name, table.columns) for table in TABLES),
        *((rollup.name, rollup.columns) for rollup in ROLLUPS),
    )
    if any(column.name == DEPARTMENT for column in columns)
)
"""The tables whose rows belong to a department each."""


BARRED_TABLES = ("audit_entry",)
"""The tables that none but a reader of everything sees."""


def query_settings(scope: Scope) -> dict[str, str]:
    """The settings that each query of a visitor must carry; empty for one who may read everything."""
    return setting_of(table_filters(scope))


def setting_of(filters: Mapping[str, str]) -> dict[str, str]:
    """The setting that has filters in force; empty without any."""
    pairs = (f"{_quoted(table)}: {_quoted(predicate)}" for table, predicate in filters.items())
    return {SETTING: f"{{{', '.join(pairs)}}}"} if filters else {}


def table_filters(scope: Scope) -> Mapping[str, str]:
    """
    The predicate of each table, by its whole name; none for one who may read everything.

    The tables of a shard are named too: a server of a cluster that is asked for one of them directly filters it as well.
    """
    if scope.kind == "all":
        return {}
    predicate = predicate_of(scope)
    predicates = dict.fromkeys(OWNED_TABLES, predicate) | dict.fromkeys(BARRED_TABLES, NO_ROW)
    return {f"{DATABASE}.{name}": wanted for table, wanted in predicates.items() for name in stored_names(table)}


def stored_names(table: str) -> tuple[str, ...]:
    """A table, and the one on each server of a cluster that holds its rows, if that is another."""
    return tuple(dict.fromkeys((table, local_name(table))))


def predicate_of(scope: Scope) -> str:
    """What a row's department must fulfil, in SQL; no row does for the scope `metrics`."""
    if scope.kind == "all":
        return "1"
    names = ", ".join(map(_quoted, scope.departments))
    return f"{DEPARTMENT} IN ({names})" if names else NO_ROW


def _quoted(text: str) -> str:
    """A text as SQL writes it: a setting has no parameters that could be bound."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
