"""
Amount of a book's fee over a period, in the currency of the report.

The sum is exact and quantised once. A monthly fee is prorated by the length of that month in the billing time zone.
"""

from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from fractions import Fraction

from collector.core.cost.allocation import UNITS
from collector.core.cost.meters import CONTEXT
from collector.core.model import Instant
from collector.core.units import HOUR_MS
from collector.prices.lookup import Books, RecurringCost


def amount(fee: RecurringCost, books: Books, begin: Instant, end: Instant, zone: tzinfo) -> Decimal | None:
    """Amount of a fee between two instants; None if no exchange rate is known for a part of that time."""
    at = max(begin, fee.begin)
    end = end if fee.end is None else min(end, fee.end)
    total = Fraction(0)
    while at < end:
        month, next_month = _month(at, zone)
        changes = {next_month, end}
        rate, _ = books.exchange_rate(fee.currency, at, changes)
        if rate is None:
            return None
        until = min(change for change in changes if change > at)
        unit = HOUR_MS if fee.per == "hour" else next_month - month
        total += Fraction(until - at, unit) * Fraction(fee.amount) * Fraction(rate)
        at = until
    return Decimal(round(total * UNITS)).scaleb(-18, CONTEXT)


def _month(at: Instant, zone: tzinfo) -> tuple[Instant, Instant]:
    """Begin of an instant's month, and of the next month."""
    day = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
    first = datetime(day.year, day.month, 1, tzinfo=zone)
    following = datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=zone)
    return int(first.timestamp() * 1000), int(following.timestamp() * 1000)
