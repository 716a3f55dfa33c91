"""
The command line: all commands in the order in which `--help` lists them, and the exit codes.

Exit codes: 0 success, 1 a failure at run time, 2 wrong use or wrong settings. A user sees one sentence with a remedy, never
a stack trace. Commands are listed here, so that their order is one list and no import has a side effect.
"""

import os
import sys
from typing import Annotated

import typer

from alerts.delivery import DeliveryError
from alerts.thresholds import ThresholdError
from collector import connect, logs
from collector.billing.runs import RepricingError
from collector.bills.errors import BillError
from collector.cli.console import report_step
from collector.cli.deferred import deferred
from collector.cli.version import print_version
from collector.prices.book_yaml import BookError
from collector.reports.report import ReportError
from collector.settings.model import SettingsError

COMMANDS = {  # where each is declared, in collector.cli
    "run": "run:run",
    "demo": "demo:demo",
    "check": "run:check",
    "sql": "sql:sql",
    "export": "export:export",
    "reprice": "period:reprice",
    "backfill": "backfill:backfill",
    "audit": "audit:audit",
    "migrate": "run:migrate",
    "size": "size:size",
    "version": "version:version",
    "report": "report:app",
    "period": "period:app",
    "bill": "bill:app",
    "prices": "prices:app",
    "clusters": "clusters:app",
    "token": "token:app",
    "store": "store:app",
    "spool": "spool:app",
    "generate": "generate:app",
}

app = typer.Typer(
    name="lynceus",
    cls=deferred(COMMANDS),
    help="Shows why each Argo workflow waits, what it cost, and who pays: for fleets of clusters.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _before_commands(
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Takes the options that stand before a command."""


def main() -> None:
    """The console script: ends well also where the reader of its output has read enough, as in `lynceus … | head`."""
    try:
        try:
            _run()
        finally:
            sys.stdout.flush()
    except (SystemExit, BrokenPipeError) as end:
        if not isinstance(end if isinstance(end, BrokenPipeError) else end.__context__, BrokenPipeError):
            raise
        # What is still in the buffer would be written when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _run() -> None:
    """Turns errors that a user can fix into one sentence and an exit code."""
    # Without it Python writes warnings without their facts, and with the secrets of libraries; a collector chooses its own.
    logs.to_stderr("warning", "plain")
    try:
        app()
    except (SettingsError, BookError, ReportError, RepricingError, BillError, ThresholdError, DeliveryError) as error:
        _fail(2, error)
    except connect.ExternalError as error:
        _fail(1, error)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(code: int, error: Exception) -> None:
    report_step(f"lynceus: {error}")
    sys.exit(code)
