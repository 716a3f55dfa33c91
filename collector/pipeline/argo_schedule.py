"""
When a cron schedule is due, as Argo computes it.

Argo uses robfig/cron v3 (github.com/robfig/cron, parser.go and spec.go): five fields, names, steps, `@daily` and its kin,
`TZ=`. Day of month and day of week must both match if one of them is a star, else either is enough; `*/2` does not count as
a star. A wall time that the clocks skip is not due; one that they repeat is due twice.

cronsim walks the calendar: small, typed, without dependencies, maintained for Healthchecks. APScheduler's CronTrigger
always joins the two days by AND and begins its week on Monday; croniter has clock change rules of its own. This module still
parses robfig's grammar, into plain numbers: cronsim takes `*/2` for a star, `5/1` for Friday to Sunday, and accepts `L`, `#`
and a field of seconds, which Argo refuses.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from collector.core.model import Instant

LENGTH_LIMIT = 1000
"""Characters of a schedule; more is a mistake or an attack."""
REMEDY = (
    "write minute, hour, day of month, month and day of week, or one of @hourly, @daily, @weekly, @monthly, @yearly"
)


class ScheduleError(ValueError):
    """A schedule or a time zone that Argo cannot read either; the text names it and the remedy."""


def due(schedule: str, timezone: str, after: Instant, until: Instant, at_most: int) -> list[Instant]:
    """The first due times after one instant and up to another, in order; ScheduleError if it cannot be read."""
    return list(islice(takewhile(lambda at: at <= until, _due_times(schedule, timezone, after)), at_most))


def next_due(schedule: str, timezone: str, after: Instant) -> Instant | None:
    """The first due time after an instant; None if it is never due, or by `@every`, which depends on Argo's start."""
    return next(_due_times(schedule, timezone, after), None)


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    """Names of its numbers, from `low` on."""


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_NAMED = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
LONGEST_SHIFT_S = 3 * 3600
"""Longer than any change of a clock."""
_ZONED = re.compile(r"(?:CRON_)?TZ=(\S*) +(.*)", re.DOTALL)
_EVERY = re.compile(r"@every [-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_PART = re.compile(r"(?:([*?])|(\d{1,9}|[a-z]{3})(?:-(\d{1,9}|[a-z]{3}))?)(?:/(\d{1,9}))?", re.ASCII)


def _due_times(schedule: str, timezone: str, after: Instant) -> Iterator[Instant]:
    """All due times after an instant: none for a wall time that the clocks skip, two for one that they repeat."""
    expression, zone = _read(schedule, timezone)
    if not expression:
        return
    try:
        walk = CronSim(expression, _begin(after // 1000, zone))
    except CronSimError:  # valid, but no month has such a day: 30 February
        return
    pending: list[Instant] = []
    for wall in walk:
        # In an hour that is repeated the first of a later wall time comes before the second of an earlier one.
        first, instants = _instants(wall, zone)
        ready = sorted(at for at in pending if at <= first)
        pending = [at for at in pending if at > first] + instants
        yield from (at for at in ready if at > after)
    yield from sorted(at for at in pending if at > after)


def _begin(second: int, zone: tzinfo) -> datetime:
    """The wall time from which to walk: that of a second, or one before any that the clocks repeat after it."""
    before, at, later = (datetime.fromtimestamp(second + away, zone) for away in (-LONGEST_SHIFT_S, 0, LONGEST_SHIFT_S))
    wall = at.replace(tzinfo=None)
    # Far from a change of the clock nothing repeats: walking three hours costs a schedule of each minute 180 steps.
    is_steady = before.utcoffset() == at.utcoffset() == later.utcoffset()
    return wall if is_steady else wall - timedelta(seconds=LONGEST_SHIFT_S)


def _instants(wall: datetime, zone: tzinfo) -> tuple[Instant, list[Instant]]:
    """The earliest instant of a wall time, and all instants at which clocks show it."""
    folds = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    shown = sorted({at for at in folds if at.astimezone(zone).replace(tzinfo=None) == wall})
    return int(folds[0].timestamp()) * 1000, [int(at.timestamp()) * 1000 for at in shown]


@lru_cache(maxsize=8192)
def _read(schedule: str, timezone: str) -> tuple[str, tzinfo]:
    """A schedule in cronsim's grammar, empty for `@every`, and its zone; by default UTC, as in Argo's image."""
    if len(schedule) > LENGTH_LIMIT:
        raise ScheduleError(f"schedule {schedule[:40]!r}… has {len(schedule)} characters; {REMEDY}")
    zoned = _ZONED.fullmatch(f"CRON_TZ={timezone} {schedule}" if timezone else schedule)
    zone = _zone(zoned[1], schedule) if zoned else UTC
    text = (zoned[2] if zoned else schedule).strip()
    if _EVERY.fullmatch(text):
        return "", zone
    fields = _NAMED.get(text, text).split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(f"schedule {schedule!r} has {len(fields)} fields; {REMEDY}")
    plain = [_plain(text, field, schedule) for text, field in zip(fields, _FIELDS, strict=True)]
    # With a field of seconds cronsim keeps to the wall clock it is given; with five it moves runs over a clock change.
    return " ".join(["0", *plain]), zone


def _zone(name: str, schedule: str) -> tzinfo:
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(
            f"schedule {schedule!r}: unknown time zone {name[:100]!r}, expected one of the tz database, like Europe/Berlin"
        ) from None


def _plain(text: str, field: _Field, schedule: str) -> str:
    """One field as a star, or as a list of numbers."""
    parts = [_part(part, field, schedule) for part in text.split(",") if part]
    if None in parts:
        return "*"
    numbers = sorted({n for part in parts for n in part or ()})
    if not numbers:
        raise ScheduleError(f"schedule {schedule!r}: the {field.name} is empty; {REMEDY}")
    return ",".join(map(str, numbers))


def _part(text: str, field: _Field, schedule: str) -> range | None:
    """The numbers of a star, a number or a range, with or without a step; None for a star that counts as one."""
    match = _PART.fullmatch(text.lower())
    if match:
        star, first, last, step_text = match.groups()
        step = int(step_text or 1)
        if star and step == 1:
            return None
        low = field.low if star else _number(first, field)
        high = field.high if star or (step_text and not last) else _number(last or first, field)
        if step and field.low <= low <= high <= field.high:
            return range(low, high + 1, step)
    raise ScheduleError(
        f"schedule {schedule!r}: invalid {field.name} {text!r}, expected {field.low} to {field.high}; {REMEDY}"
    )


def _number(text: str, field: _Field) -> int:
    """A number by digits or name; -1, below every field, for any other text."""
    if text in field.words:
        return field.low + field.words.index(text)
    return int(text) if text.isdigit() else -1
