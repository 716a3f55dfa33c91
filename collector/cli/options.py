"""
Options that several commands share, and how their values are read. An invalid value is a ReportError with the option's name.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import typer

from collector.prices.schema import parse_money
from collector.reports.report import ReportError

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


def parse_billed(text: str, option: str) -> tuple[str, Decimal]:
    """The product and the amount of PRODUCT=AMOUNT; an empty product stands for the whole bill."""
    product, _, amount = text.rpartition("=")
    try:
        return product, parse_money(amount)
    except ValueError as error:
        raise ReportError(f"{option} {text}: {error}") from None
