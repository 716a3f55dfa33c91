"""
The commitments of the books in force as plans, and what an hour of one comes to in the currency that is asked for.
"""

from decimal import Decimal

from collector.core.cost.commitments import Plan, order_plans
from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.model import Instant
from collector.prices.lookup import Books
from collector.prices.schema import Commitment


def commitment_plans(books: Books) -> list[Plan]:
    """The plans, in the order in which they are used up; one of a product's book covers that product, unless it names some."""
    return order_plans(
        Plan(
            shared.id, shared.book, shared.currency, shared.amount, Decimal(row.discount), shared.begin, shared.end,
            row.products or ((shared.product,) if shared.product else ()), row.regions, row.classes, row.purchases,
        )
        for shared in books.commitments
        if isinstance(row := shared.row, Commitment)
    )  # fmt: skip


def hourly_cost(plan: Plan, books: Books, at: Instant) -> Decimal | None:
    """What the hour that begins then costs; None: no rate of exchange is known for it."""
    rate, _ = books.exchange_rate(plan.currency, at, set())
    return None if rate is None else CONTEXT.quantize(CONTEXT.multiply(plan.hourly, rate), PLACES)
