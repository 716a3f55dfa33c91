"""
The fees of the price books over a period, shared out to departments by each fee's own basis; and what nobody used of
commitments, and of plain nodes where their book wants it shared, by what each department spent.

A fee of a cluster is shared among those who used that cluster, one of no cluster among all. A commitment is told of once it
was applied, by `lynceus reprice`: its hours until then, less what charges used of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from collector.core.days import midnight
from collector.core.meters import CONTEXT, total
from collector.core.model import Instant
from collector.core.product import PLAIN, ZERO
from collector.core.shared import share
from collector.prices import fees
from collector.prices.lookup import Books, Shared
from collector.prices.schema import Fee
from collector.reports.idle import Idle, idle_nodes
from collector.reports.shape import Query, Span
from collector.reports.shape import amount as text

METRIC = {"": 3, "pods": 4, "seconds": 5}
"""Where in a row of `_USE` a weight stands."""
_USE = """
    SELECT department, cluster, product, sum(cost), uniqExact(pod_uid), sum(billed_seconds)
    FROM cost_current WHERE day >= {begin:Date} AND day < {end:Date} AND currency = {currency:String}
    GROUP BY department, cluster, product ORDER BY department, cluster, product
"""

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


def shared_costs(query: Query, span: Span, books: Books, now: Instant, run: int = 0) -> SharedCosts:
    """The fees of a period so far, what is to come of it is not owed yet; and unused commitments, of a run or of the bill."""
    zone = ZoneInfo(span.zone)
    begin, end = (midnight(day, zone) for day in (span.begin, span.end))
    unused, notes = unused_commitments(query, span, books, run)
    idle = idle_nodes(query, span, books, run)
    lying = idle.by_cluster() if idle.shared else {}
    asked = {**span.parameters(), "currency": books.currency}
    use = list(query(_USE, asked)) if books.fees or unused or lying else []
    parts: dict[str, list[Decimal]] = {}
    unknown: list[str] = []
    for fee in books.fees:
        amount = fees.amount(fee, books, begin, min(end, now), zone)
        if amount is None:
            unknown.append(f"{fee.id} of {fee.book}")
            continue
        for rows in _scopes(fee, use):
            for department, part in _parts(fee, amount, rows).items():
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


def _on_nodes(use: Iterable[Sequence[Any]], cluster: str) -> list[Sequence[Any]]:
    return [row for row in use if row[1] == cluster and row[2] == PLAIN]


def _by_spent(amount: Decimal, use: Iterable[Sequence[Any]]) -> dict[str, Decimal]:
    if not amount:
        return {}
    weights: dict[str, Decimal] = {}
    for row in use:
        weights[row[0]] = total((weights.get(row[0], ZERO), row[3] or ZERO))
    return share(amount, weights, "proportional")


def _scopes(fee: Shared, use: Sequence[Sequence[Any]]) -> Iterable[list[Sequence[Any]]]:
    """The uses among which each payment of a fee is shared: one a cluster, or one of all."""
    assert isinstance(fee.row, Fee)  # noqa: S101 - a plan is no fee
    clusters = fee.row.clusters or tuple(dict.fromkeys(row[1] for row in use if row[2] == fee.product))
    if not fee.product and not fee.row.clusters:
        return [list(use)]
    return [[row for row in use if row[1] == cluster] for cluster in clusters]


def _parts(fee: Shared, amount: Decimal, rows: Iterable[Sequence[Any]]) -> dict[str, Decimal]:
    assert isinstance(fee.row, Fee)  # noqa: S101 - a plan is no fee
    if fee.row.basis == "fixed":
        return share(amount, {name: Decimal(part) for name, part in fee.row.shares.items()}, "fixed")
    weights: dict[str, Decimal] = {}
    for row in rows:
        weights[row[0]] = total((weights.get(row[0], ZERO), Decimal(row[METRIC[fee.row.metric]] or 0)))
    return share(amount, weights, fee.row.basis)
