"""
Claims on jobs that one collector should do and that two may do: rows in the store, which all collectors share.

ClickHouse has no compare-and-set, so a claim is not a lock. A request during another collector's claim is refused; of two
collectors that repeat their requests at most one succeeds from the second request on. Two requests in the same instant,
or to two replicas while one lags, may both succeed until the next request. A job under a claim must therefore be harmless
when two collectors do it: a claim saves work, it does not protect data.
"""

from dataclasses import dataclass

from collector.catalog.rollups import CLAIM
from collector.catalog.schema import DATABASE
from collector.core.model import Instant
from collector.store.clickhouse import Store


@dataclass(frozen=True, slots=True)
class Claim:
    """The current or last holder of a job, and the end of the claim."""

    holder: str
    until: Instant
    version: int


def acquire_claim(store: Store, name: str, holder: str, now: Instant, for_s: int) -> bool:
    """Claims a job for some seconds, or extends the claim; returns whether `holder` has the job now."""
    current = current_claim(store, name)
    if current is not None and current.holder != holder and current.until > now:
        return False
    version = now if current is None else max(now, current.version + 1)
    store.command(
        f"INSERT INTO {DATABASE}.{CLAIM.name} (name, version, holder, until) SELECT {{name:String}}, {{version:UInt64}}, "
        "{holder:String}, fromUnixTimestamp64Milli({until:Int64})",
        {"name": name, "version": version, "holder": holder, "until": now + for_s * 1000},
    )
    written = current_claim(store, name)
    return written is not None and written.holder == holder


def current_claim(store: Store, name: str) -> Claim | None:
    """Reads the current or last claim on a job; None: there was never one."""
    rows = store.query_rows(
        f"SELECT holder, toUnixTimestamp64Milli(until), version FROM {DATABASE}.{CLAIM.name} FINAL "
        "WHERE name = {name:String}",
        {"name": name},
    )
    return Claim(rows[0][0], int(rows[0][1]), int(rows[0][2])) if rows else None
