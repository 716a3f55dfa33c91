"""
The shared costs of a month as data: fees, unused commitments, idle capacity of plain nodes, and lines of imported bills.

A fee is due for each cluster that it names; without names for each cluster that used its product, and once where none did;
and not at all in a month whose imported bill has the cost that replaces it. A commitment counts once `lynceus reprice` has
applied it: the cost of its hours until then, minus what charges used of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.billing.bill_shared import bill_shared
from collector.billing.idle_nodes import idle_nodes
from collector.billing.queries import IN_MONTH, charges, run_month
from collector.billing.usage import query_of, span_of
from collector.catalog.schema import DATABASE
from collector.core.cost.allocation import divide
from collector.core.cost.billing_days import date_of, midnight, month_after
from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.product import PLAIN
from collector.core.cost.statement import SharedCost, UsageSum
from collector.core.cost.statement_notes import (
    COMMITMENT_APPLIED,
    COMMITMENT_NOT_APPLIED,
    COMMITMENT_RULE,
    FEE_OF_NONE,
    FEE_REPLACED,
    FEE_RULE,
    FEE_WITHOUT_RATE,
    IDLE_RULE,
)
from collector.core.model import Instant
from collector.core.units import ZERO
from collector.prices import book, fees
from collector.prices.lookup import Books, RecurringCost
from collector.prices.schema import Fee
from collector.reports.report import amount
from collector.settings.bill import BillRule
from collector.store.clickhouse import Store

IDLE = "idle of plain nodes"
USED_BEFORE = f"SELECT DISTINCT product FROM {DATABASE}.cost_daily WHERE day < toDate({{after:UInt16}})"
HOURS = f"""
    SELECT commitment, book, currency, sum(committed), sum(used), sum(covered), toUInt16(max(day)),
        formatDateTime(max(at) + INTERVAL 1 HOUR, '%F %R', {{zone:String}})
    FROM (SELECT * FROM {DATABASE}.commitment_hour FINAL WHERE run = {{run:UInt32}} AND {IN_MONTH})
    GROUP BY commitment, book, currency ORDER BY commitment, book, currency
"""
"""Selects the fields of PlanMonth, in their order."""
USED_BY_CHARGES = f"""
    SELECT currency, sum(committed_cost) FROM {charges("day <= toDate({last:UInt16}) AND committed_cost IS NOT NULL")}
    GROUP BY currency
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTerms:
    """The settings that decide the shared costs of a statement."""

    books: Books
    zone: ZoneInfo
    rules: str
    """Hash of the attribution and billing rules."""
    bill: tuple[BillRule, ...] = ()
    """Rules for lines of imported bills that name no pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfRun:
    """A month under a pricing run, up to an instant."""

    month: int
    run: int
    now: Instant
    """Fees are due until then."""


class PlanMonth(NamedTuple):
    """The hours of a commitment in a month."""

    name: str
    book: str
    currency: str
    committed: Decimal
    used: Decimal
    covered: Decimal
    """List price of the usage that it covered."""
    last: int
    """The last day."""
    applied_until: str


@dataclass(frozen=True, slots=True)
class MonthShared:
    """The shared costs of a month, and a sentence on each that is in no sum or needs one."""

    costs: list[SharedCost] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bills: list[str] = field(default_factory=list)
    """The imported bills that the costs were computed from."""


def month_shared(store: Store, of: MonthOfRun, terms: StatementTerms, usage: Sequence[UsageSum]) -> MonthShared:
    """Computes the shared costs of a month so far."""
    end = midnight(date_of(month_after(of.month)), terms.zone)
    billed = bill_shared(store, of.month, terms.bill, terms.books, min(end, of.now) - 1)
    parts = [
        _fees(store, of, terms, usage, billed.replaced),
        _commitments(store, of, terms),
        _idle(store, of, terms),
        MonthShared(billed.costs, billed.notes),
    ]
    costs = [cost for part in parts for cost in part.costs]
    return MonthShared(costs, [note for part in parts for note in part.notes], billed.names)


def counts_pods(books: Books) -> bool:
    """Returns whether a fee is shared by the number of pods, which is the only weight that takes long to compute."""
    return any(isinstance(fee.row, Fee) and fee.row.metric == "pods" for fee in books.fees)


def _fees(
    store: Store, of: MonthOfRun, terms: StatementTerms, usage: Sequence[UsageSum], replaced: Mapping[str, str]
) -> MonthShared:
    found = MonthShared()
    begin, end = (midnight(date_of(day), terms.zone) for day in (of.month, month_after(of.month)))
    used_before: set[str] | None = None
    for fee in terms.books.fees:
        if fee.id in replaced:
            found.notes.append(FEE_REPLACED.format(fee=fee.id, book=fee.book, what=replaced[fee.id]))
            continue
        due = fees.amount(fee, terms.books, begin, min(end, of.now), terms.zone)
        if due is None:
            found.notes.append(FEE_WITHOUT_RATE.format(fee=fee.id, book=fee.book))
            continue
        clusters = _clusters(fee, usage)
        if not clusters and _is_shipped(fee):
            if used_before is None:
                rows = store.query_rows(USED_BEFORE, run_month(of.run, of.month))
                used_before = {product for (product,) in rows}
            if fee.product not in used_before:
                continue
        if not clusters and due:
            found.notes.append(FEE_OF_NONE.format(fee=fee.id, book=fee.book, product=fee.product))
        found.costs.extend(_fee_cost(fee, due, names, terms.books.currency) for names in clusters or [()])
    return found


def _clusters(fee: RecurringCost, usage: Iterable[UsageSum]) -> list[tuple[str, ...]]:
    """Returns the clusters of each payment of a fee; (): all clusters together."""
    row = _row(fee)
    if not fee.product and not row.clusters:
        return [()]
    return [(name,) for name in row.clusters or sorted({use.cluster for use in usage if use.product == fee.product})]


def _is_shipped(fee: RecurringCost) -> bool:
    """Returns whether the fee is not the user's own choice: it is part of a book that comes with Lynceus."""
    return fee.book.partition("@")[0] in book.shipped_ids()


