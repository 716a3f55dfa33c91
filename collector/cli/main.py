"""
The command line: all commands in the order in which `--help` lists them, and the exit codes.

Exit codes: 0 success, 1 a failure at run time, 2 wrong use or wrong settings. A user sees one sentence with a remedy, never
a stack trace. Commands are registered here, so that their order is one list and no import has a side effect.
"""

import sys

import typer

from alerts.delivery import DeliveryError
from alerts.thresholds import ThresholdError
from collector import connect, logs
from collector.billing.runs import RepricingError
from collector.cli import generate, period, prices, spool, store
from collector.cli.backfill import backfill
from collector.cli.console import report_step
from collector.cli.demo import demo
from collector.cli.report import report, sql
from collector.cli.run import check, migrate, run, version
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
for command in (run, demo, check, report, sql, store.export, period.reprice, backfill, migrate, version):
    app.command()(command)
app.add_typer(period.app, name="period")
app.add_typer(prices.app, name="prices")
app.add_typer(store.app, name="store")
app.add_typer(spool.app, name="spool")
app.add_typer(generate.app, name="generate")


def main() -> None:
    """The console script: turns errors that a user can fix into one sentence and an exit code."""
    # Without it Python writes warnings without their facts, and with the secrets of libraries; a collector chooses its own.
    logs.to_stderr("warning", "plain")
    try:
        app()
    except (SettingsError, BookError, ReportError, RepricingError, ThresholdError, DeliveryError) as error:
        _fail(2, error)
    except connect.ExternalError as error:
        _fail(1, error)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(code: int, error: Exception) -> None:
    report_step(f"lynceus: {error}")
    sys.exit(code)
