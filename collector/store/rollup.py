"""
Rebuilds rollups day by day: a stale day is computed in a separate table and then replaces the old day whole.

Readers see the old day or the new day. Nothing is added to a day, so any collector may rebuild it at any time: two at
once compute the same sums from the same rows, each in its own table, and the later one remains. rollup_state records
what was rebuilt; a lost record costs only work. Blocking; each statement reads few rows or one cluster, so that inserts into
the embedded store, which has a single writer thread, run in between.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

from collector.catalog.rollups import ROLLUP_STATE, ROUND, Rollup
from collector.catalog.schema import DATABASE
from collector.core.model import Instant
from collector.store.clickhouse import Store, StoreError
from collector.store.replicas import wait_for_replicas

STATEMENT_ROWS = 100_000
"""One statement of a rebuild reads so many rows, or one cluster: each statement has a cost of its own, also for few rows."""
ABANDONED_AFTER_S = 3600
"""A staging table of this age was left by a collector that was killed."""


def roll_up(
    store: Store, rollup: Rollup, oldest: date = date.min, rebuilt: Callable[[date], object] | None = None
) -> Instant:
    """
    Rebuilds all stale days, the newest first, and returns until when the rollup holds all rows.

    Days before `oldest` stay as they are, since rows that they sum have expired. `rebuilt` is called after each day.
    """
    ((at,),) = store.query_rows("SELECT toUnixTimestamp64Milli(now64(3))")
    wait_for_replicas(store, rollup.source)
    stale = [(day, run) for day, run in store.query_rows(rollup.stale())]
    if stale:
        _drop_abandoned(store, rollup)
        with _staging(store, rollup) as staging:
            for day, run in stale:
                if day >= oldest:
                    _rebuild(store, rollup, staging, day)
                    if rebuilt is not None:
                        rebuilt(day)
                _record(store, rollup.name, f"toDate('{day}')", at, run)
    # Last: after an interruption the next round checks all of these days again and skips those that are done.
    record_round(store, rollup.name, int(at))
    return int(at)


@contextmanager
def _staging(store: Store, rollup: Rollup) -> Iterator[str]:
    """
    Creates a table of the rollup's structure on this server alone; partitions are taken from it here, then replicated.

    The name is unique to this round: if a load balancer sends a statement to another server of a cluster, the round fails
    because the table is missing, and never uses a table of an earlier round.
    """
    staging = f"{rollup.name}_next_{secrets.token_hex(6)}"
    store.command(
        f"CREATE TABLE {DATABASE}.{staging} AS {DATABASE}.{rollup.name} ENGINE = MergeTree "
        f"PARTITION BY {rollup.partition} ORDER BY ({', '.join(rollup.order_by)})"
    )
    try:
        yield staging
    finally:
        with suppress(StoreError):  # else a later round drops the table
            store.command(f"DROP TABLE IF EXISTS {DATABASE}.{staging} SYNC")


def _rebuild(store: Store, rollup: Rollup, staging: str, day: date) -> None:
    store.command(f"TRUNCATE TABLE {DATABASE}.{staging} SYNC")
    of_day, key = f"{rollup.day_of} = {{day:Date}}", {"day": day}
    # Replaced rows do not matter here: cluster and day are part of the key.
    counts = f"SELECT cluster, count() FROM {DATABASE}.{rollup.source} WHERE {of_day} GROUP BY cluster ORDER BY cluster"
    for clusters in batches(store.query_rows(counts, key)):
        store.command(
            f"INSERT INTO {DATABASE}.{staging} ({rollup.names}) "
            + rollup.computed(f"{of_day} AND cluster IN {{clusters:Array(String)}}")
            + " SETTINGS max_threads = 1, do_not_merge_across_partitions_select_final = 1",
            key | {"clusters": clusters},
        )
    ((rows,),) = store.query_rows(f"SELECT count() FROM {DATABASE}.{staging}")
    change = f"REPLACE PARTITION '{day}' FROM {DATABASE}.{staging}" if rows else f"DROP PARTITION '{day}'"
    store.command(f"ALTER TABLE {DATABASE}.{rollup.name} {change}")


def batches(counts: Iterable[Sequence[Any]], most: int = STATEMENT_ROWS) -> Iterator[list[str]]:
    """Yields clusters, given with their rows, that one statement reads together: of few rows many, else one."""
    batch, rows = list[str](), 0
    for cluster, count in counts:
        if batch and rows + count > most:
            yield batch
            batch, rows = [], 0
        batch.append(cluster)
        rows += count
    if batch:
        yield batch


def record_round(store: Store, name: str, at: Instant) -> None:
    """Records until when a rollup, or what else is computed from stored rows, holds all of them."""
    _record(store, name, ROUND, at, 0)


def _record(store: Store, name: str, day: str, at: Instant, run: int) -> None:
    store.command(
        f"INSERT INTO {DATABASE}.{ROLLUP_STATE.name} (name, day, version, built_at, run) SELECT '{name}', {day}, "
        "{at:UInt64}, fromUnixTimestamp64Milli({at:Int64}), {run:UInt32}",
        {"at": at, "run": run},
    )


def _drop_abandoned(store: Store, rollup: Rollup) -> None:
    tables = store.query_rows(
        "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {prefix:String}) "
        "AND metadata_modification_time < now() - {age:Int32}",
        {"database": DATABASE, "prefix": f"{rollup.name}_next_", "age": ABANDONED_AFTER_S},
    )
    for (name,) in tables:
        if re.fullmatch(rf"{rollup.name}_next_[0-9a-f]{{12}}", name):
            store.command(f"DROP TABLE IF EXISTS {DATABASE}.{name} SYNC")


def rolled_up_at(store: Store) -> dict[str, Instant]:
    """Until when each rollup holds all rows, by the store's clock; a rollup that was never rebuilt is absent."""
    rows = store.query_rows(
        f"SELECT name, toUnixTimestamp64Milli(max(built_at)) FROM {DATABASE}.{ROLLUP_STATE.name} "
        f"WHERE day = {ROUND} GROUP BY name"
    )
    return {name: int(at) for name, at in rows}
