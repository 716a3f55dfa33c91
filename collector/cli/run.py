"""`lynceus run`, `check` and `migrate`: the collector itself, and what it needs."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.text import Text

from collector.checked import Check
from collector.cli.check import examine_store, role_of, run_checks
from collector.cli.console import out, plain, print_line
from collector.cli.options import Config, folder_of
from collector.cli.store import migrate_store, verify_store
from collector.service import run as service
from collector.service.passes import TimedSelector
from collector.settings.load import load_settings


def run(config: Config = None) -> None:
    """Watch the clusters; serve the live page, the API and the metrics; fill the store."""
    passes = TimedSelector()
    with asyncio.Runner(loop_factory=passes.new_loop) as runner:
        runner.run(service.run(load_settings(config), folder=folder_of(config), passes=passes, file=config))


def check(
    config: Config = None,
    store: Annotated[
        bool, typer.Option("--store", help="Examine the store alone, in depth: every server of a cluster. Reads only.")
    ] = False,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="CLUSTER",
            help="Check nothing: print a cluster's rights as YAML for kubectl.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Check settings, price books, clusters, rights and the store, one line each. Exit code 2 if something needed fails."""
    settings = load_settings(config)
    if role:
        print_line(asyncio.run(role_of(settings, role)).rstrip())
        return
    _print(examine_store(settings) if store else asyncio.run(run_checks(settings, folder_of(config))))


def _print(rows: Iterable[Check]) -> None:
    """Prints checks as they come; ends with exit code 2 if something needed fails."""
    failed = False
    for row in rows:
        failed = failed or (row.needed and not row.ok)
        mark, style = ("ok", "green") if row.ok else ("failed", "red") if row.needed else ("without", "yellow")
        line = Text.assemble((f"{mark:8}", style), plain(f"{row.subject}: {row.detail}"))
        out.print(line, highlight=False, soft_wrap=True)
        if row.remedy and not row.ok:
            print_line(f"       remedy: {row.remedy}")
    raise typer.Exit(2 if failed else 0)


def migrate(
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL and run nothing.")] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Migrate nothing: try in a scratch database, on every server, what Lynceus relies on, and remove it.",
        ),
    ] = False,
) -> None:
    """Create or update the tables of your ClickHouse (`store.url`). `lynceus run` migrates the embedded store itself."""
    if verify:
        _print(verify_store(load_settings(config)))
    for line in migrate_store(load_settings(config), dry_run):
        print_line(line)
