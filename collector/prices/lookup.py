"""
The loaded books, and the rates that they give for a spec at an instant.

A user's file takes precedence over the book that it extends, a region over its group, and a group over `*`. Every
other dimension must match exactly: no price is derived from a similar one.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from collector.core.cost.billed_spec import Spec
from collector.core.cost.meters import CONTEXT, PLACES, MeterName, Rate, Rates
from collector.core.cost.product import Product
from collector.core.model import Instant
from collector.core.units import ONE
from collector.prices import schema
from collector.prices.market import Series
from collector.prices.node_split import price_row
from collector.prices.schema import ANY, Book, Commitment, Dated, Discount, Exchange, Fee, PriceRow

UNCONFIRMED = "unconfirmed"
"""Word in the rule of a charge at a price of low confidence."""
MOST_CACHED = 20_000
"""Different specs whose rates are cached; a fleet has a few hundred."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """One indexed unit price."""

    begin: Instant
    end: Instant | None
    amount: Decimal
    unit: str
    per_seconds: int
    rule: str
    confidence: str
    read: str = ""
    """Day on which its source was read; empty: the file does not say."""

    def holds(self, at: Instant) -> bool:
        return self.begin <= at and (self.end is None or at < self.end)


class Layer:
    """One book with an index of its prices, and its market if it has one."""

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
        rule += f"; {UNCONFIRMED}" if row.confidence == "low" else ""
        per_seconds, suffix = schema.PER_SECONDS[row.per], "Seconds" if row.per == "second" else "Hours"
        for meter, amount in row.meters().items():
            unit = f"{schema.UNITS[meter]}-{suffix}".removeprefix("-")
            price = Price(
                begin=begin,
                end=end,
                amount=Decimal(amount),
                unit=unit,
                per_seconds=per_seconds,
                rule=rule,
                confidence=row.confidence,
                read=row.read,
            )
            self.prices[meter, row.region, row.price_class, row.purchase, row.type, currency].append(price)

    def group_of(self, region: str) -> str:
        """Group of a region: the one that names the region, or the longest prefix that matches; empty: none."""
        fits = [
            (len(member), group)
            for group, members in self.book.region_groups.items()
            for member in members
            if member == region or (member.endswith(ANY) and region.startswith(member[:-1]))
        ]
        return max(fits)[1] if fits else ""


def validity(row: Dated) -> tuple[Instant, Instant | None]:
    """Begin and end of a row's validity."""
    return schema.parse_instant(row.begin), schema.parse_instant(row.end) if row.end else None


class MeterPrice(msgspec.Struct, frozen=True):
    """Price of one meter before discounts and exchange, with its list price."""

    meter: MeterName
    price: Price
    list_amount: Decimal | None
    """None: unknown."""


class RecurringCost(msgspec.Struct, frozen=True, kw_only=True):
    """A fee or a plan of a book with parsed amounts and dates, ready to be distributed or applied."""

    book: str
    product: str
    """Empty: the book has no product."""
    id: str
    currency: str
    begin: Instant
    end: Instant | None
    amount: Decimal
    """The fee, or the hourly commitment of a plan."""
    per: str
    row: Fee | Commitment


