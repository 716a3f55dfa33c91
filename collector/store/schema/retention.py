"""
Sets each table's TTL as the settings say, so that the store drops older rows.
"""

import logging
import re
from collections.abc import Collection, Mapping

from collector.catalog.retention import RETENTION
from collector.catalog.schema import DATABASE
from collector.catalog.tables import local_name
from collector.store.clickhouse import Store
from collector.store.schema.layout import kind_of
from collector.store.schema.migrate import runner

log = logging.getLogger(__name__)

WHOLE_PARTS = "ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1"
"""A part is dropped when all of its rows have expired, and is never rewritten for some rows, nor for a new TTL."""


def apply_retention(
    store: Store, days: Mapping[str, int], cluster: str = "", *, by_default: Collection[str] = ()
) -> list[str]:
    """
    Sets how many days each table keeps its rows, 0 for ever; returns the changed tables. KeyError if one is not made yet.

    A default deletes nothing that a store holds: a table of `by_default` with rows that are older than its days stays as it is.
    """
    current = _engines(store, days, cluster)
    changed = [table for table, wanted in days.items() if not _has_ttl(current[table], RETENTION[table].ttl(wanted))]
    spared = [table for table in changed if table in by_default and _has_older(store, table, days[table])]
    for table in spared:
        log.warning(
            "rows are older than the default retention and are kept; set how long",
            extra={"setting": f"retention.{table}", "days": days[table]},
        )
    changed = [table for table in changed if table not in spared]
    if not changed:
        return []
    run = runner(store, cluster, kind_of(store, cluster))
    for table in changed:
        alter = f"ALTER TABLE {DATABASE}.{table}{{on_cluster}}"
        ttl = RETENTION[table].ttl(days[table])
        for change in (f"MODIFY SETTING {WHOLE_PARTS}", f"MODIFY TTL {ttl}" if ttl else "REMOVE TTL"):
            run(f"{alter} {change}", "retention")
        log.info("retention changed", extra={"table": table, "days": days[table] or "for ever"})
    return changed


def kept_days(store: Store, cluster: str = "") -> dict[str, int]:
    """How many days each table keeps its rows at present, 0 for ever: what the store does, whatever the settings say."""
    engines = _engines(store, RETENTION, cluster)
    return {table: int(found[1]) if (found := _TTL.search(engine)) else 0 for table, engine in engines.items()}


_TTL = re.compile(r" TTL [^ ]+ \+ toIntervalDay\((\d+)\) SETTINGS ")


def _engines(store: Store, tables: Collection[str], cluster: str) -> dict[str, str]:
    """The engine clause of each table that is made already."""
    found = dict(
        store.query_rows(
            "SELECT name, engine_full FROM system.tables WHERE database = {database:String}", {"database": DATABASE}
        )
    )
    local = {table: local_name(table) if cluster else table for table in tables}
    return {table: found[name] for table, name in local.items() if name in found}


def _has_older(store: Store, table: str, days: int) -> bool:
    sql = f"SELECT 1 FROM {DATABASE}.{table} WHERE {RETENTION[table].age} < now() - toIntervalDay({{days:UInt32}}) LIMIT 1"
    return bool(days) and bool(store.query_rows(sql, {"days": days}))


def _has_ttl(engine: str, ttl: str) -> bool:
    """Whether a table with this engine clause has exactly that TTL."""
    return f" TTL {ttl} SETTINGS " in engine if ttl else " TTL " not in engine
