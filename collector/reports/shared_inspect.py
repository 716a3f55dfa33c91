"""
What a department pays of costs that no pod causes, line by line, so that a person can compute each line again.

A shared cost is first divided among departments by weight, then a department's part among its clusters and products by what
they cost. The statement keeps the weight of each department and the whole; the sum of the weights is read from the lines of
all departments. From it, the whole, and a share follows what others spend: only a reader of everything gets them.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from collector.catalog.bills import IS_SHARED
from collector.catalog.schema import DATABASE
from collector.core.cost.meters import CONTEXT, total
from collector.core.units import ONE
from collector.reports.report import Query, Report

OF_COST = ("currency", "kind", "what", "book", "basis", "rule")
"""What lines of one shared cost have in common, of all departments."""
_NAMES = ", ".join(OF_COST)
_LINES = f"{DATABASE}.statement_current WHERE month = {{month:Date}} AND {IS_SHARED}"
OWN = f"""
    SELECT {_NAMES}, department, cluster, product, weight, amount, toDecimal128(0, 18)
    FROM {_LINES} AND department = {{department:String}}
"""
OF_ALL = f"""
    SELECT {_NAMES}, department, cluster, product, weight, amount, whole
    FROM {_LINES} AND ({_NAMES}) IN (SELECT {_NAMES} FROM {_LINES} AND department = {{department:String}})
"""
EXACT_TO = Fraction(2, 10**18)
"""What a part may differ from the quotient: parts are rounded to the 18th place so that they sum to the whole."""
COLUMNS = ("kind", "what", "cluster", "product", "amount", "currency", "basis", "weight", "book", "rule")
OF_OTHERS = ("of weight", "share", "whole")
"""Columns for a reader of everything."""


class StoredPart(NamedTuple):
    """A line of a shared cost as the statement has it."""

    currency: str
    kind: str
    what: str
    book: str
    basis: str
    rule: str
    department: str
    cluster: str
    product: str
    weight: Decimal
    amount: Decimal
    whole: Decimal
    """0: this reader may not know it."""

    @property
    def cost(self) -> tuple[str, ...]:
        """What it has in common with all lines of its cost."""
        return (self.currency, self.kind, self.what, self.book, self.basis, self.rule)


class PartPlace(NamedTuple):
    """The part of a cost that one cluster's use of one product bears; both empty: the department used nothing of it."""

    cluster: str
    product: str
    amount: Decimal


class DepartmentPart(msgspec.Struct, frozen=True, kw_only=True):
    """What a department pays of one shared cost."""

    currency: str
    kind: str
    what: str
    book: str
    basis: str
    rule: str
    weight: Decimal
    """Of the department: by the basis what it spent, its pods, its billed seconds, its stated share."""
    amount: Decimal
    places: tuple[PartPlace, ...]
    """They sum to the amount."""
    clusters: tuple[str, ...] = ()
    """Whose use bears the cost, by the lines that could be read."""
    products: tuple[str, ...] = ()
    weights: Decimal | None = None
    """Of all departments; None: the reader may not know it."""
    whole: Decimal | None = None

    @property
    def share(self) -> Decimal | None:
        """The department's weight as a part of all weights."""
        if not self.weights:
            return None
        return CONTEXT.divide(self.weight, self.weights)

    @property
    def recomputed(self) -> bool | None:
        """Whether whole x weight / weights is the amount; None: that cannot be computed."""
        if not self.weights or self.whole is None:
            return None
        quotient = Fraction(self.whole) * Fraction(self.weight) / Fraction(self.weights)
        return abs(quotient - Fraction(self.amount)) <= EXACT_TO


def shared_parts(query: Query, month: date, department: str, *, of_all: bool) -> list[DepartmentPart]:
    """Reads what a department pays of each shared cost of a month, the dearest first; `of_all`: the reader knows of all."""
    rows = query(OF_ALL if of_all else OWN, {"month": month, "department": department})
    by_cost: dict[tuple[str, ...], list[StoredPart]] = {}
    for line in (StoredPart(*row) for row in rows):
        by_cost.setdefault(line.cost, []).append(line)
    groups = [group for lines in by_cost.values() for group in (_separate(lines) if of_all else [lines])]
    parts = [part for group in groups if (part := _part(group, department, of_all=of_all)) is not None]
    return sorted(parts, key=lambda part: (part.currency, -part.amount, part.kind, part.what, part.clusters))


def inspect_shared(query: Query, month: date, department: str, *, of_all: bool) -> Report:
    """Reports the same as a table: one row for each cluster and product of each cost."""
    parts = shared_parts(query, month, department, of_all=of_all)
    return Report(
        f"Shared costs of {department}, {month:%Y-%m}",
        (*COLUMNS, *(OF_OTHERS if of_all else ())),
        [row for part in parts for row in _rows(part, of_all=of_all)],
        money=frozenset({"amount"}),
        rates=frozenset({"weight", "of weight", "share", "whole"}),
        keys=2,
    )


def _separate(lines: Sequence[StoredPart]) -> list[list[StoredPart]]:
    """
    Separates costs of one name that are due for each cluster by itself, such as the fee of each cluster.

    Lines of one cost sum to its whole. Those of several sum to several wholes, and each is borne by one cluster.
    """
    wholes = {line.whole for line in lines}
    if len(wholes) == 1 and total(line.amount for line in lines) == next(iter(wholes)):
        return [list(lines)]
    by_cluster: dict[str, list[StoredPart]] = {}
    for line in lines:
        by_cluster.setdefault(line.cluster, []).append(line)
    return list(by_cluster.values())


def _part(lines: Sequence[StoredPart], department: str, *, of_all: bool) -> DepartmentPart | None:
    """What a department pays of the cost that these lines are of; None: nothing."""
    own = [line for line in lines if line.department == department]
    if not own:
        return None
    first = own[0]
    weights = {line.department: line.weight for line in lines}
    if first.basis == "even":
        weights = dict.fromkeys(weights, ONE)
    return DepartmentPart(
        **dict(zip(OF_COST, first.cost, strict=True)),
        weight=weights[department],
        amount=total(line.amount for line in own),
        places=tuple(PartPlace(line.cluster, line.product, line.amount) for line in sorted(own, key=_dearest)),
        clusters=_each(line.cluster for line in lines),
        products=_each(line.product for line in lines),
        weights=total(weights.values()) if of_all else None,
        whole=first.whole if of_all else None,
    )


def _dearest(line: StoredPart) -> tuple[Decimal, str, str]:
    return (-line.amount, line.cluster, line.product)


def _each(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))


def _rows(part: DepartmentPart, *, of_all: bool) -> Iterable[tuple[Any, ...]]:
    for place in part.places:
        row = (part.kind, part.what, place.cluster, place.product, place.amount, part.currency, part.basis)
        others = (part.weights, part.share, part.whole) if of_all else ()
        yield (*row, part.weight, part.book, part.rule, *others)
