"""
Figures that are written alike in every language: whole numbers, instants, sizes, names in addresses.

What differs between languages is in collector/language; static/words.js has the same figures for the live page.
"""

from datetime import UTC, datetime
from urllib.parse import quote

from collector.core.model import Instant
from collector.language.language import NOT_KNOWN


def count(number: int | None) -> str:
    """A whole number with a comma between thousands."""
    return NOT_KNOWN if number is None else f"{number:,}"


def average(number: float | None) -> str:
    """An average, with one decimal below ten."""
    if number is None:
        return NOT_KNOWN
    return f"{number:.1f}" if 0 < number < 10 else count(round(number))


def clock(at: Instant | None) -> str:
    """An instant in UTC, exact to the second."""
    return NOT_KNOWN if at is None else f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def iso(at: Instant) -> str:
    """The same as HTML's `datetime` has it."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def segment(name: str) -> str:
    """A name as one segment of an address, whatever it is made of."""
    return quote(name, safe="")


def bytes_of(size: int) -> str:
    """A size in the unit that leaves it below 1024."""
    amount, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.{1 if amount < 10 and units[0] != 'B' else 0}f} {units[0]}"
