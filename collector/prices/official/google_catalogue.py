"""
Reads answers of Google's Cloud Billing catalogue: vCPU, memory and temporary storage of Autopilot pods, on demand and Spot.

A SKU whose name says mCPU is for a thousandth of a vCPU, and its `displayQuantity` is 1000. A price is units + nanos / 10^9.
"""

import re
from decimal import Decimal
from typing import NamedTuple

import msgspec

from collector.core.cost.meters import CONTEXT, MeterName
from collector.prices.official.listed import ListPrice, PriceList, decode, list_day, list_money

PRODUCT = "gke-autopilot"
SERVICE = "CCD8-9BF1-090E"
_SKU = re.compile(
    r"Autopilot (?:(Balanced|Scale-Out x86|Scale-Out Arm) )?(Spot )?Pod (mCPU|Memory|Ephemeral Storage) Requests \(.+\)"
)
_CLASSES = {
    "": "general-purpose",
    "Balanced": "balanced",
    "Scale-Out x86": "scale-out",
    "Scale-Out Arm": "scale-out-arm",
}
_METERS: dict[str, tuple[MeterName, str, int]] = {
    "mCPU": ("vcpu", "h", 1000),
    "Memory": ("memory", "GiBy.h", 1),
    "Ephemeral Storage": ("ephemeral", "GiBy.h", 1),
}
"""Our meter, the unit of the price, and how many of them make one of ours."""
OTHER = "other than pods of Autopilot in the classes general-purpose, Balanced and Scale-Out"


class _Category(msgspec.Struct):
    usageType: str = "OnDemand"


class _Money(msgspec.Struct):
    currencyCode: str
    units: str | int = "0"
    nanos: int = 0


class _Tier(msgspec.Struct):
    unitPrice: _Money
    startUsageAmount: Decimal = Decimal(0)


class _Expression(msgspec.Struct):
    usageUnit: str
    tieredRates: list[_Tier]
    displayQuantity: Decimal = Decimal(1)


class _Pricing(msgspec.Struct):
    pricingExpression: _Expression
    effectiveTime: str


class _Sku(msgspec.Struct):
    description: str = ""
    serviceRegions: list[str] = []
    category: _Category = msgspec.field(default_factory=_Category)
    pricingInfo: list[_Pricing] = []


def read_skus(skus: msgspec.Raw, next_page: str, path: str) -> PriceList:
    """Read the SKUs of one page."""
    title = f"Google's Cloud Billing catalogue, service {SERVICE}"
    listed = PriceList(path=path, product=PRODUCT, title=title, unfinished=bool(next_page))
    for i, sku in enumerate(decode(skus, list[_Sku], path, "skus")):
        match = _SKU.fullmatch(sku.description)
        purchase = {"OnDemand": "on_demand", "Preemptible": "spot"}.get(sku.category.usageType)
        if match is None or (purchase == "spot") != bool(match[2]) or not purchase:
            listed.skipped[OTHER] += 1
            continue
        listed.skipped["without a price or a region"] += not (sku.pricingInfo and sku.serviceRegions)
        for j, pricing in enumerate(sku.pricingInfo):
            _add(listed, _Offered(match, purchase, sku.serviceRegions, pricing), f"skus[{i}].pricingInfo[{j}]")
    return listed


class _Offered(NamedTuple):
    """A SKU's name in parts, and one of its prices."""

    match: re.Match[str]
    purchase: str
    regions: list[str]
    pricing: _Pricing


def _add(listed: PriceList, offered: _Offered, place: str) -> None:
    meter, unit, count = _METERS[offered.match[3]]
    expression = offered.pricing.pricingExpression
    if expression.usageUnit != unit or expression.displayQuantity != count:
        shown = f"{expression.usageUnit[:20]} x {expression.displayQuantity}"
        listed.skipped[f"with the unit {shown}, not {unit} x {count}"] += 1
        return
    if len(expression.tieredRates) != 1 or expression.tieredRates[0].startUsageAmount:
        listed.skipped["in tiers of usage"] += 1
        return
    money = expression.tieredRates[0].unitPrice
    amount = CONTEXT.multiply(_amount(money, listed.path, place), Decimal(count)).normalize(CONTEXT)
    begin = list_day(offered.pricing.effectiveTime, listed.path, f"{place}.effectiveTime")
    price_class = _CLASSES[offered.match[1] or ""]
    for region in offered.regions:
        price = ListPrice(
            region=region,
            meter=meter,
            amount=amount,
            begin=begin,
            price_class=price_class,
            purchase=offered.purchase,
        )
        listed.add(price, money.currencyCode, place)


def _amount(money: _Money, path: str, place: str) -> Decimal:
    """Units and nanos as one exact amount."""
    units = list_money(str(money.units), path, f"{place}.units")
    nanos = CONTEXT.scaleb(Decimal(money.nanos), Decimal(-9))
    return list_money(CONTEXT.add(units, nanos), path, f"{place}.nanos")
