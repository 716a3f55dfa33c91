"""`lynceus bill`: the provider's bill, line by line."""

from pathlib import Path
from typing import Annotated

import typer

from collector.billing import bill_commands
from collector.cli.audited import audited
from collector.cli.console import err, out
from collector.cli.options import Actor, Config, OutputFormat, TokenFile, Url
from collector.cli.progress import show_progress
from collector.reports.periods import parse_month
from collector.reports.render import print_report
from collector.settings.load import load_settings

app = typer.Typer(
    no_args_is_help=True, help="The provider's bill, line by line: import it and compare it with the charges."
)


@app.command("import")
def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(help="All files of the bill: CSV, JSON or Parquet, also in gzip or ZIP.", metavar="FILE..."),
    ],
    mapping: Annotated[
        Path | None,
        typer.Option(help="YAML file that maps the bill's columns.", show_default="the form is recognised"),
    ] = None,
    account: Annotated[str, typer.Option(help="Account of a bill that does not name one.", show_default="none")] = "",
    invoiced: Annotated[
        bool, typer.Option("--invoiced", help="Take invoiced amounts, not amortised ones, where a bill states both.")
    ] = False,
    final: Annotated[
        bool,
        typer.Option("--final", help="The invoice has arrived: the provider does not change these months any more."),
    ] = False,
    accept_bad: Annotated[
        bool, typer.Option("--accept-bad", help="Import the other lines although some cannot be read.")
    ] = False,
    output_format: OutputFormat = "table",
    config: Config = None,
    actor: Actor = "",
) -> None:
    """
    Import the provider's bill of a month; it replaces the month's former import of the same provider and account.

    Recognised: Alibaba Cloud's instance and item bills (CSV in English or Chinese, v2, API answers), FOCUS 1.0 to 1.3, AWS
    CUR 2.0, Azure cost exports, Google's detailed export as JSON lines. Name all files of a month in one command.
    """
    settings = load_settings(config)
    how = bill_commands.HowToRead(mapping=mapping, account=account, invoiced=invoiced)
    names = ", ".join(file.name for file in files)
    with audited(settings, "import_bill", names, actor), show_progress("lines imported", err) as (_, count):
        made = bill_commands.import_files(
            settings, files, how, accept_bad=accept_bad, is_final=final, progress=lambda done: count(done, done)
        )
    print_report(made, output_format, out)


@app.command()
def show(
    month: Annotated[str, typer.Option("--month", help="Month, like 2026-10.")],
    output_format: OutputFormat = "table",
    config: Config = None,
    url: Url = "",
    token_file: TokenFile = None,
) -> None:
    """Show a month's bill: what of it is pods, what is shared by rule, what is unexplained, and why it differs from ours."""
    print_report(bill_commands.show(load_settings(config), url, parse_month(month), token_file), output_format, out)
