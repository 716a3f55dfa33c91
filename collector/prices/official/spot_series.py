"""
Spot prices of official answers, kept as the CSV of a book's market: each import adds the prices of its time.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from collector.prices import market
from collector.prices.book_yaml import read_file
from collector.prices.official.listed import SpotPrice

END = "-spot.csv"
"""End of the file's name, after that of its book."""


def with_prices(path: Path, prices: Iterable[SpotPrice], at: str) -> str:
    """The content of the file with the prices of a moment added; BookError if the file is not such a series."""
    rows: dict[tuple[str, str, str], str] = {}
    if path.exists():
        for _, (kind, zone, time, price) in market.rows(str(path), read_file(path, market.MOST_BYTES)):
            rows[kind, zone, time] = price
    rows |= {(spot.instance_type, spot.zone, at): f"{spot.amount:f}" for spot in prices}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(market.HEADER)
    writer.writerows([*key, price] for key, price in sorted(rows.items()))
    return out.getvalue()
