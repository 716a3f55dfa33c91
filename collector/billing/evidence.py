"""
Pods as the store kept them, in bounded pages: one cluster, namespace and month of creation at a time, in key order.
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

import msgspec

from collector.billing.rows import read_facts
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, midnight
from collector.core.facts.bills import PodRun
from collector.store.clickhouse import Store

PAGE = 5_000
"""Pods that are priced at once; what bounds the memory."""

BILLED_IN_MONTHS = """
    coalesce(finished_at, now64(3)) >= fromUnixTimestamp64Milli({begin:Int64}) - INTERVAL 1 DAY
    AND least(created_at, coalesce(instance_created_at, created_at), coalesce(main_started_at, created_at), now64(3))
        < fromUnixTimestamp64Milli({end:Int64})
"""
"""Every pod that may have a charge in a period; a clock that lies by less than a day leaves none out."""
SINCE = f"""
    AND (inserted_at >= fromUnixTimestamp64Milli({{since:Int64}}) OR workflow_uid IN (
        SELECT uid FROM {DATABASE}.workflow_run WHERE inserted_at >= fromUnixTimestamp64Milli({{since:Int64}})
    ))
"""


class Slice(msgspec.Struct, frozen=True):
    """The pods of one cluster and namespace that were created in one month."""

    cluster: str
    namespace: str
    created: int
    """Like 202611: the partition."""
    pods: int


def slices(store: Store, first: int, after: int, zone: tzinfo, since: int | None = None) -> list[Slice]:
    """Where pods are that may have charges from one day to another."""
    rows = store.query_rows(
        f"SELECT cluster, namespace, toYYYYMM(created_at) AS created, count() FROM {DATABASE}.pod_run "
        f"WHERE {_where(since)} GROUP BY cluster, namespace, created ORDER BY created, cluster, namespace",
        _bounds(first, after, zone, since),
    )
    return [Slice(*row) for row in rows]


def pages(
    store: Store, part: Slice, first: int, after: int, zone: tzinfo, since: int | None = None
) -> Iterator[list[PodRun]]:
    """The pods of a slice in the order of their key, each page from where the last one ended."""
    at, uid = 0, ""
    chosen = f"""FINAL WHERE cluster = {{cluster:String}} AND namespace = {{namespace:String}}
        AND toYYYYMM(created_at) = {{created:UInt32}} AND created_at >= fromUnixTimestamp64Milli({{at:Int64}})
        AND (created_at > fromUnixTimestamp64Milli({{at:Int64}}) OR uid > {{uid:String}}) AND {_where(since)}
        ORDER BY created_at, uid LIMIT {PAGE}"""
    key = {"cluster": part.cluster, "namespace": part.namespace, "created": part.created}
    while True:
        found = read_facts(store, PodRun, chosen, {**_bounds(first, after, zone, since), **key, "at": at, "uid": uid})
        if found:
            yield found
        if len(found) < PAGE:
            return
        at, uid = found[-1].created_at, found[-1].uid


def _where(since: int | None) -> str:
    return BILLED_IN_MONTHS if since is None else BILLED_IN_MONTHS + SINCE


def _bounds(first: int, after: int, zone: tzinfo, since: int | None) -> dict[str, Any]:
    return {"begin": midnight(date_of(first), zone), "end": midnight(date_of(after), zone), "since": since or 0}
