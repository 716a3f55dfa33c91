"""
The books in force, asked for the rates of a spec at an instant.

A user's file goes before the book that it extends, the region before its group and that before any, and every other
dimension must match: nothing is guessed from a neighbour.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from collector.core.cost.billed_spec import Spec
from collector.core.cost.meters import CONTEXT, PLACES, Rate, Rates
from collector.core.cost.product import Product
from collector.core.model import Instant
from collector.core.units import ONE
from collector.prices import schema
from collector.prices.market import Series
from collector.prices.node_split import price_row
from collector.prices.schema import ANY, Book, Commitment, Dated, Discount, Exchange, Fee, PriceRow

MOST_CACHED = 20_000
"""Kinds of specs whose rates are kept; a fleet has some hundred."""


class Price(msgspec.Struct, frozen=True):
    """One unit price as it is looked up."""

    begin: Instant
    end: Instant | None
    amount: Decimal
    unit: str
    per_seconds: int
    rule: str
    confidence: str

    def holds(self, at: Instant) -> bool:
        return self.begin <= at and (self.end is None or at < self.end)


class Layer:
    """One book, indexed; and its market, if it has one."""

    def __init__(self, book: Book, series: Series | None = None, base_currency: str = "") -> None:
        self.book, self.series = book, series
        self.currency = book.currency or base_currency
        self.market_currency = (book.market.currency if book.market else "") or self.currency
        self.prices: dict[tuple[str, ...], list[Price]] = defaultdict(list)
        rows = [*book.prices, *(price_row(node, book.split) for node in book.nodes if book.split)]
        for row in rows:
            self._index(row)
        self.currencies = {key[-1] for key in self.prices}

    def _index(self, row: PriceRow) -> None:
        currency = row.currency or self.currency
        begin, end = validity(row)
        rule = "/".join(filter(None, (row.region, row.price_class, row.purchase, row.type)))
        per_seconds, suffix = schema.PER_SECONDS[row.per], "Seconds" if row.per == "second" else "Hours"
        for meter, amount in row.meters().items():
            unit = f"{schema.UNITS[meter]}-{suffix}".removeprefix("-")
            price = Price(begin, end, Decimal(amount), unit, per_seconds, rule, row.confidence)
            self.prices[meter, row.region, row.price_class, row.purchase, row.type, currency].append(price)

    def group_of(self, region: str) -> str:
        """The group of a region: it is named there, or the longest beginning that fits is."""
        fits = [
            (len(member), group)
            for group, members in self.book.region_groups.items()
            for member in members
            if member == region or (member.endswith(ANY) and region.startswith(member[:-1]))
        ]
        return max(fits)[1] if fits else ""


def validity(row: Dated) -> tuple[Instant, Instant | None]:
    """From when to when a row holds."""
    return schema.parse_instant(row.begin), schema.parse_instant(row.end) if row.end else None


class MeterPrice(msgspec.Struct, frozen=True):
    """The price of one meter, before discounts and exchange, and what it rests on."""

    meter: str
    price: Price
    list_amount: Decimal | None
    """None: nobody told it."""


class RecurringCost(msgspec.Struct, frozen=True):
    """A fee or a plan of a book, ready to be shared out or applied: amounts as numbers, dates as instants."""

    book: str
    product: str
    """Empty: of no one product."""
    id: str
    currency: str
    begin: Instant
    end: Instant | None
    amount: Decimal
    """Of a plan: its hourly commitment."""
    per: str
    row: Fee | Commitment


class Books:
    """What is asked: the layers of each product, a user's own first, and what holds across products."""

    def __init__(
        self, layers: Mapping[str, Sequence[Layer]], products: Iterable[Product], others: Iterable[Book], currency: str
    ) -> None:
        self.layers = dict(layers)
        self.products = {p.id: p for p in sorted(products, key=lambda p: p.priority)}
        self.currency = currency
        """What amounts are told in; a bill in another one is converted at the rate of its day."""
        self.others = tuple(others)
        """Files that only add discounts, fees and rates of exchange."""
        books = self.files()
        self.discounts = [d for book in books for d in book.discounts]
        self.fees = [self._shared(book, fee, fee.amount, fee.per) for book in books for fee in book.fees]
        self.commitments = [
            self._shared(book, plan, plan.hourly, "hour") for book in books for plan in book.commitments
        ]
        self._exchange: dict[str, list[Exchange]] = defaultdict(list)
        for row in (row for book in books for row in book.exchange):
            self._exchange[row.pair].append(row)
        self._known: dict[tuple[object, ...], list[tuple[Instant, Rates]]] = {}

    def _shared(self, book: Book, row: Fee | Commitment, amount: str, per: str) -> RecurringCost:
        product = self.product_of(book)
        currency = row.currency or book.currency or (self.layers[product][-1].currency if product else self.currency)
        return RecurringCost(book.name, product, row.id, currency, *validity(row), Decimal(amount), per, row)

    def files(self) -> list[Book]:
        """Every file in force, a user's own before what it extends."""
        return [*self.others, *(layer.book for layers in self.layers.values() for layer in layers)]

    def series(self) -> list[Series]:
        """The markets in force."""
        return [layer.series for layers in self.layers.values() for layer in layers if layer.series]

    def names(self) -> list[str]:
        """What a pricing run is stamped with."""
        return sorted(book.name for book in self.files())

    def product_of(self, book: Book) -> str:
        """The product that a file prices; empty: none."""
        return next((p for p, layers in self.layers.items() if any(layer.book is book for layer in layers)), "")

    def in_currency(self, currency: str) -> "Books":
        """The same books, with amounts in another currency."""
        return Books(self.layers, self.products.values(), self.others, currency)

    def convertible(self, product: str) -> bool:
        """Whether there is any rate of exchange for a product's bill, if it needs one."""
        bill = self.bill_currency(product)
        return bill == self.currency or f"{bill}/{self.currency}" in self._exchange

    def bill_currency(self, product: str) -> str:
        """What a product's bill is in: as its book is told to, else the asked currency where the book has prices in it."""
        layers = self.layers[product]
        pinned = next((layer.book.currency for layer in layers[:-1] if layer.book.currency), "")
        native = any(self.currency in layer.currencies for layer in layers)
        return pinned or (self.currency if native else layers[-1].currency)

    def look_up(self, spec: Spec, at: Instant) -> Rates:
        """The rates for a spec from an instant on; `missing` says why there are none."""
        if spec.missing or spec.product not in self.layers:
            name = self._name(spec.product)
            return Rates(name, "", self.currency, missing=spec.missing or "no_price_book")
        key = (
            spec.product, spec.purchase, spec.price_class, spec.region, spec.zone, spec.instance_type, spec.gpu_model,
            spec.by_type, bool(spec.gpu), bool(spec.ephemeral_gib),
        )  # fmt: skip
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST_CACHED:
                self._known.clear()
            known = self._known[key] = []
        i = bisect_right(known, at, key=lambda entry: entry[0]) - 1
        if i >= 0 and ((until := known[i][1].until) is None or at < until):
            return known[i][1]
        begin, rates = self._rates(spec, at)
        known.insert(i + 1, (begin, rates))
        return rates

    def _name(self, product: str) -> str:
        return "+".join(layer.book.name for layer in self.layers.get(product, ()))

    def _rates(self, spec: Spec, at: Instant) -> tuple[Instant, Rates]:
        """The rates, and since when they hold; `changes` gathers every instant at which others could."""
        changes: set[Instant] = set()
        bill = self.bill_currency(spec.product)
        found = {meter: self._find(spec, meter, bill, at, changes) for meter in _meters(spec)}
        known = [(one, self._discount(spec, one.meter, at, changes)) for one in found.values() if one]
        factor, exchange_rate = self.exchange_rate(bill, at, changes)
        missing = _missing(spec, found) or ("no_fx_rate" if factor is None else "")
        rules = [one.price.rule for one, _ in known] + [f"discount {d.id}" for _, d in known if d] + [exchange_rate]
        rounding = self.products[spec.product].rounding.get(bill)
        factor = factor or ONE
        return max((c for c in changes if c <= at), default=0), Rates(
            self._name(spec.product),
            "" if missing else "; ".join(dict.fromkeys(filter(None, rules))),
            self.currency,
            () if missing else tuple(_rate(one, discount, factor) for one, discount in known),
            missing,
            until=min((c for c in changes if c > at), default=None),
            confidence="low" if any(one.price.confidence == "low" for one, _ in known) else "high",
            rounding=CONTEXT.multiply(rounding.unit, factor) if rounding else None,
        )

    def _find(self, spec: Spec, meter: str, bill: str, at: Instant, changes: set[Instant]) -> MeterPrice | None:
        """The price of a meter at an instant; every instant at which another could hold is added to `changes`."""
        if meter == "instance_type" and spec.purchase == "spot":
            return self._spot(spec, bill, at, changes)
        for layer in self.layers[spec.product]:
            for price in self._candidates(layer, spec, meter, bill):
                changes.update(t for t in (price.begin, price.end) if t is not None)
        for layer in self.layers[spec.product]:
            for price in self._candidates(layer, spec, meter, bill):
                if price.holds(at):
                    return MeterPrice(meter, price, self._list_amount(spec, meter, bill, at, changes, price))
        return None

    def _list_amount(
        self, spec: Spec, meter: str, bill: str, at: Instant, changes: set[Instant], price: Price
    ) -> Decimal | None:
        """Before discounts; spot is itself a discount, off the price on demand."""
        if spec.purchase != "spot":
            return price.amount
        on_demand = self._find(msgspec.structs.replace(spec, purchase="on_demand"), meter, bill, at, changes)
        return on_demand.price.amount if on_demand else None

    def _spot(self, spec: Spec, bill: str, at: Instant, changes: set[Instant]) -> MeterPrice | None:
        """The market's price; where nobody knows it, the on-demand price less the book's own guess, if it makes one."""
        on_demand = self._find(msgspec.structs.replace(spec, purchase="on_demand"), "instance_type", bill, at, changes)
        list_amount = on_demand.price.amount if on_demand else None
        layers = (layer for layer in self.layers[spec.product] if layer.market_currency == bill)
        for series in [layer.series for layer in layers if layer.series]:
            amount, begin, until = series.at(spec.instance_type, spec.zone, at)
            changes.update(t for t in (begin, until) if t is not None)
            if amount is not None:
                rule = f"{spec.zone}/spot/{spec.instance_type}"
                price = Price(begin, until, amount, "Hours", 3600, rule, "high")
                return MeterPrice("instance_type", price, list_amount)
        for layer in self.layers[spec.product]:
            market = layer.book.market
            if on_demand and market and market.fallback_discount:
                less = CONTEXT.multiply(on_demand.price.amount, ONE - Decimal(market.fallback_discount))
                rule = f"{on_demand.price.rule}; spot guessed"
                price = msgspec.structs.replace(on_demand.price, amount=less, rule=rule, confidence="low")
                return MeterPrice("instance_type", price, list_amount)
        return None

    def _candidates(self, layer: Layer, spec: Spec, meter: str, bill: str) -> Iterator[Price]:
        """The prices that could hold for a meter of a spec, the narrowest first."""
        types = {"instance_type": (spec.instance_type,), "gpu": (spec.gpu_model, "")}.get(
            meter, (spec.instance_type, "")
        )
        groups = (mine.group_of(spec.region) for mine in self.layers[spec.product])
        regions = (spec.region, next(filter(None, groups), ""), ANY)
        for kind in dict.fromkeys(types):
            for region in dict.fromkeys(filter(None, regions)):
                for price_class in (spec.price_class, ANY):
                    for purchase in (spec.purchase, ANY):
                        yield from layer.prices.get((meter, region, price_class, purchase, kind, bill), ())

    def exchange_rate(self, bill: str, at: Instant, changes: set[Instant]) -> tuple[Decimal | None, str]:
        """What one of the bill's currency is in the asked one at an instant, and how a rule says so."""
        if bill == self.currency:
            return ONE, ""
        for row in self._exchange.get(f"{bill}/{self.currency}", ()):
            begin, end = validity(row)
            changes.update(t for t in (begin, end) if t is not None)
            if begin <= at and (end is None or at < end):
                return Decimal(row.rate), f"{row.pair} {row.rate}"
        return None, ""

    def _discount(self, spec: Spec, meter: str, at: Instant, changes: set[Instant]) -> Discount | None:
        """The first discount that applies to a meter at an instant."""
        groups = {layer.group_of(spec.region) for layer in self.layers[spec.product]}
        for discount in self.discounts:
            fits = (
                discount.product in (spec.product, ANY)
                and discount.region in (spec.region, ANY, *groups)
                and discount.price_class in (spec.price_class, ANY)
                and spec.purchase in discount.purchases
                and meter in discount.meters
            )
            if fits:
                begin, end = validity(discount)
                changes.update(t for t in (begin, end) if t is not None)
                if begin <= at and (end is None or at < end):
                    return discount
        return None


