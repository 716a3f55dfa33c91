"""
The steps of `lynceus migrate --verify`. Each does in the scratch database what Lynceus does in its own, and looks at every
server for the outcome. A step says in one sentence what it saw, or raises StepError with what is wrong and the remedy.
"""

import time
from collections.abc import Callable
from typing import Any

from collector.catalog.rollups import CLAIM
from collector.catalog.schema import DATABASE
from collector.catalog.tables import local_name
from collector.clock import now_ms
from collector.store.claim import acquire_claim
from collector.store.schema.members import StoreServer, named
from collector.store.servers.scratch import Trial
from collector.store.sharded import IN_ORDER

KEYS = 1000
POLL_S = 0.1

TABLES = (
    """CREATE TABLE IF NOT EXISTS lynceus.pod_cost{on_cluster}
    (cluster LowCardinality(String), pod_uid String, run UInt32, day Date, version UInt64, cost Decimal(38, 18))
    ENGINE = {engine}(version) ORDER BY (cluster, pod_uid, run)""",
    """CREATE TABLE IF NOT EXISTS lynceus.period{on_cluster} (month Date, version UInt64, active_run UInt32)
    ENGINE = {engine}(version) ORDER BY month""",
    """CREATE TABLE IF NOT EXISTS lynceus.cost_daily{on_cluster} (day Date, cost Decimal(38, 18), built UInt64)
    ENGINE = {engine}(built) PARTITION BY day ORDER BY day""",
    """CREATE TABLE IF NOT EXISTS lynceus.claim{on_cluster}
    (name LowCardinality(String), version UInt64, holder String, until DateTime64(3, 'UTC'),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = {engine}(version) ORDER BY name""",
)
SHARDED, WHOLE = local_name("pod_cost"), "period"
PATH_REMEDY = "see `lynceus check --store` for macros and default_replica_path"
SEES_REMEDY = "see system.replicas and system.replication_queue on that server"


class StepError(Exception):
    """A step that did not come out as it must."""

    def __init__(self, detail: str, remedy: str):
        super().__init__(detail)
        self.remedy = remedy


def create(trial: Trial) -> str:
    """Tables of both kinds on every server, and whose replicas they are."""
    for statement in TABLES:
        trial.run(statement)
    where = f"system.tables WHERE database = '{trial.store.database}'"
    counts = {server: int(rows[0][0]) for server, rows in trial.servers.ask("count()", where).items()}
    lacking = [server for server in trial.servers.all if counts.get(server, 0) < len(TABLES) + bool(trial.cluster)]
    if lacking:
        raise StepError(
            f"{named(lacking)} did not make the tables", "see system.distributed_ddl_queue and that server's log"
        )
    _check_paths(trial)
    return f"{len(TABLES)} tables made{trial.on_all}"


def _check_paths(trial: Trial) -> None:
    """Servers of one shard are replicas of one another, shards are not; of a whole table all servers are."""
    answers = trial.servers.ask("table, zookeeper_path", f"system.replicas WHERE database = '{trial.store.database}'")
    by_path: dict[tuple[str, str], list[StoreServer]] = {}
    for server, rows in answers.items():
        for table, path in rows:
            by_path.setdefault((str(table), str(path)), []).append(server)
    for (table, path), together in by_path.items():
        shards = {server.shard for server in together}
        if table == SHARDED and len(shards) > 1:
            raise StepError(f"{named(together)} are of several shards and share the path {path}", PATH_REMEDY)
        expected = [s for s in trial.servers.all if table != SHARDED or s.shard in shards]
        if apart := [server for server in expected if server not in together]:
            raise StepError(f"{named(apart)}: {table} does not replicate that on {named(together)}", PATH_REMEDY)


def insert(trial: Trial) -> str:
    """Two versions of each key through the table over all shards; each key is read once, the newer."""
    for version in (1, 2):
        trial.store.command(
            f"INSERT INTO {DATABASE}.pod_cost (cluster, pod_uid, run, day, version, cost) "
            f"SELECT 'c', toString(number), 1, '2020-01-05', {version}, {version} FROM numbers({KEYS})"
        )
    sums = f"SELECT count(), toInt64(sum(cost)) FROM {DATABASE}.pod_cost FINAL"
    found = _until(trial, lambda: trial.store.query_rows(sums)[0], (KEYS, 2 * KEYS))
    if found != (KEYS, 2 * KEYS):
        detail = f"{KEYS} keys in two versions are read as {found[0]} rows with the sum {found[1]}, not {2 * KEYS}"
        raise StepError(detail, f"{PATH_REMEDY}, internal_replication and rows that wait for their shard")
    if not trial.cluster:
        return f"{KEYS} keys in two versions are read once each"
    rows = trial.store.query_rows(f"SELECT _shard_num, uniqExact(pod_uid) FROM {DATABASE}.pod_cost GROUP BY _shard_num")
    shares = {int(shard): int(keys) for shard, keys in rows}
    if sum(shares.values()) != KEYS:
        raise StepError(f"some of {KEYS} keys are on two shards: {_shares(shares)}", PATH_REMEDY)
    empty = [n for n, servers in trial.servers.shards.items() if servers[0].weight and n not in shares]
    if empty:
        raise StepError(
            f"shard {empty[0]} got none of {KEYS} keys: {_shares(shares)}", "see its weight in system.clusters"
        )
    return f"{KEYS} keys in two versions are read once each; by shard: {_shares(shares)}"


def _shares(shares: dict[int, int]) -> str:
    return ", ".join(f"{shard} has {keys}" for shard, keys in sorted(shares.items()))


