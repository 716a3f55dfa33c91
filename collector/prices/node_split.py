"""
The price of a node, split among its vCPU, memory and GPU so that the parts sum to it: what a pod's share of it costs.

Weights tell how much one of each is worth against the others; OpenCost and Amazon's split cost allocation do the same.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from collector.core.cost.meters import CONTEXT, PLACES, total
from collector.core.units import ZERO
from collector.prices.schema import Book, NodeRow, PriceRow, Split


class Weights(msgspec.Struct, frozen=True):
    """Of one vCPU, GiB and GPU: a size, a price of each, or what one weighs."""

    vcpu: Decimal
    memory: Decimal
    gpu: Decimal = ZERO


def unit_prices(price: Decimal, node: Weights, weights: Weights) -> Weights:
    """What one vCPU, GiB and GPU of a node cost, to 18 places."""
    pairs = [(node.vcpu, weights.vcpu), (node.memory, weights.memory), (node.gpu, weights.gpu)]
    whole = total(CONTEXT.multiply(count, weight) for count, weight in pairs)
    shares = [CONTEXT.divide(CONTEXT.multiply(price, weight), whole) for _, weight in pairs]
    return Weights(*(CONTEXT.quantize(share, PLACES) for share in shares))


def idle_cost(price: Decimal, used: Iterable[Decimal]) -> Decimal:
    """What of a node's price its pods leave over; never below nothing where they ask for more than it has."""
    return max(ZERO, CONTEXT.subtract(price, total(used)))


def shares_idle(books: Iterable[Book]) -> bool:
    """Whether departments bear what is idle; of several books the first that splits a node's price says so."""
    return next((book.split.idle == "proportional" for book in books if book.split), False)


def node_sizes(books: Iterable[Book]) -> dict[str, Weights]:
    """How large each type of node is that books tell a price of; a machine itself shows less memory than it is sold with."""
    rows = [node for book in books for node in book.nodes]
    return {row.type: Weights(Decimal(row.vcpu), Decimal(row.memory_gib), Decimal(row.gpu)) for row in reversed(rows)}


def price_row(node: NodeRow, split: Split) -> PriceRow:
    """The price row of the pods on a type of node."""
    size = Weights(Decimal(node.vcpu), Decimal(node.memory_gib), Decimal(node.gpu))
    prices = unit_prices(
        Decimal(node.price), size, Weights(Decimal(split.vcpu), Decimal(split.memory), Decimal(split.gpu))
    )
    return PriceRow(
        begin=node.begin, end=node.end, source=node.source, per=node.per, region=node.region, purchase=node.purchase,
        type=node.type, vcpu=f"{prices.vcpu:f}", memory=f"{prices.memory:f}", gpu=f"{prices.gpu:f}",
    )  # fmt: skip
