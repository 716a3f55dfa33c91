"""
Commitments applied to a pricing run: first the usage of each hour is summed up, then each charge is given its part.

Both look at all charges in the order of their keys, a page at a time, so memory holds hours and kinds of usage only. What a
collector writes under the run afterwards is at its own price; reports show what is then left of a commitment as unused.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo

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
"""All charges of a run in the order of their keys; asked twice."""
IN_MONTHS = "day >= toDate({first:UInt16}) AND day < toDate({after:UInt16})"
ELIGIBLE = f"run = {{run:UInt32}} AND entry = 0 AND status = 'final' AND billed_seconds > 0 AND {IN_MONTHS}"


class AppliedCommitments:
    """What commitments do to the charges of some days; `unknown` are those whose rate of exchange nobody told."""

    def __init__(self, books: Books, zone: tzinfo, first: int, after: int, until: Instant) -> None:
        self.books, self.zone = books, zone
        self.plans = commitment_plans(books)
        self.begin, self.end = midnight(date_of(first), zone), min(midnight(date_of(after), zone), until)
        self.hours: list[PlanHour] = []
        self.unknown: list[str] = []

    def to(self, pages: Pages) -> Iterator[list[PodCost]]:
        """All charges, page by page, those that are covered with their parts."""
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
        """The hours as the store keeps them; known when all charges have been given their parts."""
        return [_row(one, run, version, self.books.currency, self.zone) for one in self.hours]


def apply(store: Store, run: int, applied: AppliedCommitments, months: Iterable[int], now: Instant) -> None:
    """Apply commitments to what a run holds of some months, and keep what each hour of them came to."""
    days = [*months]
    first, after = days[0], month_after(days[-1])
    if not applied.plans:
        return
    for charges in applied.to(lambda: stored_charges(store, run, first, after)):
        write_facts(store, [charge for charge in charges if charge.covered_cost is not None])
    rows = applied.rows(run, now)
    for i in range(0, len(rows), PAGE):
        write_facts(store, rows[i : i + PAGE])


def notes(applied: AppliedCommitments | None) -> list[str]:
    """What each commitment came to, in words."""
    if applied is None:
        return []
    unknown = [f"no rate of exchange for commitment {name}: it was not applied" for name in applied.unknown]
    return [*(_note(plan, applied) for plan in applied.plans if plan.id not in applied.unknown), *unknown]


def _note(plan: Plan, applied: AppliedCommitments) -> str:
    mine = [one for one in applied.hours if one.plan == plan]
    committed, covered, unused = (
        amount(total(amounts)) for amounts in zip(*((h.committed, h.covered, h.unused) for h in mine), strict=True)
    ) if mine else ("0",) * 3  # fmt: skip
    currency = applied.books.currency
    return f"commitment {plan.id}: {len(mine)} hours for {committed} {currency} cover {covered} at list price; unused {unused}"


def stored_charges(store: Store, run: int, first: int, after: int) -> Iterator[list[PodCost]]:
    """The charges that a run holds of some days, page by page in the order of their keys."""
    key = {"run": run, "first": first, "after": after}
    parts = store.query_rows(
        f"SELECT DISTINCT cluster, namespace, toYYYYMM(created_at) FROM {DATABASE}.pod_cost WHERE {ELIGIBLE} ORDER BY 3, 1, 2",
        key,
    )
    for cluster, namespace, created in parts:
        yield from _pages(store, key | {"cluster": cluster, "namespace": namespace, "created": created})


def _pages(store: Store, key: dict[str, object]) -> Iterator[list[PodCost]]:
    at, pod, day = 0, "", 0
    chosen = f"""FINAL WHERE cluster = {{cluster:String}} AND namespace = {{namespace:String}}
        AND toYYYYMM(created_at) = {{created:UInt32}} AND created_at >= fromUnixTimestamp64Milli({{at:Int64}})
        AND (created_at, pod_uid, day) > (fromUnixTimestamp64Milli({{at:Int64}}), {{pod:String}}, toDate({{day:UInt16}}))
        AND {ELIGIBLE} ORDER BY created_at, pod_uid, day LIMIT {PAGE}"""
    while True:
        found = read_facts(store, PodCost, chosen, {**key, "at": at, "pod": pod, "day": day})
        if found:
            yield found
        if len(found) < PAGE:
            return
        at, pod, day = found[-1].created_at, found[-1].pod_uid, found[-1].day


def _row(one: PlanHour, run: int, version: int, currency: str, zone: tzinfo) -> CommitmentHour:
    return CommitmentHour(
        run=run, at=one.hour, book=one.plan.book, commitment=one.plan.id, version=version,
        day=commitments.day_of(one.hour, zone), currency=currency, committed=one.committed, listed=one.listed,
        covered=one.covered, used=one.used, unused=one.unused,
    )  # fmt: skip
