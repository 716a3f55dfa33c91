"""
The fees of the price books over a period, shared out to departments by each fee's own basis; and what nobody used of
commitments, and of plain nodes where their book wants it shared, by what each department spent.

A fee of a cluster is shared among those who used that cluster, one of no cluster among all. A commitment is told of once it
was applied, by `lynceus reprice`: its hours until then, less what charges used of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
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
from collector.reports.report import Query, Span
from collector.reports.report import amount as text
from collector.reports.spending import Use, spending

_PODS = """
    SELECT department, cluster, product, uniqExact(pod_uid)
    FROM {source} AND day >= {{begin:Date}} AND day < {{end:Date}} AND currency = {{currency:String}}
    GROUP BY department, cluster, product
"""
"""Each pod once, however many billing days it ran."""

_ACTIVE = "(toStartOfMonth(day), run) IN (SELECT month, active_run FROM period FINAL)"
_OF_RUN = "run = {run:UInt32}"
_CHARGES_OF_RUN = "pod_cost FINAL WHERE run = {run:UInt32} AND"
_COMMITTED = """
    SELECT commitment, book, sum(committed), sum(covered), formatDateTime(max(at) + INTERVAL 1 HOUR, '%F %R', {{zone:String}})
    FROM commitment_hour FINAL
    WHERE day >= {{begin:Date}} AND day < {{end:Date}} AND currency = {{currency:String}} AND {chosen}
    GROUP BY commitment, book ORDER BY commitment, book
"""
_USED = """
    SELECT sum(committed_cost) FROM {source} day >= {{begin:Date}} AND day < {{end:Date}} AND currency = {{currency:String}}
"""


@dataclass(frozen=True, slots=True)
class SharedCosts:
    """What the fees of a period come to, and who bears which part."""

    currency: str
    total: Decimal = ZERO
    parts: dict[str, Decimal] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    """Fees for which no rate of exchange is known; they are in no sum."""
    unused: Decimal = ZERO
    """Of the total, what nobody used of commitments."""
    notes: list[str] = field(default_factory=list)
    """What each commitment did, and until when it was applied."""
    idle: Idle = field(default_factory=Idle)
    """What nobody took of plain nodes; part of the total only where the books have it shared."""


def shared_costs(
    query: Query, span: Span, books: Books, now: Instant, run: int = 0, use: Sequence[Use] | None = None
) -> SharedCosts:
    """Fees so far and unused commitments, of a run or of the bill; by who used what of that, asked for if left out."""
    zone = ZoneInfo(span.zone)
    begin, end = (midnight(day, zone) for day in (span.begin, span.end))
    unused, notes = unused_commitments(query, span, books, run)
    idle = idle_nodes(query, span, books, run)
    lying = idle.by_cluster() if idle.shared else {}
    if use is None:
        use = spending(query, span, [], run).use if books.fees or unused or lying else []
    use = sorted(one for one in use if one.currency == books.currency)
    counted = _pods(query, span, books, run)
    parts: dict[str, list[Decimal]] = {}
    unknown: list[str] = []
    for fee in books.fees:
        amount = fees.amount(fee, books, begin, min(end, now), zone)
        if amount is None:
            unknown.append(f"{fee.id} of {fee.book}")
            continue
        for rows in _scopes(fee, use):
            for department, part in _parts(fee, amount, rows, counted).items():
                parts.setdefault(department, []).append(part)
    for amount, rows in [(unused, use), *((left, _on_nodes(use, cluster)) for cluster, left in lying.items())]:
        for department, part in _by_spent(amount, rows).items():
            parts.setdefault(department, []).append(part)
    sums = {department: total(of_one) for department, of_one in parts.items()}
    return SharedCosts(books.currency, total(sums.values()), sums, unknown, unused, notes, idle)


def unused_commitments(query: Query, span: Span, books: Books, run: int = 0) -> tuple[Decimal, list[str]]:
    """What commitments cost beyond what charges used of them, where they were applied; and what is to be said of them."""
    asked = {**span.parameters(), "currency": books.currency, **({"run": run} if run else {})}
    rows = query(_COMMITTED.format(chosen=_OF_RUN if run else _ACTIVE), asked)
    ((used,),) = (
        query(_USED.format(source=_CHARGES_OF_RUN if run else "cost_current WHERE"), asked) if rows else ((None,),)
    )
    notes = [
        f"commitment {name} of {book}: {text(committed)} {books.currency} cover {text(covered)} at list price; "
        f"applied until {until}, what is billed after that is at its own price"
        for name, book, committed, covered, until in rows
    ]
    told = {row[0] for row in rows}
    lacking = [plan.id for plan in books.commitments if plan.id not in told]
    notes += [f"commitment {name} is not applied in this period; `lynceus reprice` does" for name in lacking]
    return CONTEXT.subtract(total(row[2] for row in rows), used or ZERO), notes


def _pods(query: Query, span: Span, books: Books, run: int) -> dict[tuple[str, str, str], int]:
    """Pods by department, cluster and product, where a fee is shared by them: they are asked for in vain else."""
    if not any(isinstance(fee.row, Fee) and fee.row.metric == "pods" for fee in books.fees):
        return {}
    source = f"pod_cost FINAL WHERE {_OF_RUN}" if run else "cost_current WHERE 1"
    asked = {**span.parameters(), "currency": books.currency, "run": run}
    return {tuple(key): pods for *key, pods in query(_PODS.format(source=source), asked)}


def _on_nodes(use: Iterable[Use], cluster: str) -> list[Use]:
    return [one for one in use if one.cluster == cluster and one.product == PLAIN]


def _by_spent(amount: Decimal, use: Iterable[Use]) -> dict[str, Decimal]:
    return share(amount, _weights(use, lambda one: one.cost or ZERO), "proportional") if amount else {}


def _weights(use: Iterable[Use], weight: Callable[[Use], Decimal]) -> dict[str, Decimal]:
    """The weight of each department."""
    weights: dict[str, Decimal] = {}
    for one in use:
        weights[one.department] = total((weights.get(one.department, ZERO), weight(one)))
    return weights


def _scopes(fee: RecurringCost, use: Sequence[Use]) -> Iterable[list[Use]]:
    """The uses among which each payment of a fee is shared: one a cluster, or one of all."""
    assert isinstance(fee.row, Fee)  # noqa: S101 - a plan is no fee
    clusters = fee.row.clusters or tuple(dict.fromkeys(one.cluster for one in use if one.product == fee.product))
    if not fee.product and not fee.row.clusters:
        return [list(use)]
    return [[one for one in use if one.cluster == cluster] for cluster in clusters]


def _parts(
    fee: RecurringCost, amount: Decimal, use: Iterable[Use], pods: Mapping[tuple[str, str, str], int]
) -> dict[str, Decimal]:
    assert isinstance(fee.row, Fee)  # noqa: S101 - a plan is no fee
    if fee.row.basis == "fixed":
        return share(amount, {name: Decimal(part) for name, part in fee.row.shares.items()}, "fixed")
    weigh: dict[str, Callable[[Use], Decimal]] = {
        "": lambda one: one.cost or ZERO,
        "pods": lambda one: Decimal(pods.get((one.department, one.cluster, one.product), 0)),
        "seconds": lambda one: Decimal(one.seconds),
    }
    return share(amount, _weights(use, weigh[fee.row.metric]), fee.row.basis)
