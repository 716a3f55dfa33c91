"""
Price books: dated unit prices as YAML data, checked when they are loaded, asked by the pipeline and by `prices quote`.

A book that overlaps, has a hole or fails one of its own oracles is refused whole: a wrong bill is worse than none.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources
from itertools import pairwise
from pathlib import Path

import msgspec

from collector.core import billing
from collector.core.model import Instant, Meter

UNITS = {"vCPU-Seconds": 1, "GiB-Seconds": 1, "Hours": 3600}
"""Seconds in one unit of a meter."""
METERS = {"vcpu": "vCPU-Seconds", "memory": "GiB-Seconds", "instance_type": "Hours"}
CURRENCIES = frozenset({"USD", "CNY", "EUR", "JPY", "SGD", "HKD"})
PURCHASES = frozenset({"on_demand", "spot", "best_effort", "reserved"})


class BookError(ValueError):
    """A price book that cannot be used; says which file, where in it, and what to do."""

    def __init__(self, path: str, place: str, remedy: str) -> None:
        super().__init__(f"{path}: {place}: {remedy}")


_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,18})?")


def money(text: str) -> Decimal:
    """An amount of money as an exact number; ValueError says how to write it."""
    if not _MONEY.fullmatch(text):
        raise ValueError(f'{text!r} is no price; write it like "0.0000077", 0 or more, with at most 18 places')
    return Decimal(text)


class PriceRow(
    msgspec.Struct, forbid_unknown_fields=True, rename={"price_class": "class", "begin": "from", "end": "to"}
):
    """One unit price and the days it holds for: `from` inclusive, `to` exclusive."""

    meter: str
    unit: str
    region: str
    price: str
    begin: date
    source: str
    end: date | None = None
    price_class: str = ""
    purchase: str = "on_demand"
    type: str = ""

    def key(self) -> tuple[str, ...]:
        """Rows of one key follow each other in time and never overlap."""
        return (self.meter, self.region, self.price_class, self.purchase, self.type)

    def amount(self) -> Decimal:
        """The price as an exact number; ValueError names what is wrong with its text."""
        return money(self.price)


class Oracle(msgspec.Struct, forbid_unknown_fields=True, rename={"price_class": "class"}):
    """A known answer that the book must give."""

    spec: str
    region: str
    seconds: int
    cost: str
    source: str
    price_class: str = ""
    purchase: str = "on_demand"


class Book(msgspec.Struct, forbid_unknown_fields=True):
    """One file of prices of one product."""

    id: str
    version: str
    product: str
    currency: str
    prices: list[PriceRow]
    region_groups: dict[str, list[str]] = {}
    oracles: list[Oracle] = []

    @property
    def name(self) -> str:
        """What a charge cites: the book and its version."""
        return f"{self.id}@{self.version}"


class Books:
    """The books in force, asked for the rates of a spec at an instant."""

    def __init__(self, books: Iterable[Book]) -> None:
        self.books = {book.product: book for book in books}
        self.currency = next((book.currency for book in self.books.values()), "")
        """Of a charge that no book could price; all books in force have one."""
        self._rows = {p: _by_key(book) for p, book in self.books.items()}

    def look_up(self, spec: billing.Spec, at: Instant) -> billing.Rates:
        """The rates for a spec; `missing` says why there are none."""
        book = self.books.get(spec.product)
        if book is None or spec.missing:
            name, currency = (book.name, book.currency) if book else ("", self.currency)
            return billing.Rates(name, "", currency, missing=spec.missing or "no_price_book")
        wanted = ["instance_type"] if spec.instance_type else ["vcpu", "memory"]
        rows = [self._row(book, spec, meter, at) for meter in wanted]
        found = [row for row in rows if row is not None]
        if len(found) < len(wanted):
            return billing.Rates(book.name, "", book.currency, missing=f"no_{spec.purchase}_price")
        rates = tuple(billing.Rate(r.meter, r.unit, r.amount(), UNITS[r.unit]) for r in found)
        return billing.Rates(book.name, "/".join(found[0].key()[1:]).rstrip("/"), book.currency, rates)

    def _row(self, book: Book, spec: billing.Spec, meter: str, at: Instant) -> PriceRow | None:
        """The row in force; the region itself goes before its group, and that before any region."""
        day = datetime.fromtimestamp(at / 1000, UTC).date()
        groups = [name for name, members in book.region_groups.items() if spec.region in members]
        for region in (spec.region, *groups, "*"):
            key = (meter, region, spec.price_class, spec.purchase, spec.instance_type)
            for row in self._rows[spec.product].get(key, ()):
                if row.begin <= day and (row.end is None or day < row.end):
                    return row
        return None

    def names(self) -> list[str]:
        """What a pricing run is stamped with."""
        return sorted(book.name for book in self.books.values())


def load(names: Sequence[str], folder: Path) -> Books:
    """Load books by their shipped id or by a file's path relative to `folder`; BookError when one cannot be used."""
    books = [read(name, folder) for name in names]
    known: dict[str, str] = {}
    for name, book in zip(names, books, strict=True):
        if other := known.get(book.product):
            raise BookError(name, "product", f"{book.product} has a book already, {other}; keep one of them")
        known[book.product] = name
    return Books(books)


