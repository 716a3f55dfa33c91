"""
Cost of a spec for a number of seconds, for `prices quote` and for the oracles of a book.

A quote equals the charge of such a pod: the rules of size, minimum and rounding and the lines are the same.
"""

from decimal import Decimal

import msgspec

from collector.core.cost.billed_interval import Interval
from collector.core.cost.billed_spec import BilledSize, Spec, beyond_free, beyond_sale, read_size, size_of_requests
from collector.core.cost.charge import BilledDay, bill, round_costs
from collector.core.cost.meters import Rates
from collector.core.cost.product import Product
from collector.core.facts.bills import Meter
from collector.core.model import Instant
from collector.core.units import ZERO
from collector.prices.lookup import Books


class QuoteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Input of a quote: a spec as written in the annotation, an instance type, or requests that the product rounds up."""

    product: str
    seconds: int
    spec: str = ""
    instance_type: str = ""
    vcpu: Decimal = ZERO
    memory_gib: Decimal = ZERO
    region: str = ""
    """Empty: the region that the product's book uses for an unknown region."""
    zone: str = ""
    purchase: str = "on_demand"
    price_class: str = ""
    """Empty: the product's default class."""
    ephemeral_gib: Decimal = ZERO
    """Total, including the free part."""
    gpu: Decimal = ZERO


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a quote; without a price `cost` is None and `missing` gives the reason."""

    spec: Spec
    rates: Rates
    seconds: int
    meters: tuple[Meter, ...]
    cost: Decimal | None
    list_cost: Decimal | None
    rounded_cost: Decimal | None
    missing: str


def quote(books: Books, request: QuoteRequest, at: Instant) -> Quote:
    """Price a request at an instant."""
    product = books.products[request.product]
    spec = _spec(request, product)
    rule = product.interval
    seconds = max(request.seconds, rule.minimum_by_class.get(spec.price_class, rule.minimum_s))
    interval = Interval(begin=at, seconds=seconds, pending_seconds=0, ran_seconds=request.seconds)
    (part,) = bill(interval, spec, books, [BilledDay(0, at, 0, seconds)])
    (rounded_cost,) = round_costs([part])
    missing = part.rates.missing
    return Quote(
        spec=spec,
        rates=part.rates,
        seconds=seconds,
        meters=part.meters,
        cost=None if missing else part.cost,
        list_cost=None if missing else part.list_cost,
        rounded_cost=rounded_cost,
        missing=missing,
    )


def _spec(request: QuoteRequest, product: Product) -> Spec:
    """Billed spec of a request."""
    region = request.region or product.region
    size, extra = _size(request, product, region), beyond_free(request.ephemeral_gib, product)
    return Spec(
        product=product.id,
        purchase=request.purchase,
        price_class=request.price_class or product.price_class.default,
        region=region,
        zone=request.zone,
        vcpu=size.vcpu,
        memory_gib=size.memory_gib,
        instance_type=size.instance_type,
        source=size.source,
        missing=size.missing or beyond_sale(extra, product),
        gpu=request.gpu,
        ephemeral_gib=extra,
        confidence=size.confidence,
        frozen_s=product.spot.protection_h * 3600 if request.purchase == "spot" else 0,
    )


def _size(request: QuoteRequest, product: Product, region: str) -> BilledSize:
    if request.instance_type:
        return BilledSize(instance_type=request.instance_type)
    if request.spec:
        return read_size(request.spec) or BilledSize(source="none", missing="malformed_spec")
    return size_of_requests(product.size, request.vcpu, request.memory_gib, region)
