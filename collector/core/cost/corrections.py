"""
Corrections of a locked month: entries that are booked in an open month, so that the locked month never changes.

An entry is the difference between the present charge of a pod's day and the amounts booked for it, which are the locked
charge and earlier corrections. Money that moved to another department or class gives a negative entry for the old one.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from collector.core.cost.meters import CONTEXT, total
from collector.core.facts.bills import PodCost
from collector.core.units import ZERO

AMOUNTS = ("cost", "cost_pending", "list_cost", "rounded_cost")
Booked = tuple[Decimal, ...]


def corrections(known: PodCost, booked: Sequence[PodCost], run: int, day: int, entry: int) -> list[PodCost]:
    """Entries, numbered on from `entry`, that adjust the booked amounts of a pod's day to its present charge."""
    if known.cost is None:
        # A charge that can no longer be priced does not make a paid amount wrong.
        return []
    known = _as_covered(known, booked)
    by_facet = {_facet(charge): charge for charge in [*booked, known]}
    owed = {_facet(known): _amounts(known)}
    paid = {facet: _sum(charge for charge in booked if _facet(charge) == facet) for facet in by_facet}
    entries: list[PodCost] = []
    for facet, charge in sorted(by_facet.items(), key=lambda item: item[0]):
        difference = _difference(owed.get(facet, NOTHING), paid[facet])
        if any(difference):
            amounts = dict(zip(AMOUNTS, difference, strict=True))
            entries.append(_entry(charge, known, amounts, run=run, day=day, number=entry + len(entries)))
    return entries


NOTHING: Booked = (ZERO,) * len(AMOUNTS)


def _as_covered(known: PodCost, booked: Sequence[PodCost]) -> PodCost:
    """Present charge less the amount that commitments paid of the locked one: they still pay that amount."""
    locked = next((charge for charge in booked if charge.covered_cost is not None), None)
    if locked is None or known.covered_cost is not None:
        return known
    reduction = CONTEXT.subtract(total(meter.cost for meter in locked.meters), locked.cost or ZERO)

    def reduced(amount: Decimal | None) -> Decimal:
        return max(ZERO, CONTEXT.subtract(amount or ZERO, reduction))

    return msgspec.structs.replace(
        known,
        cost=reduced(known.cost),
        rounded_cost=reduced(known.rounded_cost),
        cost_pending=min(known.cost_pending or ZERO, locked.cost_pending or ZERO),
    )


def _facet(charge: PodCost) -> tuple[str, ...]:
    """Currency, owner and class of a charge: the dimensions by which corrections are booked."""
    return charge.currency, charge.department, charge.project, charge.class_


def _amounts(charge: PodCost) -> Booked:
    return tuple(getattr(charge, name) or ZERO for name in AMOUNTS)


def _sum(charges: Iterable[PodCost]) -> Booked:
    whole = NOTHING
    for charge in charges:
        whole = tuple(map(CONTEXT.add, whole, _amounts(charge)))
    return whole


def _difference(owed: Booked, paid: Booked) -> Booked:
    return tuple(map(CONTEXT.subtract, owed, paid))


def _entry(charge: PodCost, known: PodCost, amounts: dict[str, Any], *, run: int, day: int, number: int) -> PodCost:
    """Correction with the given amounts; it has no seconds and no meters, which stay with the pod's own day."""
    return msgspec.structs.replace(
        charge,
        run=run,
        day=day,
        entry=number,
        corrects=known.day,
        version=known.version,
        status="final",
        meters=(),
        billed_seconds=0,
        covered_cost=None,
        committed_cost=None,
        **amounts,
    )
