"""Migrations on a cluster: every statement is rendered, and rows on two shards give the results of one server."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from collector.catalog.bills import POD_COST, POD_RUN
from collector.catalog.schema import Table
from collector.catalog.tables import TABLE_NAMED, TABLES, local_name
from collector.catalog.workflows import STEP_RUN, WORKFLOW_LIVE, WORKFLOW_RUN
from collector.store.clickhouse import Store, connect
from collector.store.schema import sharding
from collector.store.schema.layout import kind_of
from collector.store.schema.migrate import SchemaError, load, render
from tests.examples import examples
from tests.store.facts import facts, row_of
from tests.store.running import Running
from tests.store.scripted import Scripted

STATEMENTS = [
    (migration.name, number, statement) for migration in load() for number, statement in enumerate(migration.statements)
]
EACH = pytest.mark.parametrize(("name", "number", "statement"), STATEMENTS, ids=lambda value: str(value)[:30])


def test_one_text_serves_a_single_node_and_a_cluster() -> None:
    """One server gets the statement as it stands; a cluster gets the rows of a shard, and what reads all shards."""
    text = "CREATE TABLE IF NOT EXISTS lynceus.pod_run{on_cluster} (a Int8) ENGINE = {engine}(version)"

    assert render(text, "") == [
        "CREATE TABLE IF NOT EXISTS lynceus.pod_run (a Int8) ENGINE = ReplacingMergeTree(version)"
    ]
    rows, all_shards = render(text, "prod")
    assert rows == (
        "CREATE TABLE IF NOT EXISTS lynceus.pod_run_local ON CLUSTER 'prod' (a Int8) "
        "ENGINE = ReplicatedReplacingMergeTree(version)"
    )
    assert all_shards == (
        "CREATE OR REPLACE TABLE lynceus.pod_run ON CLUSTER 'prod' AS lynceus.pod_run_local\n"
        "ENGINE = Distributed('prod', 'lynceus', 'pod_run_local', cityHash64(cluster, uid))"
    )


def test_a_small_table_is_whole_on_every_server() -> None:
    """Queries on every shard need pricing runs, months and applied migrations: one replica set over all servers."""
    text = "CREATE TABLE IF NOT EXISTS lynceus.period{on_cluster} (a Int8) ENGINE = {engine}(version)"

    (whole,) = render(text, "{cluster}")
    assert whole == (
        "CREATE TABLE IF NOT EXISTS lynceus.period ON CLUSTER '{cluster}' (a Int8) ENGINE = "
        "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}', '{shard}-{replica}', version)"
    )


def test_a_changed_table_is_changed_on_the_shards_and_made_anew_above_them() -> None:
    """A Distributed table has no rows: it is replaced with the new columns after any change of the local table."""
    altered = render("ALTER TABLE lynceus.pod_run{on_cluster} ADD COLUMN a Int8", "prod")

    assert altered[0] == "ALTER TABLE lynceus.pod_run_local ON CLUSTER 'prod' ADD COLUMN a Int8"
    assert altered[1].startswith("CREATE OR REPLACE TABLE lynceus.pod_run ON CLUSTER 'prod' AS lynceus.pod_run_local\n")


def test_a_replicated_database_sends_statements_to_its_servers_by_itself() -> None:
    """It refuses a path, and ON CLUSTER inside it; with a cluster there is a table over the shard too."""
    text = "CREATE TABLE IF NOT EXISTS lynceus.pod_run{on_cluster} (a Int8) ENGINE = {engine}(version)"
    period = text.replace("pod_run", "period")

    assert render(text, "", "replicated") == [
        "CREATE TABLE IF NOT EXISTS lynceus.pod_run (a Int8) ENGINE = ReplicatedReplacingMergeTree(version)"
    ]
    rows, all_shards = render(text, "prod", "replicated")
    assert rows == (
        "CREATE TABLE IF NOT EXISTS lynceus.pod_run_local (a Int8) ENGINE = ReplicatedReplacingMergeTree(version)"
    )
    assert all_shards.startswith(
        "CREATE OR REPLACE TABLE lynceus.pod_run AS lynceus.pod_run_local\nENGINE = Distributed("
    )
    assert render(period, "prod", "replicated") == render(period, "", "replicated")
    assert render(period, "", "cloud") == render(period, "")


def a_store(cloud: str = "0", engine: str = "Atomic", shards: int = 1) -> Scripted:
    return Scripted({
        "cloud_mode": [(cloud,)] if cloud else [],
        "system.databases": [(engine,)] if engine else [],
        "system.clusters": [(shards,)],
    })  # fmt: skip


def test_the_database_is_looked_at() -> None:
    """Before the first statement, so that nothing is half made."""
    assert kind_of(a_store(), "prod") == "plain"
    assert kind_of(a_store(cloud="", engine=""), "") == "plain"
    assert kind_of(a_store(cloud="1", engine="Shared"), "") == "cloud"
    assert kind_of(a_store(engine="Replicated"), "prod") == "replicated"


def test_a_database_that_cannot_hold_the_tables_is_refused() -> None:
    """A table that every server needs whole would be another one on each shard: each would have its own active runs."""
    with pytest.raises(SchemaError, match=r"engine Replicated and 2 shards.*use one shard"):
        kind_of(a_store(engine="Replicated", shards=2), "")
    with pytest.raises(SchemaError, match=r"store\.cluster: leave it empty for ClickHouse Cloud"):
        kind_of(a_store(cloud="1"), "prod")


def test_the_name_of_a_cluster_cannot_carry_sql() -> None:
    """The name is part of SQL text."""
    with pytest.raises(SchemaError, match="not a valid cluster name"):
        render("SELECT 1", "a' ENGINE = Null --")


@EACH
def test_every_statement_is_understood_by_the_engine_in_both_renderings(
    name: str, number: int, statement: str, writer: Store
) -> None:
    """No placeholder is left and the engine's parser takes it; a real cluster is not available here."""
    for one in [*render(statement, ""), *render(statement, "prod")]:
        ((formatted,),) = writer.query_rows("SELECT formatQuery({statement:String})", {"statement": one})
        assert formatted
        assert not re.search(r"\{(?!shard\}|replica\}|uuid\})", one)
        assert len(re.findall("ON CLUSTER", one)) == (one not in render(statement, ""))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_sharded_by_its_key(table: Table) -> None:
    """
    What is not in the key may change, and then two versions of a row would lie on two shards and both be read.

    A table without a shard has all rows on every server.
    """
    assert set(table.shard_by) <= set(table.order_by)
    assert "cluster" in table.shard_by or "cluster" not in table.order_by or not table.shard_by


