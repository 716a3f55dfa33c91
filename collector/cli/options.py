"""
Options that several commands share, and how their values are read. An invalid value is a ReportError with the option's name.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.prices.schema import parse_money
from collector.reports.report import ReportError, Span

Config = Annotated[
    Path | None,
    typer.Option("--config", envvar="LYNCEUS_CONFIG", help="Settings file (YAML).", show_default="built-in defaults"),
]
Actor = Annotated[
    str,
    typer.Option(
        "--as",
        envvar="LYNCEUS_ACTOR",
        metavar="NAME",
        help="Who does it, for the audit log.",
        show_default="user@machine",
    ),
]
Url = Annotated[
    str,
    typer.Option(
        "--url", help="Store to query, like http://host:8123/lynceus.", show_default="the store of the settings"
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File with the reader's token, which the store asks for beyond loopback.",
        show_default="the environment's LYNCEUS_TOKEN",
    ),
]
OutputFormat = Annotated[Literal["table", "csv", "json"], typer.Option("--format", help="Output format.")]
Month = Annotated[str, typer.Argument(help="Month, like 2026-10.")]
Begin = Annotated[
    str, typer.Option("--from", help="First day, like 2026-11-01.", show_default="the first of this month")
]
End = Annotated[str, typer.Option("--to", help="Day after the last day.", show_default="tomorrow")]
WholeMonth = Annotated[
    str, typer.Option("--month", help="A month, like 2026-10, instead of --from and --to.", show_default=False)
]
By = Annotated[str, typer.Option(help="Columns to group by, separated by commas.")]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="COLUMN=VALUE",
        help="Only rows with this value, or without it: COLUMN!=VALUE. May be repeated: values of one column are "
        "alternatives. `COLUMN=` finds what is unallocated.",
        show_default=False,
    ),
]
Top = Annotated[
    int, typer.Option(min=0, help="Only so many rows; of `cost`, the others are one row.", show_default="all rows")
]
Exact = Annotated[
    bool,
    typer.Option("--exact", help="All places of each amount in tables; CSV and JSON always have them."),
]
FirstDay = Annotated[str, typer.Option("--from", help="First day, like 2026-11-01.")]
DayAfter = Annotated[str, typer.Option("--to", help="Day after the last day, like 2026-12-01.")]


def folder_of(config: Path | None) -> Path:
    """The folder that relative paths in a settings file start from."""
    return config.parent if config else Path()


def parse_span(begin: str, end: str, zone: str, *, earliest: date | None = None) -> Span:
    """The period of --from and --to. Default: from `earliest`, or the first of this month, up to and including today."""
    today = datetime.now(ZoneInfo(zone)).date()
    first = parse_day(begin, "--from") if begin else earliest or today.replace(day=1)
    after = parse_day(end, "--to") if end else today + timedelta(days=1)
    if after <= first:
        raise ReportError(f"--to {after} is not after --from {first}; --to is exclusive")
    return Span(first, after, zone)


def parse_period(begin: str, end: str, month: str, zone: str) -> Span:
    """The period of --month, or of --from and --to. Default: this month so far."""
    if not month:
        return parse_span(begin, end, zone)
    if begin or end:
        raise ReportError("--month is a whole month: leave out --from and --to, or --month")
    first = parse_month(month)
    return Span(date_of(first), date_of(month_after(first)), zone)


def parse_month(text: str) -> int:
    """The first day of a month."""
    try:
        return day_of(date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise ReportError(f"invalid month {text!r}, expected YYYY-MM, like 2026-10") from None


def parse_day(text: str, option: str) -> date:
    """The day of an option."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ReportError(f"{option}: invalid day {text!r}, expected YYYY-MM-DD, like 2026-11-01") from None


def parse_billed(text: str, option: str) -> tuple[str, Decimal]:
    """The product and the amount of PRODUCT=AMOUNT; an empty product stands for the whole bill."""
    product, _, amount = text.rpartition("=")
    try:
        return product, parse_money(amount)
    except ValueError as error:
        raise ReportError(f"{option} {text}: {error}") from None