def _fee_cost(fee: RecurringCost, due: Decimal, clusters: tuple[str, ...], currency: str) -> SharedCost:
    row = _row(fee)
    return SharedCost(
        kind="fee",
        what=fee.id,
        book=fee.book,
        rule=FEE_RULE.format(amount=f"{fee.amount:f}", currency=fee.currency, per=fee.per),
        amount=due,
        currency=currency,
        basis=row.basis,
        metric=row.metric,
        clusters=clusters,
        product="" if clusters or not fee.product else fee.product,
        shares=row.shares,
    )


def _row(fee: RecurringCost) -> Fee:
    assert isinstance(fee.row, Fee)  # noqa: S101 - the books keep fees and plans apart
    return fee.row


def _commitments(store: Store, of: MonthOfRun, terms: StatementTerms) -> MonthShared:
    """What commitments cost beyond what charges used of them."""
    bound = run_month(of.run, of.month, zone=str(terms.zone))
    plans = [PlanMonth(*row) for row in store.query_rows(HOURS, bound)]
    used: dict[str, Decimal] = {}
    if plans:
        used = dict(store.query_rows(USED_BY_CHARGES, {**bound, "last": max(plan.last for plan in plans)}))
    names = {plan.name for plan in plans}
    notes = [
        COMMITMENT_APPLIED.format(
            plan=plan.name,
            book=plan.book,
            committed=amount(plan.committed),
            currency=plan.currency,
            covered=amount(plan.covered),
            time=plan.applied_until,
        )
        for plan in plans
    ]
    notes += [COMMITMENT_NOT_APPLIED.format(plan=plan.id) for plan in terms.books.commitments if plan.id not in names]
    return MonthShared(list(_unused(plans, used)), notes)


def _unused(plans: Sequence[PlanMonth], used: dict[str, Decimal]) -> Iterator[SharedCost]:
    """
    Yields the unused part of each commitment.

    What hours used and charges do not show, because the charges were replaced since, is unused too; it is divided among the
    commitments by their cost, because charges do not name the commitment.
    """
    for currency in dict.fromkeys(plan.currency for plan in plans):
        own = {(plan.name, plan.book): plan for plan in plans if plan.currency == currency}
        missing = CONTEXT.subtract(total(plan.used for plan in own.values()), used.get(currency) or ZERO)
        more = divide(missing, {key: plan.committed for key, plan in own.items()})
        for key, plan in own.items():
            yield SharedCost(
                kind="commitment",
                what=plan.name,
                book=plan.book,
                rule=COMMITMENT_RULE,
                amount=total((plan.committed, CONTEXT.minus(plan.used), more.get(key, ZERO))),
                currency=currency,
                basis="proportional",
            )


def _idle(store: Store, of: MonthOfRun, terms: StatementTerms) -> MonthShared:
    idle = idle_nodes(query_of(store), span_of(of.month, terms.zone), terms.books, of.run)
    costs = [
        SharedCost(
            kind="idle",
            what=IDLE,
            book="+".join(layer.book.name for layer in terms.books.layers[PLAIN]),
            rule=IDLE_RULE,
            amount=cost,
            currency=terms.books.currency,
            basis="proportional",
            clusters=(cluster,),
            product=PLAIN,
        )
        for cluster, cost in (idle.by_cluster() if idle.shared else {}).items()
    ]
    return MonthShared(costs, idle.notes)
