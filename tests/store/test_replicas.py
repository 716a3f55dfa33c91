"""What is waited for before sums of a cluster are written down, and who is named."""

from typing import Any

import pytest

from collector.catalog.rollups import COST_DAILY
from collector.store import replicas
from collector.store.replicas import ReplicasBehindError, wait_for_replicas
from collector.store.rollup import roll_up
from tests.store.scripted import Rows, Scripted

SHARDED = [("Distributed", "Distributed('{cluster}', 'lynceus', 'pod_cost_local', cityHash64(cluster, pod_uid))")]
TABLE = "pod_cost_local"


def replica(
    server: str, pointer: int = 8, last: int = 7, waiting: int = 0, delay: int = 0, **more: Any
) -> tuple[Any, ...]:
    path = more.get("path", "/1")
    return (server, TABLE, path, pointer, last, waiting, delay, more.get("readonly", 0))


def a_cluster(*looks: Rows, parts: list[Rows] | None = None) -> Scripted:
    """A store whose replicas are so at each look, and lack these parts at each look on which one lacks any."""
    left, left_parts = list(looks), list(parts or [[]])

    def look(parameters: dict[str, Any]) -> Rows:
        assert parameters == {"cluster": "{cluster}", "tables": [TABLE]}
        return left.pop(0) if len(left) > 1 else left[0]

    def queued(_: dict[str, Any]) -> Rows:
        return left_parts.pop(0) if len(left_parts) > 1 else left_parts[0]

    store = Scripted({"engine_full": SHARDED, "system.replicas)": look, "system.replication_queue)": queued})
    store.left = left  # type: ignore[attr-defined]
    return store


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas do in no time what they do, and nothing is waited for longer."""
    monkeypatch.setattr(replicas, "POLL_S", 0.0)
    monkeypatch.setattr(replicas, "SETTLED_S", 0.0)


def test_one_server_has_no_replicas() -> None:
    """Its tables are read as they are."""
    wait_for_replicas(Scripted({"engine_full": [("ReplacingMergeTree", "ReplacingMergeTree(version)")]}), "pod_cost")
    wait_for_replicas(Scripted({"engine_full": []}), "pod_cost")


def test_a_replicated_database_is_a_cluster_of_its_name() -> None:
    """Its tables have no tables above them."""
    seen: list[dict[str, Any]] = []

    def look(parameters: dict[str, Any]) -> Rows:
        seen.append(parameters)
        return []

    engine = [("ReplicatedReplacingMergeTree", "ReplicatedReplacingMergeTree(version)")]
    wait_for_replicas(Scripted({"engine_full": engine, "system.replicas)": look}), "pod_cost", "period")

    assert seen == [{"cluster": "lynceus", "tables": ["pod_cost", "period"]}]


def test_replicas_that_have_all_need_one_look() -> None:
    """Also where nothing was ever written."""
    store = a_cluster([replica("a"), replica("b"), replica("c", pointer=0, last=0, path="/2")], [])

    wait_for_replicas(store, "pod_cost")

    assert store.left == [[]]  # type: ignore[attr-defined]


def test_an_insert_that_a_replica_has_not_read_of_is_waited_for() -> None:
    """Its log says nothing yet, and so it does not lag by any seconds."""
    store = a_cluster(
        [replica("a"), replica("b", pointer=7)], [replica("a"), replica("b", pointer=7)], [replica("b")], []
    )

    wait_for_replicas(store, "pod_cost")

    assert store.left == [[]]  # type: ignore[attr-defined]


def test_what_is_written_meanwhile_is_not_waited_for() -> None:
    """On a busy cluster there is always an insert that some replica has not fetched."""
    behind = [replica("a"), replica("b", waiting=2)]
    later = [replica("a", pointer=9, last=8), replica("b", pointer=9, last=8, waiting=1)]
    lacking = [[("b", TABLE, "p1"), ("b", TABLE, "p2")], [("b", TABLE, "p2"), ("b", TABLE, "p3")], [("b", TABLE, "p3")]]
    store = a_cluster(behind, later, later, [], parts=[*lacking, []])

    wait_for_replicas(store, "pod_cost")

    assert store.left == [[]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("late", [replica("b", waiting=1, delay=2), replica("b", readonly=1), replica("b", pointer=3)])
def test_a_replica_that_is_read_and_lacks_rows_is_named(late: tuple[Any, ...]) -> None:
    """It lags too little to be passed over."""
    store = a_cluster([replica("a"), late], parts=[[("b", TABLE, "p1")]])

    with pytest.raises(
        ReplicasBehindError, match=r"replicas lack rows after 0 s: b \(pod_cost_local, \d inserts"
    ) as error:
        wait_for_replicas(store, "pod_cost", wait_s=0)
    assert error.value.cause == "store_replicas"


def test_a_replica_that_is_not_read_is_not_waited_for() -> None:
    """Queries go to the other replica of its shard; only what everyone may read must be everywhere."""
    store = a_cluster([replica("a"), replica("b", waiting=1, delay=60)], parts=[[("b", TABLE, "p1")]])

    wait_for_replicas(store, "pod_cost", wait_s=0)
    with pytest.raises(ReplicasBehindError, match="b "):
        wait_for_replicas(store, "pod_cost", wait_s=0, everywhere=True)


def test_the_only_replica_of_a_shard_is_waited_for() -> None:
    """Another shard's replica does not have its rows."""
    store = a_cluster(
        [replica("a", path="/1"), replica("b", path="/2", waiting=1, delay=60)], parts=[[("b", TABLE, "p")]]
    )

    with pytest.raises(ReplicasBehindError, match="b "):
        wait_for_replicas(store, "pod_cost", wait_s=0)


def test_no_day_is_rebuilt_while_a_replica_lacks_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day would count as built, without those rows."""
    monkeypatch.setattr(replicas, "WAIT_S", 0.0)
    store = a_cluster([replica("a", waiting=1)], parts=[[("a", TABLE, "p")]])
    store.script = {**store.script, "now64": [(1,)]}

    with pytest.raises(ReplicasBehindError):
        roll_up(store, COST_DAILY)
    assert store.statements == []
