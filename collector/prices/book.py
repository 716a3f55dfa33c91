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
from collector.prices.lookup import Books, Layer
from collector.prices.quote import QuoteRequest, quote
from collector.prices.reading import BookError, contents, parse
from collector.prices.schema import Book, Oracle

__all__ = ["Book", "BookError", "Books", "Shelf", "digest", "load", "read", "shipped_ids"]


class Shelf(msgspec.Struct, frozen=True):
    """One file that was read and checked, with the market that its CSV files tell."""

    path: str
    book: Book
    series: market.Series | None = None


def load(names: Sequence[str], folder: Path, currency: str = "USD") -> Books:
    """Load books by shipped id or by a file's path relative to `folder`; BookError when one cannot be used."""
    shelves = [_shelf(name, folder) for name in dict.fromkeys(names)]
    books = _together(shelves, currency)
    for shelf in shelves:
        if shelf.book.extends or shelf.book.product is None:
            _oracles(shelf, books)
    return books


def read(name: str, folder: Path, beside: Sequence[str] = ()) -> Book:
    """One book, checked, its oracles included; with what it extends, shipped or among the files beside it."""
    shelf = _shelf(name, folder)
    if shelf.book.extends:
        bases = [other for other in beside if other != name and _shelf(other, folder).book.id == shelf.book.extends]
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
def _shipped(name: str) -> Shelf:
    """A shipped book, read and checked once."""
    return _checked(_text(name), f"{name}.yaml", Path())


def _shelf(name: str, folder: Path) -> Shelf:
    if name.endswith((".yaml", ".yml")):
        path = folder / name
        return _checked(contents(path), str(path), path.parent)
    if name not in shipped_ids():
        raise BookError(name, "prices", f"no such book; shipped are {', '.join(shipped_ids())}; a file ends in .yaml")
    return _shipped(name)


def _checked(text: bytes, path: str, folder: Path) -> Shelf:
    book = parse(text, path)
    checks.check(book, path)
    series = None
    if book.market and book.market.series:
        files = [(str(folder / name), contents(folder / name, market.MOST_BYTES)) for name in book.market.series]
        series = market.read(files, book.market.hold_h)
    shelf = Shelf(path, book, series)
    if book.product:
        _oracles(shelf, _together([shelf], book.currency))
    return shelf


def _together(shelves: Iterable[Shelf], currency: str) -> Books:
    """The books in force, each product's own files before what they extend."""
    bases: dict[str, Shelf] = {}
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
    layers = {product: [*_own(shelves, base), _layer(base, "")] for product, base in bases.items()}
    known = {base.book.id for base in bases.values()}
    for shelf in shelves:
        if shelf.book.extends and shelf.book.extends not in known:
            remedy = f"{shelf.book.extends!r} is not among the books in force; add it to `prices`"
            raise BookError(shelf.path, "extends", remedy)
    others = [shelf.book for shelf in shelves if shelf.book.product is None and not shelf.book.extends]
    return Books(layers, _and_shipped(products), others, currency)


def _own(shelves: Iterable[Shelf], base: Shelf) -> list[Layer]:
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


def _layer(shelf: Shelf, base_currency: str) -> Layer:
    return Layer(shelf.book, shelf.series, base_currency)


def _and_shipped(products: dict[str, Product]) -> list[Product]:
    """How every shipped product is told from others, also where its prices are not in force."""
    shipped = {product.id: product for name in shipped_ids() if (product := _rules(name))}
    return list({**shipped, **products}.values())


@cache
def _rules(name: str) -> Product | None:
    """A shipped book's product, without its prices."""
    return parse(_text(name), f"{name}.yaml").product


def _oracles(shelf: Shelf, books: Books) -> None:
    """Known answers catch the slipped decimal point; a book that misses one is refused."""
    for i, oracle in enumerate(shelf.book.oracles):
        place = f"oracles[{i}]"
        product = books.product_of(shelf.book)
        ask = _ask(shelf, product, oracle, place)
        at = checks.said(shelf.path, f"{place}.at", schema.instant, oracle.at) if oracle.at else _latest(books, product)
        answer = quote(books.told_in(oracle.currency or shelf.book.currency or books.currency), ask, at)
        expected = {"cost": oracle.cost} | ({"rounded_cost": oracle.rounded_cost} if oracle.rounded_cost else {})
        for field, text in expected.items():
            if checks.said(shelf.path, f"{place}.{field}", schema.money, text) != getattr(answer, field):
                told = answer.missing or f"{getattr(answer, field):f}"
                raise BookError(
                    shelf.path, f"{place}.{field}", f"expects {text} ({oracle.source}), the book says {told}"
                )


def _ask(shelf: Shelf, product: str, oracle: Oracle, place: str) -> QuoteRequest:
    """An oracle as a question."""
    seconds, cpu, memory, ephemeral, gpu = (
        checks.said(shelf.path, f"{place}.{name}", schema.money, getattr(oracle, name) or "0")
        for name in ("seconds", "cpu", "memory_gib", "ephemeral_gib", "gpu")
    )
    return QuoteRequest(
        product, int(seconds), oracle.spec, oracle.instance_type, cpu, memory, oracle.region, oracle.zone,
        oracle.purchase, oracle.price_class, ephemeral, gpu,
    )  # fmt: skip


def _latest(books: Books, product: str) -> Instant:
    """The latest day on which a price of a product begins."""
    rows = (row for layer in books.layers[product] for row in (*layer.book.prices, *layer.book.nodes))
    return max((schema.instant(row.begin) for row in rows), default=0)


def digest(books: Books) -> str:
    """A hash of the files in force, so that a changed one shows as a changed pricing run."""
    markets = [series.digest for series in books.series()]
    return hashlib.sha256(msgspec.json.encode([books.files(), markets, books.currency])).hexdigest()[:16]
