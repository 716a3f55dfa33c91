"""
Why a pod costs more or less on the provider's bill than its charges: the difference in classes, which sum to it exactly.

In order: other seconds at our price, then another list price at our discount, then another discount; what does not exceed
the bill's own rounding is rounding. Refunds, and amounts in another currency, are classes of their own.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from collector.billing.bill_match import PodOnBill
from collector.core.cost.meters import CONTEXT, PLACES, total
from collector.core.units import ONE, ZERO

CLASSES: Mapping[str, str] = {
    "price": "the bill's list price is not that of the books, or the books have none",
    "discount": "the bill's discount is not that of the books, or a credit is",
    "seconds": "the bill has more or less time or size than the charges",
    "rounding": "amounts that only differ as they are rounded",
    "refund": "refunds, of this month or of former ones",
    "currency": "the bill is in another currency than the charges",
    "missing": "charged, but no line of the bill names the pod",
    "unseen": "billed, but the pod ran while a watch was interrupted",
    "not a workflow's": "billed, but no collector saw such a pod",
}
"""What each class means."""
HALF = Decimal("0.5")
CENTS = 2
"""Places of an amount that is a round number on the bill."""


def difference(pod: PodOnBill) -> Decimal:
    """The bill's amount of a pod minus ours, both in one currency."""
    return total((pod.used, pod.refunded, pod.rounded, pod.rest, -pod.to_pay))


def classes(pod: PodOnBill) -> Iterator[tuple[str, str, Decimal]]:
    """Yields (class, currency, part) of what a pod's bill has more than its charges; parts of 0 are not yielded."""
    if pod.currency and pod.billed_currency not in (pod.currency, ""):
        billed = CONTEXT.add(difference(pod), pod.to_pay)
        parts = [("currency", pod.billed_currency, billed), ("currency", pod.currency, -pod.to_pay)]
    else:
        parts = [(name, pod.billed_currency or pod.currency, part) for name, part in _same_currency(pod).items()]
    yield from (part for part in parts if part[2])


def _same_currency(pod: PodOnBill) -> dict[str, Decimal]:
    """The difference by class; rounding is what the others leave of it."""
    if pod.currency and not pod.used and not pod.listed:
        found = {"missing": -pod.to_pay, "discount": pod.rest}
    else:
        tolerance = CONTEXT.multiply(HALF * pod.lines, ONE.scaleb(-max(pod.places, CENTS)))
        seconds, price, discount = _of_use(pod)
        found = {
            "seconds": seconds,
            "price": price if abs(price) > tolerance else ZERO,
            "discount": CONTEXT.add(discount if abs(discount) > tolerance else ZERO, pod.rest),
        }
    found["refund"] = pod.refunded
    return found | {"rounding": CONTEXT.subtract(difference(pod), total(found.values()))}


def _of_use(pod: PodOnBill) -> tuple[Decimal, Decimal, Decimal]:
    """What of the difference is due to seconds, to the list price and to the discount."""
    if not pod.currency:
        return pod.used, ZERO, ZERO
    if pod.unpriced:
        return ZERO, CONTEXT.subtract(pod.used, pod.cost), ZERO
    seconds = total(
        _times(pod.costs[name], CONTEXT.subtract(billed, pod.quantity[name]), pod.quantity[name])
        for name, billed in pod.billed_quantity.items()
        if pod.quantity.get(name)
    )
    expected = CONTEXT.add(pod.cost, seconds)
    if pod.unlisted or not pod.list_cost:
        return seconds, CONTEXT.subtract(pod.used, expected), ZERO
    at_our_discount = _times(pod.listed, pod.cost, pod.list_cost)
    return seconds, CONTEXT.subtract(at_our_discount, expected), CONTEXT.subtract(pod.used, at_our_discount)


def _times(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The part of an amount, to 18 places."""
    return CONTEXT.quantize(CONTEXT.divide(CONTEXT.multiply(amount, part), whole), PLACES)
