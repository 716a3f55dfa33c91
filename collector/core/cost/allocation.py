"""
Allocates a cost that no pod causes, such that the parts always sum to the total exactly.

Each part is rounded down to 18 places; the remaining units go to the largest remainders, by name where remainders are
equal. So the same input always gives the same result.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Literal, TypeVar

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import CONTEXT
from collector.core.units import ONE

Name = TypeVar("Name", str, tuple[str, str], tuple[str, ...])
Basis = Literal["proportional", "even", "fixed", "metric"]
UNITS = 10**18
"""Units of the 18th place in 1."""


def share(total: Decimal, weights: Mapping[str, Decimal], basis: Basis) -> dict[str, Decimal]:
    """Divide a total by weight, or evenly among all names; without any weight the total is `unallocated`."""
    even = dict.fromkeys(weights, ONE)
    return divide(total, even if basis == "even" else weights) or {UNALLOCATED: total}


def divide(total: Decimal, weights: Mapping[Name, Decimal]) -> dict[Name, Decimal]:
    """Divide a total among those names that have a weight above 0; without any there are no parts."""
    units = Fraction(total) * UNITS
    if units.denominator != 1:
        raise ValueError(f"{total} has more than 18 places; quantise it first")
    parts = {name: Fraction(weight) for name, weight in weights.items() if weight > 0}
    whole = sum(parts.values())
    exact = {name: units * part / whole for name, part in parts.items()}
    cut = {name: floor(part) for name, part in exact.items()}
    left = int(units) - sum(cut.values())
    for name in sorted(cut, key=lambda name: (cut[name] - exact[name], name))[:left]:
        cut[name] += 1
    return {name: Decimal(part).scaleb(-18, CONTEXT) for name, part in cut.items()}
