"""
How old the loaded prices are: when each book's sources were read, and until when its rows are valid.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from collector.core.live_view import PriceBook
from collector.core.model import Instant
from collector.prices import schema
from collector.prices.lookup import Books, validity
from collector.prices.schema import Book, Dated


def price_books(books: Books, now: Instant) -> list[PriceBook]:
    """The age of each loaded file, by the name that charges cite."""
    return [PriceBook(book.name, _read_at(book, now), _valid_until(book)) for book in books.files()]


def _read_at(book: Book, now: Instant) -> Instant | None:
    """The oldest day on which the source of a row that is valid now was read; None: no such row names one."""
    rows = (*book.prices, *book.nodes, *book.discounts, *book.commitments, *book.fees, *book.exchange)
    return min((schema.parse_instant(row.read) for row in rows if row.read and _holds(row, now)), default=None)


def _valid_until(book: Book) -> Instant | None:
    """When the last price ends, or the last exchange rate of a pair if that is earlier; None: no end is foreseen."""
    # A discount, a fee or a plan that ends is not replaced: the charges after it are right without it.
    return min((end for rows in _successions(book) if (end := _last_end(rows)) is not None), default=None)


def _successions(book: Book) -> Iterator[list[Dated]]:
    """Rows that follow one another."""
    yield [*book.prices, *book.nodes]
    pairs: dict[str, list[Dated]] = defaultdict(list)
    for row in book.exchange:
        pairs[row.pair].append(row)
    yield from pairs.values()


def _last_end(rows: Iterable[Dated]) -> Instant | None:
    ends = [validity(row)[1] for row in rows]
    known = [end for end in ends if end is not None]
    return max(known) if ends and len(known) == len(ends) else None


def _holds(row: Dated, now: Instant) -> bool:
    begin, end = validity(row)
    return begin <= now and (end is None or now < end)
