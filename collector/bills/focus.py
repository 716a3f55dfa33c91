"""FOCUS 1.0 to 1.3 of any provider."""

from collector.bills.errors import BadRowError
from collector.bills.form import BillForm, LineCost, Row
from collector.bills.values import money, money_or_none
from collector.core.units import ZERO

COLUMNS = {
    "month": ("BillingPeriodStart",),
    "provider": ("ServiceProviderName", "ProviderName"),
    "account": ("BillingAccountId",),
    "type": ("ChargeCategory",),
    "class": ("ChargeClass",),
    "commitment": ("CommitmentDiscountStatus",),
    "part": ("AllocatedResourceId",),
    "instance": ("ResourceId",),
    "product": ("ServiceName",),
    "item": ("SkuMeter", "x_SkuMeterName", "ChargeDescription", "SkuId"),
    "region": ("RegionId",),
    "begin": ("ChargePeriodStart",),
    "end": ("ChargePeriodEnd",),
    "quantity": ("PricingQuantity",),
    "unit": ("PricingUnit",),
    "list_price": ("ListUnitPrice",),
    "list_amount": ("ListCost",),
    "billed": ("BilledCost",),
    "amount": ("EffectiveCost",),
    "currency": ("BillingCurrency",),
    "tag": ("Tags",),
}
PROVIDERS = {
    "alibaba": "alibaba",
    "aliyun": "alibaba",
    "aws": "aws",
    "amazon": "aws",
    "microsoft": "azure",
    "azure": "azure",
    "google": "google",
}
KIND = {"Usage": "usage", "Purchase": "purchase", "Tax": "tax", "Credit": "credit", "Adjustment": "adjustment"}


def cost(row: Row, invoiced: bool) -> LineCost:
    """The amortised cost, or the billed one as invoiced; a correction that is negative is a refund."""
    kind = KIND.get(row.get("type", ""))
    if kind is None:
        raise BadRowError(f"ChargeCategory {row.get('type', '')[:40]!r} is none of FOCUS")
    amount = money(row.get("billed" if invoiced else "amount", ""))
    if row.get("class") == "Correction":
        kind = "refund" if amount < ZERO else "adjustment"
    elif row.get("commitment") == "Unused":
        kind = "commitment"
    return LineCost(kind, amount, money_or_none(row.get("list_amount")))


FOCUS = BillForm(
    name="focus",
    provider="",
    columns=COLUMNS,
    needs=("month", "type", "billed", "amount", "currency"),
    cost=cost,
    providers=PROVIDERS,
)
