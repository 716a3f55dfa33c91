"""
Shared costs of a period and the part of each department: fees, unused commitments, and idle cost of plain nodes.

A fee is allocated by its own basis: the fee of a cluster among those who used the cluster, any other fee among all.
Unused commitments, and idle cost where its price book wants it shared, are allocated by what each department spent.
A commitment counts once `lynceus reprice` has applied it: the cost of its hours until then, minus what charges used of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from collector.core.cost.allocation import share
from collector.core.cost.billing_days import midnight
from collector.core.cost.meters import CONTEXT, total
from collector.core.cost.product import PLAIN
from collector.core.model import Instant
from collector.core.units import ZERO
from collector.prices import fees
from collector.prices.lookup import Books, RecurringCost
from collector.prices.schema import Fee
from collector.reports.idle_nodes import Idle, idle_nodes
from collector.reports.report import Query, Span, amount
from collector.reports.sources import charges, commitment_hours, parameters
from collector.reports.spending import Use, spending

IN_CURRENCY = "currency = {currency:String}"


class CommitmentUse(NamedTuple):
    """The hours of a commitment in a period."""

    name: str
    book: str
    committed: Decimal
    covered: Decimal
    """List price of the usage that it covered."""
    applied_until: str


Pods = Mapping[tuple[str, str, str], int]
"""Pods by department, cluster and product; each once, however many billing days it ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCosts:
    """The shared costs of a period, and who pays which part."""

    currency: str
    total: Decimal = ZERO
    parts: dict[str, Decimal] = field(default_factory=dict)
    """By department."""
    unknown: list[str] = field(default_factory=list)
    """Fees without a known exchange rate; they are in no sum."""
    unused: Decimal = ZERO
    """The part of the total that is unused commitments."""
    notes: list[str] = field(default_factory=list)
    """What each commitment covered, and until when it was applied."""
    idle: Idle = field(default_factory=Idle)
    """Idle cost of plain nodes; in the total only if the price book wants it shared."""


def shared_costs(
    query: Query, span: Span, books: Books, now: Instant, *, run: int = 0, use: Sequence[Use] | None = None
) -> SharedCosts:
    """
    Computes the shared costs so far, of a pricing run or of the bill (run 0).

    `use` holds the weights; the default is to query them.
    """
    unused, notes = unused_commitments(query, span, books, run)
    idle = idle_nodes(query, span, books, run)
    idle_by_cluster = idle.by_cluster() if idle.shared else {}
    if use is None:
        use = spending(query, span, [], run).use if books.fees or unused or idle_by_cluster else []
    use = sorted(row for row in use if row.currency == books.currency)
    parts, unknown = _fee_parts(query, span, books, now, run=run, use=use)
    parts.append(_by_spent(unused, use))
    parts += [_by_spent(cost, _on_nodes(use, cluster)) for cluster, cost in idle_by_cluster.items()]
    by_department: dict[str, list[Decimal]] = {}
    for part in parts:
        for department, cost in part.items():
            by_department.setdefault(department, []).append(cost)
    sums = {department: total(costs) for department, costs in by_department.items()}
    return SharedCosts(
        currency=books.currency,
        total=total(sums.values()),
        parts=sums,
        unknown=unknown,
        unused=unused,
        notes=notes,
        idle=idle,
    )


def _fee_parts(
    query: Query, span: Span, books: Books, now: Instant, *, run: int, use: Sequence[Use]
) -> tuple[list[dict[str, Decimal]], list[str]]:
    """Allocates each payment of each fee to departments; the second value names fees without a known exchange rate."""
    zone = ZoneInfo(span.zone)
    begin, end = (midnight(day, zone) for day in (span.begin, span.end))
    pods = _pods(query, span, books, run)
    parts: list[dict[str, Decimal]] = []
    unknown: list[str] = []
    for fee in books.fees:
        cost = fees.amount(fee, books, begin, min(end, now), zone)
        if cost is None:
            unknown.append(f"{fee.id} of {fee.book}")
        else:
            parts += [_parts(fee, cost, users, pods) for users in _payments(fee, use)]
    return parts, unknown


