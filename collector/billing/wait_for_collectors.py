"""
Waits until every collector at work has heard of what the store now says of its runs.

A collector reads that every few seconds, and a position that it acknowledged is never ahead of the facts that led to it:
once all positions that still move are from after they must have heard, whatever was written before is in the store.
"""

import time
from collections.abc import Callable

from collector.billing.rows import store_clock
from collector.catalog.schema import DATABASE
from collector.store.clickhouse import Store

HEARD_MS = 25_000
"""A collector looks every 15 s (rounds.LOOK_S); the rest is for a slow store."""
ALIVE_MS = 120_000
"""A position that has not moved for so long belongs to a watch that is quiet or a collector that is not there."""
PAUSE_S = 1.0
SAY_LOOKS = 10


def collectors_behind(store: Store, told_at: int) -> list[str]:
    """The watches at work whose collectors may not have heard yet of what was told at an instant of the store's clock."""
    rows = store.query_rows(
        f"SELECT cluster, kind FROM {DATABASE}.watch_cursor FINAL WHERE kind IN ('workflows', 'pods') "
        "AND at < fromUnixTimestamp64Milli({heard:Int64}) AND at > fromUnixTimestamp64Milli({alive:Int64}) "
        "ORDER BY cluster, kind",
        {"heard": told_at + HEARD_MS, "alive": store_clock(store) - ALIVE_MS},
    )
    return [f"{cluster} {kind}" for cluster, kind in rows]


def wait(store: Store, told_at: int, beat: Callable[[list[str]], object]) -> None:
    """Return when none is behind; `beat` is called now and then with those that are."""
    looks = 0
    while names := collectors_behind(store, told_at):
        if looks % SAY_LOOKS == 0:
            beat(names)
        looks += 1
        time.sleep(PAUSE_S)
