"""
Books what arrived late for locked months as corrections on the first day of the first open month.

Always the first day, so that two that book the same at once write the same row. What was booked before is part of the
difference: booking again books nothing.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from collector.billing import runs
from collector.billing.rows import read_facts, write_facts
from collector.catalog.schema import DATABASE
from collector.core.cost.billing_days import day_of, month_after, month_of
from collector.core.cost.corrections import corrections
from collector.core.facts.bills import Period, PodCost
from collector.store.clickhouse import Store

PODS = 1_000
"""Looked at together."""
IN_MONTH = "day >= toDate({month:UInt16}) AND day < toDate({after:UInt16})"


def book(store: Store, today: date) -> int:
    """Book all differences; how many entries that took."""
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
    """The month of today, or the first one after it that is not locked."""
    month = month_of(day_of(today))
    while month in months and months[month].state == "locked":
        month = month_after(month)
    return months.get(month) or runs.default_period(month)


def _entries(store: Store, period: Period, booking: Period) -> Iterator[list[PodCost]]:
    """The entries that a locked month needs, some pods at a time."""
    last = ""
    key = {"late": period.late_run, "month": period.month, "after": month_after(period.month)}
    while True:
        rows = store.query_rows(
            f"SELECT DISTINCT pod_uid FROM {DATABASE}.pod_cost WHERE run = {{late:UInt32}} AND {IN_MONTH} "
            f"AND pod_uid > {{last:String}} ORDER BY pod_uid LIMIT {PODS}",
            {**key, "last": last},
        )
        if not rows:
            return
        last = rows[-1][0]
        yield _of_pods(store, [uid for (uid,) in rows], period, booking)


def _of_pods(store: Store, pods: list[str], period: Period, booking: Period) -> list[PodCost]:
    key = {"late": period.late_run, "month": period.month, "after": month_after(period.month), "pods": pods,
           "run": period.active_run}  # fmt: skip
    mine = "pod_uid IN {pods:Array(String)}"
    late = read_facts(
        store, PodCost, f"FINAL WHERE run = {{late:UInt32}} AND {IN_MONTH} AND {mine} AND status = 'final'", key
    )
    locked = read_facts(
        store, PodCost, f"FINAL WHERE run = {{run:UInt32}} AND {IN_MONTH} AND {mine} AND entry = 0", key
    )
    earlier = read_facts(store, PodCost, f"WHERE entry > 0 AND {mine}", key, "cost_current")
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
