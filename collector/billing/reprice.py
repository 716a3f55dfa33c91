"""
A new pricing run from stored evidence alone, beside the old one, and then the months' pointer to it, all at once.

1. The run takes a number that no run ever had and says that it is being prepared: from now on collectors write it too.
2. Pods are read page by page, priced with the books and rules in force, and written under the new number.
3. What cannot be computed again is carried over: pods that still run, and corrections that were booked in these months.
4. When all collectors at work have heard of the run, what arrived meanwhile is priced once more.
5. Commitments are applied to all of it (commitments.py).
6. One insert turns the pointer. Cut short anywhere before it, the old run is active and the number is never used again.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo

from collector.billing import commitments, runs, wait_for_collectors
from collector.billing.commitments import AppliedCommitments
from collector.billing.evidence import Slice, pages, slices
from collector.billing.payers import payers_of
from collector.billing.rows import store_clock, write_facts
from collector.billing.runs import RepricingError
from collector.catalog.bills import POD_COST
from collector.catalog.schema import DATABASE
from collector.core.cost import charge as billing
from collector.core.cost.billing_days import month_after
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.facts.bills import Period, PodCost, PodRun, PricingRun
from collector.core.model import Instant
from collector.core.rules import Rules
from collector.core.units import MINUTE_MS
from collector.prices.lookup import Books
from collector.store.clickhouse import Store

ANNOUNCE_EVERY_MS = MINUTE_MS
"""How often a run that is being prepared says so again; a tenth of runs.FRESH_MS."""
SETTLE_S = 1.0
"""Before the pointer is turned: a query that began before the last charge was written has read the pointer by then."""


@dataclass(frozen=True, slots=True)
class Terms:
    """By what pods are charged: the settings now in force."""

    books: Books
    zone: tzinfo
    rules: Callable[[str], Rules]
    """By the cluster's name."""
    digest: str


@dataclass(slots=True)
class Preparation:
    """A run in the making."""

    store: Store
    terms: Terms
    months: list[Period]
    now: Callable[[], Instant]
    say: Callable[[str], object]
    progress: Callable[[int, int], object]
    """Pods priced, and how many there are."""
    run: int = 0
    begun_at: Instant = 0
    announced_at: Instant = 0
    commitments: AppliedCommitments | None = None
    """What the commitments came to, once they were applied."""

    @property
    def first(self) -> int:
        return self.months[0].month

    @property
    def after(self) -> int:
        return month_after(self.months[-1].month)


def prepare(work: Preparation) -> None:
    """Everything up to the pointer."""
    runs.refuse_locked(work.months)
    work.run, work.begun_at = runs.free_number(work.store), work.now()
    # Months that no row tells of get theirs now: turning a pointer must change rows, never add them.
    runs.save_periods(work.store, work.months)
    _announce(work, "preparing")
    told_at = store_clock(work.store)
    for charges in price_pods(work, None):
        write_facts(work.store, charges)
    wait_for_collectors.wait(work.store, told_at, lambda names: _report_waiting(work, names))
    # Whatever is written from here on, collectors write under both runs.
    for charges in price_pods(work, told_at):
        write_facts(work.store, charges)
    carry_over(work)
    work.commitments = commitments_of(work)
    commitments.apply(work.store, work.run, work.commitments, [period.month for period in work.months], work.now())


def commitments_of(work: Preparation) -> AppliedCommitments:
    """What commitments are to do to the months, as far as these have come."""
    return AppliedCommitments(work.terms.books, work.terms.zone, work.first, work.after, work.now())


def activate(work: Preparation) -> None:
    """Make the prepared run the active one of its months, in one insert."""
    time.sleep(SETTLE_S)
    if runs.periods_of(work.store, [p.month for p in work.months]) != work.months:
        raise RepricingError("the months were locked or repriced meanwhile; nothing was changed, run it again")
    turned = [_activated(period, work) for period in work.months]
    runs.save_periods(work.store, turned)
    _announce(work, "")


def price_pods(work: Preparation, since: int | None) -> Iterator[list[PodCost]]:
    """The charges of all pods of the months, page by page; with `since` of those that were written after it."""
    parts = slices(work.store, work.first, work.after, work.terms.zone, since)
    total, done = sum(part.pods for part in parts), 0
    for part in parts:
        for page in pages(work.store, part, work.first, work.after, work.terms.zone, since):
            yield charges_of_page(work, part, page)
            done += len(page)
            work.progress(min(done, total), total)
            _announce_if_due(work)
    if done != total:  # rows that replace one another were counted as so many pods
        work.progress(done, done)


