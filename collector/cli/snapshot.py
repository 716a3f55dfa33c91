"""`lynceus report snapshot`: a month's bill as one HTML file."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from collector import connect
from collector.cli.console import report_step
from collector.cli.options import Config, TokenFile, Url
from collector.core.cost.billing_days import date_of
from collector.language.language import language
from collector.reports.budgets import states_for
from collector.reports.month_bill import MonthPlace
from collector.reports.month_outlook import with_outlook
from collector.reports.month_report import read_month_report
from collector.reports.periods import parse_month
from collector.settings.budgets import budgets_of
from collector.settings.load import load_settings
from collector.settings.model import SettingsError
from collector.web.reports.snapshot import snapshot

EXAMPLES = "Examples:\n\n" + "\n\n".join(
    f"lynceus report snapshot {example}"
    for example in (
        "--month 2026-10 --department maps --out maps.html",
        "--month 2026-10 --department maps --lang zh-CN --out maps.html",
        "--month 2026-10 --out all.html",
    )
)


def report_snapshot(
    month: Annotated[str, typer.Option("--month", help="Month, like 2026-10.")],
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    department: Annotated[str, typer.Option("--department", help="Whose bill.", show_default="all departments")] = "",
    chosen: Annotated[Literal["en", "zh-CN"], typer.Option("--lang", help="Language of the file.")] = "en",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Write a month's bill as one HTML file, which opens from a disk or in a mail and prints on two pages."""
    settings = load_settings(config)
    if out.exists() and not force:
        raise SettingsError(f"--out {out}: exists; --force replaces it")
    now = datetime.now(ZoneInfo(settings.billing_timezone))
    place = MonthPlace(
        month=date_of(parse_month(month, "--month")),
        department=department,
        zone=settings.billing_timezone,
        today=now.date(),
    )
    query = connect.reader(settings, url, token_file)
    budgets = budgets_of(settings.budgets, settings.currency)
    found = with_outlook(query, read_month_report(query, place), now, budgets)
    if found.outlook is not None:
        found = replace(found, outlook=replace(found.outlook, budgets=tuple(states_for(query, found.outlook.budgets))))
    made = snapshot(found, language(chosen))
    try:
        out.write_text(made, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--out {out}: {error.strerror or error}") from None
    report_step(f"wrote {out}, {len(made.encode()):,} bytes")
