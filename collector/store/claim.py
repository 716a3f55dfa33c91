"""
Claims on jobs that one collector should do and that two may do: rows in the store, which all collectors share.

A claim's version is one more than that of the claim before it, and its insert has a token made of that version. On a
cluster of servers a replicated table takes each token once: of two collectors that write the same version, through whatever
replicas, one row is stored, and both read whose. A single server takes both rows: of two requests in the same instant
both may succeed, and from the next request on at most one. A job under a claim must therefore be harmless when two
collectors do it; claims also expire while their holder is merely slow.
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
    version = 1 if current is None else current.version + 1
    store.insert(CLAIM, [(name, version, holder, now + for_s * 1000)], f"claim {name} {version}")
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
