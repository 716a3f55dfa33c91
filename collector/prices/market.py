"""
Spot prices of instance types over time, read from CSV: `instance_type,zone,time,price`, a price per hour.

A price is valid until the next one of its type and zone, but at most for the book's `hold_h`. An empty price marks
the begin of an unknown period. An unknown period has no price; the last known price is never extended into it.
"""

import csv
import hashlib
import io
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from collector.core.model import Instant
from collector.core.units import HOUR_MS
from collector.prices import schema
from collector.prices.book_yaml import BookError
from collector.prices.checks import parse_field

HEADER = ["instance_type", "zone", "time", "price"]
MOST_POINTS = 2_000_000
MOST_BYTES = 128 * 1024 * 1024
Point = tuple[Instant, Decimal | None]


class Series:
    """Market prices by instance type and zone."""

    def __init__(self, points: dict[tuple[str, str], list[Point]], hold_h: int, digest: str) -> None:
        self.digest = digest
        """Hash of the files that were read."""
        self._points = {key: sorted(listed, key=lambda point: point[0]) for key, listed in points.items()}
        self._hold_ms = hold_h * HOUR_MS

    def at(self, instance_type: str, zone: str, at: Instant) -> tuple[Decimal | None, Instant, Instant | None]:
        """Hourly price at an instant, and the begin and end of its validity; the price is None if unknown."""
        points = self._points.get((instance_type, zone), [])
        i = bisect_right(points, at, key=lambda point: point[0])
        after = points[i][0] if i < len(points) else None
        if i == 0:
            return None, 0, after
        begin, price = points[i - 1]
        stale = begin + self._hold_ms
        if at >= stale:
            return None, stale, after
        return price, begin, stale if after is None else min(stale, after)


def read(texts: list[tuple[str, bytes]], hold_h: int) -> Series:
    """Read a series from files, given as path and content; BookError names the faulty line."""
    points: dict[tuple[str, str], dict[Instant, Decimal | None]] = defaultdict(dict)
    count = 0
    for path, content in texts:
        for line, (kind, zone, time, price) in rows(path, content):
            place = f"line {line}"
            at = parse_field(path, place, schema.parse_instant, time)
            amount = parse_field(path, place, schema.parse_money, price) if price else None
            if points[kind, zone].setdefault(at, amount) != amount:
                raise BookError(path, place, f"{kind} in {zone} has another price at {time} already; keep one")
            count += 1
            if count > MOST_POINTS:
                raise BookError(path, place, f"is beyond {MOST_POINTS:,} prices; drop the oldest")
    digest = hashlib.sha256(b"".join(content for _, content in texts)).hexdigest()
    return Series({key: list(by_time.items()) for key, by_time in points.items()}, hold_h, digest)


def rows(path: str, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Rows below the header, with their line numbers."""
    try:
        reader = csv.reader(io.StringIO(content.decode()), strict=True)
        if next(reader, None) != HEADER:
            raise BookError(path, "line 1", f"must be {','.join(HEADER)}")
        for row in reader:
            if len(row) != len(HEADER) or not row[0]:
                raise BookError(path, f"line {reader.line_num}", f"must have a type and {len(HEADER)} columns")
            yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise BookError(path, "file", f"not valid CSV: {error}") from None
