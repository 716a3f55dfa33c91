"""
Checks that a reader's statement only reads, from the engine's own parse of the statement.

chdb's `readonly = 1` refuses writes, DDL and most table functions, but still answers the scalar `file('/etc/passwd')`
and writes `INTO OUTFILE`. So a reader's statement must be one SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN of known parts.
The engine parses it (`parseQueryToJSON`, `formatQuerySingleLine`), so no second grammar can differ from the one that
runs the statement. Anything unknown is refused; nothing here searches the text for forbidden words.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from collector.catalog.schema import DATABASE

READONLY = 164
"""ClickHouse's error code for a statement that may not run in read-only mode."""


class RefusedStatementError(Exception):
    """The statement does more than read; the text says what."""


_READS = frozenset({"SelectWithUnionQuery", "ShowTablesQuery", "ExplainQuery"})
_INNER_READS = frozenset(
    {
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "SelectWithUnionQuery",
        "TablesInSelectQuery",
    }
)
_EXPLAINS = frozenset(
    {
        "EXPLAIN",
        "EXPLAIN AST",
        "EXPLAIN ESTIMATE",
        "EXPLAIN PIPELINE",
        "EXPLAIN QUERY TREE",
        "EXPLAIN SYNTAX",
    }
)
_DATABASES = frozenset({DATABASE, "system", "information_schema", "INFORMATION_SCHEMA"})
_SYSTEM_TABLES = frozenset({
    "aggregate_function_combinators", "asynchronous_metrics", "collations", "columns", "data_skipping_indices",
    "data_type_families", "databases", "events", "formats", "functions", "keywords", "merges", "metrics", "mutations",
    "numbers", "numbers_mt", "one", "parts", "parts_columns", "settings", "table_engines", "table_functions", "tables",
    "time_zones", "zeros", "zeros_mt",
})  # fmt: skip
"""Tables that drivers and dashboards read. Other tables show other users' queries, the host's disks, stacks, logs."""
_TABLE_FUNCTIONS = frozenset({
    "generate_series", "generateseries", "null", "numbers", "numbers_mt", "values", "view", "zeros", "zeros_mt",
})  # fmt: skip

_KNOWN_CATEGORIES = frozenset({
    "Aggregate Functions", "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison", "Conditional", "Dates and Times",
    "Distance", "Encoding", "Financial", "Geo", "Hash", "IP Address", "JSON", "Logical", "Map",
    "Mathematical", "Null", "NumericIndexedVector", "QBit", "Random Number", "Rounding", "String",
    "String Replacement", "String Search", "String Splitting", "Time Series", "Time Window", "Tuple",
    "Type Conversion", "URL", "UUID",
})  # fmt: skip
"""The engine's categories whose functions only compute. AI, Dictionary, Encryption, Introspection, Machine Learning are
excluded whole, and so is any category of a later engine; Geo Polygon too: its functions are quadratic."""

QUADRATIC = frozenset(
    """
    arrayAutocorrelation arrayLevenshteinDistance arrayLevenshteinDistanceWeighted arraySimilarity damerauLevenshteinDistance
    editDistance editDistanceUTF8 geometryIntersectCartesian geometryIntersectSpherical jaroSimilarity
    jaroWinklerSimilarity polygonsIntersectCartesian polygonsIntersectSpherical
    """.casefold().split()
)
"""Functions that take the square of their arguments' size in time, and that the engine cannot end meanwhile."""

_KNOWN_FUNCTIONS = frozenset(
    """
    _CAST bar blockNumber blockSerializedSize blockSize byteSize caseWithExpression countDigits currentDatabase
    currentQueryID currentRoles currentSchemas currentUser defaultValueOfArgumentType defaultValueOfTypeName digits
    displayName dumpColumnStructure errorCodeToName finalizeAggregation formatQuery formatQueryOrNull
    formatQuerySingleLine formatQuerySingleLineOrNull formatReadableDecimalSize formatReadableQuantity
    formatReadableSize formatReadableTimeDelta getSetting getSettingOrDefault getSizeOfEnumType getSubcolumn
    hostName identity ignore indexHint initializeAggregation isConstant isDecimalOverflow
    lowCardinalityIndices lowCardinalityKeys materialize minSampleSizeContinuous minSampleSizeConversion neighbor nested
    normalizeQuery normalizedQueryHash parseISO8601Duration parseReadableSize parseReadableSizeOrNull
    parseReadableSizeOrZero parseTimeDelta queryID revision rowNumberInAllBlocks rowNumberInBlock runningAccumulate
    runningDifference runningDifferenceStartingWithFirstValue throwIf toColumnTypeName toTypeName transform uptime
    variantElement variantType version visibleWidth
    """.casefold().split()
)
"""Functions of the categories Other and Internal that were checked one by one and only compute."""

_NOT_A_NAME = frozenset({"type", "alias", "kind", "like", "pattern"})
"""Keys of the parse whose text names nothing that can be called."""

_AD_HOC = (
    "the embedded store takes no ad hoc filters of Grafana (additional_table_filters); use the dashboard's variables"
)
"""Their text is an expression inside a string, which the engine parses only when it runs the statement."""