def read_everywhere(trial: Trial) -> str:
    """Every replica of a shard gets the same rows; how long the slowest takes."""
    source = f"{trial.store.database}.{SHARDED} FINAL"
    began = time.monotonic()

    def unequal() -> list[StoreServer]:
        answers = trial.servers.ask("count(), toInt64(sum(cost))", source)
        most = {n: max(answers.get(s, [(0, 0)])[0] for s in servers) for n, servers in trial.servers.shards.items()}
        return [s for s in trial.servers.all if answers.get(s, [(0, 0)])[0] != most[s.shard]]

    behind = _until(trial, unequal, [])
    if behind:
        raise StepError(f"{named(behind)} lacks rows after {trial.within_s:.0f} s", SEES_REMEDY)
    return f"all {len(trial.servers.all)} servers have the rows of their shard after {time.monotonic() - began:.1f} s"


def repeat(trial: Trial) -> str:
    """A row that is written twice is one, and read right after."""
    for _ in range(2):
        trial.store.command(
            f"INSERT INTO {DATABASE}.period (month, version, active_run) SELECT toDate('2020-01-01'), 1, 1",
            settings={**IN_ORDER, "insert_deduplication_token": "repeat"},
        )
    for store in (trial.store, trial.second):
        found = store.query_rows(f"SELECT active_run FROM {DATABASE}.period FINAL")
        if found != [(1,)]:
            raise StepError(f"a row that was written twice is read as {len(found)} rows right after", SEES_REMEDY)
    return "a row that was written twice is one, read right after"


def alter(trial: Trial) -> str:
    """A new column is there on every server, in the table of a shard and in the one over all."""
    trial.run("ALTER TABLE lynceus.pod_cost{on_cluster} ADD COLUMN IF NOT EXISTS added UInt8 AFTER cost")
    trial.store.query_rows(f"SELECT sum(added) FROM {DATABASE}.pod_cost")
    tables = 1 + bool(trial.cluster)
    where = f"system.columns WHERE database = '{trial.store.database}' AND name = 'added'"

    def lacking() -> list[StoreServer]:
        answers = trial.servers.ask("count()", where)
        return [server for server in trial.servers.all if answers.get(server) != [(tables,)]]

    if without := _until(trial, lacking, []):
        raise StepError(f"{named(without)} lacks a new column", "see system.replication_queue and that server's log")
    return f"a new column is there{trial.on_all}"


def replace(trial: Trial) -> str:
    """A day of a rollup: computed in a table of one server, it replaces the partition on all."""
    staging = f"{DATABASE}.cost_daily_next_verify"
    trial.store.command(
        f"CREATE TABLE {staging} AS {DATABASE}.cost_daily ENGINE = MergeTree PARTITION BY day ORDER BY (day)"
    )
    for built in (1, 2):
        trial.store.command(f"TRUNCATE TABLE {staging} SYNC")
        trial.store.command(f"INSERT INTO {staging} SELECT toDate('2020-01-05'), {built}, {built}")
        trial.store.command(f"ALTER TABLE {DATABASE}.cost_daily REPLACE PARTITION '2020-01-05' FROM {staging}")
    trial.store.command(f"DROP TABLE {staging} SYNC")

    def without() -> list[StoreServer]:
        answers = trial.servers.ask("toInt64(sum(cost)), count()", f"{trial.store.database}.cost_daily")
        return [server for server in trial.servers.all if answers.get(server) != [(2, 1)]]

    if behind := _until(trial, without, []):
        raise StepError(f"{named(behind)} does not have the new partition", SEES_REMEDY)
    return f"a partition that one server computes is replaced{trial.on_all}"


def claims(trial: Trial) -> str:
    """Of two that ask for one job, one gets it."""
    now = now_ms()
    first = acquire_claim(trial.store, "verify", "first", now, 60)
    second = acquire_claim(trial.second, "verify", "second", now, 60)
    if (first, second) != (True, False):
        detail = "both collectors got one job" if first else "a free job is refused"
        raise StepError(detail, f"see {CLAIM.name} in system.replicas: a quorum of its replicas must answer")
    if not trial.cluster:
        return "of two collectors one gets a job"
    through = "two servers" if trial.has_second else "one server, since store.url names no other"
    return f"of two collectors one gets a job; asked through {through}"


def view(trial: Trial) -> str:
    """The view of charges asks one pointer for all shards."""
    trial.run(
        """CREATE OR REPLACE VIEW lynceus.cost_current{on_cluster} AS
        SELECT cluster, pod_uid, run, day, cost FROM lynceus.pod_cost FINAL
        WHERE (toStartOfMonth(day), run) GLOBAL IN (SELECT month, active_run FROM lynceus.period FINAL)
        OR (run = 1 AND toStartOfMonth(day) GLOBAL NOT IN (SELECT month FROM lynceus.period FINAL))"""
    )
    for store in (trial.store, trial.second):
        found = store.query_rows(f"SELECT count(), toInt64(sum(cost)) FROM {DATABASE}.cost_current")
        if found != [(KEYS, 2 * KEYS)]:
            raise StepError(f"the view of the active run reads {found[0]}, not {(KEYS, 2 * KEYS)}", SEES_REMEDY)
    return "the view reads the charges of the active run"


def _until(trial: Trial, look: Callable[[], Any], wanted: Any) -> Any:
    """Looks until it is so, or the time is up; the last that was seen."""
    deadline = time.monotonic() + trial.within_s
    while (found := look()) != wanted and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return found


STEPS: dict[str, Callable[[Trial], str]] = {
    "create": create,
    "insert": insert,
    "replicas": read_everywhere,
    "repeat": repeat,
    "alter": alter,
    "rollup": replace,
    "claims": claims,
    "view": view,
}
"""In their order; each builds on those before it."""
OF_A_CLUSTER = frozenset({"replicas"})
