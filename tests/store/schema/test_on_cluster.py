"""Statements on all servers of a cluster: what is waited for, who is named, and what is not sent twice."""

import logging
import re
from typing import Any

import pytest

from collector.catalog.schema import DATABASE, RECORD
from collector.catalog.tables import TABLES, local_name
from collector.store.clickhouse import StoreRefusedError
from collector.store.schema import on_cluster
from collector.store.schema.migrate import load, migrate
from collector.store.schema.on_cluster import ClusterStatements, ServersPendingError, tag_of
from collector.store.schema.retention import apply_retention
from collector.store.schema.sharding import with_uuid
from tests.store.scripted import Rows, Scripted

ALTER = "ALTER TABLE lynceus.reconcile_local ON CLUSTER 'prod' ADD COLUMN a UInt8"
DONE, PENDING = ["h1", "9000", "0", "", "1", "0"], ["h2", "9000", r"\N", r"\N", "1", "0"]
QUEUED, SERVERS = "HAVING countIf", "AS is_busy"


def server(
    host: str, *, unfinished: bool = False, busy: bool = False, code: int = 0, text: str = ""
) -> tuple[Any, ...]:
    return (host, 9000, unfinished, code, text, busy)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait is needed to see that a server is down, or does not get done; the shards are those of before."""
    monkeypatch.setattr("collector.store.schema.migrate.layout_problem", lambda *_: "")
    monkeypatch.setattr("collector.store.schema.migrate.record_layout", lambda *_: None)
    for name in ("WAIT_S", "DOWN_AFTER_S", "POLL_S"):
        monkeypatch.setattr(on_cluster, name, 0.0)


def test_what_all_servers_have_done_is_done() -> None:
    """One statement, which can be found in the queue by its tag; nothing more is read."""
    store = Scripted({QUEUED: []})
    store.answers = [DONE]

    ClusterStatements(store).run(ALTER, ALTER)

    assert (store.statements, store.settings) == ([ALTER], [{"log_comment": tag_of(ALTER)}])


def test_a_server_that_does_not_get_done_is_named() -> None:
    """It is up and works on a statement: its replication queue stands, or a mutation fails."""
    store = Scripted({QUEUED: [], SERVERS: [server("h1"), server("h2", unfinished=True, busy=True)]})
    store.answers = [DONE, PENDING]

    with pytest.raises(
        ServersPendingError, match=r"^h2:9000: not done after 0 s with ALTER TABLE .* run `lynceus migr"
    ) as e:
        ClusterStatements(store).run(ALTER, ALTER)
    assert e.value.cause == "store_servers"


def test_a_queue_without_settings_is_no_proof_that_a_statement_is_done() -> None:
    """Servers may be set to an older form of the queue, in which no statement can be found."""
    store = Scripted({QUEUED: [], SERVERS: []})
    store.answers = [DONE, PENDING]

    with pytest.raises(ServersPendingError, match="h2:9000"):
        ClusterStatements(store).run(ALTER, ALTER)


def test_what_waits_in_the_queue_is_not_sent_again() -> None:
    """The next attempt waits for the same statement: a collector tries again for ever, and each would be run later."""
    answers = iter([[server("h2", unfinished=True, busy=True)], [server("h2")]])
    store = Scripted({QUEUED: [(tag_of(ALTER), "query-1")], SERVERS: lambda _: next(answers)})
    on_cluster.WAIT_S = 60.0

    ClusterStatements(store).run(ALTER, ALTER)

    assert store.statements == []


def test_a_server_that_is_down_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """It runs what waits for it when it is back; the next statement waits for it no more, and it is named once."""
    store = Scripted({QUEUED: [], SERVERS: [server("h1"), server("h2", unfinished=True)]})
    store.answers = [DONE, PENDING]
    statements = ClusterStatements(store)

    with caplog.at_level(logging.WARNING):
        statements.run(ALTER, ALTER)
        statements.run(f"{ALTER}, ADD COLUMN b UInt8", "b")

    assert statements.down == {"h2:9000"}
    assert [record.servers for record in caplog.records] == [["h2:9000"]]  # type: ignore[attr-defined]
    assert store.settings[1]["distributed_ddl_task_timeout"] == 1


def test_while_one_is_down_the_others_are_waited_for() -> None:
    """A short wait for the answer says nothing about a server that is merely slow."""
    answers = iter(
        [[server("h2", unfinished=True), server("h3", unfinished=True, busy=True)], [server("h2", unfinished=True)]]
    )
    store = Scripted({QUEUED: [], SERVERS: lambda _: next(answers)})
    store.answers = [["h3", "9000", r"\N", "", "", ""], PENDING]
    on_cluster.WAIT_S = 60.0
    statements = ClusterStatements(store, down={"h2:9000"})

    statements.run(ALTER, ALTER)

    assert next(answers, None) is None


def test_an_error_of_one_server_names_it() -> None:
    """One that comes after the wait is only in the queue."""
    store = Scripted({QUEUED: [], SERVERS: [server("h2", code=395, text="DB::Exception: no")]})
    store.answers = [PENDING]

    with pytest.raises(StoreRefusedError, match=r"error on \[h2:9000\]: DB::Exception: no") as refused:
        ClusterStatements(store).run(ALTER, ALTER)
    assert refused.value.code == 395


def a_cluster(*, applied: int) -> Scripted:
    """A store whose tables are a cluster's and which has some migrations."""
    known = load()
    columns: Rows = [(table.name, column.name, column.type) for table in TABLES for column in table.columns]
    columns += [(RECORD, name, "String") for name in ("number", "name", "checksum", "applied_at")]
    engines: Rows = [(table.name, "Distributed") for table in TABLES if local_name(table.name) != table.name]
    return Scripted({
        QUEUED: [],
        "FROM system.columns": columns,
        "name, engine FROM system.tables": engines,
        "SELECT name FROM system.tables": [(RECORD,)],
        f"FROM {DATABASE}.{RECORD}": [(one.number, one.name, one.checksum) for one in known[:applied]],
        "cloud_mode": [("0",)],
        "system.databases": [("Atomic",)],
        "clusterAllReplicas": [("pod_run_local", "cf076aa0-b7e1-40b5-b62c-75ea4bd01e97")],
    })  # fmt: skip


