"""
Applies commitments to a pricing run: sums up the usage of each hour, then gives each charge its part.

Both steps read all charges in the order of their keys, page by page, so memory holds only hours and kinds of usage. Charges
that a collector writes under the run later are at their own price; reports show the rest of a commitment as unused.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from typing import Any, NamedTuple

from collector.billing.evidence import PAGE
from collector.billing.rows import read_facts, write_facts
from collector.catalog.schema import DATABASE
from collector.core.cost import commitments
from collector.core.cost.billing_days import date_of, midnight, month_after
from collector.core.cost.commitments import CoverageShares, CoveredUsage, Plan, PlanHour, Usage, UsageKind
from collector.core.cost.meters import total
from collector.core.facts.bills import CommitmentHour, PodCost
from collector.core.model import Instant
from collector.prices.commitments import commitment_plans, hourly_cost
from collector.prices.lookup import Books
from collector.reports.report import amount
from collector.store.clickhouse import Store

Pages = Callable[[], Iterable[list[PodCost]]]
"""Returns all charges of a run in the order of their keys; called twice."""
IN_MONTHS = "day >= toDate({first:UInt16}) AND day < toDate({after:UInt16})"
ELIGIBLE = f"run = {{run:UInt32}} AND entry = 0 AND status = 'final' AND billed_seconds > 0 AND {IN_MONTHS}"


class AppliedCommitments:
    """Commitments applied to the charges of some days; `unknown` names those without a known exchange rate."""

    def __init__(self, books: Books, zone: tzinfo, first: int, after: int, until: Instant) -> None:
        self.books, self.zone = books, zone
        self.plans = commitment_plans(books)
        self.begin, self.end = midnight(date_of(first), zone), min(midnight(date_of(after), zone), until)
        self.hours: list[PlanHour] = []
        self.unknown: list[str] = []

    def apply_to(self, pages: Pages) -> Iterator[list[PodCost]]:
        """Yields all charges page by page; a covered charge has its part."""
        if not self.plans:
            yield from pages()
            return
        usage: Usage = {}
        for page in pages():
            commitments.add_usage(usage, page, self.plans, self.zone)
        shares = CoverageShares(self._spend(usage), self.zone)
        for page in pages():
            yield [shares.effective(c) if commitments.eligible(c, self.plans) else c for c in page]

    def _spend(self, usage: Usage) -> dict[tuple[Instant, UsageKind], CoveredUsage]:
        by_hour: dict[Instant, dict[UsageKind, int]] = {}
        for (hour, kind), units in usage.items():
            by_hour.setdefault(hour, {})[kind] = units
        uses: dict[tuple[Instant, UsageKind], CoveredUsage] = {}
        for hour in commitments.hours_between(self.begin, self.end, self.zone):
            rated = [(plan, hourly_cost(plan, self.books, hour)) for plan in self.plans if plan.holds(hour)]
            self.unknown += [plan.id for plan, amount in rated if amount is None and plan.id not in self.unknown]
            known = [(plan, amount) for plan, amount in rated if amount is not None]
            hours, used = commitments.spend_hour(hour, by_hour.get(hour, {}), known)
            self.hours += hours
            uses |= {(hour, kind): use for kind, use in used.items()}
        return uses

    def rows(self, run: int, version: int) -> list[CommitmentHour]:
        """Returns the rows of all hours; complete only after `apply_to` has yielded all charges."""
        return [_row(hour, run, version, self.books.currency, self.zone) for hour in self.hours]


def apply(store: Store, run: int, applied: AppliedCommitments, months: Iterable[int], now: Instant) -> None:
    """Applies commitments to a run's charges of some months, and writes the rows of their hours."""
    days = [*months]
    first, after = days[0], month_after(days[-1])
    if not applied.plans:
        return
    for charges in applied.apply_to(lambda: stored_charges(store, run, first, after)):
        write_facts(store, [charge for charge in charges if charge.covered_cost is not None])
    rows = applied.rows(run, now)
    for i in range(0, len(rows), PAGE):
        write_facts(store, rows[i : i + PAGE])


def notes(applied: AppliedCommitments | None) -> list[str]:
    """Describes each commitment in a sentence."""
    if applied is None:
        return []
    unknown = [f"no exchange rate for commitment {name}: it was not applied" for name in applied.unknown]
    return [*(_note(plan, applied) for plan in applied.plans if plan.id not in applied.unknown), *unknown]


def _note(plan: Plan, applied: AppliedCommitments) -> str:
    hours = [hour for hour in applied.hours if hour.plan == plan]
    committed, covered, unused = (
        amount(total(getattr(hour, name) for hour in hours)) if hours else "0"
        for name in ("committed", "covered", "unused")
    )
    currency = applied.books.currency
    return f"commitment {plan.id}: {len(hours)} hours for {committed} {currency} cover {covered} at list price; unused {unused}"


class ChargeSlice(NamedTuple):
    """The eligible charges of one cluster and namespace whose pods were created in one month."""

    cluster: str
    namespace: str
    created: int
    """Like 202611: the partition."""


def stored_charges(store: Store, run: int, first: int, after: int) -> Iterator[list[PodCost]]:
    """Yields the charges that commitments may cover, page by page in the order of their keys."""
    key: dict[str, Any] = {"run": run, "first": first, "after": after}
    rows = store.query_rows(
        f"SELECT DISTINCT cluster, namespace, toYYYYMM(created_at) FROM {DATABASE}.pod_cost WHERE {ELIGIBLE} ORDER BY 3, 1, 2",
        key,
    )
    for row in rows:
        yield from _pages(store, key | ChargeSlice(*row)._asdict())


def _pages(store: Store, key: dict[str, Any]) -> Iterator[list[PodCost]]:
    created_at, pod, day = 0, "", 0
    where = f"""FINAL WHERE cluster = {{cluster:String}} AND namespace = {{namespace:String}}
        AND toYYYYMM(created_at) = {{created:UInt32}} AND created_at >= fromUnixTimestamp64Milli({{at:Int64}})
        AND (created_at, pod_uid, day) > (fromUnixTimestamp64Milli({{at:Int64}}), {{pod:String}}, toDate({{day:UInt16}}))
        AND {ELIGIBLE} ORDER BY created_at, pod_uid, day LIMIT {PAGE}"""
    while True:
        page = read_facts(store, PodCost, where, {**key, "at": created_at, "pod": pod, "day": day})
        if page:
            yield page
        if len(page) < PAGE:
            return
        created_at, pod, day = page[-1].created_at, page[-1].pod_uid, page[-1].day


def _row(hour: PlanHour, run: int, version: int, currency: str, zone: tzinfo) -> CommitmentHour:
    return CommitmentHour(
        run=run,
        at=hour.hour,
        book=hour.plan.book,
        commitment=hour.plan.id,
        version=version,
        day=commitments.day_of(hour.hour, zone),
        currency=currency,
        committed=hour.committed,
        listed=hour.listed,
        covered=hour.covered,
        used=hour.used,
        unused=hour.unused,
    )
