"""
Schema of a price book: prices with their dates, groups of regions, discounts, fees, exchange rates, oracles.

Every amount and date is text in these structs. checks.py proves that each text parses, so that YAML's own
conversion of numbers and dates never touches money.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.cost.allocation import Basis
from collector.core.cost.meters import MeterName
from collector.core.cost.product import Confidence, Product
from collector.core.model import Instant

CURRENCIES = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "EUR", "GBP", "HKD", "INR", "JPY", "KRW", "SGD", "TWD", "USD"}
)
PURCHASES = ("on_demand", "spot", "best_effort", "reserved")
UNITS: dict[MeterName, str] = {
    "vcpu": "vCPU",
    "memory": "GiB",
    "gpu": "GPU",
    "ephemeral": "GiB",
    "instance_type": "",
    "flat": "",
}
"""Quantity of each meter; `-Seconds` or `-Hours` is appended to make the unit of its price."""
PER_SECONDS = {"second": 1, "hour": 3600}
ANY = "*"

_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,18})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?", re.ASCII)


def parse_money(text: str) -> Decimal:
    """Parse an amount of money as an exact number; ValueError says how to write it."""
    if not _MONEY.fullmatch(text):
        raise ValueError(f"invalid price {text!r}; write it like 0.0000077, 0 or more, with at most 18 places")
    return Decimal(text)


def parse_fee(text: str) -> Decimal:
    """Parse the amount of a fee, which is negative for a credit; ValueError says how to write it."""
    amount = parse_money(text.removeprefix("-"))
    return -amount if text.startswith("-") else amount


def parse_ratio(text: str) -> Decimal:
    """Parse a share between 0 and 1; ValueError says how to write it."""
    part = parse_money(text)
    if part > 1:
        raise ValueError(f"{text!r} is more than 1; write 0.15 for 15 %")
    return part


def parse_day(text: str) -> date:
    """Parse a day; ValueError says how to write it."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"invalid day {text!r}: {error}") from None
    raise ValueError(f"invalid day {text!r}; write 2026-11-01")


def parse_instant(text: str) -> Instant:
    """Parse a day, which begins at midnight UTC, or a time with its offset; ValueError says how to write it."""
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"invalid date {text!r}; write 2026-11-01 or 2026-11-01T00:00:00+08:00")
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"invalid date {text!r}: {error}") from None


class BookPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of a book; an unknown key is an error."""


class Dated(BookPart, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """A row that is valid from an instant, inclusive, to another, exclusive; without `to` it has no end."""

    begin: str
    end: str = ""
    source: str
    """A key of the book's `sources`."""
    read: str = ""
    """Day on which the source was read; each row of a shipped book has one."""


class PriceRow(
    Dated,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"begin": "from", "end": "to", "price_class": "class"},
):
    """Unit prices of one combination of region, class, purchase and type; `*` stands for any."""

    per: str
    region: str = ANY
    """A region, a group, or any; the narrowest match is used."""
    price_class: str = "general-purpose"
    purchase: str = "on_demand"
    type: str = ""
    """An instance type, or a GPU model."""
    currency: str = ""
    """Empty: the book's currency."""
    confidence: Confidence = "high"
    """`low`: the prices are an estimate, or only their own source states them; so are charges at these prices."""
    confirmed: str = ""
    """A key of `sources`: an independent source with the same prices. A row of a shipped book without one is `low`."""
    vcpu: str | None = None
    memory: str | None = None
    gpu: str | None = None
    ephemeral: str | None = None
    instance_type: str | None = None
    flat: str | None = None
    """An amount for each pod, whatever its size."""

    def meters(self) -> dict[MeterName, str]:
        """Prices of the row by meter."""
        return {meter: price for meter in UNITS if (price := getattr(self, meter)) is not None}


