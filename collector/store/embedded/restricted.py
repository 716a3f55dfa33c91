"""
Checks a statement of a visitor who may read the rows of some departments alone; read_only.py has let it through before.

The engine filters the rows of tables with departments (access/linked_tables.py), but a statement could still find out about
other rows: by a table that nothing filters, by what runs before the filter, by the places and sizes of rows in the store, or
by an error that only a foreign row raises. So only known tables, columns and functions may be named, and UNREVEALING makes
the engine filter first and compute then. Like read_only.py it judges the engine's own parse.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from collector.access.linked_tables import LINKED, linked_filters
from collector.access.scope import Scope
from collector.access.shared_tables import readable_tables
from collector.access.table_filters import setting_of
from collector.catalog.schema import DATABASE
from collector.store.embedded.handle import EngineError

ACCESS_DENIED = 497
"""ClickHouse's error code for what an account may not read."""

UNREVEALING: Mapping[str, str] = {
    # Without optimizations the plan is what it says: read, filter by department, then whatever the statement wants.
    "query_plan_enable_optimizations": "0",
    "optimize_move_to_prewhere": "0",
    # An index is analysed with the statement's own condition, on the values of any row that begins a granule.
    "use_primary_key": "0",
    "use_partition_pruning": "0",
    "use_skip_indexes": "0",
    "use_statistics_for_part_pruning": "0",
    "optimize_use_projections": "0",
    "optimize_use_implicit_projections": "0",
    "optimize_trivial_count_query": "0",
    "use_query_condition_cache": "0",
    "enable_join_runtime_filters": "0",
    "use_top_k_dynamic_filtering": "0",
    # Rows that were read are counted in some formats.
    "output_format_write_statistics": "0",
}
"""Settings of each query of such a visitor. They cost time: whole tables are read."""

EXACT = {"exact_rows_before_limit": "1"}
"""For formats that say how many rows a LIMIT omits: else it depends on the blocks in which rows were read."""

MAY_BE_SET = frozenset({"max_execution_time", "max_result_bytes", "max_result_rows"})
"""Limits that a request may lower. Others end a query because of rows that it reads before they are filtered."""

SYSTEM_WHOLE = frozenset(
    """
    system.aggregate_function_combinators system.collations system.data_type_families system.formats system.functions
    system.keywords system.numbers system.numbers_mt system.one system.settings system.table_engines
    system.table_functions system.time_zones system.zeros system.zeros_mt information_schema.character_sets
    information_schema.collations information_schema.columns information_schema.engines
    information_schema.key_column_usage information_schema.referential_constraints information_schema.schemata
    information_schema.views
    """.casefold().split()
)
"""Tables of the engine that say what there is."""
SYSTEM_PARTS: Mapping[str, str] = {
    "system.databases": "name database engine engine_full uuid comment is_external",
    "system.tables": """
        database name table uuid engine is_temporary create_table_query engine_full as_select partition_key sorting_key
        primary_key sampling_key comment dependencies_database dependencies_table has_own_data
    """,
    "system.columns": """
        database table name column type position default_kind default_expression comment is_in_partition_key
        is_in_sorting_key is_in_primary_key is_in_sampling_key compression_codec character_octet_length numeric_precision
        numeric_precision_radix numeric_scale datetime_precision
    """,
    "information_schema.tables": """
        table_catalog table_schema table_name table_type table_collation table_comment engine version row_format
    """,
}
"""Those that say how much there is too, and their columns that do not."""

STRUCTURAL = frozenset(
    """
    blockNumber blockSerializedSize blockSize hasColumnInTable indexHint neighbor rowNumberInBlock runningAccumulate
    runningDifference runningDifferenceStartingWithFirstValue
    """.casefold().split()
)
"""Functions that show the blocks in which rows were read, and so the number of omitted rows."""

_READABLE: Mapping[str, tuple[str, ...] | None] = {**readable_tables(), **dict.fromkeys(LINKED)}
"""Our tables and views, and the columns of each that may be named; None: all."""
_TAKE_TABLES = frozenset(
    {"in", "notin", "nullin", "notnullin"} | {f"global{n}in" for n in ("", "not", "null", "notnull")}
)
"""Functions whose second argument may be a table's name, which is parsed like a column's."""
_DATABASES = frozenset({DATABASE, "system", "information_schema"})
_EXHAUSTED = frozenset({158, 159, 160, 241, 307})
"""TOO_MANY_ROWS, TIMEOUT_EXCEEDED, TOO_SLOW, MEMORY_LIMIT_EXCEEDED, TOO_MANY_BYTES: their texts say how much was read."""

