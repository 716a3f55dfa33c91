"""
Price books by name: those that are shipped and a user's own, read, checked, put together, and put to their own oracles.

An own file that `extends` a shipped one goes before it: what it prices, it decides; the rest stays as shipped.
"""

import hashlib
from collections.abc import Iterable, Sequence
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

__all__ = ["Book", "BookError", "Books", "CheckedBook", "digest", "load", "read", "shipped_ids"]


class CheckedBook(msgspec.Struct, frozen=True):
    """One file that was read and checked, with the market that its CSV files tell."""

    path: str
    book: Book
    series: market.Series | None = None


def load(names: Sequence[str], folder: Path, currency: str = "USD") -> Books:
    """Load books by shipped id or by a file's path relative to `folder`; BookError when one cannot be used."""
    shelves = [_checked_book(name, folder) for name in dict.fromkeys(names)]
    books = _combine(shelves, currency)
    for shelf in shelves:
        if shelf.book.extends or shelf.book.product is None:
            _check_oracles(shelf, books)
    return books


def read(name: str, folder: Path, beside: Sequence[str] = ()) -> Book:
    """One book, checked, its oracles included; with what it extends, shipped or among the files beside it."""
    shelf = _checked_book(name, folder)
    if shelf.book.extends:
        bases = [
            other for other in beside if other != name and _checked_book(other, folder).book.id == shelf.book.extends
        ]
        bases = bases or [base for base in shipped_ids() if base == shelf.book.extends]
        load([*bases, name], folder)
    return shelf.book


def shipped_ids() -> list[str]:
    """The books that come with Lynceus."""
    folder = resources.files("collector.prices") / "books"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


@cache
def _text(name: str) -> bytes:
    return (resources.files("collector.prices") / "books" / f"{name}.yaml").read_bytes()


@cache
def _shipped(name: str) -> CheckedBook:
    """A shipped book, read and checked once."""
    return _check_text(_text(name), f"{name}.yaml", Path())


def _checked_book(name: str, folder: Path) -> CheckedBook:
    if name.endswith((".yaml", ".yml")):
        path = folder / name
        return _check_text(read_file(path), str(path), path.parent)
    if name not in shipped_ids():
        raise BookError(name, "prices", f"no such book; shipped are {', '.join(shipped_ids())}; a file ends in .yaml")
    return _shipped(name)


def _check_text(text: bytes, path: str, folder: Path) -> CheckedBook:
    book = parse(text, path)
    checks.check(book, path)
    series = None
    if book.market and book.market.series:
        files = [(str(folder / name), read_file(folder / name, market.MOST_BYTES)) for name in book.market.series]
        series = market.read(files, book.market.hold_h)
    shelf = CheckedBook(path, book, series)
    if book.product:
        _check_oracles(shelf, _combine([shelf], book.currency))
    return shelf


def _combine(shelves: Iterable[CheckedBook], currency: str) -> Books:
    """The books in force, each product's own files before what they extend."""
    bases: dict[str, CheckedBook] = {}
    products: dict[str, Product] = {}
    shelves = list(shelves)
    for shelf in shelves:
        if (product := shelf.book.product) is None:
            continue
        if other := bases.get(product.id):
            remedy = (
                f"{product.id} has a book already, {other.book.id}; keep one of them, or let one `extends` the other"
            )
            raise BookError(shelf.path, "product", remedy)
        bases[product.id], products[product.id] = shelf, product
    layers = {product: [*_extending_layers(shelves, base), _layer(base, "")] for product, base in bases.items()}
    known = {base.book.id for base in bases.values()}
    for shelf in shelves:
        if shelf.book.extends and shelf.book.extends not in known:
            remedy = f"{shelf.book.extends!r} is not among the books in force; add it to `prices`"
            raise BookError(shelf.path, "extends", remedy)
    others = [shelf.book for shelf in shelves if shelf.book.product is None and not shelf.book.extends]
    return Books(layers, _with_shipped(products), others, currency)


def _extending_layers(shelves: Iterable[CheckedBook], base: CheckedBook) -> list[Layer]:
    """The layers that go before a book; where it is in several currencies, their prices say in which they are."""
    own = [shelf for shelf in shelves if shelf.book.extends == base.book.id]
    currencies = sorted(_layer(base, "").currencies)
    for shelf in own:
        book = shelf.book
        bare = bool(book.nodes) or any(not row.currency for row in book.prices)
        bare |= bool(book.market and book.market.series and not book.market.currency)
        if bare and not book.currency and len(currencies) > 1:
            remedy = (
                f"is missing; say in which of {', '.join(currencies)} the prices are, which is then what the bill is in"
            )
            raise BookError(shelf.path, "currency", remedy)
    return [_layer(shelf, base.book.currency) for shelf in own]


def _layer(shelf: CheckedBook, base_currency: str) -> Layer:
    return Layer(shelf.book, shelf.series, base_currency)


def _with_shipped(products: dict[str, Product]) -> list[Product]:
    """How every shipped product is told from others, also where its prices are not in force."""
    shipped = {product.id: product for name in shipped_ids() if (product := _shipped_product(name))}
    return list({**shipped, **products}.values())


@cache
def _shipped_product(name: str) -> Product | None:
    """A shipped book's product, without its prices."""
    return parse(_text(name), f"{name}.yaml").product


def _check_oracles(shelf: CheckedBook, books: Books) -> None:
    """Known answers catch the slipped decimal point; a book that misses one is refused."""
    for i, oracle in enumerate(shelf.book.oracles):
        place = f"oracles[{i}]"
        product = books.product_of(shelf.book)
        ask = _quote_request(shelf, product, oracle, place)
        at = (
            checks.parse_field(shelf.path, f"{place}.at", schema.parse_instant, oracle.at)
            if oracle.at
            else _latest_price_day(books, product)
        )
        answer = quote(books.in_currency(oracle.currency or shelf.book.currency or books.currency), ask, at)
        expected = {"cost": oracle.cost} | ({"rounded_cost": oracle.rounded_cost} if oracle.rounded_cost else {})
        for field, text in expected.items():
            if checks.parse_field(shelf.path, f"{place}.{field}", schema.parse_money, text) != getattr(answer, field):
                told = answer.missing or f"{getattr(answer, field):f}"
                raise BookError(
                    shelf.path, f"{place}.{field}", f"expects {text} ({oracle.source}), the book says {told}"
                )


def _quote_request(shelf: CheckedBook, product: str, oracle: Oracle, place: str) -> QuoteRequest:
    """An oracle as a question."""
    seconds, cpu, memory, ephemeral, gpu = (
        checks.parse_field(shelf.path, f"{place}.{name}", schema.parse_money, getattr(oracle, name) or "0")
        for name in ("seconds", "cpu", "memory_gib", "ephemeral_gib", "gpu")
    )
    return QuoteRequest(
        product, int(seconds), oracle.spec, oracle.instance_type, cpu, memory, oracle.region, oracle.zone,
        oracle.purchase, oracle.price_class, ephemeral, gpu,
    )  # fmt: skip


def _latest_price_day(books: Books, product: str) -> Instant:
    """The latest day on which a price of a product begins."""
    rows = (row for layer in books.layers[product] for row in (*layer.book.prices, *layer.book.nodes))
    return max((schema.parse_instant(row.begin) for row in rows), default=0)


def digest(books: Books) -> str:
    """A hash of the files in force, so that a changed one shows as a changed pricing run."""
    markets = [series.digest for series in books.series()]
    return hashlib.sha256(msgspec.json.encode([books.files(), markets, books.currency])).hexdigest()[:16]
