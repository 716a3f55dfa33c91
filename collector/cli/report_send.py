"""`lynceus report send` and `lynceus report deliveries`: reports that are sent, by hand and by their schedule."""

from typing import Annotated

import typer

from collector import connect
from collector.cli.audited import audited
from collector.cli.console import out, print_line
from collector.cli.options import Actor, Config, OutputFormat, TokenFile, Top, Url
from collector.core.cost.billing_days import date_of
from collector.delivery.listed import list_deliveries
from collector.reports.periods import parse_month
from collector.reports.render import print_report
from collector.service.send_by_hand import chosen_report, send_again, send_test
from collector.settings.load import load_settings


def report_send(
    name: Annotated[
        str, typer.Argument(help="Name of the report in `delivery.reports`.", show_default="the only one")
    ] = "",
    test: Annotated[bool, typer.Option("--test", help="Send it marked as a test; no period counts it.")] = False,
    month: Annotated[
        str, typer.Option("--month", help="The month to show, like 2026-10.", show_default="that of the schedule now")
    ] = "",
    config: Config = None,
    actor: Actor = "",
) -> None:
    """
    Send a report now, whatever its schedule: once more, or as a test.

    A scheduled message of the same month that failed, or may not have arrived, counts as made up for.
    """
    settings = load_settings(config)
    report, shown = chosen_report(settings, name), date_of(parse_month(month)) if month else None
    with audited(settings, "send_report", f"{report.name}{' (test)' if test else ''}", actor):
        send = send_test if test else send_again
        print_line(send(settings, report, shown))


def report_deliveries(
    top: Top = 50,
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """List which reports were sent, when, and what became of them, the newest first."""
    query = connect.reader(load_settings(config), url, token_file)
    print_report(list_deliveries(query, top, short=output_format == "table"), output_format, out)
