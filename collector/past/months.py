"""
The months of the past: the oldest is reconciled and locked, the next reconciled with its imported bill, the others open.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from collector.billing.billed_month import billed_month
from collector.billing.faults import TOLERANCE, shared_total
from collector.billing.lock import LockOrder, lock
from collector.billing.reconcile import SHARED, WHOLE, Bill, charges_by_product, reconcile
from collector.billing.runs import default_period
from collector.billing.shared import MonthOfRun, StatementTerms
from collector.billing.statement import compute, stored_lines, write
from collector.core.cost.billing_days import date_of
from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.pricing_runs import FIRST_RUN
from collector.core.facts.bills import NodeRun, Period, PricingRun
from collector.core.facts.watches import WatchGap
from collector.core.messages import WORKLOAD_KINDS
from collector.core.model import Instant
from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS, ZERO
from collector.demo.scenario import SimulatedCluster
from collector.past.bill import WATCH_LOST_FOR_MS, WATCH_LOST_IN, watch_lost_at
from collector.past.calendar import PastDays
from collector.past.copies import SATURDAY
from collector.past.marks import PLAIN_CPU, PLAIN_MEMORY, PLAIN_TYPE, node_labels, zone_of
from collector.past.story import HABITS, WORKING_HOURS
from collector.past.walk import VERSION
from collector.store.clickhouse import Store

CENT = Decimal("0.01")
LESS_ON_ECI = Decimal("0.996")
"""The bill of the oldest month as a part of ours: within the tolerance, so that the month can be locked."""
FOREVER = 2**63
"""A version that no restart of the demo exceeds: the past stays watched since its first day."""


def plain_nodes(clusters: Mapping[str, SimulatedCluster], days: PastDays) -> Iterator[NodeRun]:
    """Yields the ordinary machines: one in each cluster that has work for it, on working days in working hours."""
    used = {habit.cluster for habit in HABITS if habit.hours == WORKING_HOURS}
    for cluster in (clusters[name] for name in sorted(used)):
        for day in range(days.begin, days.end):
            begin = day * DAY_MS + WORKING_HOURS[0] * HOUR_MS - 10 * MINUTE_MS
            if date_of(day).weekday() < SATURDAY and begin < days.until:
                yield _node(cluster, day, begin, days.until)


def _node(cluster: SimulatedCluster, day: int, begin: Instant, until: Instant) -> NodeRun:
    end = min(until, day * DAY_MS + WORKING_HOURS[1] * HOUR_MS + 20 * MINUTE_MS)
    return NodeRun(
        cluster=cluster.name,
        name=cluster.plain_nodes[0],
        created_at=begin,
        uid=f"{cluster.name}-{day}",
        version=VERSION,
        first_seen_at=begin,
        last_seen_at=end,
        gone_at=end,
        instance_type=PLAIN_TYPE,
        region=cluster.region,
        zone=zone_of(cluster),
        cpu=PLAIN_CPU,
        memory_bytes=PLAIN_MEMORY,
        gpu=ZERO,
        pricing=node_labels(cluster, plain=True),
    )


def watched(clusters: Mapping[str, SimulatedCluster], days: PastDays) -> Iterator[WatchGap]:
    """
    Yields that clusters were watched since the first day of the past.

    One cluster was not watched for half an hour of the month whose bill names pods that no collector saw.
    """
    lost = watch_lost_at(days.months[1])
    yield _gap(WATCH_LOST_IN, "pods", lost, lost + WATCH_LOST_FOR_MS, "the API server did not answer")
    for cluster in clusters:
        for kind in WORKLOAD_KINDS:
            yield _gap(cluster, kind, 0, days.begin * DAY_MS - 1, "first start")


def _gap(cluster: str, kind: str, begin: Instant, end: Instant, cause: str) -> WatchGap:
    return WatchGap(
        cluster=cluster, kind=kind, from_at=begin, version=FOREVER, to_at=end, cause=cause, objects_unknown=0
    )


def open_months(days: PastDays, books: list[str], rules: str, now: Instant) -> tuple[PricingRun, list[Period]]:
    """Returns the first pricing run, and the months that it prices."""
    run = PricingRun(run=FIRST_RUN, version=now, created_at=now, books=books, rules=rules)
    return run, [default_period(month) for month in days.all_months]


def close_months(store: Store, days: PastDays, terms: StatementTerms, today: date, now: Instant) -> None:
    """Writes what departments pay; reconciles the oldest month and locks it; reconciles the next with its imported bill."""
    oldest, middle, _ = days.months
    for month in days.all_months:
        write(store, compute(store, MonthOfRun(month=month, run=FIRST_RUN, now=now), terms))
    reconcile(store, oldest, typed_bill(store, oldest, terms), today=today, now=now)
    lock(store, LockOrder(month=oldest, today=today, now=now, terms=terms), lambda _: None)
    reconcile(store, middle, bill_of(store, middle, terms), today=today, now=now)


def typed_bill(store: Store, month: int, terms: StatementTerms) -> Bill:
    """Returns what somebody typed off a bill, by product: to the cent, and a little less for instances of ECI."""
    currency = terms.books.currency
    ours = charges_by_product(store, default_period(month), currency)
    shared = shared_total(stored_lines(store, month, FIRST_RUN), currency)
    factors = {product: LESS_ON_ECI if product == "alibaba-eci" else Decimal(1) for product in ours}
    billed = {
        product: CONTEXT.quantize(CONTEXT.multiply(cost, factors[product]), CENT) for product, cost in ours.items()
    }
    billed[SHARED] = CONTEXT.quantize(shared, CENT)
    billed[WHOLE] = total(billed.values())
    return Bill(billed=billed, shared=shared, currency=currency, tolerance=TOLERANCE)


def bill_of(store: Store, month: int, terms: StatementTerms) -> Bill:
    """Returns the imported bill of a month, and what it is compared with."""
    currency = terms.books.currency
    found = billed_month(store, default_period(month), terms.bill, currency)
    shared = shared_total(stored_lines(store, month, FIRST_RUN), currency)
    return Bill(
        billed=found.amounts, shared=shared, currency=currency, tolerance=TOLERANCE, provisional=found.provisional
    )
