"""
Reads answers of Azure's retail prices API: the vCPU and memory meters of Linux container groups, on demand and Spot.

A product's vCPU and memory have the same skuName, so the name of the meter decides. A price is for the number of units
that `unitOfMeasure` states.
"""

import re
from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.cost.meters import MeterName
from collector.prices.official.listed import ListPrice, PriceList, decode, list_day, list_money, one_of

PRODUCT = "azure-aci"
SERVICE = "Container Instances"
_METERS: dict[str, tuple[MeterName, str]] = {
    "Standard vCPU Duration": ("vcpu", "on_demand"),
    "Standard Memory Duration": ("memory", "on_demand"),
    "Standard Spot vCPU Duration": ("vcpu", "spot"),
    "Standard Spot Memory Duration": ("memory", "spot"),
}
_UNIT = re.compile(r"(\d{1,6}) (GB )?(Hour|Second)s?", re.ASCII)
_PER: dict[str, Literal["hour", "second"]] = {"Hour": "hour", "Second": "second"}
OTHER = f"other than vCPU and memory of {SERVICE} on Linux"


class _Item(msgspec.Struct):
    currencyCode: str
    retailPrice: Decimal
    armRegionName: str
    effectiveStartDate: str
    meterName: str
    unitOfMeasure: str
    serviceName: str = SERVICE
    productName: str = SERVICE
    type: str = "Consumption"
    effectiveEndDate: str = ""
    tierMinimumUnits: Decimal = Decimal(0)
    isPrimaryMeterRegion: bool = True


def read_items(items: msgspec.Raw, next_page: str, path: str) -> PriceList:
    """Read the items of one page."""
    listed = PriceList(path=path, product=PRODUCT, title="Microsoft's retail prices API", unfinished=bool(next_page))
    for i, item in enumerate(decode(items, list[_Item], path, "Items")):
        if reason := _why_skipped(item):
            listed.skipped[reason] += 1
        else:
            _add(listed, item, f"Items[{i}]")
    return listed


def _why_skipped(item: _Item) -> str:
    if item.meterName not in _METERS or (item.serviceName, item.productName) != (SERVICE, SERVICE):
        return OTHER
    if item.type != "Consumption":
        return f"of the type {item.type[:20]}"
    if not item.isPrimaryMeterRegion:
        return "not of the primary meter of their region"
    return "in tiers of usage" if item.tierMinimumUnits else ""


def _add(listed: PriceList, item: _Item, place: str) -> None:
    meter, purchase = _METERS[item.meterName]
    unit = _UNIT.fullmatch(item.unitOfMeasure)
    amount = list_money(item.retailPrice, listed.path, f"{place}.retailPrice")
    one = one_of(amount, int(unit[1])) if unit and bool(unit[2]) == (meter == "memory") else None
    if unit is None or one is None:
        listed.skipped[f"with the unit {item.unitOfMeasure[:20]}"] += 1
    else:
        begin = list_day(item.effectiveStartDate, listed.path, f"{place}.effectiveStartDate")
        end = item.effectiveEndDate and list_day(item.effectiveEndDate, listed.path, f"{place}.effectiveEndDate")
        price = ListPrice(
            region=item.armRegionName,
            meter=meter,
            amount=one,
            begin=begin,
            end=end,
            per=_PER[unit[3]],
            purchase=purchase,
        )
        listed.add(price, item.currencyCode, f"{place}.currencyCode")
