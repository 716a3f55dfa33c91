"""
Lines of a charge: quantity x unit price in Decimal, each quantised once, to 18 places half-even.

Where a charge is cut, the last part takes the remainder, so that the parts sum to the whole exactly.
"""

from collections.abc import Iterable
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from functools import reduce
from typing import Literal, assert_never

import msgspec

from collector.core.cost.billed_spec import Spec
from collector.core.cost.product import Confidence
from collector.core.facts.bills import Meter
from collector.core.model import Instant
from collector.core.units import ONE, ZERO

PLACES = Decimal(1).scaleb(-18)
CONTEXT = Context(prec=76, rounding=ROUND_HALF_EVEN)


MeterName = Literal["vcpu", "memory", "gpu", "ephemeral", "instance_type", "flat"]


class Rate(msgspec.Struct, frozen=True):
    """Unit price of one meter."""

    meter: MeterName
    unit: str
    unit_price: Decimal
    per_seconds: int = 1
    """Seconds in the unit: 1 for vCPU-Seconds, 3600 for Hours."""
    list_price: Decimal | None = None
    """Unit price before discounts; None: unknown."""


class Rates(msgspec.Struct, frozen=True):
    """Prices of a spec from an instant on, or the reason why there are none."""

    book: str
    rule: str
    currency: str
    rates: tuple[Rate, ...] = ()
    missing: str = ""
    until: Instant | None = None
    """First instant at which other prices may be valid; None: these have no end."""
    confidence: Confidence = "high"
    rounding: Decimal | None = None
    """Unit to which the bill of an instance is rounded half up, in the currency of these rates."""
    read: str = ""
    """Oldest day on which a source of these prices was read; empty: unknown."""


def amount(rate: Rate, spec: Spec) -> Decimal:
    """Amount of a meter that the pod uses at any second."""
    match rate.meter:
        case "vcpu":
            return spec.vcpu
        case "memory":
            return spec.memory_gib
        case "gpu":
            return spec.gpu
        case "ephemeral":
            return spec.ephemeral_gib
        case "instance_type" | "flat":
            return ONE
        case _:
            assert_never(rate.meter)


def meter_line(amount: Decimal, rate: Rate, seconds: int) -> Meter:
    """Line of one meter for a number of seconds: quantity x unit price, quantised once."""
    quantity = CONTEXT.multiply(amount, Decimal(seconds))
    if rate.per_seconds != 1:
        quantity = CONTEXT.divide(quantity, Decimal(rate.per_seconds))
    cost = CONTEXT.quantize(CONTEXT.multiply(quantity, rate.unit_price), PLACES)
    return Meter(rate.meter, CONTEXT.quantize(quantity, PLACES), rate.unit, rate.unit_price, cost)


def cut_meter(amount: Decimal, rate: Rate, seconds: list[int]) -> list[Meter]:
    """Lines of a meter for each part; the last part with any seconds takes the remainder."""
    if len(seconds) == 1:
        return [meter_line(amount, rate, seconds[0])]
    whole, parts = meter_line(amount, rate, sum(seconds)), [meter_line(amount, rate, s) for s in seconds]
    last = max((i for i, s in enumerate(seconds) if s), default=0)
    remainder = CONTEXT.subtract(whole.cost, total(m.cost for m in parts[:last]))
    return [*parts[:last], msgspec.structs.replace(parts[last], cost=remainder), *parts[last + 1 :]]


def at_list_price(rate: Rate) -> Rate | None:
    """Rate before discounts; None: unknown."""
    return None if rate.list_price is None else msgspec.structs.replace(rate, unit_price=rate.list_price)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Exact sum; Python's own would round beyond 28 digits."""
    return reduce(CONTEXT.add, amounts, ZERO)


def round_parts(costs: list[Decimal], unit: Decimal | None) -> list[Decimal]:
    """
    Round the parts of an instance's cost as its bill rounds it: half up as a whole.

    Earlier parts are rounded down and the last part with a cost takes the remainder, so that no part is negative.
    """
    if unit is None:
        return costs
    last = max((i for i, cost in enumerate(costs) if cost), default=0)
    earlier = [_round(cost, unit, ROUND_FLOOR) for cost in costs[:last]]
    remainder = CONTEXT.subtract(_round(total(costs), unit, ROUND_HALF_UP), total(earlier))
    return [*earlier, remainder, *costs[last + 1 :]]


def _round(cost: Decimal, unit: Decimal, rounding: str) -> Decimal:
    steps = CONTEXT.divide(cost, unit).to_integral_value(rounding)
    return CONTEXT.multiply(steps, unit)
