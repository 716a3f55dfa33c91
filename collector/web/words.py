"""
Figures in words, as static/words.js writes them: whole numbers, spans of time, amounts of money, instants.
"""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from urllib.parse import quote

from collector.core.model import Instant
from collector.core.units import DAY_MS, HOUR_MS, MINUTE_MS

NOT_KNOWN = "–"
SECOND_MS = 1000
CENT = Decimal("0.01")
LEAST_SHOWN = Decimal("0.000001")


def count(number: int | None) -> str:
    """A whole number with a comma between thousands."""
    return NOT_KNOWN if number is None else f"{number:,}"


def average(number: float | None) -> str:
    """An average, with one decimal below ten."""
    if number is None:
        return NOT_KNOWN
    return f"{number:.1f}" if 0 < number < 10 else count(round(number))


def plural(number: int, one: str, many: str = "") -> str:
    """A number and what is counted."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def age(ms: int | None) -> str:
    """A span of time in its two largest units."""
    if ms is None:
        return NOT_KNOWN
    if ms < SECOND_MS:
        return "< 1 s" if ms > 0 else "0 s"
    if ms < MINUTE_MS:
        return f"{ms // SECOND_MS} s"
    if ms < HOUR_MS:
        return f"{ms // MINUTE_MS} m {ms % MINUTE_MS // SECOND_MS:02} s"
    if ms < DAY_MS:
        return f"{ms // HOUR_MS} h {ms % HOUR_MS // MINUTE_MS:02} m"
    return f"{ms // DAY_MS} d {ms % DAY_MS // HOUR_MS:02} h"


def span(ms: int | None) -> str:
    """The same, exact to a tenth of a second below ten: for steps that take less than a second."""
    if ms is None or not 0 < ms < 10 * SECOND_MS:
        return age(ms)
    return f"{ms / SECOND_MS:.1f} s" if ms >= 50 else "< 0.1 s"


def money(amount: Decimal | str | None) -> str:
    """An amount with two decimals, and below a cent with two digits that count; None is not 0."""
    if amount is None:
        return "no price known"
    cost = Decimal(amount)
    if cost == 0 or abs(cost) >= CENT:
        return f"{cost.quantize(CENT, ROUND_HALF_EVEN):,}"
    if abs(cost) < LEAST_SHOWN:
        return "< 0.000001" if cost > 0 else "> -0.000001"
    places = -cost.adjusted() + 1
    return f"{cost.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):f}"


def share(part: float | None) -> str:
    """A part of 1 in percent."""
    if part is None:
        return NOT_KNOWN
    return "< 1 %" if 0 < part < 0.01 else f"{round(part * 100)} %"


def cut_share(part: float | None) -> str:
    """The same, with 100 % only for all of it."""
    return "99.9 %" if part is not None and 0.995 <= part < 1 else share(part)


def reason(name: str) -> str:
    """The name of a reason as a person reads it."""
    return name.replace("_", " ")


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
