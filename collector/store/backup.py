"""
Backup and restore of the embedded store.

A running store is backed up by its own engine (`BACKUP`), which copies immutable parts: inserts continue meanwhile, and
each insert's part of a month is in the backup whole or not at all. Tables are copied one after another. Tables that
record the progress of others (POINTERS) are copied first, so that the later copies hold the rows that they point to.
A second engine then reads and counts the copy, and only then the folder gets its name.

A restore fills an empty path under another name, compares every table with the manifest, and renames last.
"""

import asyncio
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from collector.catalog.schema import DATABASE, RECORD, WRITER
from collector.catalog.tables import local_name
from collector.store.clickhouse import Store, StoreError, StoreRefusedError, connect
from collector.store.embedded.child import StoreDidNotStartError, start_child
from collector.store.embedded.run_folder import socket_of
from collector.store.manifest import (
    FORMAT,
    PRODUCT,
    Applied,
    BackupError,
    Content,
    Manifest,
    hash_files,
    read_manifest,
    refuse_damaged,
    refuse_newer,
    write_manifest,
)
from collector.store.schema.migrate import load
from collector.store.socket_pool import HOST

POINTERS = ("watch_cursor", "workflow_live", "live_state", "period", "rollup_state", "backfill")
"""Positions, active runs, rebuilt days, backfills: if they are older than the other tables, work is only repeated."""

_PARTS = ("pointers", "facts")
_POLL_S = 0.2
_ANSWER_TIMEOUT_S = 4 * 3600

Report = Callable[[str], object]
"""Takes a line about the progress."""


def server_statements(cluster: str) -> list[str]:
    """Returns the statements that back up a server or a cluster, and those that restore it, in their order."""
    on = f" ON CLUSTER '{cluster}'" if cluster else ""
    names = [f"{DATABASE}.{local_name(name) if cluster else name}" for name in POINTERS]
    pointers = ", ".join(f"TABLE {name}" for name in names)
    parts = ((pointers, _PARTS[0]), (f"DATABASE {DATABASE} EXCEPT TABLES {', '.join(names)}", _PARTS[1]))
    return [
        *(f"BACKUP {what}{on} TO Disk('backups', '{part}.zip')" for what, part in parts),
        *(f"RESTORE {what}{on} FROM Disk('backups', '{part}.zip')" for what, part in reversed(parts)),
    ]


def back_up(store: Store, folder: Path, version: str, report: Report) -> Manifest:
    """Writes a backup of the running store into a new folder; `store` is the writer's connection."""
    folder = folder.absolute()
    if folder.exists():
        raise BackupError(f"{folder}: exists already; name a new folder")
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    applied = _applied(store)
    partial = _beside(folder)
    try:
        report(f"copying the store to {folder}")
        _copy(store, partial)
        report("reading the copy")
        tables = _content_of_copy(partial)
        manifest = Manifest(
            product=PRODUCT,
            format=FORMAT,
            lynceus=version,
            taken_at=taken_at,
            migrations=applied,
            tables=tables,
            files=hash_files(partial),
        )
        write_manifest(partial, manifest)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def restore(folder: Path, path: Path, report: Report) -> Manifest:
    """Fills an empty store path from a backup; the path appears only when all tables are restored and equal."""
    folder, path = folder.absolute(), path.absolute()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BackupError(f"{path}: is not empty; restore into an empty path, or move this one away")
    manifest = read_manifest(folder)
    refuse_newer(folder, manifest, load())
    report("comparing the backup's files with its manifest")
    refuse_damaged(folder, manifest)
    partial = _beside(path)
    try:
        report(f"restoring to {path}")
        restored = _with_engine(partial / "store", lambda engine: _fill(engine, folder))
        names = sorted(manifest.tables.keys() | restored.keys())
        wrong = [name for name in names if manifest.tables.get(name) != restored.get(name)]
        if wrong:
            raise BackupError(f"{folder}: {', '.join(wrong)} differ from the manifest; use another backup")
        (partial / "store").rename(path)  # replaces an empty folder of that name
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _beside(place: Path) -> Path:
    """Creates a folder on the same file system, to be renamed when it is complete."""
    place.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{place.name}.partial-", dir=place.parent))


