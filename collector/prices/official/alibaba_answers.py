"""
Reads answers of Alibaba Cloud's price APIs: DescribeContainerGroupPrice of ECI, and DescribePrice of ECS for a machine type.

An answer names neither its region nor its size, so the name of its file does: `cn-hangzhou_2-4Gi.json`. ECI's price is
for a second, those of spot and of DescribePrice for an hour. The prices of a vCPU and a GiB follow from the parts of an
answer, or from the prices of two sizes.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from pathlib import PurePath
from typing import NamedTuple

import msgspec

from collector.core.cost.billed_spec import read_size
from collector.core.cost.meters import CONTEXT, PLACES, MeterName
from collector.prices.book_yaml import BookError
from collector.prices.official.listed import ListPrice, PriceList, SpotPrice, decode, list_money

PRODUCT = "alibaba-eci"
CLASSES = {"": "general-purpose", "economy": "economy"}
_NAME = re.compile(r"([a-z]{2}-[a-z0-9-]+)_([^_]+)(?:_(economy))?\.json", re.ASCII)
_TYPE = re.compile(r"ecs\.[a-z0-9.-]{1,60}", re.ASCII)
_ZONE = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
NAMES = "cn-hangzhou_2-4Gi.json, cn-hangzhou_2-4Gi_economy.json or cn-hangzhou_ecs.c6.large.json"


class _Part(msgspec.Struct):
    Resource: str = ""
    OriginalPrice: Decimal = Decimal(0)


class _Parts(msgspec.Struct):
    DetailInfo: list[_Part] = []
    ResourcePriceModel: list[_Part] = []


class _Price(msgspec.Struct):
    Currency: str
    OriginalPrice: Decimal
    DiscountPrice: Decimal = Decimal(0)
    DetailInfos: _Parts = msgspec.field(default_factory=_Parts)


class _Spot(msgspec.Struct):
    ZoneId: str
    InstanceType: str
    SpotPrice: Decimal


class _Spots(msgspec.Struct):
    SpotPrice: list[_Spot] = []


class _PriceInfo(msgspec.Struct):
    Price: _Price
    SpotPrices: _Spots = msgspec.field(default_factory=_Spots)


class SizePrice(NamedTuple):
    """Price a second of one size in one region, and what of it is for vCPU and for memory if the answer says so."""

    path: str
    region: str
    price_class: str
    currency: str
    vcpu: Decimal
    memory_gib: Decimal
    price: Decimal
    parts: tuple[Decimal, Decimal] | None


class Answered(NamedTuple):
    """What one file gives: prices that are complete, or the price of a size; several sizes make a price list."""

    listed: PriceList
    size: SizePrice | None = None


class QueriedSize(NamedTuple):
    """Region and size of an answer whose file does not name them."""

    region: str = ""
    spec: str = ""


def read_answer(info: msgspec.Raw, path: str, queried: QueriedSize) -> Answered:
    """Read one answer; BookError if neither its file's name nor the command states its region and size."""
    region, spec, price_class = _named(path) or (queried.region, queried.spec, CLASSES[""])
    size = read_size(spec)
    if not region or size is None:
        remedy = f"must state the region and size of the answer, like {NAMES}; or give --region and --spec"
        raise BookError(path, "name", remedy)
    answer = decode(info, _PriceInfo, path, "PriceInfo")
    price, place = answer.Price, "PriceInfo.Price"
    amount = list_money(price.OriginalPrice, path, f"{place}.OriginalPrice")
    listed = _list_of(answer, amount, path)
    if not amount:
        raise BookError(path, f"{place}.OriginalPrice", f"is 0; {spec} is not sold in {region}, ask for another size")
    if size.instance_type:
        listed.add(_of_type(price, region, size.instance_type, path), price.Currency, place)
        return Answered(listed)
    if price.DetailInfos.ResourcePriceModel:
        remedy = (
            f"is an answer of ECS, which prices machine types; name the file {region}_ecs.c6.large.json, with its type"
        )
        raise BookError(path, f"{place}.DetailInfos", remedy)
    parts = _parts(price, amount, path)
    return Answered(
        listed,
        SizePrice(
            path=path,
            region=region,
            price_class=price_class,
            currency=price.Currency,
            vcpu=size.vcpu,
            memory_gib=size.memory_gib,
            price=amount,
            parts=parts,
        ),
    )


def _list_of(answer: _PriceInfo, amount: Decimal, path: str) -> PriceList:
    """The list of an answer without its price: its currency, its spot prices, and a note on a discount."""
    place = "PriceInfo.Price"
    listed = PriceList(path=path, product=PRODUCT, title="Alibaba Cloud's price API")
    listed.set_currency(answer.Price.Currency, f"{place}.Currency")
    for spot in answer.SpotPrices.SpotPrice:
        if not _TYPE.fullmatch(spot.InstanceType) or not _ZONE.fullmatch(spot.ZoneId):
            raise BookError(path, "PriceInfo.SpotPrices", f"{spot.InstanceType!r} in {spot.ZoneId!r} is not a machine")
        market = list_money(spot.SpotPrice, path, "PriceInfo.SpotPrices")
        listed.spot.append(SpotPrice(spot.InstanceType, spot.ZoneId, market))
    if discount := list_money(answer.Price.DiscountPrice, path, f"{place}.DiscountPrice"):
        remedy = "imported is the list price, so state the discount as a row of `discounts`"
        listed.notes.append(f"{path}: this account has {discount:f} off {amount:f}; {remedy}")
    return listed


