"""
Amounts as they are printed: in the currency's minor unit, such that the printed parts sum to the printed total.

The total is rounded half-even. Each part is rounded down, and the units that are left go to the largest remainders; where
remainders are equal, to the first of them. Nothing is stored or added up in this form.
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from collector.core.cost.meters import CONTEXT, total

USUAL_PLACES = 2
NONE = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
PLACES = dict.fromkeys(NONE, 0) | dict.fromkeys(THREE, 3) | {"CLF": 4, "UYW": 4}
"""Decimal places of the currencies that have not two: ISO 4217, list one, column "minor unit" (six-group.com)."""


class Printed(NamedTuple):
    """Parts of an amount, and the amount itself, in minor units."""

    parts: list[Decimal]
    total: Decimal


def minor_unit(currency: str) -> Decimal:
    """Returns the smallest amount of a currency that is paid, like 0.01."""
    return Decimal(1).scaleb(-PLACES.get(currency, USUAL_PLACES))


def printed(parts: Sequence[Decimal], currency: str) -> Printed:
    """Rounds parts to the currency's minor unit by largest remainders, and their total half-even."""
    unit = minor_unit(currency)
    whole = CONTEXT.quantize(total(parts), unit)
    down = [part.quantize(unit, ROUND_FLOOR, CONTEXT) for part in parts]
    left = int(CONTEXT.divide(CONTEXT.subtract(whole, total(down)), unit))
    largest = sorted(range(len(parts)), key=lambda i: (CONTEXT.subtract(down[i], parts[i]), i))[:left]
    for i in largest:
        down[i] = CONTEXT.add(down[i], unit)
    return Printed(down, whole)
