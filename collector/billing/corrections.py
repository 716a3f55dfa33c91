"""
Books late charges of locked months as corrections on the first day of the first open month.

The day is always the first, so that two processes that book the same charges write the same rows. Earlier corrections
are part of the difference: booking again books nothing.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from collector.billing import runs
from collector.billing.queries import OF_RUN_MONTH, run_month
from collector.billing.rows import read_facts, write_facts
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import day_of, month_after, month_of
from collector.core.cost.corrections import corrections
from collector.core.facts.bills import Period, PodCost
from collector.store.clickhouse import Store
from collector.store.replicas import wait_for_replicas

PAGE = 1_000
"""Pods that are compared together."""
LATE_PODS = f"""
    SELECT DISTINCT pod_uid FROM {DATABASE}.pod_cost WHERE {OF_RUN_MONTH} AND pod_uid > {{last:String}}
    ORDER BY pod_uid LIMIT {PAGE}
"""
OF_PODS = "pod_uid IN {pods:Array(String)}"


def book(store: Store, today: date) -> int:
    """Books all differences and returns the number of new entries."""
    wait_for_replicas(store, "pod_cost")
    months = {period.month: period for period in read_facts(store, Period, "FINAL")}
    booking = open_month(months, today)
    count = 0
    for period in months.values():
        if period.hash and period.state == "locked":
            for entries in _entries(store, period, booking):
                write_facts(store, entries)
                count += len(entries)
    return count


def open_month(months: dict[int, Period], today: date) -> Period:
    """Returns the month of today, or the first month after it that is not locked."""
    month = month_of(day_of(today))
    while month in months and months[month].state == "locked":
        month = month_after(month)
    return months.get(month) or runs.default_period(month)


def _entries(store: Store, period: Period, booking: Period) -> Iterator[list[PodCost]]:
    """Yields the entries that a locked month needs, for a page of pods at a time."""
    last = ""
    while rows := store.query_rows(LATE_PODS, run_month(period.late_run, period.month, last=last)):
        pods = [uid for (uid,) in rows]
        last = pods[-1]
        yield _entries_of(store, pods, period, booking)


def _entries_of(store: Store, pods: list[str], period: Period, booking: Period) -> list[PodCost]:
    late = _charges(store, period.late_run, period, pods, "status = 'final'")
    locked = _charges(store, period.active_run, period, pods, "entry = 0")
    earlier = read_facts(store, PodCost, f"WHERE entry > 0 AND {OF_PODS}", {"pods": pods}, "cost_current")
    booked: dict[tuple[str, int], list[PodCost]] = defaultdict(list)
    for charge in (*locked, *earlier):
        booked[charge.pod_uid, charge.corrects or charge.day].append(charge)
    numbers = dict.fromkeys(pods, 0)
    for charge in earlier:
        if charge.day == booking.month:
            numbers[charge.pod_uid] = max(numbers[charge.pod_uid], charge.entry)
    entries: list[PodCost] = []
    for known in sorted(late, key=lambda charge: (charge.pod_uid, charge.day)):
        new = corrections(
            known, booked[known.pod_uid, known.day], booking.active_run, booking.month, numbers[known.pod_uid] + 1
        )
        numbers[known.pod_uid] += len(new)
        entries += new
    return entries


def _charges(store: Store, run: int, period: Period, pods: list[str], where: str) -> list[PodCost]:
    parameters: dict[str, Any] = run_month(run, period.month, pods=pods)
    return read_facts(store, PodCost, f"FINAL WHERE {OF_RUN_MONTH} AND {OF_PODS} AND {where}", parameters)
