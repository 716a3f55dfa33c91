"""
Lets the store drop rows that are older than the settings want them kept: each table's TTL, changed where it differs.
"""

import logging
from collections.abc import Mapping

from collector.catalog.retention import RETENTION
from collector.catalog.schema import DATABASE
from collector.store.clickhouse import Store
from collector.store.schema.migrate import rendered
from collector.store.schema.sharding import local_name

log = logging.getLogger(__name__)

WHOLE_PARTS = "ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1"
"""A part goes when all of its rows may, and is never written anew for the sake of some; nor when its TTL changes."""


def retain(store: Store, days: Mapping[str, int], cluster: str = "") -> list[str]:
    """Give each table the life time asked for, in days, 0 for ever; the tables that were changed."""
    found = dict(
        store.query_rows(
            "SELECT name, engine_full FROM system.tables WHERE database = {database:String}", {"database": DATABASE}
        )
    )
    kept = {table: found[local_name(table) if cluster else table] for table in days}
    changed = [table for table, wanted in days.items() if not _has(kept[table], RETENTION[table].ttl(wanted))]
    for table in changed:
        alter = f"ALTER TABLE {DATABASE}.{table}{{on_cluster}}"
        ttl = RETENTION[table].ttl(days[table])
        for change in (f"MODIFY SETTING {WHOLE_PARTS}", f"MODIFY TTL {ttl}" if ttl else "REMOVE TTL"):
            for statement in rendered(f"{alter} {change}", cluster):
                store.command(statement)
        log.info("retention changed", extra={"table": table, "days": days[table] or "for ever"})
    return changed


def _has(engine: str, ttl: str) -> bool:
    """Whether a table, told by its engine clause, has exactly that TTL."""
    return f" TTL {ttl} SETTINGS " in engine if ttl else " TTL " not in engine
