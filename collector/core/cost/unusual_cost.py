"""
Sums of cost anomalies, as metrics show them.
"""

from decimal import Decimal

import msgspec


class UnusualCost(msgspec.Struct, frozen=True, gc=False):
    """What cost far more than usual lately in a department, in one currency."""

    department: str
    currency: str
    found: int
    """Anomalies that began lately."""
    excess: Decimal
    """What they cost beyond the usual."""
