"""Azure: exports of actual or amortised cost. A row has a day, and no hours."""

from collector.bills.errors import BadRowError
from collector.bills.form import BillForm, LineCost, Row
from collector.bills.values import money, money_or_none
from collector.core.cost.meters import CONTEXT, PLACES

COLUMNS = {
    "month": ("BillingPeriodStartDate",),
    "account": ("BillingAccountId", "SubscriptionId", "SubscriptionGuid"),
    "type": ("ChargeType",),
    "instance": ("ResourceId", "InstanceId"),
    "product": ("MeterCategory",),
    "item": ("MeterName",),
    "region": ("ResourceLocation", "MeterRegion"),
    "begin": ("Date", "UsageDateTime"),
    "quantity": ("Quantity",),
    "unit": ("UnitOfMeasure",),
    "list_price": ("PayGPrice",),
    "amount": ("CostInBillingCurrency",),
    "currency": ("BillingCurrencyCode", "BillingCurrency"),
    "purchase": ("PricingModel",),
    "tag": ("Tags",),
}
KIND = {
    "usage": "usage",
    "purchase": "purchase",
    "refund": "refund",
    "unusedreservation": "commitment",
    "unusedsavingsplan": "commitment",
    "tax": "tax",
    "roundingadjustment": "rounding",
    "adjustment": "adjustment",
}


def cost(row: Row, invoiced: bool) -> LineCost:  # noqa: ARG001  # the file itself is one of both
    """The cost in the currency of the bill, before credits and tax."""
    word = row.get("type", "")
    kind = KIND.get(word.casefold().replace(" ", ""))
    if kind is None:
        raise BadRowError(f"{word[:40]!r} is not a type of charge that is known")
    price, quantity = money_or_none(row.get("list_price")), money_or_none(row.get("quantity"))
    listed = None
    if price is not None and quantity is not None:
        listed = CONTEXT.quantize(CONTEXT.multiply(price, quantity), PLACES).normalize(CONTEXT)
    return LineCost(kind, money(row.get("amount", "")), listed)


AZURE = BillForm(
    name="azure",
    provider="azure",
    columns=COLUMNS,
    needs=("type", "product", "item", "amount", "currency"),
    cost=cost,
    final=(5, 0),
)