Columns = Mapping[str, frozenset[str]]
"""The columns of each table and view of our database and of SYSTEM_PARTS, by whole name."""


class ForbiddenError(EngineError):
    """The statement could show rows that the visitor may not read; the text has the reason and the remedy."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: the scope of this token is some departments. (ACCESS_DENIED)", ACCESS_DENIED)


def check_restricted(tree: Mapping[str, Any], columns: Columns) -> None:
    """Raises ForbiddenError for a statement that could show anything of other rows."""
    if tree.get("type") == "ExplainQuery":
        raise ForbiddenError("EXPLAIN shows how many rows tables have")
    nodes = list(_nodes(tree))
    ctes = {str(node["name"]) for node in nodes if node.get("type") == "WithElement"}
    for node in nodes:
        _check_node(node)
    named = {name for node in nodes for name in _tables_of(node, ctes, columns)}
    if tree.get("type") == "ShowTablesQuery":
        named.add("system.tables")
    hidden = {name: _hidden(name, columns) for name in named}
    partly = {name for name in named if hidden[name]}
    for node in nodes:
        _check_columns(node, {column: name for name in partly for column in hidden[name]})
        if partly and node.get("type") == "SelectQuery":
            _check_asterisks(node, partly, ctes, columns)


def columns_query() -> str:
    """SQL of Columns: a row for each table and view."""
    names = ", ".join(f"'{name}'" for name in SYSTEM_PARTS)
    return f"""
        SELECT concat(database, '.', table), groupArray(name) FROM system.columns
        WHERE database = '{DATABASE}' OR concat(database, '.', table) IN ({names}) GROUP BY database, table
    """


def settings_of(scope: Scope, output_format: str) -> dict[str, str]:
    """The settings of a query of such a visitor, whose answer has a format."""
    counts = output_format.casefold().startswith(("json", "xml"))
    return {**UNREVEALING, **(EXACT if counts else {}), **setting_of(linked_filters(scope))}


def hide_figures(error: EngineError) -> EngineError:
    """The error as such a visitor may see it: without figures of what was read, and without the place where it was read."""
    if error.code in _EXHAUSTED:
        return EngineError("the query needs more time or memory than it may take; ask for less", error.code)
    text = str(error)
    for mark in (": (while reading from part", ": While executing ", ": while executing "):
        head, found, _ = text.partition(mark)
        if found:
            text = head
    return EngineError(text)


def _nodes(root: Any, *, into_selects: bool = True) -> Iterator[dict[str, Any]]:
    """All nodes but literals; without `into_selects` those of the outermost SELECT alone."""
    pending: list[Any] = [root]
    skipped = {"Literal"} if into_selects else {"Literal", "SelectQuery"}
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict) and (node is root or node.get("type") not in skipped):
            yield node
            pending += [value for value in node.values() if isinstance(value, dict | list)]


def _check_node(node: Mapping[str, Any]) -> None:
    """Raises for what runs before the filter, for places of rows, and for columns that are not named."""
    if "prewhere" in node:
        raise ForbiddenError("PREWHERE runs before rows of others are omitted; use WHERE")
    if any(key.startswith("sample_") for key in node):
        raise ForbiddenError("SAMPLE chooses among the rows of all")
    if "column_aliases" in node or node.get("is_natural"):
        raise ForbiddenError("name the columns: no NATURAL JOIN, no new names behind a table")
    if node.get("type") == "TableIdentifier" and "." in str(node.get("alias", "")):
        raise ForbiddenError("an alias of a table may have no dot")
    for key, value in node.items():
        if key not in {"type", "alias"} and isinstance(value, str) and value.casefold() in STRUCTURAL:
            raise ForbiddenError(f"function {value} depends on rows of others")
    for part in _parts(node) if node.get("type") in {"Identifier", "TableIdentifier"} else ():
        if part.startswith("_"):
            raise ForbiddenError(f"{part} shows where rows are stored")


def _parts(node: Mapping[str, Any]) -> list[str]:
    """The parts of a name; one that is quoted whole is taken apart too."""
    names = node.get("name_parts") or [node.get("name", "")]
    return [part for name in names for part in str(name).split(".")]


def _tables_of(node: Mapping[str, Any], ctes: Set[str], columns: Columns) -> Iterator[str]:
    """The whole names of the tables that a node itself names; raises for those that may not be read."""
    kind = node.get("type")
    if kind == "TableIdentifier":
        yield from _table(node, ctes, columns)
    elif kind == "Identifier":
        # A column may have the name of a table that may be read. Behind an alias it may yet be read as a table.
        for name in map(_readable, _as_tables(node, columns)):
            if "alias" in node:
                _refuse_partly(name, columns)
            if node.get("name_parts"):
                yield name
    elif kind == "Function" and str(node.get("name")).casefold() in _TAKE_TABLES:
        arguments = (node.get("arguments") or {}).get("children") or []
        for name in (name for argument in arguments[1:] for name in _as_tables(argument, columns)):
            _refuse_partly(_readable(name), columns)


def _as_tables(node: Mapping[str, Any], columns: Columns) -> Iterator[str]:
    """The whole name of the table, if an identifier may be one or a column of one that is named in full."""
    if node.get("type") == "Identifier":
        first, *rest = _whole(node).split(".")
        if rest and first in _DATABASES:
            yield f"{first}.{rest[0]}"
        elif not rest and f"{DATABASE}.{first}" in columns:
            yield f"{DATABASE}.{first}"


def _table(node: Mapping[str, Any], ctes: Set[str], columns: Columns) -> Iterator[str]:
    if node.get("name_parts"):
        yield _readable(_whole(node))
    elif (name := f"{DATABASE}.{node.get('name')}") in columns or str(node.get("name")) not in ctes:
        yield _readable(name)


def _whole(node: Mapping[str, Any]) -> str:
    """A name with its database; those of information_schema have one spelling."""
    name = ".".join(map(str, node.get("name_parts") or [node.get("name", "")]))
    return name.lower() if name.lower().startswith("information_schema.") else name


def _readable(name: str) -> str:
    database, _, table = name.partition(".")
    if name in SYSTEM_WHOLE or name in SYSTEM_PARTS or (database == DATABASE and table in _READABLE):
        return name
    raise ForbiddenError(f"table {name} has what others ran")


def _refuse_partly(name: str, columns: Columns) -> None:
    if _hidden(name, columns):
        raise ForbiddenError(f"{name} has columns about others; select those that you need")


def _hidden(name: str, columns: Columns) -> frozenset[str]:
    """The columns of a readable table that may not be named, in lower case."""
    of_table = columns.get(name, frozenset())
    if name in SYSTEM_PARTS:
        permitted = SYSTEM_PARTS[name].split()
        return frozenset(column.casefold() for column in of_table) - {*permitted}
    readable = _READABLE.get(name.partition(".")[2])
    return frozenset() if readable is None else of_table - {*readable}


def _check_columns(node: Mapping[str, Any], hidden: Mapping[str, str]) -> None:
    """Raises for hidden columns, by name or among those that a pattern finds."""
    kind = str(node.get("type"))
    if kind == "Identifier":
        for part in _parts(node):
            if part.casefold() in hidden:
                raise ForbiddenError(f"{part} of {hidden[part.casefold()]} is about others")
    elif hidden and (kind == "QualifiedAsterisk" or kind.endswith("Matcher")):
        raise ForbiddenError(f"{next(iter(hidden.values()))} has columns about others; name those that you need")


def _check_asterisks(select: Mapping[str, Any], partly: Set[str], ctes: Set[str], columns: Columns) -> None:
    """Raises for `*` in a SELECT of tables with hidden columns, and in WITH, whose expressions stand for any SELECT inside."""
    own = list(_nodes(select, into_selects=False))
    asterisks = sum(node.get("type") == "Asterisk" for node in own) - sum(map(_counts_rows, own))
    tables = {name for node in own for name in _tables_of(node, ctes, columns)}
    in_with = any(node.get("type") == "Asterisk" for node in _nodes(select.get("with"), into_selects=False))
    if in_with or (asterisks and tables & partly):
        raise ForbiddenError(f"{', '.join(partly)}: has columns about others; name those that you need")


def _counts_rows(node: Mapping[str, Any]) -> bool:
    """Whether a node is count(*), which reads no column."""
    children = (node.get("arguments") or {}).get("children") or [{}]
    return str(node.get("name")).casefold() == "count" and children[0].get("type") == "Asterisk"
