"""
The statement of a month: what each department pays, line by line, computed from sums of usage and from shared costs.

All lines sum to what is to pay, exactly: the usage as the provider's bill rounds it, and every shared cost. A shared cost is
first divided among departments by its own basis, then among the department's usage by cost. What no department used is paid by
`unallocated`. Amounts of several currencies never meet.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal, NamedTuple, get_args

import msgspec
from msgspec import json
from msgspec.structs import replace

from collector.core.cost.allocation import Basis, divide, share
from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import StatementLine
from collector.core.units import ONE, ZERO

SharedKind = Literal["fee", "idle", "commitment", "bill"]
SHARED_KINDS: tuple[SharedKind, ...] = get_args(SharedKind)
"""Kinds of lines that no pod causes."""
Metric = Literal["", "pods", "seconds"]


class UsageSum(msgspec.Struct, frozen=True, kw_only=True):
    """What a department used of one product in one cluster in a month, in one currency."""

    department: str
    cluster: str
    product: str
    currency: str
    cost: Decimal
    """Exact, of the charges that have a price; corrections included."""
    rounded_cost: Decimal
    """The same as the provider's bill rounds it."""
    corrections: Decimal = ZERO
    """The part of `cost` that corrects locked months."""
    seconds: int = 0
    pods: int = 0
    """Each counted once, however many billing days it ran."""


class SharedCost(msgspec.Struct, frozen=True, kw_only=True):
    """A cost of a month that no pod causes, and how departments share it."""

    kind: SharedKind
    what: str
    """The fee, the commitment, or the item of the provider's bill."""
    book: str
    """The price book, or the imported bill, that states it."""
    rule: str
    """How the amount was computed."""
    amount: Decimal
    """At most 18 places; negative: a credit."""
    currency: str
    basis: Basis
    metric: Metric = ""
    """With the basis `metric`: what is counted."""
    clusters: tuple[str, ...] = ()
    """Whose usage bears the cost; empty: that of all clusters."""
    product: str = ""
    """Whose usage bears the cost; empty: that of all products."""
    shares: Mapping[str, str] = {}
    """With the basis `fixed`: each department's part."""

    @property
    def shared_by(self) -> str:
        """The basis as a line states it."""
        return self.metric if self.basis == "metric" else self.basis


class Edition(NamedTuple):
    """Which statement a line is of."""

    month: int
    run: int
    version: int


WEIGHTS: Mapping[str, Callable[[UsageSum], Decimal]] = {
    "proportional": lambda usage: usage.cost,
    "pods": lambda usage: Decimal(usage.pods),
    "seconds": lambda usage: Decimal(usage.seconds),
}


def statement_lines(usage: Iterable[UsageSum], shared: Iterable[SharedCost], edition: Edition) -> list[StatementLine]:
    """Computes the lines of a month's statement, in the order of their keys: one for each key, none of 0."""
    used = list(usage)
    lines = [line for of_use in used for line in _usage_lines(of_use, edition)]
    lines += [line for cost in _joined(shared) for line in _shared_lines(cost, used, edition)]
    by_key: dict[Hashable, StatementLine] = {}
    for line in lines:
        key = key_of(line)
        by_key[key] = _both(by_key[key], line) if key in by_key else line
    return sorted((line for line in by_key.values() if line.amount), key=key_of)


def key_of(line: StatementLine) -> tuple[str, ...]:
    """Returns what identifies a line within the statement of a month and run."""
    return (line.currency, line.department, line.kind, line.what, line.book, line.cluster, line.product)


def changed_lines(
    stored: Iterable[StatementLine], computed: Iterable[StatementLine], *, every: bool = False
) -> list[StatementLine]:
    """
    Returns the lines to write so that the store has the computed ones: the different ones, and a 0 for each vanished one.

    `every`: the unchanged ones too, so that a write that was sent before and arrives later changes none of them.
    """
    before, after = ({key_of(line): line for line in lines} for lines in (stored, computed))
    version = max((line.version for line in after.values()), default=0)
    version = max([version, *(line.version + 1 for line in before.values())])
    new = [line for key, line in after.items() if every or not _same(before.get(key), line)]
    gone = [replace(line, amount=ZERO) for key, line in before.items() if key not in after and line.amount]
    return [replace(line, version=version) for line in (*new, *gone)]


def hash_of(lines: Iterable[StatementLine]) -> str:
    """Returns a hash that differs if any line has another payer, amount or explanation, is missing, or was added."""
    texts = sorted(
        json.encode((*key_of(line), line.basis, *map(_digits, (line.weight, line.whole, line.amount)), line.rule))
        for line in lines
        if line.amount
    )
    return sha256(b"\n".join(texts)).hexdigest()


def to_pay(lines: Iterable[StatementLine]) -> dict[str, Decimal]:
    """Sums up lines by currency: what is to pay."""
    return _by_currency(lines)


