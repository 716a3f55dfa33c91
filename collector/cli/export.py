"""
`lynceus export`: write a table's rows of a period to a file, or the costs of a period in the FOCUS format.
"""

import contextlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from collector import connect
from collector.catalog.focus import FocusColumn
from collector.cli.console import report_step
from collector.cli.options import Begin, Config, End, TokenFile, Url, WholeMonth
from collector.core.cost.billing_days import midnight
from collector.reports.periods import parse_period
from collector.reports.report import Span
from collector.settings.load import load_settings
from collector.settings.model import SettingsError
from collector.store import export as exports
from collector.store import focus
from collector.store.clickhouse import Store
from collector.store.focus_rows import Grain
from collector.store.focus_totals import totals

FOCUS = "focus"
"""What stands in the place of a table's name."""


Table = Annotated[
    str, typer.Argument(help="Table or view, like pod_cost or cost_current; or focus: costs as FOCUS 1.2 has them.")
]
Out = Annotated[Path, typer.Option("--out", help="File to write; for focus a name without suffix is a folder.")]
Format = Annotated[
    Literal["parquet", "csv", "json"],
    typer.Option("--format", help="File format; json has one row a line, and is not for focus."),
]
GrainOption = Annotated[
    Literal["day", "pod"],
    typer.Option(
        "--grain", help="Only focus: a row per day and workflow template, or per pod; each by meter and price."
    ),
]
Columns = Annotated[
    str, typer.Option("--columns", help="Only focus: columns, separated by commas.", show_default="all columns")
]
Account = Annotated[str, typer.Option("--account", help="Only focus: value of BillingAccountId.")]
Force = Annotated[bool, typer.Option("--force", help="Replace existing files.")]


def export(
    table: Table,
    out: Out,
    begin: Begin = "",
    end: End = "",
    month: WholeMonth = "",
    output_format: Format = "parquet",
    grain: GrainOption = "day",
    columns: Columns = "",
    account: Account = "lynceus",
    force: Force = False,
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """
    Write a table's rows of a period to a file: one row for each key, in the order of the table's time.

    `lynceus export focus --month 2026-10 --format csv --out october.csv` writes what departments pay in the format of
    FOCUS 1.2. With a folder it writes a file for each day: `--out bills` makes `bills/2026/10/01/...`.
    """
    settings = load_settings(config)
    span = parse_period(begin, end, month, settings.billing_timezone)
    store = connect.reading_store(settings, url, token_file=token_file)
    if table != FOCUS:
        if (grain, columns) != ("day", ""):
            raise SettingsError(f"{table}: --grain and --columns are for `lynceus export focus` only")
        _write_table(store, table, span, out, output_format=output_format, force=force)
        return
    wanted = focus.FocusFile(
        begin=span.begin,
        end=span.end,
        zone=span.zone,
        grain=grain,
        output_format=output_format,
        columns=_columns(columns, grain, output_format),
        account=account,
    )
    with _failures():
        _write_focus(store, wanted, out, force=force)


def _write_table(store: Store, table: str, span: Span, out: Path, *, output_format: str, force: bool) -> None:
    """Writes a table's rows to a file."""
    first, after = (midnight(day, ZoneInfo(span.zone)) for day in (span.begin, span.end))
    source = _source(table)
    with _failures():
        rows = exports.export(store, source, begin=first, end=after, file=out, output_format=output_format, force=force)
    report_step(f"{out}: {rows} rows of {table}")


def _write_focus(store: Store, wanted: focus.FocusFile, out: Path, *, force: bool) -> None:
    """Writes a file or a folder, then its control totals."""
    if out.is_dir() or not out.suffix:
        files = focus.write_folder(store, wanted, out, force=force)
        report_step(f"{out}: {len(files)} files")
    else:
        focus.write_file(store, wanted, out, force=force)
        report_step(f"{out}: costs from {wanted.begin} to {_last(wanted)}")
    for line in totals(store, wanted):
        report_step(line)


def _last(wanted: focus.FocusFile) -> date:
    return date.fromordinal(wanted.end.toordinal() - 1)


def _columns(columns: str, grain: Grain, output_format: str) -> tuple[FocusColumn, ...]:
    if output_format == "json":
        raise SettingsError("focus: --format json is not a FOCUS format; choose csv or parquet")
    try:
        return focus.columns_of([name for name in columns.split(",") if name.strip()], grain)
    except exports.ExportError as error:
        raise SettingsError(str(error)) from None


def _source(table: str) -> exports.Source:
    try:
        return exports.source_of(table)
    except exports.ExportError as error:
        raise SettingsError(str(error)) from None


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Turns errors that a user can fix into a failure."""
    with connect.store_failures():
        try:
            yield
        except exports.ExportError as error:
            raise connect.ExternalError(str(error)) from error
