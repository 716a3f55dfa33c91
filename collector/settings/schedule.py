"""
When reports are sent: a few words, or the five fields of cron; always in the billing time zone.

A day of the week has cron's meaning: 0 and 7 are Sunday. APScheduler counts from Monday, so numbers become names here.
"""

import importlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

_CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
_DAILY = re.compile(rf"daily {_CLOCK}")
_WEEKLY = re.compile(rf"weekly (mon|tue|wed|thu|fri|sat|sun) {_CLOCK}")
_MONTHLY = re.compile(rf"monthly (?:([1-9]|1\d|2[0-8]) )?{_CLOCK}")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLE = "expected `monthly 09:00`, `monthly 4 09:00`, `weekly mon 09:00`, `daily 09:00`, or cron's five fields"
LEAST = timedelta(minutes=15)
"""Reports are not sent more often than this."""
_FIRST_STEP = timedelta(seconds=16)


class Times(Protocol):
    """When something is due, as APScheduler's triggers answer it."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None: ...


def schedule_of(text: str, zone: ZoneInfo) -> Times:
    """The times of a schedule; ValueError for an invalid one."""
    if found := _DAILY.fullmatch(text):
        return _times(zone, hour=found[1], minute=found[2])
    if found := _WEEKLY.fullmatch(text):
        return _times(zone, day_of_week=found[1], hour=found[2], minute=found[3])
    if found := _MONTHLY.fullmatch(text):
        return _times(zone, day=found[1] or "1", hour=found[2], minute=found[3])
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(f"invalid time {text!r}, {EXAMPLE}")
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        raise ValueError(
            f"{text!r} names days of the month and of the week; cron would send on both, so name one of them"
        )
    try:
        named = _weekdays(weekday)
        return _times(zone, minute=minute, hour=hour, day=day, month=month, day_of_week=named)
    except (ValueError, TypeError) as error:
        raise ValueError(f"invalid time {text!r}: {error}; {EXAMPLE}") from None


def schedule_problem(text: str) -> str:
    """The problem with a schedule, or an empty text."""
    try:
        times = schedule_of(text, ZoneInfo("UTC"))
    except ValueError as error:
        return str(error)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    first = times.get_next_fire_time(None, start)
    second = times.get_next_fire_time(first, first + timedelta(seconds=1)) if first else None
    if first is None:
        return f"{text!r} never comes"
    if second is not None and second - first < LEAST:
        return f"{text!r} comes more often than every {LEAST.seconds // 60} minutes"
    return ""


def last_due(times: Times, now: datetime, within: timedelta) -> datetime | None:
    """The last of these times that has come; None: there was none within this time."""
    step = min(_FIRST_STEP, within)
    while True:
        due: datetime | None = None
        at = times.get_next_fire_time(None, now - step)
        while at is not None and at <= now:
            due, at = at, times.get_next_fire_time(at, at + timedelta(milliseconds=1))
        if due is not None or step == within:
            return due
        step = min(4 * step, within)


def _times(zone: ZoneInfo, **fields: str) -> Times:
    # Imported here, since every command reads settings and hardly any has a schedule.
    cron: Any = importlib.import_module("apscheduler.triggers.cron")
    times: Times = cron.CronTrigger(**fields, timezone=zone)
    return times


def _weekdays(field: str) -> str:
    """The days of the week by name, from cron's numbers."""
    if field == "*" or "/" in field:
        return field
    return ",".join("-".join(map(_weekday, part.split("-"))) for part in field.split(","))


def _weekday(text: str) -> str:
    if not text.isdigit():
        return text
    if int(text) >= len(_DAYS):
        raise ValueError(f"there is no day {text} in a week")
    return _DAYS[int(text)]
