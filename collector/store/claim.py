"""
Claims on jobs that one collector should do and that two may: kept in the store, which all collectors share.

ClickHouse has no compare-and-set, so this is no lock. One that asks while another's claim runs is told no, and of two
that ask again and again at most one is told yes from their second time on. Two that ask in the same instant, or that
ask two replicas of the store of which one lags, may both be told yes until they ask next. Whatever is done under a
claim must therefore be harmless when two do it: a claim saves work, it does not make anything right.
"""

from dataclasses import dataclass

from collector.catalog.rollups import CLAIM
from collector.catalog.schema import DATABASE
from collector.core.model import Instant
from collector.store.clickhouse import Store


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has a job, or had it last, and until when."""

    holder: str
    until: Instant
    version: int


def acquire_claim(store: Store, name: str, holder: str, now: Instant, for_s: int) -> bool:
    """Whether `holder` has the job, from now on for so many seconds; asking again before they end keeps it."""
    there = whose(store, name)
    if there is not None and there.holder != holder and there.until > now:
        return False
    version = now if there is None else max(now, there.version + 1)
    store.command(
        f"INSERT INTO {DATABASE}.{CLAIM.name} (name, version, holder, until) SELECT {{name:String}}, {{version:UInt64}}, "
        "{holder:String}, fromUnixTimestamp64Milli({until:Int64})",
        {"name": name, "version": version, "holder": holder, "until": now + for_s * 1000},
    )
    written = whose(store, name)
    return written is not None and written.holder == holder


def whose(store: Store, name: str) -> Claim | None:
    """Who has a claim, or had it last; None: nobody ever did."""
    rows = store.query_rows(
        f"SELECT holder, toUnixTimestamp64Milli(until), version FROM {DATABASE}.{CLAIM.name} FINAL "
        "WHERE name = {name:String}",
        {"name": name},
    )
    return Claim(rows[0][0], int(rows[0][1]), int(rows[0][2])) if rows else None