_NAME = r"(?:[A-Za-z_]\w*|`[\w .$-]+`)"
_PLAIN = re.compile(
    rf"(?:DESCRIBE TABLE|EXISTS TABLE|EXISTS VIEW|SHOW CREATE TABLE|SHOW CREATE VIEW) "
    rf"(?:(?P<database>{_NAME})\.)?{_NAME}(?: FORMAT (?P<format>\w+))?"
)
"""Statements that the engine cannot return as a tree, in the engine's canonical spelling only."""


@dataclass(frozen=True, slots=True)
class ReadOnlyChecker:
    """Knows which of an engine's functions may do more than compute."""

    functions: frozenset[str]
    table_functions: frozenset[str]

    @classmethod
    def of(cls, functions: Iterable[tuple[str, str, str]], table_functions: Iterable[str]) -> "ReadOnlyChecker":
        """A checker for an engine, from (name, alias of, category) of all functions and the names of table functions."""
        rows = [(name.casefold(), alias_of.casefold(), category) for name, alias_of, category in functions]
        harmless = {name for name, _, category in rows if category in _KNOWN_CATEGORIES or name in _KNOWN_FUNCTIONS}
        harmless -= QUADRATIC
        harmless |= {name for name, alias_of, _ in rows if alias_of in harmless}
        harmless -= {name for name, alias_of, _ in rows if alias_of in QUADRATIC}
        known = {name for name, _, _ in rows}
        tables = {name.casefold() for name in table_functions}
        return cls(frozenset(known - harmless), frozenset(tables - known - _TABLE_FUNCTIONS))

    def check_database(self, name: str) -> None:
        """Raises unless a request may have this database; tables of `system` must be named with their database."""
        if name == "system":
            raise RefusedStatementError("name tables as system.tables; the database of a request is lynceus")
        _refuse_database(name)

    def check_plain(self, canonical: str) -> str | None:
        """Returns the output format ("": not named) of a statement about one table; None: another kind of statement."""
        match = _PLAIN.fullmatch(canonical)
        if match is None:
            return None
        database = match.group("database")
        if database is not None:
            _refuse_database(database.strip("`"))
        return match.group("format") or ""

    def check_tree(self, parsed: Mapping[str, Any]) -> str:
        """Returns the output format that a statement names, "": none; raises if the statement may do more than read."""
        root = dict(parsed)
        if root.get("type") not in _READS:
            raise RefusedStatementError(f"a reader may not run a {root.get('type')}")
        if root["type"] == "ExplainQuery":
            root.pop("settings", None)  # what EXPLAIN shows, not how anything runs
            inner = root.get("query")
            if root.get("kind") not in _EXPLAINS or not isinstance(inner, dict) or inner.get("type") not in _READS:
                raise RefusedStatementError("a reader may EXPLAIN a SELECT and nothing else")
        self._check({key: value for key, value in root.items() if key not in {"type", "format_ast"}})
        return output_format(parsed) or ""

    def _check(self, root: dict[str, Any]) -> None:
        pending: list[Any] = [root]
        while pending:
            node = pending.pop()
            if isinstance(node, list):
                pending += node
            elif isinstance(node, dict) and node.get("type") != "Literal":
                self._check_node(node)
                pending += [value for key, value in node.items() if isinstance(value, dict | list)]

    def _check_node(self, node: dict[str, Any]) -> None:
        kind = str(node.get("type", ""))
        if "out_file" in node:
            raise RefusedStatementError("INTO OUTFILE writes a file")
        if kind == "SetQuery":
            raise RefusedStatementError(
                _AD_HOC if _is_ad_hoc(node) else "settings are fixed for readers; remove SETTINGS"
            )
        if kind.endswith("Query") and kind not in _INNER_READS:
            raise RefusedStatementError(f"a reader may not run a {kind}")
        if kind == "QueryParameter" and "identifier" in str(node.get("param_type")).casefold():
            raise RefusedStatementError("a name may not be a parameter; write it out")
        parts = [str(part) for part in node.get("name_parts") or ()]
        if parts and (kind == "TableIdentifier" or parts[0].casefold() == "default"):
            _refuse_database(parts[0])
        # `x IN system.t` names a table too, and is parsed like a column of a table
        if len(parts) > 1 and parts[0] == "system" and parts[1] not in _SYSTEM_TABLES:
            raise RefusedStatementError(f"table system.{parts[1]} is not for readers")
        self._check_names(node, kind)

    def _check_names(self, node: dict[str, Any], kind: str) -> None:
        table_function = node.get("table_function")
        if isinstance(table_function, dict) and str(table_function.get("name")).casefold() not in _TABLE_FUNCTIONS:
            raise RefusedStatementError(f"table function {table_function.get('name')} is not for readers")
        for key, value in node.items():
            if key in _NOT_A_NAME or not isinstance(value, str):
                continue
            name = value.casefold()
            if name in self.functions or (kind == "Function" and name in self.table_functions):
                raise RefusedStatementError(f"function {value} is not for readers, whether called or named")


def output_format(parsed: Mapping[str, Any]) -> str | None:
    """Returns the output format that a statement names, "": none; None: the statement has no result."""
    if parsed.get("type") not in _READS:
        return None
    chosen = parsed.get("format_ast") or {}
    return str(chosen.get("name", ""))


def _is_ad_hoc(settings: Mapping[str, Any]) -> bool:
    return any(change.get("name") == "additional_table_filters" for change in settings.get("changes") or ())


def _refuse_database(name: str) -> None:
    if name not in _DATABASES:
        raise RefusedStatementError(f"database {name} is not for readers; use lynceus or system")
