"""
The command line: all commands in the order in which `--help` lists them, and the exit codes.

Exit codes: 0 success, 1 a failure at run time, 2 wrong use or wrong settings. A user sees one sentence with a remedy, never
a stack trace. Commands are registered here, so that their order is one list and no import has a side effect.
"""

import os
import sys

import typer

from alerts.delivery import DeliveryError
from alerts.thresholds import ThresholdError
from collector import connect, logs
from collector.billing.runs import RepricingError
from collector.bills.errors import BillError
from collector.cli import (
    bill,
    clusters,
    generate,
    period,
    prices,
    report,
    report_send,
    savings,
    snapshot,
    spool,
    store,
    token,
)
from collector.cli.audit import audit
from collector.cli.backfill import backfill
from collector.cli.console import report_step
from collector.cli.demo import demo
from collector.cli.export import export
from collector.cli.run import check, migrate, run, version
from collector.cli.size import size
from collector.cli.sql import sql
from collector.prices.book_yaml import BookError
from collector.reports.report import ReportError
from collector.settings.model import SettingsError

app = typer.Typer(
    name="lynceus",
    help="Shows why each Argo workflow waits, what it cost, and who pays: for fleets of clusters.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (run, demo, check, sql, export, period.reprice, backfill, audit, migrate, size, version):
    app.command()(command)
report.app.command("savings", epilog=savings.EXAMPLES)(savings.report_savings)
report.app.command("snapshot", epilog=snapshot.EXAMPLES)(snapshot.report_snapshot)
report.app.command("send")(report_send.report_send)
report.app.command("deliveries")(report_send.report_deliveries)
app.add_typer(report.app, name="report")
app.add_typer(period.app, name="period")
app.add_typer(bill.app, name="bill")
app.add_typer(prices.app, name="prices")
app.add_typer(clusters.app, name="clusters")
app.add_typer(token.app, name="token")
app.add_typer(store.app, name="store")
app.add_typer(spool.app, name="spool")
app.add_typer(generate.app, name="generate")


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
