"""Billing days and months. Facts store a day as its number since 1970-01-01, in the billing time zone."""

from datetime import date, datetime, time, tzinfo

from collector.core.model import Instant

EPOCH = date(1970, 1, 1).toordinal()


def midnight(day: date, zone: tzinfo) -> Instant:
    """Begin of a billing day; where clocks skip midnight, the instant at which it would have begun."""
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)


def day_of(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - EPOCH


def date_of(day: int) -> date:
    """Date of a day that facts store as a number."""
    return date.fromordinal(EPOCH + day)


def month_of(day: int) -> int:
    """First day of a day's month."""
    return day_of(date_of(day).replace(day=1))


def month_after(month: int) -> int:
    """First day of the next month."""
    return month_of(month + 31)


def months_of(begin: date, end: date) -> list[int]:
    """Months that a period overlaps, `end` exclusive."""
    months = [month_of(day_of(begin))]
    while (following := month_after(months[-1])) < day_of(end):
        months.append(following)
    return months
