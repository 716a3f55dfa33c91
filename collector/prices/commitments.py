"""
Commitments of the loaded books as plans, and the hourly cost of a plan in the currency of the report.
"""

from decimal import Decimal

from collector.core.cost.commitments import Plan, order_plans
from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.model import Instant
from collector.prices.lookup import Books
from collector.prices.schema import Commitment


def commitment_plans(books: Books) -> list[Plan]:
    """Plans in the order of their use; a plan without products covers the product of its book."""
    return order_plans(
        Plan(
            id=cost.id,
            book=cost.book,
            currency=cost.currency,
            hourly=cost.amount,
            discount=Decimal(row.discount),
            begin=cost.begin,
            end=cost.end,
            products=row.products or ((cost.product,) if cost.product else ()),
            regions=row.regions,
            classes=row.classes,
            purchases=row.purchases,
        )
        for cost in books.commitments
        if isinstance(row := cost.row, Commitment)
    )


def hourly_cost(plan: Plan, books: Books, at: Instant) -> Decimal | None:
    """Cost of a plan for the hour that begins at an instant; None if no exchange rate is known."""
    rate, _ = books.exchange_rate(plan.currency, at, set())
    return None if rate is None else CONTEXT.quantize(CONTEXT.multiply(plan.hourly, rate), PLACES)
