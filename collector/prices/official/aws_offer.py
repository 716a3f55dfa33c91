"""
Reads AWS's offer file of AmazonEKS, JSON or CSV: Fargate's vCPU, memory and temporary storage, and the cluster's hour.

Usage types are matched whole: those of Spot, Windows and Arm, which are sold for ECS, differ by a part of their name.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from collector.core.cost.meters import MeterName
from collector.prices.book_yaml import BookError
from collector.prices.official.listed import ListFee, ListPrice, PriceList, decode, list_day, list_money

PRODUCT = "aws-fargate-eks"
OFFER = "AmazonEKS"
CLUSTER_FEE = "eks-control-plane"
_METERS: dict[str, MeterName] = {
    "Fargate-vCPU-Hours:perCPU": "vcpu",
    "Fargate-GB-Hours": "memory",
    "Fargate-EphemeralStorage-GB-Hours": "ephemeral",
}
_CLUSTER_HOUR = "AmazonEKS-Hours:perCluster"
_USAGE_TYPE = re.compile(rf"(?:[A-Z0-9]+-)?({'|'.join([*_METERS, _CLUSTER_HOUR])})", re.ASCII)
_UNITS = {"hours", "hrs", "hour", "vcpu-hours", "gb-hours"}
_HEAD_LINES = 20
"""Lines of a CSV within which its header appears; five facts come before it."""
OTHER = "other than Fargate for EKS and the hour of a cluster"


class _Attributes(msgspec.Struct):
    usagetype: str = ""
    regionCode: str = ""
    locationType: str = ""


class _AwsProduct(msgspec.Struct):
    attributes: _Attributes = msgspec.field(default_factory=_Attributes)


class _Dimension(msgspec.Struct):
    unit: str
    pricePerUnit: dict[str, str]
    beginRange: str = "0"
    endRange: str = "Inf"


class _Term(msgspec.Struct):
    effectiveDate: str
    priceDimensions: dict[str, _Dimension]


class _Terms(msgspec.Struct):
    OnDemand: dict[str, msgspec.Raw] = {}


class _DecodedTerms(msgspec.Struct):
    OnDemand: dict[str, _Term] = {}


class _SingleProduct(msgspec.Struct):
    product: _AwsProduct
    terms: _DecodedTerms
    version: str = ""


class _OfferRow(msgspec.Struct, frozen=True, kw_only=True):
    """One price of an offer file, in either format."""

    usage_type: str
    region: str
    location_type: str
    begin: str
    unit: str
    first: str
    last: str
    price: str
    currency: str


def read_offer(version: str, products: msgspec.Raw, terms: msgspec.Raw, path: str) -> PriceList:
    """Read the two parts of a JSON offer file; only the terms that are imported are decoded."""
    listed = _offer(version, path)
    known = decode(products, dict[str, _AwsProduct], path, "products")
    wanted = {sku: p.attributes for sku, p in known.items() if _USAGE_TYPE.fullmatch(p.attributes.usagetype)}
    listed.skipped[OTHER] += len(known) - len(wanted)
    on_demand = decode(terms, _Terms, path, "terms").OnDemand
    for sku, attributes in wanted.items():
        place = f"terms.OnDemand.{sku}"
        offered = decode(on_demand[sku], dict[str, _Term], path, place) if sku in on_demand else {}
        _add_terms(listed, attributes, offered, place)
    return listed


def read_products(texts: msgspec.Raw, next_page: str, path: str) -> PriceList:
    """Read an answer of the price list API, GetProducts: a list of texts, each the JSON of one product."""
    listed = _offer("", path)
    listed.unfinished = bool(next_page)
    for i, text in enumerate(decode(texts, list[str], path, "PriceList")):
        place = f"PriceList[{i}]"
        offered = decode(text.encode(), _SingleProduct, path, place)
        if _USAGE_TYPE.fullmatch(offered.product.attributes.usagetype):
            listed.title = _title(offered.version)
            _add_terms(listed, offered.product.attributes, offered.terms.OnDemand, place)
        else:
            listed.skipped[OTHER] += 1
    return listed


def _add_terms(listed: PriceList, attributes: _Attributes, terms: dict[str, _Term], place: str) -> None:
    """Add all prices of one product."""
    rows = [row for term in terms.values() for row in _rows(term, attributes)]
    listed.skipped["without a price on demand"] += not rows
    for row in rows:
        _add(listed, row, place)


def _rows(term: _Term, attributes: _Attributes) -> Iterator[_OfferRow]:
    for dimension in term.priceDimensions.values():
        for currency, price in dimension.pricePerUnit.items():
            yield _OfferRow(
                usage_type=attributes.usagetype,
                region=attributes.regionCode,
                location_type=attributes.locationType,
                begin=term.effectiveDate,
                unit=dimension.unit,
                first=dimension.beginRange,
                last=dimension.endRange,
                price=price,
                currency=currency,
            )


def read_offer_csv(lines: Iterable[str], path: str) -> PriceList:
    """Read a CSV offer file line by line; no more than one line is in memory."""
    reader = csv.reader(lines, strict=True)
    try:
        facts, columns = _head(reader, path)
        listed = _offer(facts.get("version", ""), path)
        if (offer := facts.get("offercode")) != OFFER:
            raise BookError(path, "OfferCode", f"is {offer}; only the offer {OFFER} has Fargate for EKS")
        for cells in reader:
            place = f"line {reader.line_num}"
            if len(cells) != len(columns):
                remedy = f"has {len(cells)} columns, not {len(columns)}; the file is damaged or incomplete"
                raise BookError(path, place, f"{remedy}, download it again")
            _add_line(listed, dict(zip(columns, cells, strict=True)), place)
    except csv.Error as error:
        raise BookError(path, f"line {reader.line_num}", f"not valid CSV: {error}") from None
    except UnicodeDecodeError:
        raise BookError(path, "file", "is not text in UTF-8; the file is damaged, download it again") from None
    return listed


def _head(lines: Iterator[list[str]], path: str) -> tuple[dict[str, str], list[str]]:
    """The facts above the header of a CSV, and the names of its columns, without case and spaces."""
    facts: dict[str, str] = {}
    for cells in islice(lines, _HEAD_LINES):
        names = [cell.lower().replace(" ", "") for cell in cells]
        if names[:1] == ["sku"]:
            lacking = {"termtype", "effectivedate", "unit", "priceperunit", "currency", "usagetype", "regioncode"}
            if lacking := lacking - set(names):
                raise BookError(path, "header", f"has no column {', '.join(sorted(lacking))}")
            return facts, names
        if len(cells) > 1:
            facts[names[0]] = cells[1]
    raise BookError(path, "header", f"no line that begins with SKU is among the first {_HEAD_LINES}")


def _add_line(listed: PriceList, cells: dict[str, str], place: str) -> None:
    """Add one line of a CSV if it is a price on demand that is imported."""
    if cells["termtype"] != "OnDemand" or not _USAGE_TYPE.fullmatch(cells["usagetype"]):
        listed.skipped[OTHER] += 1
        return
    row = _OfferRow(
        usage_type=cells["usagetype"],
        region=cells["regioncode"],
        location_type=cells.get("locationtype", ""),
        begin=cells["effectivedate"],
        unit=cells["unit"],
        first=cells.get("startingrange", "0"),
        last=cells.get("endingrange", "Inf"),
        price=cells["priceperunit"],
        currency=cells["currency"],
    )
    _add(listed, row, place)


def _offer(version: str, path: str) -> PriceList:
    return PriceList(path=path, product=PRODUCT, title=_title(version))


def _title(version: str) -> str:
    return f"AWS's offer file of {OFFER}, version {version or 'unknown'}"


def _add(listed: PriceList, row: _OfferRow, place: str) -> None:
    """Add a price, or count why it is skipped."""
    if reason := _why_skipped(row):
        listed.skipped[reason] += 1
        return
    amount = list_money(row.price, listed.path, place)
    begin = list_day(row.begin, listed.path, place)
    match = _USAGE_TYPE.fullmatch(row.usage_type)
    meter = _METERS.get(match[1]) if match else None
    if meter is None:
        price: ListPrice | ListFee = ListFee(id=CLUSTER_FEE, region=row.region, amount=amount, begin=begin)
    else:
        price_class = "*" if meter == "ephemeral" else "general-purpose"
        price = ListPrice(region=row.region, meter=meter, amount=amount, begin=begin, price_class=price_class)
    listed.add(price, row.currency, place)


def _why_skipped(row: _OfferRow) -> str:
    if row.location_type not in ("", "AWS Region"):
        return "outside regions, as in local zones"
    if row.unit.lower() not in _UNITS:
        return f"with the unit {row.unit[:20]}"
    return "" if (row.first, row.last) in (("0", "Inf"), ("", "")) else "in tiers of usage"
