"""
Stored pods in bounded pages: one cluster, namespace and month of creation at a time, in the order of their key.
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

import msgspec

from collector.billing.rows import read_facts, read_rows
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import date_of, midnight
from collector.core.facts.bills import PodRun
from collector.store.clickhouse import Store

PAGE = 5_000
"""Pods that are priced together; this bounds the memory."""

BILLED_IN_MONTHS = """
    coalesce(finished_at, now64(3)) >= fromUnixTimestamp64Milli({begin:Int64}) - INTERVAL 1 DAY
    AND least(created_at, coalesce(instance_created_at, created_at), coalesce(main_started_at, created_at), now64(3))
        < fromUnixTimestamp64Milli({end:Int64})
"""
"""Condition: the pod may have a charge in the period; clocks may be wrong by less than a day."""
SINCE = f"""
    AND (inserted_at >= fromUnixTimestamp64Milli({{since:Int64}}) OR workflow_uid IN (
        SELECT uid FROM {DATABASE}.workflow_run WHERE inserted_at >= fromUnixTimestamp64Milli({{since:Int64}})
    ))
"""


class PodSlice(msgspec.Struct, frozen=True, kw_only=True):
    """The pods of one cluster and namespace that were created in one month."""

    cluster: str
    namespace: str
    created: int
    """Like 202611: the partition."""
    pods: int


class BilledDays(msgspec.Struct, frozen=True, kw_only=True):
    """The days for which pods are priced."""

    first: int
    after: int
    """Exclusive."""
    zone: tzinfo
    since: int | None = None
    """Only pods whose rows, or whose workflow's rows, were written after this instant of the store's clock."""

    @property
    def condition(self) -> str:
        """SQL that chooses the pods."""
        return BILLED_IN_MONTHS if self.since is None else BILLED_IN_MONTHS + SINCE

    @property
    def parameters(self) -> dict[str, Any]:
        """What the condition binds."""
        begin, end = (midnight(date_of(day), self.zone) for day in (self.first, self.after))
        return {"begin": begin, "end": end, "since": self.since or 0}


def slices(store: Store, days: BilledDays) -> list[PodSlice]:
    """Finds where the pods are that may have charges on some days."""
    return read_rows(
        store,
        PodSlice,
        f"SELECT cluster, namespace, toYYYYMM(created_at) AS created, count() AS pods FROM {DATABASE}.pod_run "
        f"WHERE {days.condition} GROUP BY cluster, namespace, created ORDER BY created, cluster, namespace",
        days.parameters,
    )


def pages(store: Store, part: PodSlice, days: BilledDays) -> Iterator[list[PodRun]]:
    """Yields the pods of a slice in the order of their key; each page begins where the page before it ended."""
    created_at, uid = 0, ""
    where = f"""FINAL WHERE cluster = {{cluster:String}} AND namespace = {{namespace:String}}
        AND toYYYYMM(created_at) = {{created:UInt32}} AND created_at >= fromUnixTimestamp64Milli({{at:Int64}})
        AND (created_at > fromUnixTimestamp64Milli({{at:Int64}}) OR uid > {{uid:String}}) AND {days.condition}
        ORDER BY created_at, uid LIMIT {PAGE}"""
    key = {"cluster": part.cluster, "namespace": part.namespace, "created": part.created}
    while True:
        page = read_facts(store, PodRun, where, {**days.parameters, **key, "at": created_at, "uid": uid})
        if page:
            yield page
        if len(page) < PAGE:
            return
        created_at, uid = page[-1].created_at, page[-1].uid