class Books:
    """All loaded prices: the layers of each product, a user's own first, and rows that apply across products."""

    def __init__(
        self, layers: Mapping[str, Sequence[Layer]], products: Iterable[Product], others: Iterable[Book], currency: str
    ) -> None:
        self.layers = dict(layers)
        self.products = {p.id: p for p in sorted(products, key=lambda p: p.priority)}
        self.currency = currency
        """Currency of the rates; a bill in another currency is converted at the exchange rate of its day."""
        self.others = tuple(others)
        """Files that only add discounts, fees and exchange rates."""
        books = self.files()
        self.discounts = [d for book in books for d in book.discounts]
        fees = [self._recurring(book, fee, fee.amount, fee.per) for book in books for fee in book.fees]
        self.fees = _without_replaced(fees)
        self.commitments = [
            self._recurring(book, plan, plan.hourly, "hour") for book in books for plan in book.commitments
        ]
        self._exchange: dict[str, list[Exchange]] = defaultdict(list)
        for row in (row for book in books for row in book.exchange):
            self._exchange[row.pair].append(row)
        self._cache: dict[tuple[object, ...], list[tuple[Instant, Rates]]] = {}

    def _recurring(self, book: Book, row: Fee | Commitment, amount: str, per: str) -> RecurringCost:
        product = self.product_of(book)
        currency = row.currency or book.currency or (self.layers[product][-1].currency if product else self.currency)
        begin, end = validity(row)
        return RecurringCost(
            book=book.name,
            product=product,
            id=row.id,
            currency=currency,
            begin=begin,
            end=end,
            amount=Decimal(amount),
            per=per,
            row=row,
        )

    def files(self) -> list[Book]:
        """All loaded files, a user's own before the book that it extends."""
        return [*self.others, *(layer.book for layers in self.layers.values() for layer in layers)]

    def series(self) -> list[Series]:
        """All loaded markets."""
        return [layer.series for layers in self.layers.values() for layer in layers if layer.series]

    def names(self) -> list[str]:
        """Names of all loaded files; a pricing run records them."""
        return sorted(book.name for book in self.files())

    def product_of(self, book: Book) -> str:
        """Product that a file prices; empty: none."""
        return next((p for p, layers in self.layers.items() if any(layer.book is book for layer in layers)), "")

    def in_currency(self, currency: str) -> "Books":
        """Return the same books with rates in another currency."""
        return Books(self.layers, self.products.values(), self.others, currency)

    def convertible(self, product: str) -> bool:
        """Whether a product's bill needs no exchange rate, or the books have one."""
        bill = self.bill_currency(product)
        return bill == self.currency or f"{bill}/{self.currency}" in self._exchange

    def bill_currency(self, product: str) -> str:
        """
        Currency of a product's bill.

        A file that extends the product's book decides; else the requested currency, if the book has prices in it;
        else the book's own currency.
        """
        layers = self.layers[product]
        pinned = next((layer.book.currency for layer in layers[:-1] if layer.book.currency), "")
        native = any(self.currency in layer.currencies for layer in layers)
        return pinned or (self.currency if native else layers[-1].currency)

    def look_up(self, spec: Spec, at: Instant) -> Rates:
        """Find the rates for a spec from an instant on; without rates `missing` gives the reason."""
        if spec.missing or spec.product not in self.layers:
            name = self._name(spec.product)
            return Rates(name, "", self.currency, missing=spec.missing or "no_price_book")
        key = (
            spec.product, spec.purchase, spec.price_class, spec.region, spec.zone, spec.instance_type, spec.gpu_model,
            spec.by_type, bool(spec.gpu), bool(spec.ephemeral_gib),
        )  # fmt: skip
        cached = self._cache.get(key)
        if cached is None:
            if len(self._cache) >= MOST_CACHED:
                self._cache.clear()
            cached = self._cache[key] = []
        i = bisect_right(cached, at, key=lambda entry: entry[0]) - 1
        if i >= 0 and ((until := cached[i][1].until) is None or at < until):
            return cached[i][1]
        begin, rates = self._rates(spec, at)
        cached.insert(i + 1, (begin, rates))
        return rates

    def _name(self, product: str) -> str:
        return "+".join(layer.book.name for layer in self.layers.get(product, ()))

    def _rates(self, spec: Spec, at: Instant) -> tuple[Instant, Rates]:
        """Compute rates and the begin of their validity; `changes` collects each instant at which rates may change."""
        changes: set[Instant] = set()
        bill = self.bill_currency(spec.product)
        found = {meter: self._find(spec, meter, bill, at, changes) for meter in _meters(spec)}
        priced = [(price, self._discount(spec, price.meter, at, changes)) for price in found.values() if price]
        factor, exchange_rule = self.exchange_rate(bill, at, changes)
        missing = _missing(spec, found) or ("no_fx_rate" if factor is None else "")
        rules = [meter.price.rule for meter, _ in priced] + [f"discount {d.id}" for _, d in priced if d]
        rounding = self.products[spec.product].rounding.get(bill)
        factor = factor or ONE
        return max((c for c in changes if c <= at), default=0), Rates(
            self._name(spec.product),
            "" if missing else "; ".join(dict.fromkeys(filter(None, [*rules, exchange_rule]))),
            self.currency,
            () if missing else tuple(_rate(meter, discount, factor) for meter, discount in priced),
            missing,
            until=min((c for c in changes if c > at), default=None),
            confidence="low" if any(meter.price.confidence == "low" for meter, _ in priced) else "high",
            rounding=CONTEXT.multiply(rounding.unit, factor) if rounding else None,
            read=min((meter.price.read for meter, _ in priced if meter.price.read), default=""),
        )

    def _find(self, spec: Spec, meter: MeterName, bill: str, at: Instant, changes: set[Instant]) -> MeterPrice | None:
        """Find the price of a meter at an instant; add each instant at which the price may change to `changes`."""
        if meter == "instance_type" and spec.purchase == "spot":
            return self._spot(spec, bill, at, changes)
        for layer in self.layers[spec.product]:
            for price in self._candidates(layer, spec, meter, bill):
                changes.update(t for t in (price.begin, price.end) if t is not None)
        for layer in self.layers[spec.product]:
            for price in self._candidates(layer, spec, meter, bill):
                if price.holds(at):
                    if spec.purchase != "spot":
                        return MeterPrice(meter, price, price.amount)
                    on_demand = self._find_on_demand(spec, meter, bill, at, changes)
                    return MeterPrice(meter, price, _listed(on_demand, price.per_seconds))
        return None

    def _find_on_demand(
        self, spec: Spec, meter: MeterName, bill: str, at: Instant, changes: set[Instant]
    ) -> MeterPrice | None:
        """Find the on-demand price of a spot spec, which is its list price: spot is a discount off it."""
        return self._find(msgspec.structs.replace(spec, purchase="on_demand"), meter, bill, at, changes)

    def _spot(self, spec: Spec, bill: str, at: Instant, changes: set[Instant]) -> MeterPrice | None:
        """Find the market price; where it is unknown, the on-demand price less the book's fallback discount, if any."""
        on_demand = self._find_on_demand(spec, "instance_type", bill, at, changes)
        list_amount = _listed(on_demand, 3600)
        layers = (layer for layer in self.layers[spec.product] if layer.market_currency == bill)
        for series in [layer.series for layer in layers if layer.series]:
            amount, begin, until = series.at(spec.instance_type, spec.zone, at)
            changes.update(t for t in (begin, until) if t is not None)
            if amount is not None:
                rule = f"{spec.zone}/spot/{spec.instance_type}"
                price = Price(
                    begin=begin, end=until, amount=amount, unit="Hours", per_seconds=3600, rule=rule, confidence="high"
                )
                return MeterPrice("instance_type", price, list_amount)
        for layer in self.layers[spec.product]:
            market = layer.book.market
            if on_demand and market and market.fallback_discount:
                less = CONTEXT.multiply(on_demand.price.amount, ONE - Decimal(market.fallback_discount))
                rule = f"{on_demand.price.rule}; spot guessed"
                price = msgspec.structs.replace(on_demand.price, amount=less, rule=rule, confidence="low")
                return MeterPrice("instance_type", price, _listed(on_demand, price.per_seconds))
        return None

    def _candidates(self, layer: Layer, spec: Spec, meter: MeterName, bill: str) -> Iterator[Price]:
        """Prices that match a meter of a spec, the most specific first."""
        types = {"instance_type": (spec.instance_type,), "gpu": _gpu_types(spec)}.get(meter, (spec.instance_type, ""))
        groups = (other.group_of(spec.region) for other in self.layers[spec.product])
        regions = (spec.region, next(filter(None, groups), ""), ANY)
        for type_name in dict.fromkeys(types):
            for region in dict.fromkeys(filter(None, regions)):
                for price_class in (spec.price_class, ANY):
                    for purchase in (spec.purchase, ANY):
                        yield from layer.prices.get((meter, region, price_class, purchase, type_name, bill), ())

    def exchange_rate(self, bill: str, at: Instant, changes: set[Instant]) -> tuple[Decimal | None, str]:
        """Exchange rate from the bill's currency to ours at an instant, and its text in the rule of a charge."""
        if bill == self.currency:
            return ONE, ""
        for row in self._exchange.get(f"{bill}/{self.currency}", ()):
            begin, end = validity(row)
            changes.update(t for t in (begin, end) if t is not None)
            if begin <= at and (end is None or at < end):
                return Decimal(row.rate), f"{row.pair} {row.rate}"
        return None, ""

    def _discount(self, spec: Spec, meter: MeterName, at: Instant, changes: set[Instant]) -> Discount | None:
        """Find the first discount that applies to a meter at an instant."""
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


