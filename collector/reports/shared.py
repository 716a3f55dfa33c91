"""
The fees of the price books over a period, shared out to departments by each fee's own basis.

A fee of a cluster is shared among those who used that cluster, one of no cluster among all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from collector.core.meters import total
from collector.core.model import Instant
from collector.core.product import ZERO
from collector.core.shared import share
from collector.prices import fees
from collector.prices.lookup import Books, Shared
from collector.prices.schema import Fee
from collector.reports.shape import Query, Span

METRIC = {"": 3, "pods": 4, "seconds": 5}
"""Where in a row of `_USE` a weight stands."""
_USE = """
    SELECT department, cluster, product, sum(cost), uniqExact(pod_uid), sum(billed_seconds)
    FROM cost_current WHERE day >= {begin:Date} AND day < {end:Date} AND currency = {currency:String}
    GROUP BY department, cluster, product ORDER BY department, cluster, product
"""


@dataclass(frozen=True, slots=True)
class SharedCosts:
    """What the fees of a period come to, and who bears which part."""

    currency: str
    total: Decimal = ZERO
    parts: dict[str, Decimal] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    """Fees for which no rate of exchange is known; they are in no sum."""


def shared_costs(query: Query, span: Span, books: Books, now: Instant) -> SharedCosts:
    """The fees of a period so far; what is to come of it is not owed yet."""
    zone = ZoneInfo(span.zone)
    begin, end = (_midnight(day, zone) for day in (span.begin, span.end))
    use = query(_USE, {**span.parameters(), "currency": books.currency}) if books.fees else []
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
    sums = {department: total(of_one) for department, of_one in parts.items()}
    return SharedCosts(books.currency, total(sums.values()), sums, unknown)


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


def _midnight(day: date, zone: ZoneInfo) -> Instant:
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)
