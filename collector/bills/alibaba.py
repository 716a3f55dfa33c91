"""Alibaba Cloud: instance and item bills as CSV in English, Chinese and v2 paths, and the answers of the billing API."""

from decimal import Decimal
from functools import lru_cache

from collector.bills.form import BillForm, LineCost, Row, or_zero
from collector.bills.values import CHINA, money, money_or_none
from collector.core.cost.meters import CONTEXT

COLUMNS = {
    "month": ("BillingCycle", "SplitBillingCycle", "账期", "BillingDetails/BillingMonth"),
    "account": (
        "OwnerID",
        "AccountID",
        "账号ID",
        "IdentityDetails/ResourcePurchaseAccountId",
        "IdentityDetails/ResourceOwnerAccountId",
    ),
    "line_id": ("Primary Key", "RecordID", "Order/Bill No.", "订单号/账单号", "LineItemDetails/OrderId"),
    "type": ("Bill Type", "账单类型", "BillingDetails/LineItemType", "Item"),
    "instance": ("InstanceID", "实例ID", "ResourceDetails/InstanceId", "ResourceDetails/ResourceId"),
    "product": ("ProductCode", "产品Code", "ProductDetails/ProductCode"),
    "item": ("BillingItemCode", "BillingItem", "Billable Item", "计费项", "Item", "ProductDetails/BillingItemCode"),
    "region": ("Region", "地域", "ResourceDetails/RegionCode"),
    "spec": ("InstanceSpec", "实例规格"),
    "begin": (
        "UsageStartTime",
        "Usage start",
        "账单开始时间",
        "BillingDate",
        "Date",
        "消费时间",
        "BillingDetails/BillingDate",
    ),
    "end": ("UsageEndTime", "Usage end", "账单结束时间"),
    "quantity": ("Usage", "用量", "UsageDetails/Usage"),
    "unit": ("UsageUnit", "用量单位", "UsageDetails/UsageUnit"),
    "list_price": ("ListPrice", "单价"),
    "price_unit": ("ListPriceUnit", "List Price Type", "单价单位"),
    "list_amount": ("PretaxGrossAmount", "Catalogue Gross Amount", "官网价", "原价", "FeeDetails/GrossAmount"),
    "discount": ("InvoiceDiscount", "Discount", "优惠金额", "DiscountDetails/DiscountAmount"),
    "coupon": ("DeductedByCoupons", "优惠券抵扣"),
    "amount": ("PretaxAmount", "应付金额", "PayableDetails/TaxExclusivePayableAmount"),
    "currency": ("Currency", "PricingDetails/Currency"),
    "tag": ("Tag", "实例标签", "ResourceDetails/ResourceTag"),
}
WORDS = (
    ("refund", "refund"),
    ("退款", "refund"),
    ("rounding", "rounding"),
    ("抹零", "rounding"),
    ("adjust", "adjustment"),
    ("调账", "adjustment"),
    ("tax", "tax"),
    ("credit", "credit"),
    ("commission", "fee"),
    ("upfront", "purchase"),
    ("purchase", "purchase"),
    ("subscriptionorder", "purchase"),
)
"""Parts of the word for a line's type; Alibaba does not publish the words themselves."""

CENT = Decimal("0.01")


def cost(row: Row, invoiced: bool) -> LineCost:  # noqa: ARG001  # one amount is both
    """The payable amount before tax; the discount with coupons."""
    discount, coupon = money_or_none(row.get("discount")), money_or_none(row.get("coupon"))
    if discount is not None and coupon:
        discount = CONTEXT.add(discount, coupon)
    return LineCost(kind(row), money(row.get("amount", "")), money_or_none(row.get("list_amount")), discount)


def kind(row: Row) -> str:
    """By the word of the type; a savings plan's own lines are a commitment."""
    named = _kind(row.get("type", ""))
    if named == "usage" and (row.get("product", "").startswith("savingplan") or row["instance"].startswith("spn-")):
        return "commitment"
    return named


@lru_cache(maxsize=1024)
def _kind(word: str) -> str:
    joined = word.casefold().replace(" ", "")
    return next((name for part, name in WORDS if part in joined), "usage")


def breaks_identity(found: LineCost) -> bool:
    """Whether list amount - discount differs from the amount by more than a cent."""
    if found.list_amount is None or found.kind == "rounding":
        return False
    return abs(found.list_amount - or_zero(found.discount) - found.amount) > CENT


ALIBABA = BillForm(
    name="alibaba",
    provider="alibaba",
    columns=COLUMNS,
    needs=("month", "product", "instance", "amount"),
    cost=cost,
    zone=CHINA,
    escape="\\",
    signs=True,
    implied=(("消费类型", "CNY"), ("BillingDetails/LineItemType", "USD"), ("type", "CNY")),
    final=(3, 12),
)