def charges_of_page(work: Preparation, part: Slice, page: list[PodRun]) -> list[PodCost]:
    """The charges of a page of pods that fall in the months."""
    terms, rules = work.terms, work.terms.rules(part.cluster)
    bearing, told = payers_of(work.store, page, rules), written_under_run(work, page)
    return [
        charge
        for pod in page
        for charge in billing.charges(
            pod, bearing.get(pod.workflow_uid), terms.books, terms.zone, work.now(), product=rules.product,
            pricing_run=work.run, written=told.get(pod.uid),
        )
        if work.first <= charge.day < work.after
    ]  # fmt: skip


def carry_over(work: Preparation) -> None:
    """Rows of the old runs that no evidence stands for yet: charges of pods without an end, and booked corrections."""
    names = [f"`{column.name}`" for column in POD_COST.stored]
    taken = ", ".join("{run:UInt32}" if name == "`run`" else name for name in names)
    for period in work.months:
        work.store.command(
            f"INSERT INTO {DATABASE}.pod_cost ({', '.join(names)}) SELECT {taken} FROM {DATABASE}.pod_cost FINAL "
            f"WHERE run = {{old:UInt32}} AND {CARRIED} AND (pod_uid, day, entry) NOT IN "
            f"(SELECT pod_uid, day, entry FROM {DATABASE}.pod_cost WHERE run = {{run:UInt32}} AND {IN_MONTH})",
            {"run": work.run, "old": period.active_run, "month": period.month, "after": month_after(period.month)},
        )


IN_MONTH = "day >= toDate({month:UInt16}) AND day < toDate({after:UInt16})"
CARRIED = f"""{IN_MONTH} AND (entry > 0 OR status = 'accruing' AND pod_uid NOT IN (
    SELECT uid FROM {DATABASE}.pod_run WHERE uid IN (
        SELECT pod_uid FROM {DATABASE}.pod_cost WHERE run = {{old:UInt32}} AND {IN_MONTH} AND status = 'accruing'
    )
))"""
"""What is taken over unchanged from an old run."""


def written_under_run(work: Preparation, page: list[PodRun]) -> dict[str, WrittenCharges]:
    """What collectors wrote of these pods under the new run meanwhile: ours goes above it."""
    if not work.run:
        return {}
    rows = work.store.query_rows(
        f"SELECT pod_uid, max(version), toUInt16(min(day)), toUInt16(max(day)) FROM {DATABASE}.pod_cost "
        "WHERE cluster = {cluster:String} AND namespace = {namespace:String} AND run = {run:UInt32} AND entry = 0 "
        "AND created_at >= fromUnixTimestamp64Milli({first:Int64}) "
        "AND created_at <= fromUnixTimestamp64Milli({last:Int64}) AND pod_uid IN {pods:Array(String)} GROUP BY pod_uid",
        {
            "cluster": page[0].cluster, "namespace": page[0].namespace, "run": work.run,
            "first": min(pod.created_at for pod in page), "last": max(pod.created_at for pod in page),
            "pods": [pod.uid for pod in page],
        },
    )  # fmt: skip
    return {uid: WrittenCharges(version, first, last) for uid, version, first, last in rows}


def _report_waiting(work: Preparation, names: list[str]) -> None:
    work.say(f"waiting for collectors to hear of run {work.run}: {', '.join(names)}")
    _announce_if_due(work)


def _announce_if_due(work: Preparation) -> None:
    if work.run and work.now() - work.announced_at >= ANNOUNCE_EVERY_MS:
        _announce(work, "preparing")


def _announce(work: Preparation, state: str) -> None:
    work.announced_at = max(work.now(), work.announced_at + 1)
    books, digest = work.terms.books.names(), work.terms.digest
    write_facts(work.store, [
        PricingRun(run=work.run, version=work.announced_at, created_at=work.begun_at, books=books, rules=digest, state=state,
                   from_day=work.first, to_day=work.after)
    ])  # fmt: skip


def _activated(period: Period, work: Preparation) -> Period:
    return Period(
        month=period.month, version=max(work.now(), period.version + 1), active_run=work.run, state="open",
        total=None, hash="", late_run=period.late_run, billed=period.billed,
    )  # fmt: skip
