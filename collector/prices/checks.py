"""
Checks that a book must pass before any pod is priced with it: known words, valid amounts and dates, no overlap, no gap.

A book that fails one check is refused completely, since a wrong bill is worse than none. The error names file, place
and remedy.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from collector.core.cost.billed_spec import read_size
from collector.core.cost.product import Product
from collector.core.cost.size_grid import Grid, parse_amounts
from collector.prices import schema
from collector.prices.book_yaml import BookError
from collector.prices.schema import Book, Dated, PriceRow

T = TypeVar("T")
Key = tuple[str, ...]


def check(book: Book, path: str) -> None:
    """Check everything about a file that does not depend on other files."""
    priced = book.prices or book.nodes or book.market or book.oracles
    if (book.product and book.extends) or (priced and not book.product and not book.extends):
        raise BookError(path, "product", "give the file a `product` of its own, or name the book that it `extends`")
    if book.product:
        _check_product(book.product, path)
    if book.product or book.currency:
        _check_known(path, "currency", book.currency, schema.CURRENCIES)
    for i, row in enumerate(book.prices):
        _check_price_row(book, row, path, f"prices[{i}]")
    for i, node in enumerate(book.nodes):
        _check_node_row(book, node, path, f"nodes[{i}]")
    if book.nodes and book.split is None:
        raise BookError(path, "split", "is missing; give the weights of a vCPU, a GiB and a GPU of `nodes`")
    _check_region_groups(book, path)
    _check_other_rows(book, path)
    if not book.nodes:
        rows: list[tuple[Key, Dated]] = [
            (price_key(row, book, meter), row) for row in book.prices for meter in row.meters()
        ]
        _check_continuity("prices", rows, path)


def check_evidence(book: Book, path: str) -> None:
    """Check that each row of a shipped book says when its source was read, and each price which other source confirms it."""
    for name in ("prices", "nodes", "discounts", "commitments", "fees", "exchange"):
        for i, row in enumerate(getattr(book, name)):
            if not row.read:
                raise BookError(path, f"{name}[{i}].read", "is missing; write the day on which the source was read")
    for i, price in enumerate(book.prices):
        if not price.confirmed and price.confidence == "high":
            remedy = "is missing; name the independent source that states the same, or write `confidence: low`"
            raise BookError(path, f"prices[{i}].confirmed", remedy)


def price_key(row: PriceRow, book: Book, meter: str) -> Key:
    """Key of a price row; rows of one key follow each other in time and never overlap."""
    return (meter, row.region, row.price_class, row.purchase, row.type, row.currency or book.currency)


def parse_field(path: str, place: str, parse: Callable[[str], T], text: str) -> T:
    """Parse the text of a field; BookError names its place if the text is invalid."""
    try:
        return parse(text)
    except ValueError as error:
        raise BookError(path, place, str(error)) from None


def _check_known(path: str, place: str, text: str, known: Collection[str]) -> None:
    if text not in known:
        raise BookError(path, place, f"{text!r} is unknown; use one of {', '.join(sorted(known))}")


def _check_dates(book: Book, row: Dated, path: str, place: str) -> None:
    begin = parse_field(path, f"{place}.from", schema.parse_instant, row.begin)
    if row.end and parse_field(path, f"{place}.to", schema.parse_instant, row.end) <= begin:
        raise BookError(path, f"{place}.to", f"{row.end} is not after {row.begin}; `to` is exclusive")
    if row.source not in book.sources:
        remedy = f"{row.source!r} is not among `sources`; add it there with its origin and date"
        raise BookError(path, f"{place}.source", remedy)
    if row.read:
        parse_field(path, f"{place}.read", schema.parse_day, row.read)


def _check_price_row(book: Book, row: PriceRow, path: str, place: str) -> None:
    _check_known(path, f"{place}.per", row.per, schema.PER_SECONDS)
    _check_known(path, f"{place}.purchase", row.purchase, (*schema.PURCHASES, schema.ANY))
    if row.currency:
        _check_known(path, f"{place}.currency", row.currency, schema.CURRENCIES)
    meters = row.meters()
    if not meters:
        raise BookError(path, place, f"has no price; give it one of {', '.join(schema.UNITS)}")
    for meter, price in meters.items():
        parse_field(path, f"{place}.{meter}", schema.parse_money, price)
    if book.product and ("vcpu" in meters) != ("memory" in meters):
        raise BookError(
            path, place, "has only one of the prices vcpu and memory; add the other, or pods are half priced"
        )
    if row.confirmed and (row.confirmed not in book.sources or row.confirmed == row.source):
        remedy = f"{row.confirmed!r} is not another one of `sources`; add the source that confirms the prices"
        raise BookError(path, f"{place}.confirmed", remedy)
    if "instance_type" in meters and not row.type:
        raise BookError(path, f"{place}.type", "is missing; name the instance type of the price")
    _check_dates(book, row, path, place)


def _check_node_row(book: Book, node: schema.NodeRow, path: str, place: str) -> None:
    _check_known(path, f"{place}.per", node.per, schema.PER_SECONDS)
    _check_known(path, f"{place}.purchase", node.purchase, schema.PURCHASES)
    for field in ("price", "vcpu", "memory_gib", "gpu"):
        parse_field(path, f"{place}.{field}", schema.parse_money, getattr(node, field))
    _check_dates(book, node, path, place)
    if not schema.parse_money(node.vcpu) or not schema.parse_money(node.memory_gib):
        raise BookError(path, place, "has no vCPU or no memory; give both, since the node's price is split among them")


def _check_region_groups(book: Book, path: str) -> None:
    """Refuse a region in two groups, which would have two prices."""
    group_of: dict[str, str] = {}
    for group, members in book.region_groups.items():
        for region in members:
            if group_of.setdefault(region, group) != group:
                remedy = f"{region!r} is also in group {group_of[region]!r}; keep it in one"
                raise BookError(path, f"region_groups.{group}", remedy)


def _check_other_rows(book: Book, path: str) -> None:
    """Check discounts, commitments, fees, exchange rates and the weights of a split."""
    for i, discount in enumerate(book.discounts):
        parse_field(path, f"discounts[{i}].ratio", schema.parse_ratio, discount.ratio)
        for purchase in discount.purchases:
            _check_known(path, f"discounts[{i}].purchases", purchase, schema.PURCHASES)
        for meter in discount.meters:
            _check_known(path, f"discounts[{i}].meters", meter, schema.UNITS)
    for i, plan in enumerate(book.commitments):
        parse_field(path, f"commitments[{i}].hourly", schema.parse_money, plan.hourly)
        parse_field(path, f"commitments[{i}].discount", schema.parse_ratio, plan.discount)
        _check_currency(book, plan.currency, path, f"commitments[{i}].currency")
        if "spot" in plan.purchases:
            raise BookError(path, f"commitments[{i}].purchases", "remove spot; no provider's plan covers it")
    for i, fee in enumerate(book.fees):
        parse_field(path, f"fees[{i}].amount", schema.parse_fee, fee.amount)
        _check_currency(book, fee.currency, path, f"fees[{i}].currency")
        _check_basis(fee, path, f"fees[{i}]")
    for i, exchange in enumerate(book.exchange):
        _check_exchange(exchange, path, f"exchange[{i}]")
    for name in ("discounts", "commitments", "fees", "exchange"):
        for i, row in enumerate(getattr(book, name)):
            _check_dates(book, row, path, f"{name}[{i}]")
    _check_continuity("exchange", [((row.pair,), row) for row in book.exchange], path)
    _check_market(book, path)


def _check_basis(fee: schema.Fee, path: str, place: str) -> None:
    """Check that a fee has exactly the keys that its basis needs."""
    if bool(fee.shares) != (fee.basis == "fixed"):
        remedy = "belongs to `basis: fixed` and to no other; write it like {maps: 0.4, sre: 0.6}"
        raise BookError(path, f"{place}.shares", remedy)
    if bool(fee.metric) != (fee.basis == "metric"):
        raise BookError(path, f"{place}.metric", "belongs to `basis: metric` and to no other; use pods or seconds")
    parts = [parse_field(path, f"{place}.shares.{name}", schema.parse_ratio, part) for name, part in fee.shares.items()]
    if parts and (whole := sum(parts)) != 1:
        raise BookError(path, f"{place}.shares", f"sum to {whole}; they must sum to 1, and may name `unallocated`")


def _check_currency(book: Book, currency: str, path: str, place: str) -> None:
    """Check the currency of a plan or fee: its own, else the file's, else that of the book that the file extends."""
    if currency or not book.extends:
        _check_known(path, place, currency or book.currency, schema.CURRENCIES)