def _listed(on_demand: MeterPrice | None, per_seconds: int) -> Decimal | None:
    """The list price of a spot price: that on demand, for the same time."""
    if on_demand is None:
        return None
    amount = CONTEXT.multiply(on_demand.price.amount, Decimal(per_seconds))
    return CONTEXT.quantize(CONTEXT.divide(amount, Decimal(on_demand.price.per_seconds)), PLACES).normalize(CONTEXT)


def _without_replaced(fees: Iterable[RecurringCost]) -> list[RecurringCost]:
    """The fees; one of a user's file replaces that of the same id in the book it extends, while it is valid."""
    kept: list[RecurringCost] = []
    for fee in fees:
        parts = [fee]
        for own in kept:
            # A fee of some clusters replaces nothing: the others would be without one.
            same = own.product and (own.product, own.id) == (fee.product, fee.id) and own.book != fee.book
            if same and isinstance(own.row, Fee) and not own.row.clusters:
                parts = [part for whole in parts for part in _outside(whole, own)]
        kept += parts
    return kept


def _outside(fee: RecurringCost, own: RecurringCost) -> Iterator[RecurringCost]:
    """The parts of a fee before and after another one."""
    if fee.begin < own.begin:
        end = own.begin if fee.end is None else min(fee.end, own.begin)
        yield msgspec.structs.replace(fee, end=end)
    if own.end is not None and (fee.end is None or own.end < fee.end):
        yield msgspec.structs.replace(fee, begin=max(fee.begin, own.end))