def _applied(store: Store) -> list[Applied]:
    tables = store.query_rows(
        "SELECT name FROM system.tables WHERE database = {database:String}", {"database": DATABASE}
    )
    if (RECORD,) not in tables:
        raise BackupError("the store has no tables yet; there is nothing to back up")
    rows = store.query_rows(f"SELECT number, name, checksum FROM {DATABASE}.{RECORD} FINAL ORDER BY number")
    return [Applied(*row) for row in rows]


def _copy(store: Store, folder: Path) -> None:
    tables = ", ".join(f"TABLE {DATABASE}.{name}" for name in POINTERS)
    others = ", ".join(f"{DATABASE}.{name}" for name in POINTERS)
    _run_backup(store, tables, folder / _PARTS[0])
    _run_backup(store, f"DATABASE {DATABASE} EXCEPT TABLES {others}", folder / _PARTS[1])


def _run_backup(store: Store, what: str, to: Path) -> None:
    """Runs one BACKUP and waits; ASYNC, since a statement of the writer delays inserts while it runs."""
    name = str(uuid.uuid4())
    try:
        store.command(f"BACKUP {what} TO File({_text(to)}) SETTINGS id = '{name}' ASYNC")
        while True:
            rows = store.query_rows(
                "SELECT toString(status), error FROM system.backups WHERE id = {name:String}", {"name": name}
            )
            if not rows:
                raise BackupError(f"{to}: the store was restarted during the backup; take the backup again")
            ((status, error),) = rows
            if status == "BACKUP_CREATED":
                return
            if status != "CREATING_BACKUP":
                raise BackupError(
                    f"{to}: the store could not write the backup: {error}; free some space there, or name another folder"
                )
            time.sleep(_POLL_S)
    except StoreRefusedError as error:
        raise BackupError(
            f"{to}: the store cannot write the backup: {error}; name a folder that its process may write"
        ) from error


def _content_of_copy(folder: Path) -> dict[str, Content]:
    """Reads a copy with a new engine, as proof: on a full disk the first engine reports success (chdb 4.4)."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return _with_engine(Path(scratch) / "store", lambda engine: _read_copy(engine, folder))
        except BackupError as error:
            raise BackupError(f"{folder.parent}: the copy written there cannot be read: {error}") from error


def _read_copy(engine: Store, folder: Path) -> dict[str, Content]:
    for part in _PARTS:
        engine.command(f"CREATE DATABASE {part} ENGINE = Backup({_text(DATABASE)}, File({_text(folder / part)}))")
    return {name: content for part in _PARTS for name, content in _contents(engine, part).items()}


def _fill(engine: Store, folder: Path) -> dict[str, Content]:
    """Restores into an empty engine; returns the content of its tables."""
    pointers = ", ".join(f"TABLE {DATABASE}.{name}" for name in POINTERS)
    whole = [
        f"RESTORE DATABASE {DATABASE} FROM File({_text(folder / _PARTS[1])})",
        f"RESTORE {pointers} FROM File({_text(folder / _PARTS[0])})",
    ]
    for statement in whole:
        engine.command(f"{statement} SETTINGS structure_only = true")
    # Merges drop expired and replaced rows: no merge before the tables are compared with the manifest.
    engine.command("SYSTEM STOP MERGES")
    for statement in whole:
        engine.command(statement)
    return _contents(engine, DATABASE)


def _contents(engine: Store, database: str) -> dict[str, Content]:
    names = engine.query_rows(
        "SELECT name FROM system.tables WHERE database = {database:String} AND engine NOT LIKE '%View' ORDER BY name",
        {"database": database},
    )
    counted = "SELECT count(), sum(cityHash64(formatRow('RowBinary', *)))"
    return {name: Content(*engine.query_rows(f"{counted} FROM {database}.`{name}`")[0]) for (name,) in names}


def _with_engine(path: Path, work: Callable[[Store], dict[str, Content]]) -> dict[str, Content]:
    """Starts an engine at that path and does some work with it as its writer."""

    async def run() -> dict[str, Content]:
        child = await start_child(path, "127.0.0.1:0")
        store = connect(f"http://{HOST}", WRITER, timeout_s=_ANSWER_TIMEOUT_S, socket=socket_of(path))
        try:
            return await asyncio.to_thread(work, store)
        finally:
            store.close()
            await child.stop()

    try:
        return asyncio.run(run())
    except (StoreDidNotStartError, StoreError) as error:
        raise BackupError(f"{path}: the engine that reads the copy failed; is the disk full? {error}") from error


def _text(value: object) -> str:
    """A literal of SQL: statements of BACKUP and RESTORE cannot bind a path."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
