"""The shards that rows were written to: recorded once, compared at each start."""

from typing import Any

import pytest

from collector.store.clickhouse import StoreRefusedError
from collector.store.schema.migrate import SchemaError, migrate
from collector.store.schema.shards import layout_problem, record_layout, recorded_layout
from tests.store.servers.canned import MEMBERS, CannedStore

OF_SCHEMA: dict[str, Any] = {"SELECT table, name, type": [], "SELECT name, engine": []}
COLUMNS = {"system.columns": [("internal_replication",)]}
EXISTS = {"system.tables": [(1,)]}
NAMES = {"clusterAllReplicas": [(1, "01"), (2, "01"), (3, "02"), (4, "02")]}
HERE = {"system.macros": [("01",)]}


def of(recorded: tuple[Any, Any] | None, members: list[tuple[Any, ...]], **more: Any) -> CannedStore:
    """A store with a record, and a cluster of today."""
    rows = {"shard_layout FINAL": [recorded] if recorded else []}
    return CannedStore({**OF_SCHEMA, **rows, **EXISTS, **NAMES, **more, **HERE, **COLUMNS, "system.clusters": members})


def test_the_shards_are_recorded_once() -> None:
    """With the weight and the macro of each; a record that is there stays."""
    store, again = of(None, MEMBERS), of(([1, 1], []), MEMBERS)

    record_layout(store, "prod")
    record_layout(again, "prod")

    ((table, ((name, _, weights, names),)),) = store.inserted
    assert (table, name, weights, names) == ("shard_layout", "shards", [1, 1], ["01", "02"])
    assert again.inserted == []


def test_without_the_right_to_ask_all_servers_the_weights_are_recorded() -> None:
    """A record without the shards' names still reveals a new shard or another weight."""
    store = of(None, MEMBERS, clusterAllReplicas=StoreRefusedError("no right", 497))

    record_layout(store, "prod")

    assert store.inserted[0][1][0][3] == []


def test_a_record_that_lacks_a_quorum_is_made_at_the_next_start() -> None:
    """A server is down: the start does not wait for it."""
    store = of(None, MEMBERS)
    store.refusal = StoreRefusedError("Number of alive replicas is less than requested quorum", 285)
    record_layout(store, "prod")
    store.refusal = None
    record_layout(store, "prod")

    assert len(store.inserted) == 1


@pytest.mark.parametrize(
    ("recorded", "members"),
    [
        (([1, 1], ["01", "02"]), MEMBERS),
        (([1, 1], []), MEMBERS),
        (([1, 1], ["01", "02"]), [*MEMBERS, (2, 1, "n5", 9000, 0, 1)]),
        (([1, 1], ["01", "02"]), [(n, w, h, p, 0, i) for n, w, h, p, _, i in MEMBERS]),
        (None, MEMBERS[:2]),
    ],
    ids=["as recorded", "names unknown", "one more replica", "asked through a balancer", "nothing recorded yet"],
)
def test_the_same_shards_are_no_problem(recorded: Any, members: list[tuple[Any, ...]]) -> None:
    """Replicas may come and go: they change no row's shard."""
    assert layout_problem(of(recorded, members), "prod") == ""


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ([*MEMBERS, (3, 1, "n5", 9000, 0, 1)], "2 shards of weight 1, 1 (01, 02), system.clusters has 3 shards"),
        (MEMBERS[:2], "has 1 shard of weight 1"),
        ([(n, n, *rest) for n, _, *rest in MEMBERS], "has 2 shards of weight 1, 2"),
        ([(n, 2, *rest) for n, _, *rest in MEMBERS], "has 2 shards of weight 2, 2"),
        ([(3 - n, w, *rest) for n, w, *rest in MEMBERS], "this server, 01, is shard 2"),
    ],
    ids=["a shard more", "a shard less", "another weight", "all weights doubled", "another order"],
)
def test_other_shards_are_refused_at_the_start(members: list[tuple[Any, ...]], shown: str) -> None:
    """Rows of one key would lie on two shards; before any statement, with both layouts and the remedy."""
    store = of(([1, 1], ["01", "02"]), members)

    problem = layout_problem(store, "prod")
    with pytest.raises(SchemaError, match="count twice"):
        migrate(store, "prod", migrations=[])

    assert shown in problem
    assert "Change the shards" in problem
    assert (store.commands, store.inserted) == ([], [])


def test_the_cluster_that_the_tables_name_is_compared_too() -> None:
    """A new name in the settings does not change where rows are written."""

    class Renamed(CannedStore):
        def query_rows(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
            if (parameters or {}).get("cluster") == "old":
                return [*MEMBERS, (3, 1, "n5", 9000, 0, 1)]
            return super().query_rows(sql, parameters)

    same = of(([1, 1], ["01", "02"]), MEMBERS)

    assert "the shards of old have changed" in layout_problem(
        Renamed({"engine_full": [("old",)], **same.tables}), "prod"
    )


def test_a_cluster_that_is_not_there_is_named() -> None:
    """A typing error in store.cluster does not change shards."""
    assert "no cluster 'prod'" in layout_problem(of(([1, 1], []), []), "prod")


def test_a_single_server_has_no_shards(running: Any) -> None:
    """Its table is there and stays empty."""
    writer = running.writer()

    assert recorded_layout(writer) is None
    writer.close()
