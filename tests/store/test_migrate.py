"""The store's schema against the catalogue, and how it gets there."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from collector.catalog.columns import INSERTED_AT
from collector.catalog.tables import COST_CURRENT, POD_COST, TABLES, Table
from collector.store.clickhouse import Store
from collector.store.migrate import SchemaError, load, migrate, render
from tests.store.running import start

TABLE = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of its own: these tests break its schema."""
    running = start(tmp_path_factory.mktemp("fresh"))
    store = running.writer()
    yield store
    store.close()
    running.stop()


@pytest.fixture
def empty(fresh: Store) -> Store:
    for (name,) in fresh.query_rows("SELECT name FROM system.tables WHERE database = 'lynceus'"):
        fresh.command(f"DROP TABLE lynceus.{name} SYNC")
    return fresh


@TABLE
def test_columns_stand_in_the_store_as_declared(writer: Store, table: Table) -> None:
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
def test_engine_and_keys_stand_in_the_store_as_declared(writer: Store, table: Table) -> None:
    """Engine, sorting key, partition, life time and skip indexes are the catalogue's."""
    ((engine, sorting, primary, partition, full),) = writer.query_rows(
        "SELECT engine, sorting_key, primary_key, partition_key, engine_full FROM system.tables "
        "WHERE database = 'lynceus' AND name = {table:String}",
        {"table": table.name},
    )
    indexes = writer.query_rows(
        "SELECT expr FROM system.data_skipping_indices WHERE database = 'lynceus' AND table = {table:String} "
        "AND type = 'bloom_filter' ORDER BY expr",
        {"table": table.name},
    )

    assert (engine, sorting, primary) == (table.engine, ", ".join(table.order_by), ", ".join(table.order_by))
    assert partition == table.partition
    assert full.startswith(f"{table.engine}({', '.join(table.engine_args)}) ")
    assert f"TTL {table.ttl} SETTINGS" in full if table.ttl else "TTL" not in full
    assert tuple(expression for (expression,) in indexes) == tuple(sorted(table.bloom))


def test_no_table_is_undeclared(writer: Store) -> None:
    """What is in the store and not in the catalogue would be documented, checked and backed up by nobody."""
    found = {name for (name,) in writer.query_rows("SELECT name FROM system.tables WHERE database = 'lynceus'")}

    assert found == {table.name for table in TABLES} | {COST_CURRENT.name, "schema_migrations"}


def test_the_view_has_the_tables_columns(writer: Store) -> None:
    """cost_current shows pod_cost's columns, all of them and in order."""
    found = writer.query_rows(
        "SELECT name, type FROM system.columns WHERE database = 'lynceus' AND table = 'cost_current' ORDER BY position"
    )

    assert found == [(column.name, column.type) for column in POD_COST.columns]


def test_a_dry_run_says_what_is_missing_and_changes_nothing(empty: Store) -> None:
    """`lynceus migrate --dry-run` can be run against a store in use."""
    missing = migrate(empty, dry_run=True)

    assert [migration.number for migration in missing] == [migration.number for migration in load()]
    assert empty.query_rows("SELECT count() FROM system.tables WHERE database = 'lynceus'") == [(0,)]


def test_migrating_twice_changes_nothing(empty: Store) -> None:
    """Every start of the collector migrates."""
    assert len(migrate(empty)) == len(load())
    assert migrate(empty) == []


def test_a_migration_that_was_cut_short_is_run_again(empty: Store) -> None:
    """DDL is not transactional: a crash between two statements must not need a hand."""
    first = load()[0]
    migrate(empty, migrations=[replace(first, statements=first.statements[:3])])
    empty.command("TRUNCATE TABLE lynceus.schema_migrations")  # the crash came before it was recorded

    assert migrate(empty) == load()


def test_a_newer_schema_is_refused_with_the_remedy(empty: Store) -> None:
    """An older program would misread a newer store; it says which version wrote it and what to do."""
    known = load()
    later = replace(known[-1], number=len(known) + 1, name="9999_later", checksum="x", statements=())
    migrate(empty, migrations=[*known, later])

    with pytest.raises(SchemaError, match=r"newer Lynceus \(9999_later\); run that version"):
        migrate(empty)


def test_a_changed_migration_is_refused(empty: Store) -> None:
    """A file that was applied elsewhere with other content would leave two stores with one number and two schemas."""
    migrate(empty)

    with pytest.raises(SchemaError, match="0001_first is not the one the store has"):
        migrate(empty, migrations=[replace(load()[0], checksum="other"), *load()[1:]])


