"""
`lynceus spool`: what can be done with the collector's queue on disk.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from collector import connect
from collector.cli.audited import audited
from collector.cli.console import print_line
from collector.cli.options import Actor, Config
from collector.clock import now_ms
from collector.connect import ExternalError
from collector.desired import desired
from collector.service.copied_secrets import copied_for_command
from collector.settings.load import load_settings
from collector.store.spool.file import SpoolError
from collector.store.spool.salvage import Salvage
from collector.store.spool.send import send_salvaged

app = typer.Typer(no_args_is_help=True, help="The collector's queue on disk.")


@app.callback()
def _spool() -> None:
    """Without a callback Typer would make the only command of the group the group itself."""


@app.command("salvage")
def salvage(
    file: Annotated[
        Path,
        typer.Argument(help="A damaged spool, like spool.sqlite.damaged-1790000000000.", exists=True, dir_okay=False),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what can be read; send nothing.")] = False,
    config: Config = None,
    actor: Actor = "",
) -> None:
    """Send the readable rows of a damaged spool to the store. `lynceus run` does so by itself."""
    settings = load_settings(config)
    with copied_for_command(settings) as copied:
        clusters = sorted(desired(settings, copied).clusters)
    store = None if dry_run else connect.writing_store(settings)
    with nullcontext() if dry_run else audited(settings, "salvage", file.name, actor), connect.store_failures():
        try:
            found = send_salvaged(file, store, clusters, now_ms())
        except SpoolError as error:
            raise ExternalError(str(error)) from None
        finally:
            if store is not None:
                store.close()
    _print(found, "readable" if dry_run else "sent")


def _print(found: Salvage, done: str) -> None:
    """One line a table, then one for each loss."""
    for table, rows in sorted(found.rows.items()):
        print_line(f"{table}: {rows} rows {done}")
    if not found.rows:
        print_line("no row is readable")
    for lost in found.lost:
        what = f"{lost.rows} rows of {lost.table}" if lost.table else "an unknown number of rows"
        print_line(f"lost: {what}")
