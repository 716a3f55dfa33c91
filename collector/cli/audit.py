"""`lynceus audit`: who saw and changed what."""

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from collector import connect
from collector.cli.console import out
from collector.cli.options import Config, OutputFormat, Top, Url
from collector.clock import now_ms
from collector.core.model import Instant
from collector.core.units import DAY_MS, HOUR_MS
from collector.reports import audit as report
from collector.reports.periods import parse_day
from collector.reports.render import print_report
from collector.settings.load import load_settings


def audit(
    since: Annotated[
        str, typer.Option(help="First day, like 2026-11-01; or how long ago, like 12h or 7d.", metavar="TIME")
    ] = "7d",
    who: Annotated[str, typer.Option(help="Part of a name.", show_default="everyone")] = "",
    action: Annotated[
        list[str] | None, typer.Option(help="What was done, like lock; repeatable.", show_default="everything")
    ] = None,
    top: Top = 0,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
) -> None:
    """Print who saw and changed what, the newest first. Times are in UTC; only readers of everything see it."""
    wanted = report.EntryFilter(
        since=parse_since(since, now_ms()), who=who, actions=report.known_actions(action or ()), most=top
    )
    query = connect.reader(load_settings(config), url)
    print_report(report.list_entries(query, wanted, short=output_format == "table"), output_format, out)


def parse_since(text: str, now: Instant) -> Instant:
    """The instant of --since."""
    if found := re.fullmatch(r"([1-9]\d{0,4})([hd])", text):
        return now - int(found[1]) * (HOUR_MS if found[2] == "h" else DAY_MS)
    day = parse_day(text, "--since")
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