@pytest.mark.parametrize("number", range(1, len(load())))
def test_every_older_schema_becomes_the_newest_and_keeps_its_rows(empty: Store, number: int) -> None:
    """An upgrade adds tables and columns: what was there stays, and a new column of an old row has its default."""
    migrate(empty, migrations=load()[:number])
    empty.command(
        "INSERT INTO lynceus.workflow_run (cluster, namespace, created_at, uid, attempt, version, name) "
        "VALUES ('c', 'n', '2026-11-22 12:00:00', 'u', 1, 7, 'old')"
    )

    assert [migration.number for migration in migrate(empty)] == list(range(number + 1, len(load()) + 1))
    for table in TABLES:
        described = empty.query_rows(f"DESCRIBE lynceus.{table.name}")
        assert [name for name, *_ in described] == [column.name for column in table.columns]
    rows = empty.query_rows("SELECT name, version, start_latency_ms, deciding_step FROM lynceus.workflow_run")
    assert rows == [("old", 7, None, "")]


def test_migrations_are_numbered_without_gaps(tmp_path: Path) -> None:
    """Two branches that add the same number, or skip one, are found before any store is touched."""
    (tmp_path / "0002_second.sql").write_text("SELECT 1;\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"found \[2\]"):
        load(tmp_path)

    (tmp_path / "first.sql").write_text("SELECT 1;\n", encoding="utf-8")
    with pytest.raises(SchemaError, match="NNNN_name"):
        load(tmp_path)


def test_one_text_serves_a_single_node_and_a_cluster() -> None:
    """Replicas get the replicated engine on every node of the named cluster; the name cannot carry SQL."""
    text = "CREATE TABLE t{on_cluster} (a Int8) ENGINE = {engine}(version)"

    assert render(text, "") == "CREATE TABLE t (a Int8) ENGINE = ReplacingMergeTree(version)"
    assert (
        render(text, "prod")
        == "CREATE TABLE t ON CLUSTER 'prod' (a Int8) ENGINE = ReplicatedReplacingMergeTree(version)"
    )
    assert render(text, "{cluster}").count("{cluster}") == 1
    with pytest.raises(SchemaError, match="no name of a cluster"):
        render(text, "a' ENGINE = Null --")


def test_no_table_of_a_single_node_trusts_a_token(writer: Store) -> None:
    """The engine notes a token before its rows are safe: after a kill between the two a re-sent batch would be dropped."""
    trusting = writer.query_rows(
        "SELECT name FROM system.tables WHERE database = 'lynceus' AND engine_full LIKE '%deduplication_window%'"
    )

    assert trusting == []


class Mortal(Store):
    """A connection whose owner is killed before its n-th statement."""

    def __init__(self, to: Store, statements: int):
        super().__init__(to._make_client)
        self.left = statements

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        if self.left == 0:
            raise KilledError
        self.left -= 1
        super().command(sql, parameters)


class KilledError(Exception):
    """Stands for kill -9: what migrates keeps nothing but what it has sent."""


def drawn_instants() -> list[int]:
    """Between the first two statements, before the last one, and some in between."""
    statements = 2 + sum(len(migration.statements) + 1 for migration in load())
    return [1, *sorted(Random(6).sample(range(2, statements - 1), 3)), statements - 1]


@pytest.mark.parametrize("statements", drawn_instants())
def test_a_migration_killed_between_two_statements_is_finished_by_the_next_start(
    empty: Store, writer: Store, statements: int
) -> None:
    """Whatever had been sent, the schema is then that of a store that was migrated in peace."""
    mortal = Mortal(empty, statements)
    with pytest.raises(KilledError):
        migrate(mortal)
    mortal.close()
    migrate(empty)

    assert schema(empty) == schema(writer)


def schema(store: Store) -> list[tuple[str, ...]]:
    """Every table as the store would make it again, without the number that is each table's own."""
    rows = store.query_rows(
        "SELECT name, create_table_query FROM system.tables WHERE database = 'lynceus' ORDER BY name"
    )
    return [(name, re.sub(r" UUID '[^']*'", "", sql)) for name, sql in rows]


def test_tables_of_another_product_are_left_alone(empty: Store) -> None:
    """A table with a name of ours that we did not make is refused before the first statement, whatever it holds."""
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
    """Somebody changed it by hand: the migrations are applied and it is not what they made."""
    migrate(empty)
    empty.command("ALTER TABLE lynceus.pod_cost MODIFY COLUMN cost Nullable(Float64)")

    with pytest.raises(SchemaError, match=r"pod_cost is not Lynceus': column cost is Nullable\(Float64\)"):
        migrate(empty)
