"""
Brings a store's schema up to this program's, forward only: numbered files of SQL, each applied once, never changed.

DDL is not transactional: an interrupted migration runs again from its start, so every statement must be repeatable.
A store that a newer program migrated is refused, since older code would misread it. Several replicas may migrate at once.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.catalog.schema import DATABASE, RECORD
from collector.catalog.tables import TABLES, local_name
from collector.store.clickhouse import Store
from collector.store.schema import sharding
from collector.store.schema.layout import Kind, kind_of
from collector.store.schema.on_cluster import ClusterStatements
from collector.store.schema.sharding import SchemaError, with_uuid
from collector.store.schema.shards import layout_problem, record_layout
from collector.store.schema.verify import foreign_table, other_columns

__all__ = ["FOLDER", "Migration", "SchemaError", "load", "migrate", "render"]

log = logging.getLogger(__name__)

FOLDER = Path(__file__).resolve().parents[2] / "migrations"

CREATE_DATABASE: dict[Kind, str] = {
    "plain": f"CREATE DATABASE IF NOT EXISTS {DATABASE}{{on_cluster}} ENGINE = Atomic",
    "replicated": f"CREATE DATABASE IF NOT EXISTS {DATABASE}{{on_cluster}}",
    "cloud": f"CREATE DATABASE IF NOT EXISTS {DATABASE}{{on_cluster}}",
}
_UUIDS = f"""
    SELECT name, toString(any(uuid)) FROM clusterAllReplicas({{cluster:String}}, system.tables)
    WHERE database = '{DATABASE}' GROUP BY name SETTINGS skip_unavailable_shards = 1
