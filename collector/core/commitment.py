"""
A savings plan against the usage of one hour: what it covers, what it leaves at list price, what of it nobody used.

A plan is paid for whether used or not, and covers usage at its discount until its hourly amount is spent.
"""

from decimal import Decimal

import msgspec

from collector.core.meters import CONTEXT, PLACES

ONE = Decimal(1)


class Covered(msgspec.Struct, frozen=True):
    """One hour under a plan; used + overflow is what usage costs, used + unused what the plan does."""

    covered: Decimal
    """Of the usage, at list price."""
    used: Decimal
    """Of the plan's hourly amount."""
    unused: Decimal
    overflow: Decimal
    """Of the usage, at list price: what the plan had no room for."""


def cover(listed: Decimal, hourly: Decimal, discount: Decimal) -> Covered:
    """What a plan of so much an hour, at a discount, does to an hour's usage at list price."""
    paid = CONTEXT.subtract(ONE, discount)
    room = listed if not paid else CONTEXT.quantize(CONTEXT.divide(hourly, paid), PLACES)
    covered = min(listed, room)
    # Where the plan is full it is used to the last place, whatever the division rounded.
    used = hourly if paid and room <= listed else CONTEXT.quantize(CONTEXT.multiply(covered, paid), PLACES)
    return Covered(covered, used, CONTEXT.subtract(hourly, used), CONTEXT.subtract(listed, covered))
