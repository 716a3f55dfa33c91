"""Each thing about a cluster's servers that would lose, double or mix rows is one line with the server and the remedy."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import pytest

from collector.checked import Check
from collector.clock import now_ms
from collector.store.schema.members import Servers
from collector.store.servers import of_cluster
from tests.store.servers.canned import MEMBERS, canned_servers

Rows = Sequence[tuple[Any, ...]]
ALL: Rows = [(n, 1) for n in (1, 2, 3, 4)]
PATH = "/clickhouse/tables/{uuid}/{shard}"


def macros(*pairs: tuple[str, ...]) -> Rows:
    return [
        (n, macro, value)
        for n, pair in enumerate(pairs, 1)
        for macro, value in zip(("shard", "replica"), pair, strict=False)
    ]


def paths(path: str, replica: str = "{replica}") -> Rows:
    return [
        (n, name, value)
        for n in (1, 2, 3, 4)
        for name, value in (("default_replica_path", path), ("default_replica_name", replica))
    ]


FAULTS: dict[str, tuple[Callable[[Servers], Iterable[Check]], dict[str, Rows], str, str]] = {
    "a server is down": (
        of_cluster.answering,
        {"system.one": [(1, "26.9"), (2, "26.9"), (4, "26.9")]},
        "3 of 4 answer, not n3:9000",
        "start it",
    ),
    "a server has no macro": (
        of_cluster.macros,
        {"system.macros": macros(("01", "r1"), ("01", "r2"), ("02",), ("02", "r2"))},
        "no shard or replica on n3:9000",
        "add both to <macros>",
    ),
    "two servers have the same macros": (
        of_cluster.macros,
        {"system.macros": macros(("01", "r1"), ("01", "r1"), ("02", "r1"), ("02", "r2"))},
        "n1:9000, n2:9000 all have 01-r1",
        "a {replica} of its own",
    ),
    "two shards have the same macro": (
        of_cluster.macros,
        {"system.macros": macros(("01", "r1"), ("01", "r2"), ("01", "r3"), ("01", "r4"))},
        "{shard} is 01 in shards 1 and 2",
        "one {shard} of its own",
    ),
    "servers of a shard have different macros": (
        of_cluster.macros,
        {"system.macros": macros(("01", "r1"), ("03", "r1"), ("02", "r1"), ("02", "r2"))},
        "shard 1 has {shard} 01 and 03",
        "one {shard} of its own",
    ),
    "names that differ are one when they are joined": (
        of_cluster.macros,
        {"system.macros": macros(("a", "b-c"), ("a", "d"), ("a-b", "c"), ("a-b", "d"))},
        "n1:9000, n3:9000 all have a-b-c",
        "a {replica} of its own",
    ),
    "the path lacks the shard": (
        of_cluster.default_paths,
        {"system.server_settings": paths("/clickhouse/tables/{uuid}")},
        "n1:9000: /clickhouse/tables/{uuid} lacks {shard}: shards would replicate one another",
        "/clickhouse/tables/{uuid}/{shard}",
    ),
    "the path of an operator lacks the uuid": (
        of_cluster.default_paths,
        {"system.server_settings": paths("/clickhouse/{cluster}/{shard}/{table}")},
        "lacks {uuid}: tables could meet in one path",
        "/clickhouse/tables/{uuid}/{shard}",
    ),
    "the replica's name is fixed": (
        of_cluster.default_paths,
        {"system.server_settings": paths(PATH, "r1")},
        "{replica} in default_replica_name",
        "default_replica_name to {replica}",
    ),
    "a database differs": (
        of_cluster.databases,
        {"system.databases": [(1, "Atomic"), (2, "Atomic"), (3, "Ordinary"), (4, "Atomic")]},
        "n3:9000 Ordinary",
        "the same on all",
    ),
    "a replica is read-only": (
        of_cluster.replicas,
        {"system.replicas": [(1, "period", 0, 0, 0), (3, "period", 1, 0, 0)]},
        "n3:9000: 1 are read-only, period first",
        "SYSTEM RESTORE REPLICA lynceus.period",
    ),
    "a replica lags": (
        of_cluster.replicas,
        {
            "system.replicas": [(1, "period", 0, 2, 0), (3, "period", 0, 301, 7)],
            "system.replication_queue": [(3, "no route to\n  host")],
        },
        "n3:9000: period is 301 s behind, 7 entries wait: no route to host",
        "system.replication_queue",
    ),
    "a server has a whole table of its own": (
        of_cluster.paths,
        {"system.replicas": [(1, "period", "/a"), (2, "period", "/a"), (3, "period", "/a"), (4, "period", "/b")]},
        "period: n4:9000 does not replicate the others'",
        "Add a server",
    ),
    "shards replicate one another": (
        of_cluster.paths,
        {"system.replicas": [(n, "pod_cost_local", "/a") for n in (1, 2, 3, 4)]},
        "pod_cost_local: n1:9000, n2:9000, n3:9000, n4:9000 of several shards are replicas of one table",
        "Add a server",
    ),
    "servers of a shard replicate nothing": (
        of_cluster.paths,
        {"system.replicas": [(n, "pod_cost_local", f"/{n}") for n in (1, 2, 3, 4)]},
        "does not replicate the others'",
        "Add a server",
    ),
    "a statement waits for a server": (
        of_cluster.ddl_queue,
        {"distributed_ddl_queue": [("n4", 9000, 2, datetime.fromisoformat("2026-11-02 03:04:05Z"), "ALTER  TABLE x")]},
        "2 statements wait for n4:9000, since 2026-11-02 03:04:05: ALTER TABLE x",
        "start that server",
    ),
    "rows wait for their shard": (
        of_cluster.distribution_queue,
        {"system.distribution_queue": [(2, "pod_cost", 3, 1, 9, "Connection refused")]},
        "n2:9000: 3 files of pod_cost wait for their shard, 1 are broken: Connection refused",
        "SYSTEM FLUSH DISTRIBUTED lynceus.pod_cost",
    ),
    "a table is missing": (
        of_cluster.same_schema,
        {"system.columns": [(n, "period", "7") for n in (1, 2, 4)]},
        "n3:9000 lacks period",
        "SHOW CREATE TABLE",
    ),
    "a column or a view differs": (
        of_cluster.same_schema,
        {
            "system.columns": [(1, "period", "7"), (2, "period", "8"), (3, "period", "7"), (4, "period", "7")],
            "system.tables": [(n, "view cost_current", str(n == 4)) for n in (1, 2, 3, 4)],
        },
        "n2:9000 differs in period; n4:9000 differs in view cost_current",
        "SHOW CREATE TABLE",
    ),
}
SOUND: dict[str, tuple[Callable[[Servers], Iterable[Check]], dict[str, Rows], str]] = {
    "all answer": (of_cluster.answering, {"system.one": ALL}, "4 of 4 answer; 2 shards of weight 1, 1"),
    "macros": (
        of_cluster.macros,
        {"system.macros": macros(("01", "r1"), ("01", "r2"), ("02", "r1"), ("02", "r2"))},
        "01-r1, 01-r2, 02-r1, 02-r2",
    ),
    "paths": (of_cluster.default_paths, {"system.server_settings": paths(PATH)}, "a path of its own"),
    "internal_replication": (of_cluster.internal_replication, {}, "from one another"),
    "replicas": (of_cluster.replicas, {"system.replicas": [(1, "period", 0, 59, 0)]}, "the slowest is 59 s behind"),
    "no replicas": (of_cluster.replicas, {}, "no replicated tables"),
    "ddl": (of_cluster.ddl_queue, {}, "no statement waits"),
    "distributed": (of_cluster.distribution_queue, {}, "no rows wait"),
    "schema": (of_cluster.same_schema, {"system.columns": [(n, "period", "7") for n in (1, 2, 3, 4)]}, "1 tables are"),
}


def sound(tables: dict[str, Rows]) -> Servers:
    return canned_servers({**tables, **({} if "system.one" in tables else {"system.one": ALL})})


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_line_with_server_and_remedy(fault: str) -> None:
    """The line says what is wrong and where, the remedy what to do there."""
    check, tables, detail, remedy = FAULTS[fault]

    lines = [line for line in check(sound(tables)) if not line.ok]

    assert lines
    assert detail in lines[0].detail
    assert remedy in lines[0].remedy
    assert lines[0].needed


@pytest.mark.parametrize("what", SOUND)
def test_a_sound_cluster_passes(what: str) -> None:
    """One line, without a remedy."""
    check, tables, detail = SOUND[what]

    (line,) = check(sound(tables))

    assert (line.ok, line.remedy) == (True, "")
    assert detail in line.detail


def test_tables_in_their_places_need_no_line() -> None:
    """Shards apart, replicas of a shard together, a small table together everywhere."""
    sharded = [(n, "pod_cost_local", f"/{(n + 1) // 2}") for n in (1, 2, 3, 4)]

    assert (
        list(of_cluster.paths(sound({"system.replicas": [*sharded, *((n, "period", "/p") for n in (1, 2, 3, 4))]})))
        == []
    )
    assert list(of_cluster.databases(sound({"system.databases": [(n, "Atomic") for n in (1, 2, 3, 4)]}))) == []


def test_rows_written_twice_by_distributed_tables() -> None:
    """Matters only where a shard has several servers; an older version of ClickHouse does not show it."""
    wrong = [(n, w, h, p, here, 0) for n, w, h, p, here, _ in MEMBERS]
    unknown_to = [(n, w, h, p, here, None) for n, w, h, p, here, _ in MEMBERS]

    (twice,) = of_cluster.internal_replication(canned_servers({}, wrong))
    (alone,) = of_cluster.internal_replication(canned_servers({}, [wrong[0], wrong[2]]))
    (unknown,) = of_cluster.internal_replication(canned_servers({}, unknown_to))

    assert (twice.ok, alone.ok, unknown.ok, unknown.needed) == (False, True, False, False)
    assert "shard 1, 2 of prod" in twice.detail


def test_versions_that_differ_are_named() -> None:
    """During an upgrade they do; that is normal."""
    _, versions = of_cluster.answering(sound({"system.one": [(1, "26.9"), (2, "26.9"), (3, "26.10"), (4, "26.9")]}))

    assert versions.ok
    assert "n3:9000 26.10" in versions.detail


@pytest.mark.parametrize(("off_s", "ok"), [(0, True), (-20, True), (45, False), (-45, False)])
def test_the_clock_of_each_server(off_s: int, ok: bool) -> None:
    """A clock that is off eats into the time for which rollups look back."""
    now = now_ms() // 1000

    (line,) = of_cluster.clocks(sound({"system.one": [(1, now), (2, now), (3, now + off_s), (4, now)]}))

    assert line.ok == ok
    if not ok:
        assert line.detail.startswith("n3:9000 is 4")
        assert ("behind" if off_s < 0 else "ahead of") in line.detail


def test_two_clocks_may_not_be_far_from_one_another() -> None:
    """Each is near enough to ours, but rows of one and queries of the other are not."""
    now = now_ms() // 1000

    (line,) = of_cluster.clocks(sound({"system.one": [(1, now - 20), (2, now), (3, now + 20), (4, now)]}))

    assert not line.ok


def test_a_recorded_order_of_shards_is_compared_with_all_servers() -> None:
    """The start compares the server that it asks, this line all of them."""
    tables: dict[str, Rows] = {
        "shard_layout FINAL": [([1, 1], ["01", "02"])],
        "FROM system.tables": [(1,)],
        "FROM system.clusters": MEMBERS,
        "clusterAllReplicas": [(1, "02"), (2, "02"), (3, "01"), (4, "01")],
    }

    (line,) = of_cluster.layout(canned_servers(tables))

    assert not line.ok
    assert "01, 02" in line.detail
    assert "02, 01" in line.detail