def unused_commitments(query: Query, span: Span, books: Books, run: int = 0) -> tuple[Decimal, list[str]]:
    """Computes what commitments cost beyond what charges used of them; the notes describe each commitment."""
    bound = parameters(span, run, currency=books.currency)
    applied = _applied_commitments(query, bound, run)
    used: Decimal | None = None
    if applied:
        ((used,),) = query(f"SELECT sum(committed_cost) FROM {charges(run, IN_CURRENCY)}", bound)
    notes = [
        f"commitment {plan.name} of {plan.book}: {amount(plan.committed)} {books.currency} cover "
        f"{amount(plan.covered)} at list price; applied until {plan.applied_until}, later charges are at their own price"
        for plan in applied
    ]
    names = {plan.name for plan in applied}
    missing = [plan.id for plan in books.commitments if plan.id not in names]
    notes += [f"commitment {name} is not applied in this period; run `lynceus reprice` to apply it" for name in missing]
    return CONTEXT.subtract(total(plan.committed for plan in applied), used or ZERO), notes


def _applied_commitments(query: Query, bound: Mapping[str, Any], run: int) -> list[CommitmentUse]:
    sql = f"""
        SELECT commitment, book, sum(committed), sum(covered),
               formatDateTime(max(at) + INTERVAL 1 HOUR, '%F %R', {{zone:String}})
        FROM {commitment_hours(run, IN_CURRENCY)}
        GROUP BY commitment, book ORDER BY commitment, book
    """
    return [CommitmentUse(*row) for row in query(sql, bound)]


def _pods(query: Query, span: Span, books: Books, run: int) -> Pods:
    """Counts the pods if a fee is allocated by them; otherwise the query would cost time for nothing."""
    if not any(isinstance(fee.row, Fee) and fee.row.metric == "pods" for fee in books.fees):
        return {}
    sql = f"""
        SELECT department, cluster, product, uniqExact(pod_uid) FROM {charges(run, IN_CURRENCY)}
        GROUP BY department, cluster, product
    """
    rows = query(sql, parameters(span, run, currency=books.currency))
    return {(department, cluster, product): pods for department, cluster, product, pods in rows}


def _on_nodes(use: Iterable[Use], cluster: str) -> list[Use]:
    return [row for row in use if row.cluster == cluster and row.product == PLAIN]


def _by_spent(cost: Decimal, use: Iterable[Use]) -> dict[str, Decimal]:
    return share(cost, _weights(use, lambda row: row.cost or ZERO), "proportional") if cost else {}


def _weights(use: Iterable[Use], weight: Callable[[Use], Decimal]) -> dict[str, Decimal]:
    """Sums up the weight of each department."""
    weights: dict[str, Decimal] = {}
    for row in use:
        weights[row.department] = total((weights.get(row.department, ZERO), weight(row)))
    return weights


def _payments(fee: RecurringCost, use: Sequence[Use]) -> Iterable[list[Use]]:
    """Returns the uses among which each payment of a fee is allocated: a payment for each cluster, or one for all."""
    assert isinstance(fee.row, Fee)  # noqa: S101 - the books keep fees and plans apart
    clusters = fee.row.clusters or tuple(dict.fromkeys(row.cluster for row in use if row.product == fee.product))
    if not fee.product and not fee.row.clusters:
        return [list(use)]
    return [[row for row in use if row.cluster == cluster] for cluster in clusters]


def _parts(fee: RecurringCost, cost: Decimal, use: Iterable[Use], pods: Pods) -> dict[str, Decimal]:
    """Allocates one payment of a fee to departments."""
    assert isinstance(fee.row, Fee)  # noqa: S101 - the books keep fees and plans apart
    if fee.row.basis == "fixed":
        return share(cost, {name: Decimal(part) for name, part in fee.row.shares.items()}, "fixed")
    weights: dict[str, Callable[[Use], Decimal]] = {
        "": lambda row: row.cost or ZERO,
        "pods": lambda row: Decimal(pods.get((row.department, row.cluster, row.product), 0)),
        "seconds": lambda row: Decimal(row.seconds),
    }
    return share(cost, _weights(use, weights[fee.row.metric]), fee.row.basis)