def _named(path: str) -> tuple[str, str, str] | None:
    """Region, size and class in a file's name."""
    match = _NAME.fullmatch(PurePath(path).name)
    return (match[1], match[2], CLASSES[match[3] or ""]) if match else None


def _of_type(price: _Price, region: str, instance_type: str, path: str) -> ListPrice:
    """
    Price of a machine type: a second's by ECI, or an hour's by ECS without its disks.

    DescribePrice does not repeat its period; an hour is what it gives unless the request states another.
    """
    of_ecs = {part.Resource: part.OriginalPrice for part in price.DetailInfos.ResourcePriceModel}
    if of_ecs and "instanceType" not in of_ecs:
        remedy = "has no part instanceType; ask for an instance with ChargeType PostPaid"
        raise BookError(path, "PriceInfo.Price.DetailInfos", remedy)
    return ListPrice(
        region=region,
        meter="instance_type",
        amount=list_money(of_ecs.get("instanceType", price.OriginalPrice), path, "PriceInfo.Price"),
        begin="",
        per="hour" if of_ecs else "second",
        price_class="*",
        type=instance_type,
        confidence="low" if of_ecs else "high",
    )


def _parts(price: _Price, whole: Decimal, path: str) -> tuple[Decimal, Decimal] | None:
    """What of a price is for vCPU and what for memory; None if the answer does not say."""
    amounts = {part.Resource: part.OriginalPrice for part in price.DetailInfos.DetailInfo}
    place = "PriceInfo.Price.DetailInfos"
    vcpu, memory = (list_money(amounts.get(name, Decimal(0)), path, place) for name in ("cpu", "memory"))
    if not vcpu or not memory:
        return None
    if CONTEXT.add(vcpu, memory) != whole:
        raise BookError(
            path, place, f"cpu {vcpu:f} and memory {memory:f} are not {whole:f}; ask for a size without disks"
        )
    return vcpu, memory


def unit_prices(sizes: Iterable[SizePrice]) -> list[ListPrice]:
    """Prices of a vCPU and a GiB for each region and class, from all of its sizes."""
    groups: dict[tuple[str, str], list[SizePrice]] = defaultdict(list)
    for size in sizes:
        groups[size.region, size.price_class].append(size)
    return [price for group in groups.values() for price in _of_group(group)]


def _of_group(sizes: list[SizePrice]) -> list[ListPrice]:
    vcpu, memory = _solved(sizes)
    for size in sizes:
        if Fraction(size.vcpu) * vcpu + Fraction(size.memory_gib) * memory != Fraction(size.price):
            remedy = "is not the sum of one price of a vCPU and one of a GiB, as those of the other sizes are"
            raise BookError(
                size.path, "PriceInfo.Price.OriginalPrice", f"{size.price:f} {remedy}; import types instead"
            )
    first = sizes[0]
    meters: tuple[tuple[MeterName, Fraction], ...] = (("vcpu", vcpu), ("memory", memory))
    return [
        ListPrice(
            region=first.region,
            meter=meter,
            amount=_decimal(amount, first),
            begin="",
            per="second",
            price_class=first.price_class,
        )
        for meter, amount in meters
    ]


def _solved(sizes: list[SizePrice]) -> tuple[Fraction, Fraction]:
    """The prices of a vCPU and a GiB, exactly: from the parts of one answer, else from two sizes of different shape."""
    for size in sizes:
        if size.parts:
            return Fraction(size.parts[0]) / Fraction(size.vcpu), Fraction(size.parts[1]) / Fraction(size.memory_gib)
    for one, other in combinations(sizes, 2):
        a, b, c, d = map(Fraction, (one.vcpu, one.memory_gib, other.vcpu, other.memory_gib))
        if determinant := a * d - b * c:
            first, second = Fraction(one.price), Fraction(other.price)
            return (first * d - second * b) / determinant, (a * second - c * first) / determinant
    remedy = (
        "one size does not show what a vCPU and a GiB cost; add the answer for a size with more memory to each vCPU"
    )
    raise BookError(sizes[0].path, "PriceInfo.Price", remedy)


def _decimal(amount: Fraction, size: SizePrice) -> Decimal:
    """An exact price as a number of a book."""
    exact = CONTEXT.divide(Decimal(amount.numerator), Decimal(amount.denominator))
    written = CONTEXT.quantize(exact, PLACES).normalize(CONTEXT)
    if Fraction(written) != amount or written <= 0:
        remedy = "the sizes give no price of a vCPU and a GiB within 18 places; import types instead"
        raise BookError(size.path, "PriceInfo.Price.OriginalPrice", remedy)
    return written