def test_what_is_read_together_lies_together() -> None:
    """A workflow's runs, live state and steps on one shard; a pod's evidence and its charges on one."""
    assert len({_hashed(WORKFLOW_RUN), _hashed(WORKFLOW_LIVE), _hashed(STEP_RUN)}) == 1
    assert _hashed(POD_RUN) == _hashed(POD_COST)


def _hashed(table: Table) -> tuple[str, ...]:
    """The key of a shard with the names of uids made one."""
    return tuple(column.removeprefix("workflow_").removeprefix("pod_") for column in table.shard_by)


@pytest.fixture(scope="module")
def shards(running: Running) -> Iterator[Store]:
    """Two databases that play the shards: Distributed sends a row by its hash, and adds up what each of them answers."""
    store = running.writer()
    for database in ("shard_0", "shard_1"):
        store.command(f"CREATE DATABASE {database} ENGINE = Atomic")
        store.command(f"CREATE TABLE {database}.pod_cost AS lynceus.pod_cost")
    yield store
    for database in ("shard_0", "shard_1"):
        store.command(f"DROP DATABASE {database} SYNC")
    store.close()


def _key_of_first(pair: tuple[Any, Any]) -> tuple[Any, ...]:
    """Of two rows with one key and one version a random one would remain."""
    return tuple(getattr(pair[0], name) for name in POD_COST.order_by)


@settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(drawn=st.lists(st.tuples(facts(POD_COST), facts(POD_COST)), min_size=1, max_size=4, unique_by=_key_of_first))
def test_newest_rows_over_two_shards_are_those_of_one_server(drawn: list[tuple[Any, Any]], shards: Store) -> None:
    """Whatever of a row changes but its key, a later version finds the earlier one on its shard; FINAL hides it there."""
    early = [replace(fact, version=1) for fact, _ in drawn]
    late = [replace(other, version=2, **{k: getattr(fact, k) for k in POD_COST.order_by}) for fact, other in drawn]

    shards.command("TRUNCATE TABLE lynceus.pod_cost")
    for number, fact in enumerate([*early, *late]):
        shards.insert(POD_COST, [row_of(fact)], str(number))
    names = ", ".join(f"`{column.name}`" for column in POD_COST.stored)
    for n in (0, 1):
        condition = f"{sharding.shard_of('pod_cost')} % 2 = {n}"
        shards.command(f"INSERT INTO shard_{n}.pod_cost SELECT * FROM lynceus.pod_cost WHERE {condition}")
    one = shards.query_rows(f"SELECT {names} FROM lynceus.pod_cost FINAL")
    two = [row for n in (0, 1) for row in shards.query_rows(f"SELECT {names} FROM shard_{n}.pod_cost FINAL")]
    for database in ("lynceus", "shard_0", "shard_1"):
        shards.command(f"TRUNCATE TABLE {database}.pod_cost")

    assert sorted(two, key=repr) == sorted(one, key=repr)
    assert len(one) == len({tuple(getattr(fact, k) for k in POD_COST.order_by) for fact in late})


def test_sharded_by_what_may_change_a_charge_would_count_twice(shards: Store) -> None:
    """Why pods are not sharded by their workflow, which is known later for pods of Jobs, Ray and Spark."""
    for shard, workflow, version in ((0, "", 1), (1, "w", 2)):
        shards.command(
            f"INSERT INTO shard_{shard}.pod_cost (cluster, pod_uid, workflow_uid, version, cost) "
            f"VALUES ('c', 'twice', '{workflow}', {version}, 5)"
        )
    total = (
        "SELECT sum(cost) FROM (SELECT * FROM shard_0.pod_cost FINAL UNION ALL SELECT * FROM shard_1.pod_cost FINAL)"
    )

    counted = shards.query_rows(f"{total} WHERE pod_uid = 'twice'")
    for shard in (0, 1):
        shards.command(f"TRUNCATE TABLE shard_{shard}.pod_cost")

    assert counted == [(10,)]


def test_a_subquery_on_another_sharded_table_is_allowed(running: Running) -> None:
    """Servers refuse it unless the subquery runs once, over all shards; an insert waits for its shard."""
    store = connect(running.url, "lynceus", running.token_file, sharded=True)

    assert store.query_rows("SELECT getSetting('distributed_product_mode')") == [("global",)]
    store.close()


def test_only_sharded_tables_have_local_names() -> None:
    """Partitions are replaced, detached or dropped where the rows lie."""
    assert {name: local_name(name) for name in ("pod_cost", "period", "schema_migrations")} == {
        "pod_cost": "pod_cost_local", "period": "period", "schema_migrations": "schema_migrations"
    }  # fmt: skip
    assert all(name not in TABLE_NAMED for name in map("{}_local".format, TABLE_NAMED))
