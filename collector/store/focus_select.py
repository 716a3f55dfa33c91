"""
SQL of a FOCUS file: the declared columns over the rows of a piece, as CSV lines or as typed columns for Parquet.

Readers of the embedded store may set nothing, so decimal points, nulls and quotes of CSV are part of the SQL.
"""

from collections.abc import Sequence
from typing import assert_never

from collector.catalog.focus import FocusColumn

UNSAFE = r"^[=+\\-@\\t\\r\\n＝＋－＠]|^[.0-9][0-9.,:eE+-]*$"
"""
Texts that get a leading apostrophe in CSV: what a spreadsheet would run (OWASP ASVS 1.2.10), and names that a reader of
the file would take for a number.
"""
QUOTE = r'[",\\r\\n]'
"""Texts that CSV has in quotes."""
_CATEGORY = (
    "multiIf(kind = 'rounding', 'Adjustment', kind IN ('fee', 'idle', 'bill') AND billed < 0, 'Credit', "
    "kind = 'purchase', 'Purchase', 'Usage')"
)
_LIST_PRICE = (
    "if(own = listed OR quantity = 0, unit_price, "
    "CAST(divideDecimal(listed, if(quantity = 0, toDecimal128(1, 18), quantity), 18) AS Decimal(38, 18)))"
)


def select(rows: str, columns: Sequence[FocusColumn], output_format: str) -> str:
    """The query of a piece: for CSV one text column with whole lines."""
    source = f"SELECT *, {_CATEGORY} AS category, {_LIST_PRICE} AS list_price FROM ({rows})"
    # A layer of its own: each value is named once, and used several times where it becomes a cell.
    values = f"SELECT {', '.join(f'{_value(column)} AS `{column.name}`' for column in columns)} FROM ({source})"
    if output_format == "csv":
        return f"SELECT arrayStringConcat([{', '.join(map(_cell, columns))}], ',') FROM ({values})"
    return f"SELECT {', '.join(map(_typed, columns))} FROM ({values})"


def header(columns: Sequence[FocusColumn]) -> bytes:
    """The first line of a CSV file."""
    return (",".join(column.name for column in columns) + "\n").encode()


def _value(column: FocusColumn) -> str:
    match column.kind:
        case "decimal":
            return f"CAST({column.expression} AS Nullable(Decimal(38, 18)))"
        case "instant":
            return column.expression
        case "word" | "text" | "json":
            return f"toString({column.expression})"
        case _:
            assert_never(column.kind)


def _typed(column: FocusColumn) -> str:
    name = f"`{column.name}`"
    if column.kind == "instant":
        return f"toDateTime64({name}, 3, 'UTC') AS {name}"
    return name if column.kind == "decimal" else f"nullIf({name}, '') AS {name}"


def _cell(column: FocusColumn) -> str:
    """SQL of a value as CSV has it; null is an empty cell."""
    name = f"`{column.name}`"
    match column.kind:
        case "decimal":
            return (
                f"ifNull(if(position(toString({name}), '.') = 0, concat(toString({name}), '.0'), toString({name})), '')"
            )
        case "instant":
            return f"formatDateTime({name}, '%Y-%m-%dT%H:%i:%SZ', 'UTC')"
        case "word":
            return name
        case "json":
            return f"if({name} = '', '', {_quoted(name)})"
        case "text":
            safe = f"if(match({name}, '{UNSAFE}'), concat('\\'', {name}), {name})"
            return (
                f"if(match({name}, '{UNSAFE}|{QUOTE}'), if(match({name}, '{QUOTE}'), {_quoted(safe)}, {safe}), {name})"
            )
        case _:
            assert_never(column.kind)


def _quoted(text: str) -> str:
    return f"concat('\"', replaceAll({text}, '\"', '\"\"'), '\"')"