def _check_market(book: Book, path: str) -> None:
    """Check the weights of a split and the currency and fallback of a market."""
    if book.split:
        for meter in ("vcpu", "memory", "gpu"):
            parse_field(path, f"split.{meter}", schema.parse_money, getattr(book.split, meter))
    if book.market and book.market.currency:
        _check_known(path, "market.currency", book.market.currency, schema.CURRENCIES)
    if book.market and book.market.fallback_discount:
        parse_field(path, "market.fallback_discount", schema.parse_ratio, book.market.fallback_discount)


def _check_exchange(exchange: schema.Exchange, path: str, place: str) -> None:
    first, _, second = exchange.pair.partition("/")
    for currency in (first, second):
        _check_known(path, f"{place}.pair", currency, schema.CURRENCIES)
    if not parse_field(path, f"{place}.rate", schema.parse_money, exchange.rate):
        raise BookError(path, f"{place}.rate", "is 0; give the value of one unit of the first currency")


def _check_continuity(name: str, rows: Iterable[tuple[Key, Dated]], path: str) -> None:
    """Check that rows of one key follow each other without overlap or gap."""
    by_key: dict[Key, list[Dated]] = defaultdict(list)
    for key, row in rows:
        by_key[key].append(row)
    for key, dated in by_key.items():
        place = f"{name} of {'/'.join(filter(None, key))}"
        for before, after in pairwise(sorted(dated, key=lambda row: schema.parse_instant(row.begin))):
            begin, end = schema.parse_instant(after.begin), schema.parse_instant(before.end) if before.end else None
            if end is None or end > begin:
                remedy = f"two rows are valid on {after.begin}; end the earlier one with `to: {after.begin}`"
                raise BookError(path, place, remedy)
            if end < begin:
                raise BookError(path, place, f"no row is valid from {before.end} to {after.begin}; close the gap")


