"""
Rebuilds rollups, day by day: a stale day is computed into a table of our own and then replaces the old one whole.

Readers see the old day or the new one. Nothing is added up, so a day may be rebuilt at any time and by anybody: two at
once compute the same sums from the same rows, each in a table of its own, and the later one stays. What was rebuilt is
remembered in rollup_state; a lost memory costs work. Blocking; it asks for one cluster at a time, so that inserts of the
embedded store, which has one writer's thread, get in between.
"""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date

from collector.catalog.rollups import ROLLUP_STATE, ROUND, Rollup
from collector.catalog.schema import DATABASE
from collector.core.model import Instant
from collector.store.clickhouse import Store, StoreError

LEFT_AFTER_S = 3600
"""A table to compute in that is so old was left by a collector that was killed."""


def roll_up(store: Store, rollup: Rollup, oldest: date = date.min, rebuilt: Callable[[date], object] = str) -> Instant:
    """
    Rebuild all stale days, the newest first; until when everything is in. `rebuilt` is called after each day.

    Days before `oldest` stay as they are: rows that they were made of have expired.
    """
    ((at,),) = store.query_rows("SELECT toUnixTimestamp64Milli(now64(3))")
    stale = [(day, run) for day, run in store.query_rows(rollup.stale())]
    if stale:
        _drop_left_behind(store, rollup)
        with _staging(store, rollup) as staging:
            for day, run in stale:
                if day >= oldest:
                    _rebuild(store, rollup, staging, day)
                    rebuilt(day)
                _remember(store, rollup, f"toDate('{day}')", at, run)
    # Last: cut short before it, the next round looks at all of this again and passes over what is done.
    _remember(store, rollup, ROUND, at, 0)
    return int(at)


@contextmanager
def _staging(store: Store, rollup: Rollup) -> Iterator[str]:
    """
    A table of the rollup's structure, on this server alone: partitions are taken from it here and replicated there.

    No other round ever has its name: where a balancer sends a statement to another server of a cluster, the round fails
    for want of the table, and never takes what an earlier one left there.
    """
    staging = f"{rollup.name}_next_{secrets.token_hex(6)}"
    store.command(
        f"CREATE TABLE {DATABASE}.{staging} AS {DATABASE}.{rollup.name} ENGINE = MergeTree "
        f"PARTITION BY {rollup.partition} ORDER BY ({', '.join(rollup.order_by)})"
    )
    try:
        yield staging
    finally:
        with suppress(StoreError):  # else it goes with what others left behind
            store.command(f"DROP TABLE IF EXISTS {DATABASE}.{staging} SYNC")


def _rebuild(store: Store, rollup: Rollup, staging: str, day: date) -> None:
    store.command(f"TRUNCATE TABLE {DATABASE}.{staging} SYNC")
    of_day, key = f"{rollup.day_of} = {{day:Date}}", {"day": day}
    # Whatever a row that was replaced by now says, its cluster and its day are part of the key.
    clusters = store.query_rows(f"SELECT DISTINCT cluster FROM {DATABASE}.{rollup.source} WHERE {of_day}", key)
    for (cluster,) in clusters:
        store.command(
            f"INSERT INTO {DATABASE}.{staging} ({rollup.names}) "
            + rollup.computed(f"{of_day} AND cluster = {{cluster:String}}")
            + " SETTINGS max_threads = 1, do_not_merge_across_partitions_select_final = 1",
            key | {"cluster": cluster},
        )
    ((rows,),) = store.query_rows(f"SELECT count() FROM {DATABASE}.{staging}")
    change = f"REPLACE PARTITION '{day}' FROM {DATABASE}.{staging}" if rows else f"DROP PARTITION '{day}'"
    store.command(f"ALTER TABLE {DATABASE}.{rollup.name} {change}")


def _remember(store: Store, rollup: Rollup, day: str, at: Instant, run: int) -> None:
    store.command(
        f"INSERT INTO {DATABASE}.{ROLLUP_STATE.name} (name, day, version, built_at, run) SELECT '{rollup.name}', {day}, "
        "{at:UInt64}, fromUnixTimestamp64Milli({at:Int64}), {run:UInt32}",
        {"at": at, "run": run},
    )


def _drop_left_behind(store: Store, rollup: Rollup) -> None:
    tables = store.query_rows(
        "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {prefix:String}) "
        "AND metadata_modification_time < now() - {age:Int32}",
        {"database": DATABASE, "prefix": f"{rollup.name}_next_", "age": LEFT_AFTER_S},
    )
    for (name,) in tables:
        if re.fullmatch(rf"{rollup.name}_next_[0-9a-f]{{12}}", name):
            store.command(f"DROP TABLE IF EXISTS {DATABASE}.{name} SYNC")


def rolled_up_at(store: Store) -> dict[str, Instant]:
    """Until when each rollup holds everything, in ms of the store's clock; one that was never rebuilt is not there."""
    rows = store.query_rows(
        f"SELECT name, toUnixTimestamp64Milli(max(built_at)) FROM {DATABASE}.{ROLLUP_STATE.name} "
        f"WHERE day = {ROUND} GROUP BY name"
    )
    return {name: int(at) for name, at in rows}
