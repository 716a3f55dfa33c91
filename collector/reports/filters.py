"""
Filters of reports: `--where department=maps`, `--where step!=fit`, `--where creator=`.

A filter compares what a report shows in a column, so that the text of a cell finds its rows again. An empty value is
shown as `unallocated`, and both words find it. Values are bound parameters; only declared expressions are part of the SQL.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from collector.core.cost.attribution import UNALLOCATED
from collector.reports.report import ReportError

MOST = 50
"""Filters of one report; more are a list, which belongs in SQL."""
LONGEST = 1000
"""Characters of a value."""


class Filter(NamedTuple):
    """A column, and the values that its rows have, or have not."""

    column: str
    values: tuple[str, ...]
    excluded: bool = False


class Chosen(NamedTuple):
    """A condition in SQL, and the parameters that it binds."""

    sql: str
    parameters: dict[str, Any]


ALL = Chosen("1", {})


def parse_filters(texts: Iterable[str], columns: Iterable[str]) -> tuple[Filter, ...]:
    """
    Reads filters: `column=value` or `column!=value`; an unknown column is an error that lists the known ones.

    Several values of one column are alternatives, or all excluded; filters of several columns must all hold.
    """
    known, found = list(columns), dict[tuple[str, bool], list[str]]()
    for number, text in enumerate(texts, 1):
        name, equals, value = text.partition("=")
        excluded = name.endswith("!")
        name = name.removesuffix("!").strip()
        if not equals:
            raise ReportError(f"--where {text}: expected COLUMN=VALUE or COLUMN!=VALUE, like department=maps")
        if name not in known:
            raise ReportError(f"--where {name}: no such column; there are {', '.join(known)}")
        if number > MOST or len(value) > LONGEST:
            raise ReportError(f"--where: at most {MOST} filters of {LONGEST} characters each")
        found.setdefault((name, excluded), []).append(value or UNALLOCATED)
    return tuple(Filter(name, tuple(values), excluded) for (name, excluded), values in found.items())


def shown(expression: str) -> str:
    """Returns SQL of what a report shows for an expression: text, and `unallocated` where it is empty."""
    return f"if(toString({expression}) = '', '{UNALLOCATED}', toString({expression}))"


def named(row: Sequence[Any], keys: int) -> tuple[Any, ...]:
    """Returns a row whose first values, its keys, are never empty."""
    return (*(value if value != "" else UNALLOCATED for value in row[:keys]), *row[keys:])


def condition(filters: Sequence[Filter], sql_of: Callable[[str], str]) -> Chosen:
    """Compiles filters to a condition on the expressions that `sql_of` gives for their columns."""
    parts, parameters = list[str](), dict[str, Any]()
    for number, one in enumerate(filters):
        name = f"where_{number}"
        parts.append(f"{shown(sql_of(one.column))} {'NOT IN' if one.excluded else 'IN'} {{{name}:Array(String)}}")
        parameters[name] = list(one.values)
    return Chosen(" AND ".join(parts), parameters) if parts else ALL


def holds(filters: Iterable[Filter], row: Mapping[str, Any]) -> bool:
    """Returns whether a row, by the names of its columns, passes filters: the same as `condition`, in Python."""
    return all((str(row[one.column] or UNALLOCATED) in one.values) != one.excluded for one in filters)


def described(filters: Iterable[Filter]) -> str:
    """Returns filters in words, for a title: `department=maps, step!=fit`."""
    return ", ".join(f"{one.column}{'!=' if one.excluded else '='}{value}" for one in filters for value in one.values)
