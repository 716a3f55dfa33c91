"""
Numbers as sentences of a report have them: amounts in minor units, short times, few decimals.
"""

from decimal import Decimal
from fractions import Fraction

from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import minor_unit
from collector.core.units import HOUR_MS, MINUTE_MS


def money(value: Decimal, currency: str) -> str:
    """Formats an amount for a sentence, in minor units."""
    return f"{CONTEXT.quantize(value, minor_unit(currency)):,f} {currency}"


def duration(ms: int) -> str:
    """Formats a time for a sentence: 0 s, 12 s, 3 min, 2.5 h."""
    if ms < 2 * MINUTE_MS:
        return f"{round(ms / 1000)} s"
    return f"{round(ms / MINUTE_MS)} min" if ms < 2 * HOUR_MS else f"{places(Fraction(ms, HOUR_MS), 1)} h"


def places(value: Fraction, digits: int = 2) -> Decimal:
    """Cuts a number to some decimals: 99.999 must not become 100."""
    return Decimal(int(value * 10**digits)).scaleb(-digits)