def read(name: str, folder: Path) -> Book:
    """One book, checked."""
    if name.endswith((".yaml", ".yml")):
        path = str(folder / name)
        try:
            text = (folder / name).read_bytes()
        except OSError as error:
            raise BookError(path, "file", f"cannot be read: {error.strerror}") from None
        return parse(text, path)
    shipped = resources.files("collector.prices") / "books" / f"{name}.yaml"
    if not shipped.is_file():
        raise BookError(name, "prices", f"no such book; shipped are {', '.join(shipped_ids())}; a file ends in .yaml")
    return parse(shipped.read_bytes(), f"{name}.yaml")


def shipped_ids() -> list[str]:
    """The books that come with Lynceus."""
    folder = resources.files("collector.prices") / "books"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def parse(text: bytes, path: str) -> Book:
    """A book from its YAML; BookError names the file, the place in it and the remedy."""
    try:
        book = msgspec.yaml.decode(text, type=Book)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        raise BookError(path, place.strip("`").removeprefix("$.") or "top", message) from None
    except ValueError as error:
        # A day like 2026-02-30 fails as YAML is read, before there is any place to name.
        raise BookError(path, "top", f"is no YAML: {' '.join(str(error).split())}") from None
    _check(book, path)
    return book


def _check(book: Book, path: str) -> None:
    if book.currency not in CURRENCIES:
        raise BookError(path, "currency", f"{book.currency!r} is unknown; known are {', '.join(sorted(CURRENCIES))}")
    if not book.prices:
        raise BookError(path, "prices", "is empty; add at least one row")
    for i, row in enumerate(book.prices):
        _check_row(row, path, f"prices[{i}]")
    _check_groups(book, path)
    _check_time(book, path)
    _check_oracles(book, path)


def _check_row(row: PriceRow, path: str, place: str) -> None:
    if METERS.get(row.meter) != row.unit:
        raise BookError(path, f"{place}.unit", f"{row.meter!r} in {row.unit!r} is unknown; known are {METERS}")
    if row.purchase not in PURCHASES:
        raise BookError(path, f"{place}.purchase", f"{row.purchase!r} is unknown; known are {sorted(PURCHASES)}")
    if row.end is not None and row.end <= row.begin:
        raise BookError(path, f"{place}.to", f"{row.end} is not after {row.begin}; `to` is exclusive")
    try:
        row.amount()
    except ValueError as error:
        raise BookError(path, f"{place}.price", str(error)) from None


