"""
The commands about a store as a whole: serve it, back it up, restore it, and export its tables.

Like `__main__`, of which this is a part: each reads settings, asks for a wired part and prints. Exit codes are its too.
"""

import contextlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from collector import __version__, connect
from collector.core.cost.billing_days import midnight
from collector.reports import price_list
from collector.settings.derived import make_data_dir, parse_address
from collector.settings.load import load_settings
from collector.settings.model import Settings, SettingsError
from collector.store import backup, clickhouse
from collector.store import export as exports
from collector.store.embedded.options import StoreOptions, default_token_file
from collector.store.manifest import BackupError, Manifest
from collector.store.schema import migrate as migrations

app = typer.Typer(invoke_without_command=True, help="The embedded store: serve it, back it up, restore it.")
err = Console(stderr=True, highlight=False)

Config = Annotated[Path | None, typer.Option("--config", help="Settings file (YAML). Left out: defaults.")]


@app.callback()
def serve(
    context: typer.Context,
    path: Annotated[Path | None, typer.Option("--path", help="Folder of the embedded store.")] = None,
    listen: Annotated[str, typer.Option(help="Address to serve ClickHouse's HTTP protocol on.")] = "127.0.0.1:8471",
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the writer's token; created if missing.", show_default="PATH.token"),
    ] = None,
    reader_token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the token of readers; created if missing. Required unless --listen is on loopback.",
            show_default="readers need no token",
        ),
    ] = None,
    until_stdin_closes: Annotated[bool, typer.Option(hidden=True, help="Exit when standard input closes.")] = False,
) -> None:
    """Serve the embedded ClickHouse engine over ClickHouse's own HTTP protocol."""
    if context.invoked_subcommand:
        return
    if path is None:
        raise typer.BadParameter("give the folder to serve, or a command: backup or restore", param_hint="--path")
    parse_address(listen, "--listen")
    options = StoreOptions(
        path=str(path),
        listen=listen,
        writer_token_file=str(token_file or default_token_file(path)),
        reader_token_file=str(reader_token_file) if reader_token_file else None,
        until_stdin_closes=until_stdin_closes,
    )
    raise typer.Exit(serve_store(options))


@app.command("backup")
def back_up(
    folder: Annotated[Path, typer.Argument(help="A new folder for it; the store's process must be able to write it.")],
    config: Config = None,
) -> None:
    """Back up the running embedded store; inserts go on meanwhile."""
    settings = load_settings(config)
    _refuse_servers(settings)
    store = connect.writing_store(settings)
    with connect.store_failures(), _failures():
        made = backup.back_up(store, folder, __version__, _say)
    _say(f"{folder}: {_summary(made)}")


@app.command("restore")
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `lynceus store backup` made.")],
    path: Annotated[
        Path | None, typer.Option("--path", help="An empty folder for the store; left out: the settings' data_dir.")
    ] = None,
    config: Config = None,
) -> None:
    """Make a store of a backup, in a place that holds none; `lynceus run` then goes on from it."""
    settings = load_settings(config)
    if path is None:
        _refuse_servers(settings)
    to = path or make_data_dir(settings) / "store"
    with _failures():
        made = backup.restore(folder, to, _say)
    _say(f"{to}: {_summary(made)}, as of {made.taken_at}")


def _say(text: str) -> None:
    err.print(text, markup=False, soft_wrap=True)


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """What a user can mend as a Failure."""
    try:
        yield
    except (BackupError, exports.ExportError) as error:
        raise connect.Failure(str(error)) from error
    except OSError as error:
        raise connect.Failure(f"{error.filename}: {error.strerror}") from error


def _summary(made: Manifest) -> str:
    return f"{len(made.tables)} tables, {sum(content.rows for content in made.tables.values())} rows, whole"


def _refuse_servers(settings: Settings) -> None:
    if settings.store.url:
        raise SettingsError(
            "store.url: a ClickHouse server is backed up by its own means: clickhouse-backup, or in SQL "
            "BACKUP DATABASE lynceus TO Disk('backups', 'lynceus.zip') and RESTORE DATABASE lynceus FROM the same"
            + (f"; both with ON CLUSTER '{settings.store.cluster}'" if settings.store.cluster else "")
        )


def export(
    table: Annotated[str, typer.Argument(help="A table or view, like pod_cost or cost_current.")],
    begin: Annotated[str, typer.Option("--from", help="First day, inclusive.")],
    end: Annotated[str, typer.Option("--to", help="Last day, exclusive.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    form: Annotated[str, typer.Option("--format", help="parquet, csv, or json: a line a row.")] = "parquet",
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    config: Config = None,
    url: Annotated[
        str, typer.Option("--url", help="Store to ask, like http://host:8123/lynceus. Left out: the settings'.")
    ] = "",
) -> None:
    """Write a table's rows of a period to a file: one row a key, by the instant of the table's key."""
    price_list.one_of("--format", form, tuple(exports.SINKS))
    settings = load_settings(config)
    first, after = (_begin_of(text, option, settings) for text, option in ((begin, "--from"), (end, "--to")))
    if after <= first:
        raise SettingsError(f"--to {end} is not after --from {begin}; --to is exclusive")
    store = connect.reading_store(settings, url)
    with connect.store_failures(), _failures():
        rows = exports.export(store, _source(table), first, after, out, form, force=force)
    _say(f"{out}: {rows} rows of {table}")


def _source(table: str) -> exports.Source:
    try:
        return exports.source(table)
    except exports.ExportError as error:
        raise SettingsError(str(error)) from None


def _begin_of(day: str, option: str, settings: Settings) -> int:
    """When a day begins in the billing time zone, Unix ms."""
    try:
        return midnight(date.fromisoformat(day), ZoneInfo(settings.billing_timezone))
    except ValueError:
        raise SettingsError(f"{option} {day}: no day; write it like 2026-11-01") from None


def migrate(settings: Settings, dry_run: bool) -> list[str]:
    """Migrate the settings' store; lines for the user. A dry run gives the SQL."""
    if not settings.store.url:
        raise SettingsError("store.url: migrate needs one; the embedded store is migrated by `lynceus run` itself")
    password = Path(settings.store.password_file) if settings.store.password_file else None
    store = clickhouse.connect(settings.store.url, settings.store.username, password)
    with connect.store_failures():
        try:
            applied = migrations.migrate(store, settings.store.cluster, dry_run=dry_run)
        except migrations.SchemaError as error:
            raise connect.Failure(str(error)) from None
    if dry_run:
        return [
            f"{one};" for m in applied for s in m.statements for one in migrations.rendered(s, settings.store.cluster)
        ]
    return [f"applied {m.name}" for m in applied] or ["up to date"]


def ask(settings: Settings, url: str, query: str, form: str) -> bytes:
    """The answer to one statement, in a ClickHouse format."""
    with connect.store_failures():
        return connect.reading_store(settings, url).query_bytes(query, form)


def serve_store(options: StoreOptions) -> int:
    """Serves the embedded store in this process; returns the exit code."""
    # Imported here and nowhere else: it loads the engine, 300 MB that no other command needs.
    from collector.store.embedded import server  # noqa: PLC0415

    return server.serve_store(options)