"""
_CREATE_RECORD = f"""
CREATE TABLE IF NOT EXISTS {DATABASE}.{RECORD}{{on_cluster}}
(
    number     UInt32,
    name       String,
    checksum   String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {{engine}}(applied_at)
ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file of SQL."""

    number: int
    name: str
    checksum: str
    statements: tuple[str, ...]


def load(folder: Path = FOLDER) -> list[Migration]:
    """Reads the migrations of this program, in order."""
    migrations = [_read(file) for file in sorted(folder.glob("*.sql"))]
    numbers = [migration.number for migration in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        raise SchemaError(f"{folder}: migrations must be numbered 1, 2, 3 …, found {numbers}")
    return migrations


def migrate(
    store: Store, cluster: str = "", *, dry_run: bool = False, migrations: Sequence[Migration] | None = None
) -> list[Migration]:
    """Applies and returns missing migrations; a dry run only returns them. `cluster` is the server's name of a cluster."""
    known = load() if migrations is None else migrations
    if why := foreign_table(store):
        raise SchemaError(why)
    applied = _applied(store)
    missing = _missing(known, applied)
    _refuse_other_topology(store, cluster)
    if cluster and (why := layout_problem(store, cluster)):
        raise SchemaError(why)
    if dry_run:
        return missing
    if missing:
        _apply(store, cluster, missing, is_new=not applied)
    if migrations is None and (why := other_columns(store)):
        raise SchemaError(why)
    if cluster and migrations is None:
        record_layout(store, cluster)
    return missing


def missing_migrations(store: Store) -> list[Migration]:
    """Returns the migrations that the store lacks; raises SchemaError if a newer or another program migrated it."""
    return _missing(load(), _applied(store))


def _apply(store: Store, cluster: str, missing: Sequence[Migration], *, is_new: bool) -> None:
    """Applies missing migrations; without one no server is waited for."""
    kind = kind_of(store, cluster)
    run = runner(store, cluster, kind)
    if is_new:
        run(CREATE_DATABASE[kind], RECORD)
        run(_CREATE_RECORD, RECORD)
    for migration in missing:
        for number, statement in enumerate(migration.statements):
            run(statement, f"{migration.name} {number}")
        _record(store, migration)
        log.info("schema migrated", extra={"migration": migration.name})


def runner(store: Store, cluster: str, kind: Kind) -> Callable[[str, str], None]:
    """
    Returns what runs a statement of a migration on the store: on one server, or on all servers of a cluster.

    Its second argument is the place of the statement: the same text runs again after another change of its table.
    """
    if not cluster or kind != "plain":

        def run(statement: str, _: str) -> None:
            for sql in render(statement, cluster, kind):
                store.command(sql)

        return run
    statements, uuids = ClusterStatements(store), dict(store.query_rows(_UUIDS, {"cluster": cluster}))

    def run_on_cluster(statement: str, place: str) -> None:
        for sql in render(statement, cluster):
            statements.run(with_uuid(sql, uuids), f"{place} {sql}")

    return run_on_cluster


def _read(file: Path) -> Migration:
    text = file.read_text(encoding="utf-8")
    number, _, name = file.stem.partition("_")
    if not number.isdecimal() or not name:
        raise SchemaError(f"{file}: a migration is named NNNN_name.sql")
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return Migration(int(number), file.stem, checksum, tuple(_statements(text)))


def _statements(text: str) -> Iterator[str]:
    """Splits a file into statements: each ends with a semicolon at the end of its line."""
    for statement in re.split(r";[ \t]*\n", text + "\n"):
        bare = "\n".join(line for line in statement.splitlines() if not line.startswith("--")).strip()
        if bare:
            yield bare


def _applied(store: Store) -> dict[int, tuple[str, str]]:
    """Reads name and checksum of each applied migration, by number."""
    record = store.query_rows(
        "SELECT name FROM system.tables WHERE database = {database:String} AND name = {name:String}",
        {"database": DATABASE, "name": RECORD},
    )
    if not record:
        return {}
    rows = store.query_rows(f"SELECT number, name, checksum FROM {DATABASE}.{RECORD} FINAL")
    return {number: (name, checksum) for number, name, checksum in rows}


def _missing(known: Sequence[Migration], applied: dict[int, tuple[str, str]]) -> list[Migration]:
    newer = sorted(name for number, (name, _) in applied.items() if number > len(known))
    if newer:
        raise SchemaError(
            f"the store was migrated by a newer Lynceus ({', '.join(newer)}); run that version or a later one, "
            "or point store.url at another store"
        )
    for migration in known:
        name, checksum = applied.get(migration.number, (migration.name, migration.checksum))
        if checksum != migration.checksum:
            raise SchemaError(
                f"migration {migration.name} differs from {name} in the store; applied migrations never change: "
                "restore the file and put the change into a new file"
            )
    return [migration for migration in known if migration.number not in applied]


def render(statement: str, cluster: str, kind: Kind = "plain") -> list[str]:
    """Renders a statement of a migration for the store: one statement on a single server, one or two on a cluster."""
    if kind == "replicated":
        return sharding.render_replicated(statement, cluster)
    if cluster:
        return sharding.render_on_cluster(statement, cluster)
    return [statement.replace("{on_cluster}", "").replace("{engine}", "ReplacingMergeTree")]


def _refuse_other_topology(store: Store, cluster: str) -> None:
    """Refuses a wrong `store.cluster`: tables of one server and of a cluster share names, but need other statements."""
    sharded = [table.name for table in TABLES if local_name(table.name) != table.name]
    rows = store.query_rows(
        "SELECT name, engine FROM system.tables WHERE database = {database:String} AND name IN {names:Array(String)}",
        {"database": DATABASE, "names": sharded},
    )
    wrong = sorted(name for name, engine in rows if (engine == "Distributed") != bool(cluster))
    if wrong:
        made_for = "one server" if cluster else "a cluster"
        raise SchemaError(
            f"store.cluster is {cluster!r}, but {wrong[0]} and others were made for {made_for}; "
            "restore the former value of store.cluster, or point store.url at an empty store"
        )


def _record(store: Store, migration: Migration) -> None:
    store.command(
        f"INSERT INTO {DATABASE}.{RECORD} (number, name, checksum) "
        "SELECT {number:UInt32}, {name:String}, {checksum:String}",
        {"number": migration.number, "name": migration.name, "checksum": migration.checksum},
    )
