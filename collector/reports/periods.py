"""
Days and months that somebody asks for, as text: the period of a report, in the billing time zone.

The command line and the API read them alike. An invalid value is a ReportError with the option's name.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from collector.core.cost.billing_days import date_of, day_of, month_after
from collector.reports.report import ReportError, Span

FIRST_DAY = date(1970, 1, 1)
"""The earliest day of a ClickHouse Date."""
LAST_DAY = date(2149, 5, 1)
"""Before this day; a month later ClickHouse has no Date any more."""


def parse_span(begin: str, end: str, zone: str, *, earliest: date | None = None) -> Span:
    """The period of --from and --to. Default: from `earliest`, or the first of this month, up to and including today."""
    today = datetime.now(ZoneInfo(zone)).date()
    first = parse_day(begin, "--from") if begin else earliest or today.replace(day=1)
    after = parse_day(end, "--to") if end else today + timedelta(days=1)
    if after <= first:
        raise ReportError(f"--to {after} is not after --from {first}; --to is exclusive")
    return Span(first, after, zone)


def parse_period(begin: str, end: str, month: str, zone: str, *, earliest: date | None = None) -> Span:
    """The period of --month, or of --from and --to. Default: this month so far, or from `earliest` on."""
    if not month:
        return parse_span(begin, end, zone, earliest=earliest)
    if begin or end:
        raise ReportError("--month is a whole month: leave out --from and --to, or --month")
    return month_span(month, zone, "--month")


def month_span(text: str, zone: str, option: str) -> Span:
    """The period of the month that an option names."""
    first = parse_month(text, option)
    return Span(date_of(first), date_of(month_after(first)), zone)


def parse_month(text: str, option: str = "") -> int:
    """The first day of a month, which an option names, or an argument."""
    first = _date_of(f"{text}-01")
    if first is None:
        raise ReportError(f"{option and f'{option}: '}invalid month {text!r}, expected YYYY-MM, like 2026-10")
    return day_of(first)


def parse_day(text: str, option: str) -> date:
    """The day of an option."""
    day = _date_of(text)
    if day is None:
        raise ReportError(f"{option}: invalid day {text!r}, expected YYYY-MM-DD, like 2026-11-01")
    return day


def _date_of(text: str) -> date | None:
    """A day that the store knows; None: the text is none."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day < LAST_DAY else None
