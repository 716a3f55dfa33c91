"""
Splits the price of a node among its vCPU, memory and GPU, so that pods can be charged for their share of the node.

The parts sum to the node's price. Weights state the relative value of a vCPU, a GiB and a GPU; OpenCost and Amazon's
split cost allocation work the same way.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from collector.core.cost.meters import CONTEXT, PLACES, total
from collector.core.units import ZERO
from collector.prices.schema import Book, NodeRow, PriceRow, Split


class Weights(msgspec.Struct, frozen=True):
    """One value each for vCPU, memory and GPU: amounts of a node, unit prices, or weights."""

    vcpu: Decimal
    memory: Decimal
    gpu: Decimal = ZERO


def unit_prices(price: Decimal, node: Weights, weights: Weights) -> Weights:
    """Prices of one vCPU, GiB and GPU of a node, to 18 places."""
    pairs = [(node.vcpu, weights.vcpu), (node.memory, weights.memory), (node.gpu, weights.gpu)]
    whole = total(CONTEXT.multiply(count, weight) for count, weight in pairs)
    shares = [CONTEXT.divide(CONTEXT.multiply(price, weight), whole) for _, weight in pairs]
    return Weights(*(CONTEXT.quantize(share, PLACES) for share in shares))


def idle_cost(price: Decimal, used: Iterable[Decimal]) -> Decimal:
    """Part of a node's price that its pods do not use; 0 where pods request more than the node has."""
    return max(ZERO, CONTEXT.subtract(price, total(used)))


def shares_idle(books: Iterable[Book]) -> bool:
    """Whether departments pay for idle capacity; the first book that splits a node's price decides."""
    return next((book.split.idle == "proportional" for book in books if book.split), False)


def node_sizes(books: Iterable[Book]) -> dict[str, Weights]:
    """Size of each node type that the books price; a machine itself reports less memory than it is sold with."""
    rows = [node for book in books for node in book.nodes]
    return {row.type: Weights(Decimal(row.vcpu), Decimal(row.memory_gib), Decimal(row.gpu)) for row in reversed(rows)}


def price_row(node: NodeRow, split: Split) -> PriceRow:
    """Price row of the pods on a type of node."""
    size = Weights(Decimal(node.vcpu), Decimal(node.memory_gib), Decimal(node.gpu))
    prices = unit_prices(
        Decimal(node.price), size, Weights(Decimal(split.vcpu), Decimal(split.memory), Decimal(split.gpu))
    )
    return PriceRow(
        begin=node.begin,
        end=node.end,
        source=node.source,
        per=node.per,
        region=node.region,
        purchase=node.purchase,
        type=node.type,
        vcpu=f"{prices.vcpu:f}",
        memory=f"{prices.memory:f}",
        gpu=f"{prices.gpu:f}",
    )
