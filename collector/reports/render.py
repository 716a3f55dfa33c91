"""
Prints reports: as a table, as CSV, or as JSON with amounts as strings.
"""

import csv
import io
from decimal import Decimal
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from collector.reports.report import Report, amount
from collector.shown_text import in_json, on_one_line, printable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")  # full-width ones too
"""A spreadsheet runs a cell that begins with one of these; such text cells get a leading apostrophe (OWASP ASVS 1.2.10)."""


def print_report(report: Report, output_format: str, console: Console) -> None:
    """Prints a report as a table, CSV or JSON."""
    if output_format == "json":
        console.file.write(as_json(report) + "\n")
    elif output_format == "csv":
        text = as_csv(report)
        # A file or a pipe gets the values as they are.
        console.file.write(printable(text) if console.is_terminal else text)
    else:
        _print_table(report, console)


def as_json(report: Report) -> str:
    """Formats a report as JSON; amounts are strings, so that no digit is lost in a float."""
    return in_json(msgspec.json.format(msgspec.json.encode(_body(report)), indent=2).decode())


def _body(report: Report) -> dict[str, Any]:
    rows = [dict(zip(report.columns, map(_plain, row), strict=True)) for row in report.rows]
    body: dict[str, Any] = {"title": report.title, "rows": rows, "notes": report.notes}
    return body | ({"parts": [_body(part) for part in report.parts]} if report.parts else {})


def as_csv(report: Report) -> str:
    """Formats a report as CSV (RFC 4180), without its notes and parts."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(report.columns)
    writer.writerows([_cell(value) for value in row] for row in report.rows)
    return out.getvalue()


def _print_table(report: Report, console: Console) -> None:
    table = RichTable(
        title=_plain_text(report.title), title_justify="left", box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False
    )
    for i, name in enumerate(report.columns):
        numeric = any(isinstance(row[i], (int, float, Decimal)) for row in report.rows)
        # Numbers never wrap; headings may.
        width = max((len(_shown(row[i])) for row in report.rows), default=0) if numeric else None
        table.add_column(_plain_text(name), justify="right" if numeric else "left", min_width=width, overflow="fold")
    for row in report.rows:
        table.add_row(*(Text(report.nothing if value is None else _shown(value)) for value in row))
    console.print(table)
    for part in report.parts:
        _print_table(part, console)
    for note in report.notes:
        console.print(Text(printable(note), "dim"), highlight=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return amount(value)
    return value if value is None or isinstance(value, (int, str)) else str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return amount(value) if isinstance(value, Decimal) else "" if value is None else value


def _shown(value: Any) -> str:
    return amount(value) if isinstance(value, Decimal) else on_one_line(str(value))


def _plain_text(text: str) -> Text:
    """Text whose [brackets] are not markup."""
    return Text(on_one_line(text))
