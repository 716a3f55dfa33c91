"""
Loads price books, shipped ones by name and a user's own by path: reads, checks and combines them, and tests the oracles.

A user's file that `extends` a shipped book takes precedence over it; the shipped prices apply to the rest.
"""

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from collector.core.cost.product import Product
from collector.core.model import Instant
from collector.prices import checks, market, schema
from collector.prices.book_yaml import BookError, parse, read_file
from collector.prices.lookup import Books, Layer
from collector.prices.quote import QuoteRequest, quote
from collector.prices.schema import Book, Oracle


class CheckedBook(msgspec.Struct, frozen=True):
    """One file after its checks, with the market prices of its CSV files."""

    path: str
    book: Book
    series: market.Series | None = None


def load(names: Sequence[str], folder: Path, currency: str = "USD") -> Books:
    """Load books by shipped id or by a file's path relative to `folder`; BookError when a book is unusable."""
    files = [_checked_book(name, folder) for name in dict.fromkeys(names)]
    books = _combine(files, currency)
    for file in files:
        if file.book.extends or file.book.product is None:
            _check_oracles(file, books)
    return books


def read(name: str, folder: Path, beside: Sequence[str] = ()) -> Book:
    """Read and check one book with its oracles; the book that it extends is shipped or one of the files `beside` it."""
    book = _checked_book(name, folder).book
    if book.extends:
        bases = [other for other in beside if other != name and _checked_book(other, folder).book.id == book.extends]
        bases = bases or [base for base in shipped_ids() if base == book.extends]
        load([*bases, name], folder)
    return book


def shipped_ids() -> list[str]:
    """Ids of the books that come with Lynceus."""
    folder = resources.files("collector.prices") / "books"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


@cache
def _text(name: str) -> bytes:
    return (resources.files("collector.prices") / "books" / f"{name}.yaml").read_bytes()


@cache
def _shipped(name: str) -> CheckedBook:
    """Read and check a shipped book, once."""
    file = _check_text(_text(name), f"{name}.yaml", Path())
    checks.check_evidence(file.book, file.path)
    return file


def _checked_book(name: str, folder: Path) -> CheckedBook:
    if name.endswith((".yaml", ".yml")):
        path = folder / name
        return _check_text(read_file(path), str(path), path.parent)
    if name not in shipped_ids():
        remedy = f"unknown book; use one of {', '.join(shipped_ids())}, or the path of a file that ends in .yaml"
        raise BookError(name, "prices", remedy)
    return _shipped(name)


def _check_text(text: bytes, path: str, folder: Path) -> CheckedBook:
    book = parse(text, path)
    checks.check(book, path)
    series = None
    if book.market and book.market.series:
        files = [(str(folder / name), read_file(folder / name, market.MOST_BYTES)) for name in book.market.series]
        series = market.read(files, book.market.hold_h)
    file = CheckedBook(path, book, series)
    if book.product:
        _check_oracles(file, _combine([file], book.currency))
    return file


def _combine(files: Sequence[CheckedBook], currency: str) -> Books:
    """Combine books; for each product, the files that extend its book come before that book."""
    bases = _base_of_product(files)
    base_ids = {base.book.id for base in bases.values()}
    for file in files:
        if file.book.extends and file.book.extends not in base_ids:
            remedy = f"{file.book.extends!r} is not among the loaded books; add it to `prices`"
            raise BookError(file.path, "extends", remedy)
    layers = {product: [*_extending_layers(files, base), _layer(base, "")] for product, base in bases.items()}
    products = {product.id: product for base in bases.values() if (product := base.book.product)}
    others = [file.book for file in files if file.book.product is None and not file.book.extends]
    return Books(layers, _with_shipped(products), others, currency)


def _base_of_product(files: Iterable[CheckedBook]) -> dict[str, CheckedBook]:
    """Book of each product; two books of one product are refused."""
    bases: dict[str, CheckedBook] = {}
    for file in files:
        if (product := file.book.product) is None:
            continue
        if other := bases.get(product.id):
            remedy = (
                f"{product.id} already has a book, {other.book.id}; remove one of them, or let one `extends` the other"
            )
            raise BookError(file.path, "product", remedy)
        bases[product.id] = file
    return bases


