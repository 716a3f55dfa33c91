"""
Backup and restore of the embedded store.

A running store is backed up by its own engine (`BACKUP`), which copies immutable parts: inserts go on meanwhile, and
each insert's part of a month is in the backup whole or not at all. Tables are copied one after another, so those that
say how far others have come (POINTERS) go first: what they point to is in the copies made after them. A second engine
then reads the copy and counts it, and only then does the folder get its name.

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

from collector.catalog.schema import DATABASE, WRITER
from collector.store import manifest as manifests
from collector.store.clickhouse import Store, StoreError, StoreRefusedError, connect
from collector.store.embedded.child import StoreDidNotStartError, start_child
from collector.store.manifest import Applied, BackupError, Content, Manifest
from collector.store.schema.migrate import load

POINTERS = ("watch_cursor", "workflow_live", "live_state", "period", "rollup_state", "backfill")
"""Positions, active runs, what was rebuilt or asked for: older than what they point to they only cause repeated work."""

_PARTS = ("pointers", "facts")
_LOOK_EVERY_S = 0.2
_SLOWEST_ANSWER_S = 4 * 3600

Say = Callable[[str], object]


def back_up(store: Store, folder: Path, version: str, say: Say) -> Manifest:
    """Write a backup of the running store into a new folder; `store` is its writer's connection."""
    folder = folder.absolute()
    if folder.exists():
        raise BackupError(f"{folder}: is there already; name a folder that is not")
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    applied = _applied(store)
    partial = _beside(folder)
    try:
        say(f"copying the store to {folder}")
        _copy(store, partial)
        say("reading the copy")
        tables = _content_of_copy(partial)
        files = manifests.hashes(partial)
        made = Manifest(manifests.PRODUCT, manifests.FORMAT, version, taken_at, applied, tables, files)
        manifests.write(partial, made)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return made


def restore(folder: Path, path: Path, say: Say) -> Manifest:
    """Fill an empty store path from a backup; the path is there only once all of it is, and equal."""
    folder, path = folder.absolute(), path.absolute()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BackupError(f"{path}: holds something; restore into a path that is empty, or move this one away")
    made = manifests.read(folder)
    manifests.refuse_newer(folder, made, load())
    say("comparing the backup's files with its manifest")
    manifests.refuse_damaged(folder, made)
    partial = _beside(path)
    try:
        say(f"restoring to {path}")
        found = _with_engine(partial / "store", lambda engine: _fill(engine, folder))
        wrong = sorted(name for name in made.tables.keys() | found.keys() if made.tables.get(name) != found.get(name))
        if wrong:
            raise BackupError(f"{folder}: {', '.join(wrong)} came out other than its manifest says; use another backup")
        (partial / "store").rename(path)  # an empty folder of that name gives way
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return made


def _beside(place: Path) -> Path:
    """A new folder on the same file system, to become the place when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{place.name}.partial-", dir=place.parent))


def _applied(store: Store) -> list[Applied]:
    tables = store.query_rows(
        "SELECT name FROM system.tables WHERE database = {database:String}", {"database": DATABASE}
    )
    if ("schema_migrations",) not in tables:
        raise BackupError("the store has no tables yet; there is nothing to back up")
    rows = store.query_rows(f"SELECT number, name, checksum FROM {DATABASE}.schema_migrations FINAL ORDER BY number")
    return [Applied(*row) for row in rows]


def _copy(store: Store, folder: Path) -> None:
    tables = ", ".join(f"TABLE {DATABASE}.{name}" for name in POINTERS)
    others = ", ".join(f"{DATABASE}.{name}" for name in POINTERS)
    _backed_up(store, tables, folder / _PARTS[0])
    _backed_up(store, f"DATABASE {DATABASE} EXCEPT TABLES {others}", folder / _PARTS[1])


def _backed_up(store: Store, what: str, to: Path) -> None:
    """One BACKUP, waited for: asynchronous, since a statement of the writer holds up inserts as long as it runs."""
    name = str(uuid.uuid4())
    try:
        store.command(f"BACKUP {what} TO File({_text(to)}) SETTINGS id = '{name}' ASYNC")
        while True:
            rows = store.query_rows(
                "SELECT toString(status), error FROM system.backups WHERE id = {name:String}", {"name": name}
            )
            if not rows:
                raise BackupError(f"{to}: the store was started anew while it wrote; take the backup again")
            ((status, error),) = rows
            if status == "BACKUP_CREATED":
                return
            if status != "CREATING_BACKUP":
                raise BackupError(
                    f"{to}: the store could not write it: {error}; make room there, or name another place"
                )
            time.sleep(_LOOK_EVERY_S)
    except StoreRefusedError as error:
        raise BackupError(f"{to}: the store cannot write it: {error}; name a folder its process may write") from error


def _content_of_copy(folder: Path) -> dict[str, Content]:
    """What a fresh engine reads in a copy: the proof that it is one; on a full disk the first reports success (chdb 4.4)."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return _with_engine(Path(scratch) / "store", lambda engine: _attached(engine, folder))
        except BackupError as error:
            raise BackupError(f"{folder.parent}: the copy written there cannot be read: {error}") from error


def _attached(engine: Store, folder: Path) -> dict[str, Content]:
    for part in _PARTS:
        engine.command(f"CREATE DATABASE {part} ENGINE = Backup({_text(DATABASE)}, File({_text(folder / part)}))")
    return {name: content for part in _PARTS for name, content in _contents(engine, part).items()}


def _fill(engine: Store, folder: Path) -> dict[str, Content]:
    """Restore into an engine that has nothing; what its tables then hold."""
    pointers = ", ".join(f"TABLE {DATABASE}.{name}" for name in POINTERS)
    whole = [
        f"RESTORE DATABASE {DATABASE} FROM File({_text(folder / _PARTS[1])})",
        f"RESTORE {pointers} FROM File({_text(folder / _PARTS[0])})",
    ]
    for statement in whole:
        engine.command(f"{statement} SETTINGS structure_only = true")
    # Merges drop rows that are outlived or replaced: none before the tables were compared with the manifest.
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
    """What the work found, done on an engine of its own at that path, as its writer."""

    async def run(token: Path) -> dict[str, Content]:
        child = await start_child(path, "127.0.0.1:0", token)
        store = connect(child.url, WRITER, token, timeout_s=_SLOWEST_ANSWER_S)
        try:
            return await asyncio.to_thread(work, store)
        finally:
            store.close()
            await child.stop()

    with tempfile.TemporaryDirectory() as folder:
        try:
            return asyncio.run(run(Path(folder) / "token"))
        except (StoreDidNotStartError, StoreError) as error:
            raise BackupError(f"{path}: the engine that reads the copy failed; is the disk full? {error}") from error


def _text(value: object) -> str:
    """A literal of SQL: a path cannot be bound where a statement of BACKUP or RESTORE names it."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
