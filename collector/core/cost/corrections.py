"""
What a locked month lacks or has too much of: entries that are booked in an open month, so that the locked one stays.

An entry is the difference between what is known now of a pod's day and what was booked for it, locked charge and earlier
corrections together. Money that moved to another department or class leaves the old one as a negative entry.
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
    """The entries, numbered on from `entry`, that bring what was booked for a pod's day to what is known now."""
    if known.cost is None:
        # That nobody can price it any more makes no paid amount wrong.
        return []
    known = _as_covered(known, booked)
    whose = {_facet(charge): charge for charge in [*booked, known]}
    owed = {_facet(known): _amounts(known)}
    paid = {facet: _sum(charge for charge in booked if _facet(charge) == facet) for facet in whose}
    entries: list[PodCost] = []
    for facet, charge in sorted(whose.items(), key=lambda item: item[0]):
        less = _difference(owed.get(facet, NOTHING), paid[facet])
        if any(less):
            entries.append(_entry(charge, known, dict(zip(AMOUNTS, less, strict=True)), run, day, entry + len(entries)))
    return entries


NOTHING: Booked = (ZERO,) * len(AMOUNTS)


def _as_covered(known: PodCost, booked: Sequence[PodCost]) -> PodCost:
    """Known at its own price; what commitments paid of the locked charge they still do, so that less is owed of this one."""
    locked = next((charge for charge in booked if charge.covered_cost is not None), None)
    if locked is None or known.covered_cost is not None:
        return known
    less = CONTEXT.subtract(total(meter.cost for meter in locked.meters), locked.cost or ZERO)
    return msgspec.structs.replace(known, **{
        name: max(ZERO, CONTEXT.subtract(getattr(known, name) or ZERO, less)) for name in ("cost", "rounded_cost")
    }, cost_pending=min(known.cost_pending or ZERO, locked.cost_pending or ZERO))  # fmt: skip


def _facet(charge: PodCost) -> tuple[str, ...]:
    """Whose money it is, and what it was spent on."""
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


def _entry(charge: PodCost, known: PodCost, less: dict[str, Any], run: int, day: int, number: int) -> PodCost:
    """A correction has no seconds and no meters: those of the pod's day stand where they were."""
    return msgspec.structs.replace(
        charge, run=run, day=day, entry=number, corrects=known.day, version=known.version, status="final", meters=(),
        billed_seconds=0, covered_cost=None, committed_cost=None, **less,
    )  # fmt: skip