def _gpu_types(spec: Spec) -> tuple[str, ...]:
    """Types by which a GPU has a price: that of a node whose price is split, the model, any."""
    return (*filter(None, (spec.instance_type, spec.gpu_model)), "")


def _meters(spec: Spec) -> list[MeterName]:
    """Meters by which a spec is billed."""
    meters: list[MeterName] = ["instance_type"] if spec.by_type else ["vcpu", "memory"]
    if spec.gpu and not spec.by_type:
        meters.append("gpu")
    if spec.ephemeral_gib:
        meters.append("ephemeral")
    return [*meters, "flat"]


def _missing(spec: Spec, found: Mapping[MeterName, MeterPrice | None]) -> str:
    """Reason why a spec has no price: the first meter without one. A flat price is optional."""
    lacking = next((meter for meter, price in found.items() if price is None and meter != "flat"), "")
    named = lacking if lacking in ("gpu", "ephemeral") else spec.purchase
    return f"no_{named}_price" if lacking else ""


def _rate(found: MeterPrice, discount: Discount | None, factor: Decimal) -> Rate:
    """Rate of a meter after its discount, in the requested currency, to 18 places."""
    paid_ratio = ONE - Decimal(discount.ratio) if discount else ONE
    paid = convert(CONTEXT.multiply(found.price.amount, paid_ratio), factor)
    listed = None if found.list_amount is None else convert(found.list_amount, factor)
    return Rate(found.meter, found.price.unit, paid, found.price.per_seconds, listed)


def convert(amount: Decimal, factor: Decimal) -> Decimal:
    """Convert an amount at an exchange rate, to 18 places."""
    return CONTEXT.quantize(CONTEXT.multiply(amount, factor), PLACES).normalize(CONTEXT)
