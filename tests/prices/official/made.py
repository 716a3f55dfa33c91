"""Price lists in the official formats, for the tests of collector/prices/official."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collector.prices.official.alibaba_answers import QueriedSize
from collector.prices.official.as_book import Imported, Wanted, import_lists
from collector.prices.official.files import read_lists

LISTS = Path(__file__).parent / "lists"
READ = "2026-11-30"


def imported(*paths: Path, queried: QueriedSize | None = None, **wanted: Any) -> Imported:
    """The book of some files."""
    lists = read_lists(paths, queried or QueriedSize())
    return import_lists(lists, Wanted(**{"book_id": "own", "read": READ, **wanted}))


def saved(folder: Path, document: Any, name: str = "list.json") -> Path:
    """A list as a file."""
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def offer(*prices: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """AWS's offer file with some prices: usage type, region, price, and what differs from the usual."""
    products: dict[str, Any] = {}
    terms: dict[str, Any] = {}
    for i, price in enumerate(prices):
        sku = f"SKU{i}"
        attributes = {
            "usagetype": price["usage"],
            "regionCode": price.get("region", "eu-west-1"),
            "locationType": "AWS Region",
        }
        products[sku] = {"sku": sku, "attributes": attributes | price.get("attributes", {})}
        dimension = {
            "unit": price.get("unit", "hours"),
            "beginRange": price.get("begin", "0"),
            "endRange": "Inf",
            "pricePerUnit": price.get("currencies", {price.get("currency", "USD"): price.get("price", "0.04")}),
        }
        term = {"effectiveDate": price.get("date", "2026-11-01T00:00:00Z"), "priceDimensions": {"D": dimension}}
        terms.setdefault(price.get("sku", sku), {})[f"T{i}"] = term
    whole = {"offerCode": "AmazonEKS", "version": "1", "products": products, "terms": {"OnDemand": terms}}
    return {**whole, **changes}


VCPU = {"usage": "EUW1-Fargate-vCPU-Hours:perCPU", "price": "0.0404800000"}
MEMORY = {"usage": "EUW1-Fargate-GB-Hours", "price": "0.0044450000"}


def page(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A page of Azure's retail prices."""
    usual = {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": 0.05,
        "armRegionName": "westeurope",
        "effectiveStartDate": "2026-01-01T00:00:00Z",
        "meterName": "Standard vCPU Duration",
        "unitOfMeasure": "1 Hour",
        "serviceName": "Container Instances",
        "productName": "Container Instances",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
    }
    return {"Items": [{**usual, **item} for item in items], "NextPageLink": None, **changes}


AZURE_MEMORY = {"meterName": "Standard Memory Duration", "unitOfMeasure": "1 GB Hour", "retailPrice": 0.006}


def skus(*listed: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A page of Google's catalogue: description, nanos, and what differs from a SKU of general-purpose vCPU."""
    made = []
    for sku in listed:
        money = {
            "currencyCode": sku.get("currency", "USD"),
            "units": sku.get("units", "0"),
            "nanos": sku.get("nanos", 50000),
        }
        expression = {
            "usageUnit": sku.get("unit", "h"),
            "displayQuantity": sku.get("quantity", 1000),
            "tieredRates": sku.get("tiers", [{"startUsageAmount": 0, "unitPrice": money}]),
        }
        made.append(
            {
                "description": f"Autopilot {sku.get('name', 'Pod mCPU Requests')} (Belgium)",
                "serviceRegions": sku.get("regions", ["europe-west1"]),
                "category": {"usageType": sku.get("use", "OnDemand")},
                "pricingInfo": [{"effectiveTime": "2026-11-01T00:00:00Z", "pricingExpression": expression}]
                * sku.get("prices", 1),
            }
        )
    return {"skus": made, "nextPageToken": "", **changes}


GOOGLE_MEMORY = {"name": "Pod Memory Requests", "nanos": 5_500_000, "unit": "GiBy.h", "quantity": 1}


def answer(amount: object, *, currency: str = "CNY", parts: Sequence[object] = (), **more: Any) -> dict[str, Any]:
    """An answer of Alibaba Cloud to DescribeContainerGroupPrice."""
    details = [{"Resource": name, "OriginalPrice": part} for name, part in zip(("cpu", "memory"), parts, strict=False)]
    priced = {
        "OriginalPrice": amount,
        "Currency": currency,
        "DetailInfos": {"DetailInfo": details},
        **more.pop("price", {}),
    }
    return {"PriceInfo": {"Price": priced, **more}}