def _check_product(product: Product, path: str) -> None:
    """Refuse rules that could make an amount negative, infinite or unknown."""
    for place, value in _decimals(product, "product"):
        if not (value.is_finite() and 0 <= value <= 10**9):
            raise BookError(path, place, f"invalid amount {value}; write a number from 0 to 1000000000")
    if product.size.default and read_size(product.size.default) is None:
        raise BookError(path, "product.size.default", f"invalid size {product.size.default!r}; write it like 2-4Gi")
    for currency, rounding in product.rounding.items():
        _check_known(path, "product.rounding", currency, schema.CURRENCIES)
        if not rounding.unit:
            raise BookError(path, f"product.rounding.{currency}.unit", "is 0; remove a currency that is not rounded")
    for purchase in (*product.purchase.values.values(), product.purchase.default):
        _check_known(path, "product.purchase", purchase, schema.PURCHASES)
    if not product.interval.begin:
        raise BookError(path, "product.interval.begin", "is empty; name the events that start billing")
    if product.size.grid:
        _check_grid(product.size.grid, path)


def _check_grid(grid: Grid, path: str) -> None:
    for region, sizes in {**grid.regions, "": grid.sizes}.items():
        place = f"product.size.grid.{f'regions.{region}' if region else 'sizes'}"
        for cores, line in sizes.items():
            parse_field(path, f"{place}.{cores}", schema.parse_money, cores)
            parse_field(path, f"{place}.{cores}", parse_amounts, line)
    if grid.steps and not (grid.steps.vcpu and grid.steps.memory_gib):
        raise BookError(path, "product.size.grid.steps", "has a step of 0; give the multiple that amounts round up to")


def _decimals(value: Any, place: str) -> Iterable[tuple[str, Decimal]]:
    """Each number of a rule, with its place."""
    if isinstance(value, Decimal):
        yield place, value
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _decimals(getattr(value, field), f"{place}.{field}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _decimals(inner, f"{place}.{name}")
