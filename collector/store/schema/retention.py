"""
Sets each table's TTL as the settings say, so that the store drops older rows.
"""

import logging
from collections.abc import Mapping

from collector.catalog.retention import RETENTION
from collector.catalog.schema import DATABASE
from collector.store.clickhouse import Store
from collector.store.schema.layout import kind_of
from collector.store.schema.migrate import runner
from collector.store.schema.sharding import local_name

log = logging.getLogger(__name__)

WHOLE_PARTS = "ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1"
"""A part is dropped when all of its rows have expired, and is never rewritten for some rows, nor for a new TTL."""


def apply_retention(store: Store, days: Mapping[str, int], cluster: str = "") -> list[str]:
    """Sets how many days each table keeps its rows, 0 for ever; returns the changed tables."""
    engines = dict(
        store.query_rows(
            "SELECT name, engine_full FROM system.tables WHERE database = {database:String}", {"database": DATABASE}
        )
    )
    current = {table: engines[local_name(table) if cluster else table] for table in days}
    changed = [table for table, wanted in days.items() if not _has_ttl(current[table], RETENTION[table].ttl(wanted))]
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


def _has_ttl(engine: str, ttl: str) -> bool:
    """Whether a table with this engine clause has exactly that TTL."""
    return f" TTL {ttl} SETTINGS " in engine if ttl else " TTL " not in engine
