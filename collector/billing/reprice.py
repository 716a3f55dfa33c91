"""
Prepares a new pricing run from stored evidence alone, beside the old run, and then activates it for its months at once.

1. The run takes a number that no run ever had and announces its preparation: from then on collectors write under it too.
2. Pods are read page by page, priced with the current books and rules, and written under the new number.
3. What cannot be computed again is carried over: charges of running pods, and corrections booked in these months.
4. When all running collectors have read the run, pods that arrived meanwhile are priced once more.
5. Commitments are applied to all charges (commitments.py), and the run's statements are written (statement.py).
6. When all replicas of the store have the charges, one insert makes the run active. If the process stops before that,
   the old run stays active and the number is not used again.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from collector.billing import commitments, runs, statement, wait_for_collectors
from collector.billing.commitments import AppliedCommitments
from collector.billing.evidence import BilledDays, PodSlice, pages, slices
from collector.billing.payers import payers_of
from collector.billing.queries import BILL, IN_MONTH, OF_RUN_MONTH, POINTERS, PRICED_FROM, copy_charges, run_month
from collector.billing.rows import read_rows, store_clock, write_facts
from collector.billing.runs import RepricingError
from collector.billing.shared import MonthOfRun, StatementTerms
from collector.catalog.schema import DATABASE
from collector.core.cost import charge as billing
from collector.core.cost.billing_days import month_after
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.facts.bills import Period, PodCost, PodRun, PricingRun
from collector.core.model import Instant
from collector.core.rules import Rules
from collector.core.units import MINUTE_MS
from collector.prices.lookup import Books
from collector.settings.bill import BillRule
from collector.store.clickhouse import Store
from collector.store.replicas import wait_for_replicas

ANNOUNCE_EVERY_MS = MINUTE_MS
"""How often a run in preparation is announced; a tenth of runs.ABANDONED_AFTER_MS."""
SETTLE_S = 1.0
"""Before activation: a query that began before the last charge was written has read the active run by then."""

RunState = Literal["preparing", ""]
"""Empty: prepared."""
CARRIED = f"""(entry > 0 OR status = 'accruing' AND pod_uid NOT IN (
    SELECT uid FROM {DATABASE}.pod_run WHERE uid IN (
        SELECT pod_uid FROM {DATABASE}.pod_cost WHERE {OF_RUN_MONTH} AND status = 'accruing'
    )
))"""
"""Condition: the charge of an old run is carried over unchanged."""
NOT_IN_NEW_RUN = f"""(pod_uid, day, entry) NOT IN (
    SELECT pod_uid, day, entry FROM {DATABASE}.pod_cost WHERE run = {{to_run:UInt32}} AND {IN_MONTH}
)"""
WRITTEN = f"""
    SELECT pod_uid, max(version) AS last_version, toUInt16(min(day)) AS first_day, toUInt16(max(day)) AS last_day
    FROM {DATABASE}.pod_cost
    WHERE cluster = {{cluster:String}} AND namespace = {{namespace:String}} AND run = {{run:UInt32}} AND entry = 0
      AND created_at >= fromUnixTimestamp64Milli({{first:Int64}})
      AND created_at <= fromUnixTimestamp64Milli({{last:Int64}}) AND pod_uid IN {{pods:Array(String)}}
    GROUP BY pod_uid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The settings that decide charges."""

    books: Books
    zone: ZoneInfo
    rules: Callable[[str], Rules]
    """Rules of a cluster, by its name."""
    digest: str
    bill: tuple[BillRule, ...] = ()
    """Rules for lines of imported bills that name no pod."""

    @property
    def statement(self) -> StatementTerms:
        """What of them decides a statement."""
        return StatementTerms(books=self.books, zone=self.zone, rules=self.digest, bill=self.bill)


@dataclass(slots=True, kw_only=True)
class Preparation:
    """A pricing run in preparation."""

    store: Store
    terms: Terms
    months: list[Period]
    now: Callable[[], Instant]
    report_step: Callable[[str], object]
    progress: Callable[[int, int], object]
    """Called with the number of priced pods, and with their total."""
    run: int = 0
    begun_at: Instant = 0
    announced_at: Instant = 0
    commitments: AppliedCommitments | None = None
    """None until the commitments are applied."""

    @property
    def first(self) -> int:
        """The first day of the months."""
        return self.months[0].month

    @property
    def after(self) -> int:
        """The day after the months."""
        return month_after(self.months[-1].month)


class WrittenRow(msgspec.Struct, frozen=True, kw_only=True):
    """The charges of a pod that collectors wrote."""

    pod_uid: str
    last_version: int
    first_day: int
    last_day: int


def prepare(work: Preparation) -> None:
    """Does everything before the activation."""
    runs.refuse_locked(work.months)
    work.run, work.begun_at = runs.free_number(work.store), work.now()
    # Months without a row get one now: the activation must change rows, never add them.
    runs.save_periods(work.store, work.months)
    _announce(work, "preparing")
    wait_for_replicas(work.store, *POINTERS, everywhere=True)
    announced = store_clock(work.store)
    _write_priced(work)
    wait_for_collectors.wait(work.store, announced, lambda names: _report_waiting(work, names))
    # From here on collectors write under both runs.
    _write_priced(work, since=announced)
    wait_for_replicas(work.store, "pod_cost")
    carry_over(work)
    wait_for_replicas(work.store, "pod_cost")
    work.commitments = commitments_of(work)
    months = [period.month for period in work.months]
    commitments.apply(work.store, work.run, work.commitments, months, work.now())
    wait_for_replicas(work.store, *BILL)
    for month in months:
        of = MonthOfRun(month=month, run=work.run, now=work.now())
        statement.write(work.store, statement.compute(work.store, of, work.terms.statement))


def _write_priced(work: Preparation, since: int | None = None) -> None:
    wait_for_replicas(work.store, *PRICED_FROM)
    for charges in price_pods(work, since):
        write_facts(work.store, charges)


def commitments_of(work: Preparation) -> AppliedCommitments:
    """Returns the commitments for the part of the months that is over, ready to be applied."""
    return AppliedCommitments(work.terms.books, work.terms.zone, work.first, work.after, work.now())


def activate(work: Preparation) -> None:
    """Makes the prepared run the active run of its months, in one insert."""
    time.sleep(SETTLE_S)
    wait_for_replicas(work.store, *BILL, everywhere=True)
    if runs.periods_of(work.store, [period.month for period in work.months]) != work.months:
        raise RepricingError("the months were locked or repriced meanwhile; nothing was changed, run it again")
    runs.save_periods(work.store, [_activated(period, work) for period in work.months])
    _announce(work, "")


def price_pods(work: Preparation, since: int | None = None) -> Iterator[list[PodCost]]:
    """Yields the charges of all pods of the months page by page; with `since` only of pods written after it."""
    days = BilledDays(first=work.first, after=work.after, zone=work.terms.zone, since=since)
    parts = slices(work.store, days)
    total, done = sum(part.pods for part in parts), 0
    for part in parts:
        for page in pages(work.store, part, days):
            yield charges_of_page(work, part, page)
            done += len(page)
            work.progress(min(done, total), total)
            _announce_if_due(work)
    if done != total:  # several rows of one pod were counted as several pods
        work.progress(done, done)


def charges_of_page(work: Preparation, part: PodSlice, page: list[PodRun]) -> list[PodCost]:
    """Prices a page of pods and returns the charges that fall in the months."""
    terms, rules = work.terms, work.terms.rules(part.cluster)
    payers, written = payers_of(work.store, page, rules), written_under_run(work, page)
    return [
        charge
        for pod in page
        for charge in billing.charges(
            pod,
            payers.get(pod.workflow_uid),
            terms.books,
            terms.zone,
            work.now(),
            product=rules.product,
            pricing_run=work.run,
            written=written.get(pod.uid),
        )
        if work.first <= charge.day < work.after
    ]


def carry_over(work: Preparation) -> None:
    """Copies charges of the old runs without evidence: charges of running pods, and booked corrections."""
    statement = copy_charges(f"{CARRIED} AND {NOT_IN_NEW_RUN}")
    for period in work.months:
        work.store.command(statement, run_month(period.active_run, period.month, to_run=work.run))


def written_under_run(work: Preparation, page: list[PodRun]) -> dict[str, WrittenCharges]:
    """Returns the charges that collectors wrote meanwhile under the new run; ours need higher versions."""
    if not work.run:
        return {}
    parameters = {
        "cluster": page[0].cluster,
        "namespace": page[0].namespace,
        "run": work.run,
        "first": min(pod.created_at for pod in page),
        "last": max(pod.created_at for pod in page),
        "pods": [pod.uid for pod in page],
    }
    rows = read_rows(work.store, WrittenRow, WRITTEN, parameters)
    return {row.pod_uid: WrittenCharges(row.last_version, row.first_day, row.last_day) for row in rows}


def _report_waiting(work: Preparation, names: list[str]) -> None:
    work.report_step(f"waiting for collectors to read run {work.run}: {', '.join(names)}")
    _announce_if_due(work)


def _announce_if_due(work: Preparation) -> None:
    if work.run and work.now() - work.announced_at >= ANNOUNCE_EVERY_MS:
        _announce(work, "preparing")


def _announce(work: Preparation, state: RunState) -> None:
    """Writes the state of the run, so that collectors write under it and its number stays taken."""
    work.announced_at = max(work.now(), work.announced_at + 1)
    row = PricingRun(
        run=work.run,
        version=work.announced_at,
        created_at=work.begun_at,
        books=work.terms.books.names(),
        rules=work.terms.digest,
        state=state,
        from_day=work.first,
        to_day=work.after,
    )
    write_facts(work.store, [row])


def _activated(period: Period, work: Preparation) -> Period:
    return Period(
        month=period.month,
        version=max(work.now(), period.version + 1),
        active_run=work.run,
        state="open",
        total=None,
        hash="",
        late_run=period.late_run,
        billed=period.billed,
    )
