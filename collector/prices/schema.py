"""
What a price book's file may hold: prices with their dates, groups of regions, discounts, fees, rates of exchange, oracles.

Every amount and date is text here and a number or an instant after checks.py, which names what is wrong with it; YAML's own
idea of numbers and dates never touches money.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.cost.product import Confidence, Product
from collector.core.model import Instant

CURRENCIES = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "EUR", "GBP", "HKD", "INR", "JPY", "KRW", "SGD", "TWD", "USD"}
)
PURCHASES = ("on_demand", "spot", "best_effort", "reserved")
UNITS = {"vcpu": "vCPU", "memory": "GiB", "gpu": "GPU", "ephemeral": "GiB", "instance_type": "", "flat": ""}
"""What one of a meter is; the unit of its price is that and `-Seconds` or `-Hours`."""
PER_SECONDS = {"second": 1, "hour": 3600}
ANY = "*"

_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,18})?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?", re.ASCII)


def parse_money(text: str) -> Decimal:
    """An amount of money as an exact number; ValueError says how to write it."""
    if not _MONEY.fullmatch(text):
        raise ValueError(f"{text!r} is no price; write it like 0.0000077, 0 or more, with at most 18 places")
    return Decimal(text)


def ratio(text: str) -> Decimal:
    """A part of one; ValueError says how to write it."""
    part = parse_money(text)
    if part > 1:
        raise ValueError(f"{text!r} is more than all of it; write 0.15 for 15 %")
    return part


def parse_instant(text: str) -> Instant:
    """A day, which begins at midnight UTC, or a time with its offset; ValueError says how to write it."""
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"{text!r} is no date; write 2026-11-01 or 2026-11-01T00:00:00+08:00")
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no date: {error}") from None


class BookPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a book; a key it does not know is an error."""


class Dated(BookPart, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """Something that holds from an instant, inclusive, to another, exclusive; without `to` it holds on."""

    begin: str
    end: str = ""
    source: str
    """A key of the book's `sources`."""


class PriceRow(
    Dated,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"begin": "from", "end": "to", "price_class": "class"},
):
    """Unit prices of one combination of what chooses between them; `*` stands for any."""

    per: str
    region: str = ANY
    """A region, a group, or any; the narrower one goes first."""
    price_class: str = "general-purpose"
    purchase: str = "on_demand"
    type: str = ""
    """An instance type, or a model of GPU."""
    currency: str = ""
    """Empty: the book's."""
    confidence: Confidence = "high"
    vcpu: str | None = None
    memory: str | None = None
    gpu: str | None = None
    ephemeral: str | None = None
    instance_type: str | None = None
    flat: str | None = None
    """An amount for each pod, whatever its size."""

    def meters(self) -> dict[str, str]:
        """The prices that the row tells, by meter."""
        return {meter: price for meter in UNITS if (price := getattr(self, meter)) is not None}


class NodeRow(Dated, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """The price of a whole node, to be split among vCPU, memory and GPU by the book's `split`."""

    type: str
    vcpu: str
    memory_gib: str
    gpu: str = "0"
    price: str
    per: str = "hour"
    region: str = ANY
    purchase: str = "on_demand"


class Split(BookPart, frozen=True, forbid_unknown_fields=True):
    """How much one of each weighs against the others when a node's price is split."""

    vcpu: str
    memory: str
    gpu: str = "0"
    idle: Literal["none", "proportional"] = "none"
    """Who bears what no pod took: nobody, it is a line of its own; or departments by what they spent on the nodes."""


class Market(BookPart, frozen=True, forbid_unknown_fields=True):
    """Spot prices of instance types over time, from CSV files beside the book."""

    series: tuple[str, ...] = ()
    currency: str = ""
    """Of the prices in the files; empty: the book's."""
    hold_h: int = 24
    """For how long a price is believed after which no newer one was told."""
    fallback_discount: str = ""
    """Off the on-demand price where the market's is not known, with low confidence; empty: it is unknown."""


class Discount(
    Dated,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"begin": "from", "end": "to", "price_class": "class"},
):
    """A part off list prices; of several that apply to a price the first one counts."""

    id: str
    ratio: str
    product: str = ANY
    region: str = ANY
    price_class: str = ANY
    purchases: tuple[str, ...] = ("on_demand",)
    meters: tuple[str, ...] = tuple(UNITS)


class Commitment(Dated, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """A savings plan: so much an hour is paid whether used or not, and covers usage at a discount off its list price."""

    id: str
    hourly: str
    discount: str
    currency: str = ""
    products: tuple[str, ...] = ()
    """Empty: the book's product; of a file of no product, all."""
    regions: tuple[str, ...] = ()
    """Names, or how they begin: `cn-*`; empty: all."""
    classes: tuple[str, ...] = ()
    """Empty: all."""
    purchases: tuple[str, ...] = ("on_demand",)
    """Spot is never covered."""


class Fee(Dated, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """A cost that no pod causes: a load balancer, the management of a cluster. Attribution shares it out."""

    id: str
    amount: str
    per: Literal["hour", "month"] = "hour"
    currency: str = ""
    clusters: tuple[str, ...] = ()
    """Empty: for each cluster of the product."""
    basis: Literal["proportional", "even", "fixed", "metric"] = "proportional"
    """By what each department spent, one part each, by `shares`, or by what `metric` counts."""
    shares: dict[str, str] = {}
    """Of `fixed`: each department's part, 1 together."""
    metric: Literal["", "pods", "seconds"] = ""
    """Of `metric`: pods, or the seconds they were billed."""


class Exchange(Dated, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """What one unit of the first currency of a pair is in the second, like CNY/USD 0.1390."""

    pair: str
    rate: str


class Oracle(BookPart, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"price_class": "class"}):
    """A known answer that the book must give."""

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
    """Empty: the latest day on which a price of the book begins."""
    note: str = ""


class Book(BookPart, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file. It tells a product and its prices, or extends another book, or only adds fees, discounts and exchange."""

    id: str
    version: str
    currency: str = ""
    """What the bill is in; a file that extends another one and names it chooses among that book's currencies."""
    product: Product | None = None
    extends: str = ""
    sources: dict[str, str] = {}
    """Where numbers are from, and of which day, by a short name that rows cite."""
    region_groups: dict[str, tuple[str, ...]] = {}
    """Regions by name, or by how they begin: `cn-*`; the longest that fits decides."""
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
        """What a charge cites: the book and its version."""
        return f"{self.id}@{self.version}"
