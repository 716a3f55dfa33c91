"""
Prints reports: as a table, as CSV, or as JSON with amounts as strings. CSV and JSON have all places of an amount.
"""

import csv
import io
from decimal import Decimal
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from collector.reports.report import Report, amount
from collector.reports.table import print_table
from collector.shown_text import in_json, printable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")  # full-width ones too
"""A spreadsheet runs a cell that begins with one of these; such text cells get a leading apostrophe (OWASP ASVS 1.2.10)."""


def print_report(report: Report, output_format: str, console: Console, *, exact: bool = False) -> None:
    """Prints a report as a table, CSV or JSON; a table has amounts in minor units unless they are to be `exact`."""
    if output_format == "json":
        console.file.write(as_json(report) + "\n")
    elif output_format == "csv":
        text = as_csv(report)
        # A file or a pipe gets the values as they are.
        console.file.write(printable(text) if console.is_terminal else text)
    else:
        print_table(report, console, exact=exact)
        for note in report.notes:
            console.print(Text(printable(note), "dim"), highlight=False)


def as_json(report: Report) -> str:
    """Formats a report as JSON; amounts are strings, so that no digit is lost in a float."""
    return in_json(msgspec.json.format(msgspec.json.encode(as_body(report)), indent=2).decode())


def as_body(report: Report) -> dict[str, Any]:
    """Returns a report as the object that its JSON has; amounts are strings."""
    rows = [dict(zip(report.columns, map(_plain, row), strict=True)) for row in report.rows]
    body: dict[str, Any] = {"title": report.title, "rows": rows, "notes": report.notes}
    if report.totals:
        body["totals"] = [dict(zip(report.columns, map(_plain, row), strict=True)) for row in report.totals]
    if report.months:
        body["months"] = report.months
    return body | ({"parts": [as_body(part) for part in report.parts]} if report.parts else {})


def as_csv(report: Report) -> str:
    """Formats a report as CSV (RFC 4180), without its notes and parts."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(report.columns)
    writer.writerows([_cell(value) for value in row] for row in report.rows)
    return out.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return amount(value)
    return value if value is None or isinstance(value, (int, str)) else str(value)


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return amount(value) if isinstance(value, Decimal) else "" if value is None else value
