"""The store's schema compared with the catalogue, and its migrations."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector.catalog.bills import COST_CURRENT, POD_COST, STATEMENT_CURRENT, STATEMENT_LINE
from collector.catalog.columns import INSERTED_AT, LOW
from collector.catalog.rollups import HOUSEKEEPING, ROLLUPS, Housekeeping, Rollup
from collector.catalog.schema import Table
from collector.catalog.tables import TABLES
from collector.cli import store as cli_store
from collector.settings.model import Settings, StoreSettings
from collector.store.clickhouse import Store
from collector.store.schema.migrate import SchemaError, load, migrate
from tests.store.running import Running, start

ALL: tuple[Table | Rollup | Housekeeping, ...] = (*TABLES, *ROLLUPS, *HOUSEKEEPING)
TABLE = pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A separate store: these tests break its schema."""
    running = start(tmp_path_factory.mktemp("fresh"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def fresh(own: Running) -> Iterator[Store]:
    store = own.writer()
    yield store
    store.close()


@pytest.fixture
def empty(fresh: Store) -> Store:
    for (name,) in fresh.query_rows("SELECT name FROM system.tables WHERE database = 'lynceus'"):
        fresh.command(f"DROP TABLE lynceus.{name} SYNC")
    return fresh


@TABLE
def test_columns_stand_in_the_store_as_declared(writer: Store, table: Table | Rollup | Housekeeping) -> None:
    """Name, order, type, codec and default of every column are the catalogue's."""
    found = writer.query_rows(
        "SELECT name, type, compression_codec, default_expression FROM system.columns "
        "WHERE database = 'lynceus' AND table = {table:String} ORDER BY position",
        {"table": table.name},
    )

    assert found == [
        (
            column.name,
            column.type,
            f"CODEC({column.codec})" if column.codec else "",
            "now64(3)" if column is INSERTED_AT else "",
        )
        for column in table.columns
    ]


@TABLE
def test_the_store_explains_each_column_as_declared(writer: Store, table: Table | Rollup | Housekeeping) -> None:
    """DESCRIBE shows the catalogue's comments, of the columns and of the table."""
    assert comments(writer, table.name) == {column.name: column.comment for column in table.columns}
    assert writer.query_rows(
        "SELECT comment FROM system.tables WHERE database = 'lynceus' AND name = {table:String}", {"table": table.name}
    ) == [(table.comment,)]


def comments(store: Store, table: str) -> dict[str, str]:
    """The comment of each column that a table or a view has in the store."""
    found = store.query_rows(
        "SELECT name, comment FROM system.columns WHERE database = 'lynceus' AND table = {table:String}",
        {"table": table},
    )
    return dict(found)


def test_the_store_explains_the_view(writer: Store) -> None:
    """With the comments of the table that the view reads."""
    assert comments(writer, COST_CURRENT.name) == {column.name: column.comment for column in POD_COST.columns}
    assert comments(writer, STATEMENT_CURRENT.name) == {c.name: c.comment for c in STATEMENT_LINE.columns}


def test_no_column_is_without_a_comment(writer: Store) -> None:
    """Not even in the record of migrations, which no catalogue declares."""
    assert (
        writer.query_rows(
            "SELECT table, name FROM system.columns WHERE database = 'lynceus' AND comment = '' "
            "UNION ALL SELECT name, '' FROM system.tables WHERE database = 'lynceus' AND comment = ''"
        )
        == []
    )


@TABLE
def test_engine_and_keys_stand_in_the_store_as_declared(writer: Store, table: Table | Rollup | Housekeeping) -> None:
    """Engine, sorting key, partition, life time and skip indexes are the catalogue's."""
    ((engine, sorting, primary, partition, full),) = writer.query_rows(
        "SELECT engine, sorting_key, primary_key, partition_key, engine_full FROM system.tables "
        "WHERE database = 'lynceus' AND name = {table:String}",
        {"table": table.name},
    )
    indexes = writer.query_rows(
        "SELECT type, expr FROM system.data_skipping_indices WHERE database = 'lynceus' AND table = {table:String} "
        "ORDER BY type, expr",
        {"table": table.name},
    )

    assert (engine, sorting, primary) == (table.engine, ", ".join(table.order_by), ", ".join(table.order_by))
    assert partition == table.partition
    assert full.startswith(f"{table.engine}({', '.join(table.engine_args)}) ")
    assert f"TTL {table.ttl} SETTINGS" in full if table.ttl else "TTL" not in full
    declared = [("bloom_filter", name) for name in table.bloom] + [("minmax", name) for name in table.ranges]
    assert indexes == sorted(declared)


def test_no_table_is_undeclared(writer: Store) -> None:
    """A table that only the store has would not be documented, checked or backed up."""
    found = {name for (name,) in writer.query_rows("SELECT name FROM system.tables WHERE database = 'lynceus'")}

    assert found == {table.name for table in ALL} | {COST_CURRENT.name, STATEMENT_CURRENT.name, "schema_migrations"}


def test_the_view_has_the_tables_columns(writer: Store) -> None:
    """cost_current shows pod_cost's columns, all of them and in order."""
    found = writer.query_rows(
        "SELECT name, type FROM system.columns WHERE database = 'lynceus' AND table = 'cost_current' ORDER BY position"
    )

    assert found == [(column.name, column.type) for column in POD_COST.columns]


def test_a_dry_run_lists_missing_migrations_and_changes_nothing(empty: Store) -> None:
    """`lynceus migrate --dry-run` can be run against a store in use."""
    missing = migrate(empty, dry_run=True)

    assert [migration.number for migration in missing] == [migration.number for migration in load()]
    assert empty.query_rows("SELECT count() FROM system.tables WHERE database = 'lynceus'") == [(0,)]


def test_a_dry_run_shows_a_clusters_tables(empty: Store, own: Running) -> None:
    """The statements for the servers before they run: the table of a shard, and the table over all shards."""
    there = StoreSettings(url=own.url, username="lynceus", password_file=str(own.token_file), cluster="prod")

    lines = cli_store.migrate_store(Settings(store=there), dry_run=True)

    assert [line for line in lines if "lynceus.pod_cost_local ON CLUSTER 'prod'\n(" in line]
    assert lines.count(
        "CREATE OR REPLACE TABLE lynceus.pod_cost ON CLUSTER 'prod' AS lynceus.pod_cost_local\n"
        "ENGINE = Distributed('prod', 'lynceus', 'pod_cost_local', cityHash64(cluster, pod_uid));"
    ) == sum("lynceus.pod_cost_local ON CLUSTER" in line for line in lines)
    assert empty.query_rows("SELECT count() FROM system.tables WHERE database = 'lynceus'") == [(0,)]


def test_one_server_does_not_become_a_cluster_by_a_setting(empty: Store) -> None:
    """Nor does a cluster become one server: the next migration would alter missing tables."""
    migrate(empty)

    with pytest.raises(
        SchemaError, match=r"store\.cluster is 'prod', but backfill and others were made for one server"
    ):
        migrate(empty, "prod")


def test_migrating_twice_changes_nothing(empty: Store) -> None:
    """Every start of the collector migrates."""
    assert len(migrate(empty)) == len(load())
    assert migrate(empty) == []


def test_a_migration_that_was_cut_short_is_run_again(empty: Store) -> None:
    """DDL is not transactional: a crash between two statements must not need manual repair."""
    first = load()[0]
    migrate(empty, migrations=[replace(first, statements=first.statements[:3])])
    empty.command("TRUNCATE TABLE lynceus.schema_migrations")  # the crash was before the record

    assert migrate(empty) == load()


def test_a_newer_schema_is_refused_with_the_remedy(empty: Store) -> None:
    """An older program would misread a newer store; the error names the newer version and the remedy."""
    known = load()
    later = replace(known[-1], number=len(known) + 1, name="9999_later", checksum="x", statements=())
    migrate(empty, migrations=[*known, later])

    with pytest.raises(SchemaError, match=r"newer Lynceus \(9999_later\); run that version"):
        migrate(empty)


def test_a_changed_migration_is_refused(empty: Store) -> None:
    """A file that was applied elsewhere with other content would leave two stores with one number and two schemas."""
    migrate(empty)

    with pytest.raises(SchemaError, match="0001_first differs from 0001_first in the store"):
        migrate(empty, migrations=[replace(load()[0], checksum="other"), *load()[1:]])


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """How each table reads in a store that was never older."""
    running = start(tmp_path_factory.mktemp("clean"))
    store = running.writer()
    migrate(store)
    yield _schema(store)
    store.close()
    running.stop()


def _schema(store: Store) -> dict[str, str]:
    return dict(store.query_rows("SELECT name, create_table_query FROM system.tables WHERE database = 'lynceus'"))


def test_every_older_schema_becomes_the_newest_and_keeps_its_rows(empty: Store, clean: dict[str, str]) -> None:
    """
    An upgrade from any version ends with the schema of a new store, and every row of every table keeps its values.

    One store goes through all versions, and gets rows in each: the statements are those of an upgrade in one go.
    """
    older: list[tuple[dict[str, list[tuple[str, str]]], dict[str, list[str]]]] = []
    for number in range(1, len(load())):
        assert [migration.number for migration in migrate(empty, migrations=load()[:number])] == [number]
        columns = _columns(empty)
        for table, typed in columns.items():
            _insert_drawn(empty, table, typed, number)
        older.append((columns, _rows(empty, columns)))
    migrate(empty)

    assert _schema(empty) == clean
    for number, (columns, before) in enumerate(older, 1):
        after = _rows(empty, columns)
        assert [table for table, rows in before.items() if not set(rows) <= set(after[table])] == [], number
    first = older[0][0]
    assert {len(rows) for table, rows in older[-1][1].items() if table in first} == {5 * len(older)}


def _insert_drawn(store: Store, table: str, typed: list[tuple[str, str]], number: int) -> None:
    """Inserts five random rows that no other number draws."""
    structure = ", ".join(f"`{name}` {kind}" for name, kind in typed).replace("'", "\\'")
    names = ", ".join(f"`{name}`" for name, _ in typed)
    values = ", ".join(_drawn(name, kind, number) for name, kind in typed)
    drawn = f"SELECT {values} FROM generateRandom('{structure}', {number}, 9, 3) LIMIT 5"
    store.command(f"INSERT INTO lynceus.{table} ({names}) {drawn}")


def _drawn(name: str, kind: str, number: int) -> str:
    """Random values, but no duplicate key, no expired time, and no marker that hides the row."""
    place = f"(rowNumberInAllBlocks() + {5 * number})"
    if "DateTime64" in kind:
        return f"now64(3) - {place}"
    if kind in ("String", LOW):
        return f"concat(`{name}`, toString({place}))"
    numbered = {"month": f"today() - {place}"}
    return ({"is_deleted": "0"} | numbered).get(name, f"`{name}`")


def _columns(store: Store) -> dict[str, list[tuple[str, str]]]:
    """Names and types of each table's columns, without columns that the store fills."""
    rows = store.query_rows(
        "SELECT table, name, type FROM system.columns WHERE database = 'lynceus' AND name != 'inserted_at' "
        "AND table NOT IN ('cost_current', 'statement_current', 'schema_migrations') ORDER BY table, position"
    )
    rolled_up = {rollup.name for rollup in ROLLUPS}  # states of sums, which cannot be drawn, and are rebuilt anyway
    rows = [row for row in rows if row[0] not in rolled_up]
    return {
        table: [(name, kind) for of, name, kind in rows if of == table] for table in dict.fromkeys(r[0] for r in rows)
    }


def _rows(store: Store, columns: dict[str, list[tuple[str, str]]]) -> dict[str, list[str]]:
    """The rows of each table, in those columns."""
    return {
        table: sorted(
            repr(row)
            for row in store.query_rows(f"SELECT {', '.join(f'`{name}`' for name, _ in typed)} FROM lynceus.{table}")
        )
        for table, typed in columns.items()
    }


def test_migrations_are_numbered_without_gaps(tmp_path: Path) -> None:
    """Two branches that add the same number, or skip one, are found before any store is touched."""
    (tmp_path / "0002_second.sql").write_text("SELECT 1;\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"found \[2\]"):
        load(tmp_path)

    (tmp_path / "first.sql").write_text("SELECT 1;\n", encoding="utf-8")
    with pytest.raises(SchemaError, match="NNNN_name"):
        load(tmp_path)


def test_no_table_of_a_single_node_trusts_a_token(writer: Store) -> None:
    """
    The engine records a token before its rows are durable: after a kill in between a re-sent batch would be dropped.

    But for the steps of deliveries, where one of two writers must lose: delivery/records.py passes a lost step over.
    """
    trusting = writer.query_rows(
        "SELECT name FROM system.tables WHERE database = 'lynceus' AND engine_full LIKE '%deduplication_window%'"
    )

    assert trusting == [("delivery",)]


class Mortal(Store):
    """A connection whose owner is killed before its n-th statement."""

    def __init__(self, to: Store, statements: int):
        super().__init__(to._make_client)
        self.left = statements

    def command(
        self, sql: str, parameters: dict[str, Any] | None = None, settings: dict[str, Any] | None = None
    ) -> None:
        if self.left == 0:
            raise KilledError
        self.left -= 1
        super().command(sql, parameters, settings)


class KilledError(Exception):
    """Stands for kill -9: only statements that were sent have an effect."""


def drawn_instants() -> list[int]:
    """Between the first two statements, before the last one, and some in between."""
    statements = 2 + sum(len(migration.statements) + 1 for migration in load())
    return [1, *sorted(Random(6).sample(range(2, statements - 1), 3)), statements - 1]


@pytest.mark.parametrize("statements", drawn_instants())
def test_a_migration_killed_between_two_statements_is_finished_by_the_next_start(
    empty: Store, clean: dict[str, str], statements: int
) -> None:
    """Whatever had been sent, the schema is then that of an undisturbed migration."""
    mortal = Mortal(empty, statements)
    with pytest.raises(KilledError):
        migrate(mortal)
    mortal.close()
    migrate(empty)

    assert _schema(empty) == clean


def schema(store: Store) -> list[tuple[str, ...]]:
    """Every table as the store would make it again, without the number that is each table's own."""
    rows = store.query_rows(
        "SELECT name, create_table_query FROM system.tables WHERE database = 'lynceus' ORDER BY name"
    )
    return [(name, re.sub(r" UUID '[^']*'", "", sql)) for name, sql in rows]


def test_tables_of_another_product_are_left_alone(empty: Store) -> None:
    """A foreign table with a name of Lynceus' is refused before the first statement, whatever its content."""
    empty.command("CREATE TABLE lynceus.period (id UInt64, body String) ENGINE = MergeTree ORDER BY id")
    before = schema(empty)

    for dry_run in (True, False):
        with pytest.raises(SchemaError, match=r"lynceus\.period is not Lynceus'.*Point store\.url at another server"):
            migrate(empty, dry_run=dry_run)
    assert schema(empty) == before


def test_another_products_record_of_migrations_is_left_alone(empty: Store) -> None:
    """Other tools call theirs schema_migrations as well."""
    empty.command("CREATE TABLE lynceus.schema_migrations (version Int64) ENGINE = MergeTree ORDER BY version")

    with pytest.raises(SchemaError, match="schema_migrations is not Lynceus': it lacks applied_at, checksum"):
        migrate(empty)


def test_a_table_with_other_columns_is_refused_before_the_first_insert(empty: Store) -> None:
    """A table was changed by hand: all migrations are applied and it differs from their result."""
    migrate(empty)
    empty.command("ALTER TABLE lynceus.pod_cost MODIFY COLUMN cost Nullable(Float64)")

    with pytest.raises(SchemaError, match=r"pod_cost is not Lynceus': column cost is Nullable\(Float64\)"):
        migrate(empty)
