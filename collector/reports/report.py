"""
The shape of every report: its columns, rows, notes and period.

Each report has a module of its own with its queries; render.py prints reports. Nothing here reads the store.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

Query = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]
"""Runs SQL with {name:Type} parameters and returns the rows; made by connect.reader."""

NO_VALUE = "—"
"""What a table shows where nothing was counted: neither 0 nor unknown."""


class ReportError(ValueError):
    """A report was requested in a way that does not work; the message names the option and the remedy."""


class NotPermittedError(ReportError):
    """The store does not show this to this reader: it needs rows of all departments, and the token is for some."""


def if_permitted(query: Query, sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """Returns the rows of a query about all departments; none where the reader may not read them."""
    try:
        return query(sql, parameters)
    except NotPermittedError:
        return []


@dataclass(frozen=True, slots=True)
class Report:
    """A table with a title, notes below it, and further tables."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    notes: list[str] = field(default_factory=list)
    nothing: str = "unknown"
    """What a table shows instead of a missing value."""
    parts: list["Report"] = field(default_factory=list)
    """Further tables of the same report; not part of CSV, which has one table."""
    totals: list[tuple[Any, ...]] = field(default_factory=list)
    """Sums of the rows, one for each currency; not part of CSV."""
    money: frozenset[str] = frozenset()
    """Columns with amounts that add up, in the currency of the row's column `currency`."""
    rates: frozenset[str] = frozenset()
    """Columns with amounts that do not add up, such as the cost of one success."""
    optional: frozenset[str] = frozenset()
    """Columns that a table leaves out where they have nothing but 0."""
    keys: int = 1
    """Leading columns that say what a row is about; a table that is cut in blocks repeats them."""
    months: list[Mapping[str, Any]] = field(default_factory=list)
    """State, run and hash of each month, for programs; for people the notes state them."""


@dataclass(frozen=True, slots=True)
class Span:
    """A period of billing days: `begin` inclusive, `end` exclusive."""

    begin: date
    end: date
    zone: str = "UTC"
    """The billing time zone; days begin at its midnights."""

    def parameters(self) -> dict[str, Any]:
        """Returns the query parameters that every report binds."""
        return {"begin": self.begin, "end": self.end, "zone": self.zone}

    def __str__(self) -> str:
        return f"{self.begin} to {self.end} (exclusive)"


def columns_by(option: str, columns: Iterable[str]) -> list[str]:
    """Reads the grouping columns of `--by a,b`; only declared names reach SQL."""
    known = list(columns)
    names = list(dict.fromkeys(name.strip() for name in option.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise ReportError(f"--by {name}: no such column; there are {', '.join(known)}")
    return names


def amount(value: Decimal) -> str:
    """Formats an amount of money in full: no exponent, at least two decimals, no further trailing zeros."""
    plain = f"{value:f}"
    whole, _, fraction = plain.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}" if fraction else plain
