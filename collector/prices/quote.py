"""
What a spec costs for some seconds: asked by `prices quote` and by the oracles inside a book.

A quote is what a charge would be: the same rules of size, minimum and rounding, the same lines.
"""

from decimal import Decimal

import msgspec

from collector.core.cost.billed_interval import Interval
from collector.core.cost.billed_spec import BilledSize, Spec, beyond_free, read_size, requested
from collector.core.cost.charge import BilledDay, bill, round_costs
from collector.core.cost.meters import Rates
from collector.core.facts.bills import Meter
from collector.core.model import Instant
from collector.core.units import ZERO
from collector.prices.lookup import Books


class QuoteRequest(msgspec.Struct, frozen=True):
    """A question of price: a spec as on the annotation, an instance type, or requests to be sized as the product does."""

    product: str
    seconds: int
    spec: str = ""
    instance_type: str = ""
    vcpu: Decimal = ZERO
    memory_gib: Decimal = ZERO
    region: str = ""
    """Empty: the one that the product's book stands in for an unknown one."""
    zone: str = ""
    purchase: str = "on_demand"
    price_class: str = ""
    """Empty: the product's default."""
    ephemeral_gib: Decimal = ZERO
    """In all; the free part is taken off."""
    gpu: Decimal = ZERO


class Quote(msgspec.Struct, frozen=True):
    """The answer; `cost` is None when there is no price, `missing` says why."""

    spec: Spec
    rates: Rates
    seconds: int
    meters: tuple[Meter, ...]
    cost: Decimal | None
    list_cost: Decimal | None
    rounded_cost: Decimal | None
    missing: str


def quote(books: Books, ask: QuoteRequest, at: Instant) -> Quote:
    """Price a question at an instant."""
    product = books.products[ask.product]
    price_class = ask.price_class or product.price_class.default
    region = ask.region or product.region
    size = _size(ask, books, region)
    spec = Spec(
        product.id, ask.purchase, price_class, region, size.vcpu, size.memory_gib, size.instance_type, size.source,
        size.missing, ask.zone, ask.gpu, "", beyond_free(ask.ephemeral_gib, product), size.confidence,
        frozen_s=product.spot.protection_h * 3600 if ask.purchase == "spot" else 0,
    )  # fmt: skip
    rule = product.interval
    seconds = max(ask.seconds, rule.minimum_by_class.get(price_class, rule.minimum_s))
    (part,) = bill(Interval(at, seconds, 0, ask.seconds), spec, books, [BilledDay(0, at, 0, seconds)])
    (as_billed,) = round_costs([part])
    missing = part.rates.missing
    return Quote(
        spec, part.rates, seconds, part.meters, None if missing else part.cost, None if missing else part.list_cost,
        as_billed, missing,
    )  # fmt: skip


def _size(ask: QuoteRequest, books: Books, region: str) -> BilledSize:
    if ask.instance_type:
        return BilledSize(instance_type=ask.instance_type)
    if ask.spec:
        return read_size(ask.spec) or BilledSize(source="none", missing="malformed_spec")
    return requested(books.products[ask.product].size, ask.vcpu, ask.memory_gib, region)