def test_a_start_with_nothing_to_migrate_sends_no_statement_to_all_servers() -> None:
    """Each start of a collector would wait for a server that is down, and queue more for it."""
    store = a_cluster(applied=len(load()))

    assert migrate(store, "prod") == []
    assert store.statements == []


def test_a_table_that_some_servers_have_gets_the_same_uuid_on_the_others() -> None:
    """A first attempt failed on one server; with another uuid it would have a path, and rows, of its own for ever."""
    store = a_cluster(applied=0)

    migrate(store, "prod")

    made = [sql for sql in store.statements if sql.startswith("CREATE TABLE IF NOT EXISTS lynceus.pod_run_local")]
    assert made[0].startswith(
        "CREATE TABLE IF NOT EXISTS lynceus.pod_run_local UUID 'cf076aa0-b7e1-40b5-b62c-75ea4bd01e97' ON CLUSTER 'prod'"
    )
    assert [sql for sql in store.statements if " UUID " in sql] == made
    assert len({one["log_comment"] for one in store.settings}) == len(store.settings)
    assert all(re.search(r"lynceus [0-9a-f]{16}", one["log_comment"]) for one in store.settings)


def test_the_same_text_is_run_again_after_another_change() -> None:
    """A table over all shards is made again after each change of its columns: what waits in the queue is the earlier one."""
    store = a_cluster(applied=0)
    migrate(store, "prod")
    tags = [one["log_comment"] for one in store.settings]
    again = a_cluster(applied=0)
    again.script = {**again.script, QUEUED: [(tag, "") for tag in tags[:50]], SERVERS: [server("h1")]}

    migrate(again, "prod")

    assert len(set(store.statements)) < len(store.statements)
    assert again.statements[-len(tags) + 50 :] == store.statements[-len(tags) + 50 :]
    assert [sql for sql in again.statements if "ON CLUSTER" in sql] == [
        sql for sql in store.statements if "ON CLUSTER" in sql
    ][50:]


def test_only_a_table_is_given_a_uuid() -> None:
    """Views and changes have none."""
    assert with_uuid(ALTER, {"reconcile_local": "u"}) == ALTER


def test_a_changed_retention_is_sent_once() -> None:
    """A collector tries again every few seconds for as long as a server does not get done."""
    table = "queue_sample"
    script = {
        QUEUED: [],
        SERVERS: [server("h2", unfinished=True, busy=True)],
        "engine_full": [(f"{table}_local", "ReplicatedReplacingMergeTree(version) ORDER BY at SETTINGS a = 1")],
        "cloud_mode": [("0",)],
        "system.databases": [("Atomic",)],
        "clusterAllReplicas": [],
    }
    store = Scripted(script)
    store.answers = [PENDING]
    for _ in range(3):
        with pytest.raises(ServersPendingError, match="h2:9000"):
            apply_retention(store, {table: 7}, "prod")
        store.script = {**script, QUEUED: [(one["log_comment"], "") for one in store.settings]}

    assert len(store.statements) == 1