def _extending_layers(files: Iterable[CheckedBook], base: CheckedBook) -> list[Layer]:
    """Layers of the files that extend a book; if the book has several currencies, each file must name its own."""
    own = [file for file in files if file.book.extends == base.book.id]
    currencies = sorted(_layer(base, "").currencies)
    for file in own:
        book = file.book
        bare = bool(book.nodes) or any(not row.currency for row in book.prices)
        bare |= bool(book.market and book.market.series and not book.market.currency)
        if bare and not book.currency and len(currencies) > 1:
            remedy = f"is missing; name the currency of the prices and of the bill, one of {', '.join(currencies)}"
            raise BookError(file.path, "currency", remedy)
    return [_layer(file, base.book.currency) for file in own]


def _layer(file: CheckedBook, base_currency: str) -> Layer:
    return Layer(file.book, file.series, base_currency)


def _with_shipped(products: dict[str, Product]) -> list[Product]:
    """The given products and every shipped one: a pod's product is recognised even where its prices are not loaded."""
    shipped = {product.id: product for name in shipped_ids() if (product := _shipped_product(name))}
    return list({**shipped, **products}.values())


@cache
def _shipped_product(name: str) -> Product | None:
    """Product of a shipped book, without its prices."""
    return parse(_text(name), f"{name}.yaml").product


def _check_oracles(file: CheckedBook, books: Books) -> None:
    """Refuse a book that misses one of its oracles; a known cost catches a misplaced decimal point."""
    for i, oracle in enumerate(file.book.oracles):
        place = f"oracles[{i}]"
        product = books.product_of(file.book)
        at = _latest_price_day(books, product)
        if oracle.at:
            at = checks.parse_field(file.path, f"{place}.at", schema.parse_instant, oracle.at)
        in_currency = books.in_currency(oracle.currency or file.book.currency or books.currency)
        answer = quote(in_currency, _quote_request(file.path, place, oracle, product), at)
        expected = {"cost": oracle.cost} | ({"rounded_cost": oracle.rounded_cost} if oracle.rounded_cost else {})
        for field, text in expected.items():
            if checks.parse_field(file.path, f"{place}.{field}", schema.parse_money, text) != getattr(answer, field):
                got = answer.missing or f"{getattr(answer, field):f}"
                remedy = f"expected {text} ({oracle.source}), but the book gives {got}; correct the price or the oracle"
                raise BookError(file.path, f"{place}.{field}", remedy)


def _quote_request(path: str, place: str, oracle: Oracle, product: str) -> QuoteRequest:
    """Quote request of an oracle."""

    def amount(name: str) -> Decimal:
        return checks.parse_field(path, f"{place}.{name}", schema.parse_money, getattr(oracle, name) or "0")

    return QuoteRequest(
        product=product,
        seconds=int(amount("seconds")),
        spec=oracle.spec,
        instance_type=oracle.instance_type,
        vcpu=amount("cpu"),
        memory_gib=amount("memory_gib"),
        region=oracle.region,
        zone=oracle.zone,
        purchase=oracle.purchase,
        price_class=oracle.price_class,
        ephemeral_gib=amount("ephemeral_gib"),
        gpu=amount("gpu"),
    )


def _latest_price_day(books: Books, product: str) -> Instant:
    """Latest begin date among the prices of a product."""
    rows = (row for layer in books.layers[product] for row in (*layer.book.prices, *layer.book.nodes))
    return max((schema.parse_instant(row.begin) for row in rows), default=0)


def hashed_names(books: Books) -> list[str]:
    """Names of all loaded files and markets, each with the hash of what it states."""
    stated = [(file.name, msgspec.json.encode([file, books.currency])) for file in books.files()]
    stated += [("market", series.digest.encode()) for series in books.series()]
    return sorted(f"{name} {hashlib.sha256(text).hexdigest()[:16]}" for name, text in stated)


def digest(books: Books) -> str:
    """Hash of the loaded files, so that a change of one shows as a change of the pricing run."""
    markets = [series.digest for series in books.series()]
    return hashlib.sha256(msgspec.json.encode([books.files(), markets, books.currency])).hexdigest()[:16]
