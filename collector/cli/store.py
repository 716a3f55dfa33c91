"""
`lynceus store`: serve the embedded store, back it up and restore it.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from collector import __version__, connect
from collector.checked import Check
from collector.cli.audited import audited
from collector.cli.console import report_step
from collector.cli.options import Actor, Config
from collector.settings.derived import make_data_dir, parse_address
from collector.settings.load import load_settings
from collector.settings.model import Settings, SettingsError
from collector.store import backup
from collector.store.embedded.options import StoreOptions, default_token_file
from collector.store.manifest import BackupError, Manifest
from collector.store.schema import migrate as migrations
from collector.store.servers.trial import verify

VERIFY_TIMEOUT_S = 300
"""For one statement on all servers."""

MIGRATE_TIMEOUT_S = 300
"""For one statement of a migration."""

app = typer.Typer(invoke_without_command=True, help="The embedded store: serve it, back it up, restore it.")

Tokens = Annotated[
    list[Path] | None,
    typer.Option(
        "--tokens",
        help="File of tokens that `lynceus token create` writes, each with what it may read; repeatable.",
        show_default="readers need no token",
    ),
]


@app.callback()
def serve(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Option("--path", help="Folder of the embedded store.", show_default=False)
    ] = None,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT to serve ClickHouse's HTTP protocol on; port 0 takes any free one.")
    ] = "127.0.0.1:8471",
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the writer's token; created if missing.", show_default="PATH.token"),
    ] = None,
    reader_token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with one token that reads everything; created if missing. It or --tokens is required unless "
            "--listen is on loopback.",
            show_default="readers need no token",
        ),
    ] = None,
    tokens: Tokens = None,
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
        token_files=tuple(map(str, tokens or ())),
        until_stdin_closes=until_stdin_closes,
    )
    raise typer.Exit(serve_store(options))


@app.command("backup")
def back_up(
    folder: Annotated[
        Path, typer.Argument(help="New folder for the backup; the store's process must be able to write it.")
    ],
    config: Config = None,
    actor: Actor = "",
) -> None:
    """Back up the running embedded store. Inserts continue meanwhile."""
    settings = load_settings(config)
    _refuse_servers(settings)
    store = connect.writing_store(settings)
    with audited(settings, "back_up", str(folder), actor), connect.store_failures(), _failures():
        made = backup.back_up(store, folder, __version__, report_step)
    report_step(f"{folder}: {_summary(made)}")


@app.command("restore")
def restore(
    folder: Annotated[Path, typer.Argument(help="Folder that `lynceus store backup` made.")],
    path: Annotated[
        Path | None,
        typer.Option("--path", help="Empty folder for the store.", show_default="the store's folder in data_dir"),
    ] = None,
    config: Config = None,
) -> None:
    """Restore the embedded store from a backup, into an empty folder. `lynceus run` then continues from it."""
    settings = load_settings(config)
    if path is None:
        _refuse_servers(settings)
    to = path or make_data_dir(settings) / "store"
    with _failures():
        made = backup.restore(folder, to, report_step)
    report_step(f"{to}: {_summary(made)}, as of {made.taken_at}")


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Turns errors that a user can fix into a Failure."""
    try:
        yield
    except BackupError as error:
        raise connect.ExternalError(str(error)) from error
    except OSError as error:
        raise connect.ExternalError(f"{error.filename}: {error.strerror}") from error


def _summary(made: Manifest) -> str:
    return f"{len(made.tables)} tables, {sum(content.rows for content in made.tables.values())} rows, complete"


def _refuse_servers(settings: Settings) -> None:
    if settings.store.url:
        statements = "\n".join(f"  {sql};" for sql in backup.server_statements(settings.store.cluster))
        raise SettingsError(
            "store.url: a ClickHouse server is backed up and restored by its own statements, in this order (clickhouse-backup "
            f"does not keep it); stop collectors for a restore\n{statements}"
        )


def migrate_store(settings: Settings, dry_run: bool) -> list[str]:
    """Migrates the settings' store and returns lines for the user; a dry run only returns the SQL."""
    if not settings.store.url:
        raise SettingsError("store.url: is missing; `lynceus run` migrates the embedded store itself")
    cluster, store = settings.store.cluster, connect.writing_store(settings, MIGRATE_TIMEOUT_S)
    with connect.store_failures():
        try:
            migrated = migrations.migrate(store, cluster, dry_run=dry_run)
        except migrations.SchemaError as error:
            raise connect.ExternalError(str(error)) from None
    if dry_run:
        statements = (statement for migration in migrated for statement in migration.statements)
        return [f"{sql};" for statement in statements for sql in migrations.render(statement, cluster)]
    return [f"applied {migration.name}" for migration in migrated] or ["up to date"]


def verify_store(settings: Settings) -> Iterator[Check]:
    """Tries in a scratch database what Lynceus relies on; yields a line for each step."""
    urls = settings.store.urls[:2] or ("",)
    stores = [
        connect.writing_store(replace(settings, store=replace(settings.store, url=url)), VERIFY_TIMEOUT_S)
        for url in urls
    ]
    try:
        yield from verify(stores[0], stores[-1], settings.store.cluster)
    finally:
        for store in stores:
            store.close()


def serve_store(options: StoreOptions) -> int:
    """Serves the embedded store in this process; returns the exit code."""
    # Imported here and nowhere else: it loads the engine, 300 MB that no other command needs.
    from collector.store.embedded import server  # noqa: PLC0415

    return server.serve_store(options)