def exact(lines: Iterable[StatementLine]) -> dict[str, Decimal]:
    """Sums up lines by currency before the provider's rounding."""
    return _by_currency(line for line in lines if line.kind != "rounding")


def _by_currency(lines: Iterable[StatementLine]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        sums[line.currency] = CONTEXT.add(sums.get(line.currency, ZERO), line.amount)
    return sums


def _digits(value: Decimal) -> str:
    """Returns one spelling of each number."""
    return f"{value.normalize(CONTEXT):f}"


def _same(stored: StatementLine | None, computed: StatementLine) -> bool:
    return stored is not None and replace(stored, version=0) == replace(computed, version=0)


def _usage_lines(usage: UsageSum, edition: Edition) -> Iterator[StatementLine]:
    """Yields the exact cost, its corrections, and what the provider's rounding adds."""
    amounts = {
        "usage": CONTEXT.subtract(usage.cost, usage.corrections),
        "correction": usage.corrections,
        "rounding": CONTEXT.subtract(usage.rounded_cost, usage.cost),
    }
    for kind, amount in amounts.items():
        yield StatementLine(
            month=edition.month,
            run=edition.run,
            currency=usage.currency,
            department=usage.department,
            kind=kind,
            what=usage.product,
            book="",
            cluster=usage.cluster,
            product=usage.product,
            version=edition.version,
            basis="",
            weight=Decimal(usage.seconds),
            whole=amount,
            amount=amount,
            rule="",
        )


def _shared_lines(cost: SharedCost, usage: Sequence[UsageSum], edition: Edition) -> Iterator[StatementLine]:
    """Yields the part of each department, divided among its usage."""
    bearing = [use for use in usage if _bears(use, cost)]
    weights, spent = _weights(cost, bearing), _spent(bearing)
    for department, part in share(cost.amount, weights, cost.basis).items():
        parts = divide(part, spent.get(department, {})) or {("", ""): part}
        for (cluster, product), amount in parts.items():
            yield StatementLine(
                month=edition.month,
                run=edition.run,
                currency=cost.currency,
                department=department,
                kind=cost.kind,
                what=cost.what,
                book=cost.book,
                cluster=cluster,
                product=product,
                version=edition.version,
                basis=cost.shared_by,
                weight=weights.get(department, ZERO),
                whole=cost.amount,
                amount=amount,
                rule=cost.rule,
            )


def _bears(use: UsageSum, cost: SharedCost) -> bool:
    in_cluster = not cost.clusters or use.cluster in cost.clusters
    return use.currency == cost.currency and in_cluster and cost.product in ("", use.product)


def _weights(cost: SharedCost, bearing: Iterable[UsageSum]) -> dict[str, Decimal]:
    """Returns the weight of each department."""
    if cost.basis == "fixed":
        return {name: Decimal(part) for name, part in cost.shares.items()}
    if cost.basis == "even":
        return {use.department: ONE for use in bearing}
    weight, weights = WEIGHTS[cost.shared_by], dict[str, Decimal]()
    for use in bearing:
        weights[use.department] = CONTEXT.add(weights.get(use.department, ZERO), weight(use))
    return weights


def _spent(bearing: Iterable[UsageSum]) -> dict[str, dict[tuple[str, str], Decimal]]:
    """Sums up what each department spent, by cluster and product."""
    spent: dict[str, dict[tuple[str, str], Decimal]] = {}
    for use in bearing:
        places, place = spent.setdefault(use.department, {}), (use.cluster, use.product)
        places[place] = CONTEXT.add(places.get(place, ZERO), use.cost)
    return spent


def _joined(shared: Iterable[SharedCost]) -> Iterator[SharedCost]:
    """Adds up costs that are shared alike under one name, such as a fee before and after its price changed."""
    alike: dict[Hashable, list[SharedCost]] = {}
    for cost in sorted(shared, key=lambda cost: (*_sharing(cost), cost.rule, cost.amount)):
        alike.setdefault(_sharing(cost), []).append(cost)
    for costs in alike.values():
        rules = "; ".join(dict.fromkeys(cost.rule for cost in costs))
        yield replace(costs[0], amount=total(cost.amount for cost in costs), rule=rules)


def _sharing(cost: SharedCost) -> tuple[Any, ...]:
    """Returns all that identifies a cost and decides who pays it."""
    stated = (cost.kind, cost.what, cost.book, cost.currency, cost.shared_by, cost.clusters, cost.product)
    return (*stated, tuple(sorted(cost.shares.items())))


def _both(one: StatementLine, other: StatementLine) -> StatementLine:
    """Adds up two lines of one key, such as the parts of two clusters' fees that no department used."""
    return replace(
        one,
        weight=CONTEXT.add(one.weight, other.weight),
        whole=CONTEXT.add(one.whole, other.whole),
        amount=CONTEXT.add(one.amount, other.amount),
        rule="; ".join(dict.fromkeys((one.rule, other.rule))),
    )