def _meters(spec: Spec) -> list[str]:
    """What is billed of a spec."""
    size = ["instance_type"] if spec.by_type else ["vcpu", "memory", *(["gpu"] if spec.gpu else [])]
    return [*size, *(["ephemeral"] if spec.ephemeral_gib else []), "flat"]


def _missing(spec: Spec, found: Mapping[str, MeterPrice | None]) -> str:
    """Why a spec has no price: the first meter that nobody told one of. A flat price is one more, where there is one."""
    lacking = next((meter for meter, one in found.items() if one is None and meter != "flat"), "")
    named = lacking if lacking in ("gpu", "ephemeral") else spec.purchase
    return f"no_{named}_price" if lacking else ""


def _rate(found: MeterPrice, discount: Discount | None, factor: Decimal) -> Rate:
    """A meter's price after its discount, in the asked currency, to 18 places."""
    kept = ONE - Decimal(discount.ratio) if discount else ONE
    paid = convert(CONTEXT.multiply(found.price.amount, kept), factor)
    listed = None if found.list_amount is None else convert(found.list_amount, factor)
    return Rate(found.meter, found.price.unit, paid, found.price.per_seconds, listed)


def convert(amount: Decimal, factor: Decimal) -> Decimal:
    """An amount of the bill's currency in the asked one."""
    return CONTEXT.quantize(CONTEXT.multiply(amount, factor), PLACES).normalize(CONTEXT)
