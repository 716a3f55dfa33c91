"""
The node of a fixed pool: its size and its price, from the command line, the price books, or the name of its type.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from collector.core.cost.billed_spec import BilledSize, read_size
from collector.core.model import Instant
from collector.core.objects.quantity import GIB
from collector.core.savings.pool import PoolNode
from collector.core.savings.replay import Need
from collector.prices.lookup import Books, Layer, validity
from collector.prices.schema import PER_SECONDS, Dated

NANO = 10**9
ECS_TYPE = re.compile(r"ecs\.([cgr])[5-9][a-z]*\.(?:([2-8]?)x)?large", re.ASCII)
"""Alibaba's families for computing, general use and memory: `large` has 2 vCPU, `xlarge` 4, `8xlarge` 32."""
ECS_GIB = {"c": 2, "g": 4, "r": 8}
"""GiB for each vCPU of a family."""

Per = Literal["hour", "day", "month"]


class NodeWish(NamedTuple):
    """What a user says of the pool's node; empty: look it up."""

    type: str = ""
    size: str = ""
    """Like 2-4Gi."""
    gpus: Decimal = Decimal(0)
    price: Decimal | None = None
    per: Per = "hour"


class Offer(NamedTuple):
    """A node type in a book."""

    type: str
    size: BilledSize | None
    """None: the book does not say."""
    gpus: Decimal
    hourly: Fraction
    """In the currency of the books."""
    book: str


class PoolNodeError(ValueError):
    """A pool's node has no size or no price; the message names the option that gives it."""


def pool_node(books: Books, wish: NodeWish, at: Instant, month_hours: Fraction) -> PoolNode:
    """Finds size and price of a pool's node at an instant; what the user says comes first."""
    found = list(offers(books, wish.type, at)) if wish.price is None or not wish.size else []
    type_name = wish.type or (found[0].type if found else "")
    found = [offer for offer in found if offer.type == type_name]
    if not type_name and not (wish.size and wish.price is not None):
        raise PoolNodeError(
            "no node to compare with: say --node-type ecs.c6.large --node-price 0.06, or list `nodes` in a file of `prices`"
        )
    size, gpus, of_size = _size(wish, type_name, found)
    hourly, of_price = _price(wish, type_name, found, month_hours)
    return PoolNode(
        type=type_name or wish.size,
        need=Need(_units(size.vcpu, NANO), _units(size.memory_gib, int(GIB)), _units(gpus, NANO)),
        hourly=hourly,
        source=f"its size is {of_size}, its price {of_price}",
    )


def offers(books: Books, type_name: str, at: Instant) -> Iterator[Offer]:
    """Yields what the books say of a node type that is paid by use at an instant; of every node row without a type."""
    for layer in (layer for layers in books.layers.values() for layer in layers):
        for node in layer.book.nodes:
            if node.purchase == "on_demand" and type_name in ("", node.type) and _holds(node, at):
                size = BilledSize(Decimal(node.vcpu), Decimal(node.memory_gib))
                yield from _offer(books, layer, at, (node.type, size, node.gpu, node.price, node.per))
        for row in layer.book.prices:
            of_type = row.instance_type is not None and type_name == row.type and row.purchase == "on_demand"
            if of_type and (row.currency or layer.currency) == layer.currency and _holds(row, at):
                yield from _offer(books, layer, at, (row.type, None, "0", row.instance_type or "", row.per))


def _offer(
    books: Books, layer: Layer, at: Instant, row: tuple[str, BilledSize | None, str, str, str]
) -> Iterator[Offer]:
    """Yields an offer, if its price can be converted."""
    name, size, gpus, price, per = row
    rate, _ = books.exchange_rate(layer.currency, at, set())
    if rate is not None:
        hourly = Fraction(price) * Fraction(rate) * 3600 / PER_SECONDS[per]
        yield Offer(name, size, Decimal(gpus), hourly, layer.book.name)


def _holds(row: Dated, at: Instant) -> bool:
    begin, end = validity(row)
    return begin <= at and (end is None or at < end)


def _size(wish: NodeWish, type_name: str, found: list[Offer]) -> tuple[BilledSize, Decimal, str]:
    """The size, its GPUs, and where they are from."""
    if wish.size:
        size = read_size(wish.size)
        if size is None or size.instance_type:
            raise PoolNodeError(f"--node-size {wish.size}: invalid, expected vCPU and GiB, like 2-4Gi")
        return size, wish.gpus, "yours"
    sized = next((offer for offer in found if offer.size), None)
    if sized and sized.size:
        return sized.size, wish.gpus or sized.gpus, f"that of {sized.book}"
    if named := ECS_TYPE.fullmatch(type_name):
        vcpu = Decimal(4 * int(named[2] or 1) if named[2] is not None else 2)
        return BilledSize(vcpu, vcpu * ECS_GIB[named[1]]), wish.gpus, "by its name"
    raise PoolNodeError(f"--node-type {type_name}: its size is not known; add --node-size, like 2-4Gi")


def _price(wish: NodeWish, type_name: str, found: list[Offer], month_hours: Fraction) -> tuple[Fraction, str]:
    """The price of an hour, and where it is from."""
    if wish.price is not None:
        if not wish.price:
            raise PoolNodeError(
                "--node-price 0: a pool that costs nothing compares with nothing; state what a node costs"
            )
        hours: dict[Per, Fraction] = {"hour": Fraction(1), "day": Fraction(24), "month": month_hours}
        return Fraction(wish.price) / hours[wish.per], "yours"
    prices = {offer.hourly for offer in found if offer.hourly}
    if not prices:
        raise PoolNodeError(
            f"--node-type {type_name}: no book of `prices` has its price on demand; add --node-price, like 0.06"
        )
    if len(prices) > 1:
        raise PoolNodeError(f"--node-type {type_name}: its price differs by region; say which one with --node-price")
    return prices.pop(), f"that of {next(offer.book for offer in found if offer.hourly)}"


def _units(amount: Decimal, units: int) -> int:
    return int(amount * units)
