"""
A cost that no pod causes, shared out to the last place: the parts sum to the total, always.

Each part is cut down to 18 places, and the places that are left over go to the largest remainders, by name where these are
equal; so the same question has the same answer.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Literal

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import CONTEXT

Basis = Literal["proportional", "even", "fixed", "metric"]
UNITS = 10**18


def share(total: Decimal, weights: Mapping[str, Decimal], basis: Basis) -> dict[str, Decimal]:
    """Everyone's part by weight (spent, agreed or measured), or `even` of all that are named; of nobody: unallocated."""
    units = Fraction(total) * UNITS
    if units.denominator != 1:
        raise ValueError(f"{total} has more than 18 places; quantise it first")
    parts = {name: Fraction(1) if basis == "even" else Fraction(weight) for name, weight in weights.items()}
    parts = {name: part for name, part in parts.items() if part > 0}
    if not parts:
        return {UNALLOCATED: total}
    whole = sum(parts.values())
    exact = {name: units * part / whole for name, part in parts.items()}
    cut = {name: floor(part) for name, part in exact.items()}
    left = int(units) - sum(cut.values())
    for name in sorted(cut, key=lambda name: (cut[name] - exact[name], name))[:left]:
        cut[name] += 1
    return {name: Decimal(part).scaleb(-18, CONTEXT) for name, part in cut.items()}