class NodeRow(Dated, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """Price of a whole node; the book's `split` divides it among vCPU, memory and GPU."""

    type: str
    vcpu: str
    memory_gib: str
    gpu: str = "0"
    price: str
    per: str = "hour"
    region: str = ANY
    purchase: str = "on_demand"


class Split(BookPart, frozen=True, forbid_unknown_fields=True):
    """Relative weights of one vCPU, GiB and GPU when a node's price is split."""

    vcpu: str
    memory: str
    gpu: str = "0"
    idle: Literal["none", "proportional"] = "none"
    """Who pays for idle capacity: `none` makes it a line of its own; `proportional` divides it by node spending."""


class Market(BookPart, frozen=True, forbid_unknown_fields=True):
    """Spot prices of instance types over time, from CSV files next to the book."""

    series: tuple[str, ...] = ()
    currency: str = ""
    """Currency of the prices in the files; empty: the book's currency."""
    hold_h: int = 24
    """Hours for which a price is used while no newer one follows."""
    fallback_discount: str = ""
    """Discount off the on-demand price where the market price is unknown, with low confidence; empty: no price."""


class Discount(
    Dated,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"begin": "from", "end": "to", "price_class": "class"},
):
    """Discount off list prices; if several apply to a price, the first one is used."""

    id: str
    ratio: str
    product: str = ANY
    region: str = ANY
    price_class: str = ANY
    purchases: tuple[str, ...] = ("on_demand",)
    meters: tuple[str, ...] = tuple(UNITS)


class Commitment(Dated, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """Savings plan: an hourly amount, paid whether used or not, that covers usage at a discount off list price."""

    id: str
    hourly: str
    discount: str
    currency: str = ""
    products: tuple[str, ...] = ()
    """Empty: the book's product, or all products if the file has none."""
    regions: tuple[str, ...] = ()
    """Names or prefixes such as `cn-*`; empty: all."""
    classes: tuple[str, ...] = ()
    """Empty: all."""
    purchases: tuple[str, ...] = ("on_demand",)
    """Spot usage is never covered."""


class Fee(Dated, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """Cost that no pod causes, such as a load balancer or cluster management. Attribution distributes it."""

    id: str
    amount: str
    """Negative: a credit."""
    per: Literal["hour", "month"] = "hour"
    currency: str = ""
    clusters: tuple[str, ...] = ()
    """Empty: each cluster of the product."""
    basis: Basis = "proportional"
    """How the fee is distributed: by spending, in equal parts, by `shares`, or by the count that `metric` names."""
    shares: dict[str, str] = {}
    """With `basis: fixed`: each department's part; the parts sum to 1."""
    metric: Literal["", "pods", "seconds"] = ""
    """With `basis: metric`: the number of pods, or their billed seconds."""


class Exchange(Dated, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """Value of one unit of a pair's first currency in its second: CNY/USD 0.1390."""

    pair: str
    rate: str


class Oracle(BookPart, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"price_class": "class"}):
    """Known cost that the book must reproduce."""

    cost: str
    seconds: str
    source: str
    spec: str = ""
    instance_type: str = ""
    cpu: str = ""
    memory_gib: str = ""
    region: str = ""
    zone: str = ""
    price_class: str = ""
    purchase: str = "on_demand"
    ephemeral_gib: str = "0"
    gpu: str = "0"
    currency: str = ""
    rounded_cost: str = ""
    at: str = ""
    """Empty: the latest begin date among the book's prices."""
    note: str = ""


class Book(BookPart, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file: a product with its prices, an extension of another book, or only fees, discounts and exchange rates."""

    id: str
    version: str
    currency: str = ""
    """Currency of the bill; a file that extends another book chooses with it among that book's currencies."""
    product: Product | None = None
    extends: str = ""
    sources: dict[str, str] = {}
    """Origin and date of the numbers, by a short name that rows cite."""
    region_groups: dict[str, tuple[str, ...]] = {}
    """Regions by name or by prefix such as `cn-*`; the longest match decides."""
    prices: tuple[PriceRow, ...] = ()
    nodes: tuple[NodeRow, ...] = ()
    split: Split | None = None
    market: Market | None = None
    discounts: tuple[Discount, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    fees: tuple[Fee, ...] = ()
    exchange: tuple[Exchange, ...] = ()
    oracles: tuple[Oracle, ...] = ()

    @property
    def name(self) -> str:
        """Name that a charge cites: the book and its version."""
        return f"{self.id}@{self.version}"
