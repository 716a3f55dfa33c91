"""`lynceus reprice` and `lynceus period`: the bills of months."""

from contextlib import nullcontext
from typing import Annotated

import typer

from collector.billing import commands
from collector.billing.runs import RepricingError
from collector.cli.audited import audited
from collector.cli.console import err, out, print_line, report_step
from collector.cli.options import (
    Actor,
    Config,
    DayAfter,
    FirstDay,
    Month,
    OutputFormat,
    TokenFile,
    Url,
    folder_of,
    parse_billed,
)
from collector.cli.progress import show_progress
from collector.reports.periods import parse_month, parse_span
from collector.reports.render import print_report
from collector.service.copied_secrets import copied_for_command
from collector.settings.load import load_settings

app = typer.Typer(
    no_args_is_help=True, help="The bills of months: list, lock and unlock them, compare them with the provider's bill."
)


def reprice(
    begin: FirstDay,
    end: DayAfter,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compute and compare; write nothing.")] = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    actor: Actor = "",
) -> None:
    """Compute the bill of whole months again, from stored rows, with the price books and rules of the settings."""
    settings = load_settings(config)
    span = parse_span(begin, end, settings.billing_timezone)
    trace = nullcontext() if dry_run else audited(settings, "reprice", f"{span.begin} to {span.end}", actor)
    with trace, copied_for_command(settings) as copied, show_progress("pods priced", err) as (say, count):
        made = commands.reprice(
            settings, folder_of(config), span, dry_run=dry_run, report_step=say, progress=count, copied=copied
        )
    print_report(made, output_format, out)


@app.command("list")
def list_periods(
    output_format: OutputFormat = "table", config: Config = None, url: Url = "", token_file: TokenFile = None
) -> None:
    """List months with state, pricing run and what is to pay; for a locked month, whether it is as it was locked."""
    print_report(commands.months(load_settings(config), url, token_file), output_format, out)


@app.command()
def lock(
    month: Month,
    accept: Annotated[
        str, typer.Option(help="Why to lock it in spite of what is wrong; kept with the month.", metavar="REASON")
    ] = "",
    tolerance: Annotated[str, typer.Option(help="Refuse a larger difference from the bill, in percent of it.")] = "1",
    config: Config = None,
    actor: Actor = "",
) -> None:
    """
    Lock a month that has ended: what departments pay for it never changes again.

    Refused with everything that is wrong: gaps in watches, charges without a price or of running pods, a bill that differs.
    """
    settings, percent = load_settings(config), parse_billed(tolerance, "--tolerance")[1]
    order = commands.lock_order(settings, folder_of(config), parse_month(month), tolerance=percent, accept=accept)
    with audited(settings, "lock", month, actor):
        print_line(commands.lock(settings, order, report_step))


@app.command()
def unlock(
    month: Month,
    yes_really: Annotated[
        bool, typer.Option("--yes-really", help="Confirm: the bill of this month may have been paid.")
    ] = False,
    config: Config = None,
    actor: Actor = "",
) -> None:
    """Unlock a month. Refused if corrections of the month are booked."""
    if not yes_really:
        raise RepricingError(f"{month}: a locked month may have been paid; add --yes-really to unlock it")
    settings, first = load_settings(config), parse_month(month)
    with audited(settings, "unlock", month, actor):
        print_line(commands.unlock(settings, first, report_step))


@app.command()
def reconcile(
    month: Month,
    billed: Annotated[
        list[str] | None,
        typer.Option(
            help="What the provider billed: AMOUNT, or PRODUCT=AMOUNT; repeatable.",
            metavar="[PRODUCT=]AMOUNT",
            show_default="the imported bill",
        ),
    ] = None,
    tolerance: Annotated[str, typer.Option(help="Report differences larger than this percentage of the bill.")] = "1",
    output_format: OutputFormat = "table",
    config: Config = None,
    actor: Actor = "",
) -> None:
    """Compare the provider's bill of a month that has ended with ours, and store the comparison."""
    amounts = dict(parse_billed(text, "--billed") for text in billed or ())
    percent = parse_billed(tolerance, "--tolerance")[1]
    settings, first = load_settings(config), parse_month(month)
    with audited(settings, "reconcile", month, actor):
        made = commands.reconcile(settings, first, amounts, percent)
    print_report(made, output_format, out)


@app.command()
def correct(config: Config = None, actor: Actor = "") -> None:
    """Book charges that arrived late for locked months as corrections in the open month. `lynceus run` does so hourly."""
    settings = load_settings(config)
    with audited(settings, "correct", "locked months", actor):
        print_line(commands.correct(settings))
