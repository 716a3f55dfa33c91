"""AWS: Cost and Usage Report 2.0 of Data Exports."""

from decimal import Decimal

from collector.bills.errors import BadRowError
from collector.bills.form import BillForm, LineCost, Row, or_zero
from collector.bills.values import money, money_or_none
from collector.core.cost.meters import CONTEXT
from collector.core.units import ZERO

COLUMNS = {
    "month": ("bill_billing_period_start_date",),
    "account": ("bill_payer_account_id", "line_item_usage_account_id"),
    "line_id": ("identity_line_item_id",),
    "type": ("line_item_line_item_type",),
    "instance": ("line_item_resource_id",),
    "product": ("line_item_product_code",),
    "item": ("line_item_usage_type",),
    "operation": ("line_item_operation",),
    "region": ("product_region_code", "product_region"),
    "begin": ("line_item_usage_start_date",),
    "end": ("line_item_usage_end_date",),
    "quantity": ("line_item_usage_amount",),
    "unit": ("pricing_unit",),
    "list_price": ("pricing_public_on_demand_rate",),
    "list_amount": ("pricing_public_on_demand_cost",),
    "amount": ("line_item_unblended_cost",),
    "net": ("line_item_net_unblended_cost",),
    "plan": ("savings_plan_savings_plan_effective_cost",),
    "plan_total": ("savings_plan_total_commitment_to_date",),
    "plan_used": ("savings_plan_used_commitment",),
    "reserved": ("reservation_effective_cost",),
    "currency": ("line_item_currency_code",),
    "tag": ("resource_tags",),
}
KIND = {
    "Usage": "usage",
    "SavingsPlanCoveredUsage": "usage",
    "DiscountedUsage": "usage",
    "SavingsPlanNegation": "usage",
    "SavingsPlanRecurringFee": "commitment",
    "SavingsPlanUpfrontFee": "purchase",
    "RIFee": "commitment",
    "Credit": "credit",
    "Refund": "refund",
    "Tax": "tax",
    "Fee": "fee",
    "BundledDiscount": "credit",
    "EdpDiscount": "credit",
    "PrivateRateDiscount": "credit",
}
SPLIT = ("EKSPod-EC2", "ECSTask-EC2")
"""Operations whose lines repeat the money of an instance's own line."""


def cost(row: Row, invoiced: bool) -> LineCost:
    """The amortised cost, or the unblended one as invoiced; lines that split an instance's line cost nothing more."""
    word = row.get("type", "")
    if word not in KIND:
        raise BadRowError(f"{word[:40]!r} is not a type of line that is known")
    listed = money_or_none(row.get("list_amount"))
    if row.get("operation", "") in SPLIT:
        return LineCost("split", ZERO, listed)
    unblended = money(row.get("net") or row.get("amount", ""))
    if invoiced:
        return LineCost(KIND[word], unblended, listed)
    if word == "SavingsPlanCoveredUsage" and listed is None:
        listed = unblended
    return LineCost(KIND[word], _amortised(word, row, unblended), listed)


def _amortised(word: str, row: Row, unblended: Decimal) -> Decimal:
    """The cost of a line in the month that it was used in, whenever it was paid."""
    match word:
        case "SavingsPlanCoveredUsage":
            return money(row.get("plan", ""))
        case "SavingsPlanNegation" | "SavingsPlanUpfrontFee":
            return ZERO
        case "SavingsPlanRecurringFee":
            return CONTEXT.subtract(money(row.get("plan_total", "")), or_zero(money_or_none(row.get("plan_used"))))
        case "DiscountedUsage":
            return money(row.get("reserved", ""))
        case _:
            return unblended


AWS = BillForm(
    name="aws-cur2",
    provider="aws",
    columns=COLUMNS,
    needs=("month", "type", "instance", "amount", "currency"),
    cost=cost,
)
