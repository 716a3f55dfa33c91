"""
What a report is, and how it is printed: a table, CSV, or JSON with amounts as strings.

Queries live beside each report; the CLI and the pages share both.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

Query = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]
"""SQL with {name:Type} parameters to rows; the store gives one."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")
"""A spreadsheet runs a cell that begins so; text cells get an apostrophe before it (OWASP ASVS 1.2.10)."""


class ReportError(ValueError):
    """A report that cannot be made as asked; says what to ask for."""


@dataclass(frozen=True, slots=True)
class Report:
    """Named columns, rows, and what a reader must know of the rows."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    notes: list[str] = field(default_factory=list)
    nothing: str = "unknown"
    """What a table shows where there is no value."""
    parts: list["Report"] = field(default_factory=list)
    """Further tables of the same report; CSV, which has one table, leaves them out."""


BEGIN, END = "toDateTime64({begin:Date}, 3, {zone:String})", "toDateTime64({end:Date}, 3, {zone:String})"
"""A period's ends as instants, in SQL."""


@dataclass(frozen=True, slots=True)
class Span:
    """A period of billing days: `begin` inclusive, `end` exclusive."""

    begin: date
    end: date
    zone: str = "UTC"
    """Whose midnights the days begin at: the billing time zone."""

    def parameters(self) -> dict[str, Any]:
        return {"begin": self.begin, "end": self.end, "zone": self.zone}

    def __str__(self) -> str:
        return f"{self.begin} to {self.end} (exclusive)"


def columns_by(asked: str, known: Mapping[str, str]) -> list[str]:
    """The grouping columns of `--by a,b`; only names declared here ever reach SQL."""
    names = [name.strip() for name in asked.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise ReportError(f"--by {name}: no such column; there are {', '.join(known)}")
    return names


def text(report: Report, form: str, console: Console) -> None:
    """Print a report in the asked form."""
    if form == "json":
        console.file.write(as_json(report) + "\n")
    elif form == "csv":
        console.file.write(as_csv(report))
    else:
        _as_table(report, console)


def as_json(report: Report) -> str:
    """JSON with amounts as strings, so that no reader's float loses a digit."""
    return msgspec.json.format(msgspec.json.encode(_body(report)), indent=2).decode()


def _body(report: Report) -> dict[str, Any]:
    rows = [dict(zip(report.columns, map(_plain, row), strict=True)) for row in report.rows]
    body: dict[str, Any] = {"title": report.title, "rows": rows, "notes": report.notes}
    return body | ({"parts": [_body(part) for part in report.parts]} if report.parts else {})


def as_csv(report: Report) -> str:
    """RFC 4180; notes and parts go to the other forms only."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(report.columns)
    writer.writerows([_cell(value) for value in row] for row in report.rows)
    return out.getvalue()


def _as_table(report: Report, console: Console) -> None:
    table = RichTable(
        title=report.title, title_justify="left", box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False
    )
    for i, name in enumerate(report.columns):
        numeric = any(isinstance(row[i], (int, float, Decimal)) for row in report.rows)
        # A number stays in one piece; its heading may break.
        width = max((len(_shown(row[i])) for row in report.rows), default=0) if numeric else None
        table.add_column(name, justify="right" if numeric else "left", min_width=width, overflow="fold")
    for row in report.rows:
        table.add_row(*(report.nothing if value is None else _shown(value) for value in row))
    console.print(table)
    for part in report.parts:
        _as_table(part, console)
    for note in report.notes:
        console.print(note, style="dim", markup=False, highlight=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return amount(value)
    return value if value is None or isinstance(value, (int, str)) else str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return amount(value) if isinstance(value, Decimal) else "" if value is None else value


def _shown(value: Any) -> str:
    # Rich would read [brackets] in a name as markup.
    return amount(value) if isinstance(value, Decimal) else str(value).replace("[", "\\[")


def amount(value: Decimal) -> str:
    """A Decimal in full, without exponent or trailing zeros beyond the cents."""
    plain = f"{value:f}"
    whole, _, fraction = plain.partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}" if fraction else plain