def _check_groups(book: Book, path: str) -> None:
    """A region in two groups would have two prices."""
    group_of: dict[str, str] = {}
    for group, members in book.region_groups.items():
        for region in members:
            if group_of.setdefault(region, group) != group:
                said = f"{region!r} is in group {group_of[region]!r} too; keep it in one"
                raise BookError(path, f"region_groups.{group}", said)


def _by_key(book: Book) -> dict[tuple[str, ...], list[PriceRow]]:
    rows: dict[tuple[str, ...], list[PriceRow]] = defaultdict(list)
    for row in sorted(book.prices, key=lambda row: row.begin):
        rows[row.key()].append(row)
    return dict(rows)


def _check_time(book: Book, path: str) -> None:
    """Rows of one key must join without overlap or hole."""
    for key, rows in _by_key(book).items():
        place = f"prices of {'/'.join(filter(None, key))}"
        for before, after in pairwise(rows):
            if before.end is None or before.end > after.begin:
                raise BookError(
                    path, place, f"two prices hold on {after.begin}; end the earlier with `to: {after.begin}`"
                )
            if before.end < after.begin:
                raise BookError(path, place, f"no price holds from {before.end} to {after.begin}; close the hole")
    _check_pairs(book, path)


def _check_pairs(book: Book, path: str) -> None:
    """A vCPU price without the memory price beside it would leave pods half priced."""
    rows = _by_key(book)
    for (meter, *rest), mine in rows.items():
        other = {"vcpu": "memory", "memory": "vcpu"}.get(meter)
        if other is None:
            continue
        beside, place = rows.get((other, *rest)), f"prices of {'/'.join(filter(None, rest))}"
        if beside is None:
            raise BookError(path, place, f"has a {meter} price but no {other} price; add one")
        if (mine[0].begin, mine[-1].end) != (beside[0].begin, beside[-1].end):
            raise BookError(path, place, "vcpu and memory prices hold from different days, or to; give both the same")


def _check_oracles(book: Book, path: str) -> None:
    books = Books([book])
    at = int(datetime.combine(max(r.begin for r in book.prices), datetime.min.time(), UTC).timestamp() * 1000)
    for i, oracle in enumerate(book.oracles):
        try:
            expected = money(oracle.cost)
        except ValueError as error:
            raise BookError(path, f"oracles[{i}].cost", str(error)) from None
        answer = quote(
            books,
            book.product,
            oracle.spec,
            oracle.region,
            oracle.price_class or default_class(book.product),
            oracle.purchase,
            oracle.seconds,
            at,
        )
        if answer.cost != expected:
            said = answer.missing or answer.cost
            raise BookError(path, f"oracles[{i}]", f"expects {oracle.cost} ({oracle.source}), the book says {said}")


def default_class(product: str) -> str:
    """The provider's class of a pod that names none."""
    return "general-purpose" if product == billing.ACS else "general"


class Quote(msgspec.Struct, frozen=True):
    """What a spec costs for some seconds; `cost` is None when it has no price, `missing` says why."""

    spec: billing.Spec
    rates: billing.Rates
    seconds: int
    meters: tuple[Meter, ...]
    cost: Decimal | None
    missing: str


def quote(
    books: Books, product: str, text: str, region: str, price_class: str, purchase: str, seconds: int, at: Instant
) -> Quote:
    """Price a spec written as on the provider's annotation."""
    spec = billing.sized(billing.Spec(product, purchase, price_class, region), text)
    rates = books.look_up(spec, at)
    meters = tuple(billing.line(billing.amount(rate, spec), rate, seconds) for rate in rates.rates)
    cost = None if rates.missing else billing.total(m.cost for m in meters)
    return Quote(spec, rates, seconds, meters, cost, rates.missing)


def digest(books: Books) -> str:
    """A hash of the books in force, so that a changed file shows as a changed pricing run."""
    return hashlib.sha256(msgspec.json.encode(list(books.books.values()))).hexdigest()[:16]
