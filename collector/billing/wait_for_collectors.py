"""
Waits until every running collector has read the pricing runs that the store holds now.

A collector reads the runs every few seconds, and the position that it stores is never ahead of the facts before it. Once
every position that still moves is later than that reading, whatever was written before is in the store.
"""

import time
from collections.abc import Callable

from collector.billing.rows import store_clock
from collector.catalog.schema import DATABASE
from collector.core.messages import WORKLOAD_KINDS
from collector.store.clickhouse import Store

READ_BY_MS = 25_000
"""A collector reads the runs every 15 s (service/jobs.py); the rest is for a slow store."""
ALIVE_MS = 120_000
"""A position that has not moved for this long belongs to a quiet watch or to a stopped collector."""
PAUSE_S = 1.0
REPORT_EVERY = 10
"""Looks between two reports."""
BEHIND = f"""
    SELECT cluster, kind FROM {DATABASE}.watch_cursor FINAL WHERE kind IN {{kinds:Array(String)}}
    AND at < fromUnixTimestamp64Milli({{read_by:Int64}}) AND at > fromUnixTimestamp64Milli({{alive:Int64}})
    ORDER BY cluster, kind
"""


def collectors_behind(store: Store, since: int) -> list[str]:
    """Returns the active watches whose collectors may not have read what was written at an instant of the store's clock."""
    parameters = {
        "kinds": list(WORKLOAD_KINDS),
        "read_by": since + READ_BY_MS,
        "alive": store_clock(store) - ALIVE_MS,
    }
    return [f"{cluster} {kind}" for cluster, kind in store.query_rows(BEHIND, parameters)]


def wait(store: Store, since: int, report: Callable[[list[str]], object]) -> None:
    """Returns when no collector is behind; reports those that are every few seconds."""
    looks = 0
    while names := collectors_behind(store, since):
        if looks % REPORT_EVERY == 0:
            report(names)
        looks += 1
        time.sleep(PAUSE_S)
