"""When schedules are due: robfig/cron's rules, written by hand, and an oracle that looks at every minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.model import Instant
from collector.pipeline import argo_schedule
from collector.pipeline.argo_schedule import ScheduleError, due, next_due
from tests.builders import DAY, HOUR, MINUTE, NOON, at
from tests.examples import examples


def first(schedule: str, after: str, timezone: str = "", count: int = 3) -> list[str]:
    """The first due times after an instant, in UTC."""
    found = due(schedule, timezone, at(after), at(after) + 3000 * DAY, count)
    return [f"{datetime.fromtimestamp(moment // 1000, UTC):%Y-%m-%d %H:%M}" for moment in found]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("* * * * *", ["2026-11-22 12:01", "2026-11-22 12:02"]),
        ("*/20 * * * *", ["2026-11-22 12:20", "2026-11-22 12:40"]),
        ("50/5 * * * *", ["2026-11-22 12:50", "2026-11-22 12:55"]),  # a step without an end goes on to the last
        ("5-5/2 * * * *", ["2026-11-22 12:05", "2026-11-22 13:05"]),
        ("7,3,,3 2-4/2 * * *", ["2026-11-23 02:03", "2026-11-23 02:07"]),
        ("0 0 ? JAN ?", ["2027-01-01 00:00", "2027-01-02 00:00"]),
        ("0 6 * * Mon-FRI", ["2026-11-23 06:00", "2026-11-24 06:00"]),
        ("0 0 * * 5/1", ["2026-11-27 00:00", "2026-11-28 00:00"]),  # Friday, Saturday; not Sunday
        ("0 0 13 * 1", ["2026-11-23 00:00", "2026-11-30 00:00"]),  # either day, where neither is a star
        ("0 0 13 * *", ["2026-12-13 00:00", "2027-01-13 00:00"]),
        ("0 0 */1 * 0", ["2026-11-29 00:00", "2026-12-06 00:00"]),  # a step of one is a star still
        ("0 0 */30 * 0", ["2026-11-29 00:00", "2026-12-01 00:00"]),  # one of thirty is none: either day
        ("0 0 1,* * 0", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("@hourly", ["2026-11-22 13:00", "2026-11-22 14:00"]),
        ("@daily", ["2026-11-23 00:00", "2026-11-24 00:00"]),
        ("@midnight", ["2026-11-23 00:00", "2026-11-24 00:00"]),
        ("@weekly", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("@monthly", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("@annually", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("TZ=Asia/Tokyo 0 9 * * *", ["2026-11-23 00:00", "2026-11-24 00:00"]),
        ("CRON_TZ=Asia/Tokyo  @daily", ["2026-11-22 15:00", "2026-11-23 15:00"]),
        ("TZ= 0 9 * * *", ["2026-11-23 09:00", "2026-11-24 09:00"]),
    ],
)
def test_schedules_mean_what_robfig_means(schedule: str, expected: list[str]) -> None:
    """From noon of Sunday, 22 November 2026; noon itself is not after noon."""
    assert first(schedule, "2026-11-22T12:00", count=2) == expected


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        # Half past two does not exist on 11 March 2012 in New York: not run at all that day.
        ("30 2 * * *", "America/New_York", "2012-03-10T12:00", ["2012-03-12 06:30", "2012-03-13 06:30"]),
        ("0 * * * *", "America/New_York", "2012-03-11T06:00", ["2012-03-11 07:00", "2012-03-11 08:00"]),
        # One o'clock comes twice on 4 November 2012: run twice.
        ("0 1 * * *", "America/New_York", "2012-11-03T12:00", ["2012-11-04 05:00", "2012-11-04 06:00"]),
        ("0 2 * * *", "America/New_York", "2012-11-04T04:00", ["2012-11-04 07:00", "2012-11-05 07:00"]),
        # 4 November 2018 began at one o'clock in Sao Paulo: no midnight to run at, yet a day with all its other hours.
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03T05:00", ["2018-11-05 02:00", "2018-11-06 02:00"]),
        ("*/30 * 4 11 *", "America/Sao_Paulo", "2018-11-03T05:00", ["2018-11-04 03:00", "2018-11-04 03:30"]),
        ("0 9 10 * ?", "America/Sao_Paulo", "2018-10-17T09:00", ["2018-11-10 11:00", "2018-12-10 11:00"]),
        ("30 5 * * *", "Asia/Kolkata", "2026-11-22T12:00", ["2026-11-23 00:00", "2026-11-24 00:00"]),
        ("30 5 * * *", "UTC", "2026-11-22T12:00", ["2026-11-23 05:30", "2026-11-24 05:30"]),
    ],
)
def test_the_wall_clock_of_the_zone_decides(schedule: str, zone: str, after: str, expected: list[str]) -> None:
    """What the clocks skip is not due, what they repeat is due twice (robfig/cron, doc.go and spec_test.go)."""
    assert first(schedule, after, zone, 2) == expected


@pytest.mark.parametrize("schedule", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *"])
def test_what_is_never_due_ends_at_once(schedule: str) -> None:
    """Argo takes such a schedule and never runs it."""
    assert next_due(schedule, "Europe/Berlin", NOON) is None
    assert due(schedule, "", NOON, NOON + 10_000 * DAY, 10) == []


@pytest.mark.parametrize("schedule", ["@every 1h30m", "@every 90s", "@every 1.5h", "TZ=UTC @every 0", "@every .5h3ms"])
def test_every_so_often_cannot_be_foretold(schedule: str) -> None:
    """It counts from when the controller took the schedule up, which no object shows."""
    assert next_due(schedule, "Asia/Tokyo" if "=" not in schedule else "", NOON) is None
    assert due(schedule, "", NOON, NOON + DAY, 10) == []


@pytest.mark.parametrize(
    ("schedule", "zone", "words"),
    [
        ("", "", "'' has 0 fields; write minute, hour"),
        ("* * * *", "", "'* * * *' has 4 fields"),
        ("0 * * * * *", "", "has 6 fields"),
        ("@every soon", "", "'@every soon' has 2 fields"),
        ("@fortnightly", "", "'@fortnightly' has 1 fields"),
        ("60 * * * *", "", "invalid minute '60', expected 0 to 59; write"),
        ("* * 0 * *", "", "invalid day of month '0', expected 1 to 31"),
        ("* * * * 7", "", "invalid day of week '7', expected 0 to 6"),
        ("* * * foo *", "", "invalid month 'foo', expected 1 to 12"),
        ("* * * * jan", "", "invalid day of week 'jan'"),
        ("* * L * *", "", "invalid day of month 'L'"),
        ("* * * * 1#2", "", "invalid day of week '1#2'"),
        ("*/0 * * * *", "", "invalid minute '*/0'"),
        ("9-3 * * * *", "", "invalid minute '9-3'"),
        ("1-2-3 * * * *", "", "invalid minute '1-2-3'"),
        ("1/2/3 * * * *", "", "invalid minute '1/2/3'"),
        (", * * * *", "", "the minute is empty"),
        ("TZ=UTC * * * * *", "Asia/Tokyo", "has 6 fields"),
        ("TZ=Mars/Base * * * * *", "", "unknown time zone 'Mars/Base', expected one of"),
        ("* * * * *", "Mars/Base", "unknown time zone 'Mars/Base'"),
        ("* * * * *", "../../etc/passwd", "unknown time zone"),
        ("* * * * *", "America", "unknown time zone 'America'"),
        ("* * * * *", "Z" * 5000, "unknown time zone 'ZZ"),
        ("1," * 501 + "1 * * * *", "", "… has 1011 characters; write"),
    ],
)
def test_what_argo_cannot_read_is_refused_in_words(schedule: str, zone: str, words: str) -> None:
    """The words name the schedule, what is wrong with it and the remedy."""
    with pytest.raises(ScheduleError) as refused:
        next_due(schedule, zone, NOON)

    assert words in str(refused.value)
    assert len(str(refused.value)) < 1500


def test_due_times_lie_after_one_instant_and_up_to_another() -> None:
    """So that two stretches side by side have each due time once."""
    assert due("* * * * *", "", NOON - 1, NOON + MINUTE, 10) == [NOON, NOON + MINUTE]
    assert due("* * * * *", "", NOON, NOON + MINUTE, 10) == [NOON + MINUTE]
    assert due("* * * * *", "", NOON, NOON + HOUR, 2) == [NOON + MINUTE, NOON + 2 * MINUTE]
    assert due("* * * * *", "", NOON + 1, NOON + MINUTE - 1, 10) == []


NUMBERS = [st.sets(st.integers(low, high), min_size=1, max_size=5) for low, high in ((0, 59), (0, 23), (1, 31), (0, 6))]
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Sao_Paulo", "Asia/Beirut"]
)
CLOCK_CHANGES = st.sampled_from(["2018-11-03T20:00", "2018-02-17T20:00", "2024-03-30T20:00", "2024-10-26T20:00"])


def due_by_wall_clock(
    minutes: set[int], hours: set[int], days: set[int] | None, week: set[int] | None, *, after: Instant, zone: str
) -> list[Instant]:
    """Checks each minute of two days on the wall clock."""
    found = []
    for moment in range(after + MINUTE, after + 2 * DAY, MINUTE):
        wall = datetime.fromtimestamp(moment // 1000, ZoneInfo(zone))
        of_month, of_week = days is None or wall.day in days, week is None or wall.isoweekday() % 7 in week
        day = of_month and of_week if days is None or week is None else of_month or of_week
        if day and wall.hour in hours and wall.minute in minutes:
            found.append(moment)
    return found


@settings(max_examples=examples(60))
@given(NUMBERS[0], NUMBERS[1], st.none() | NUMBERS[2], st.none() | NUMBERS[3], CLOCK_CHANGES, ZONES)
def test_an_oracle_that_looks_at_every_minute_agrees(
    minutes: set[int], hours: set[int], days: set[int] | None, week: set[int] | None, start: str, zone: str
) -> None:
    """Over clock changes too, with either day, both or none given."""
    text = [",".join(map(str, numbers)) if numbers else "*" for numbers in (minutes, hours, days)]
    schedule = f"{text[0]} {text[1]} {text[2]} * {','.join(map(str, week)) if week else '*'}"

    found = due(schedule, zone, at(start), at(start) + 2 * DAY - 1, 10_000)

    assert found == due_by_wall_clock(minutes, hours, days, week, after=at(start), zone=zone)


@settings(max_examples=examples(200))
@given(
    st.sampled_from(["*/5 * * * *", "*/20 * * * *", "30 1 * * *", "30 2 * * *", "0 3 * * *"]),
    st.sampled_from(
        [
            ("Europe/Berlin", "2024-10-27T00:00"),
            ("Europe/Berlin", "2024-03-31T00:00"),
            ("America/New_York", "2024-11-03T05:00"),
            ("Australia/Lord_Howe", "2024-04-06T14:30"),
        ]
    ),
    st.integers(-90, 90),
)
def test_where_a_walk_begins_changes_no_due_time(schedule: str, change: tuple[str, str], minutes: int) -> None:
    """Near a change of the clock a walk begins earlier, so that it meets what is repeated."""
    zone, near = change
    after, until = at(near) + minutes * MINUTE, at(near) + 8 * HOUR
    since_before = due(schedule, zone, at(near) - 12 * HOUR, until, 10_000)

    assert due(schedule, zone, after, until, 10_000) == [moment for moment in since_before if moment > after]


@given(st.text(max_size=40), st.text(max_size=20))
def test_no_text_does_more_than_be_refused(schedule: str, zone: str) -> None:
    """Anybody may write anything into an object."""
    try:
        following = next_due(schedule, zone, NOON)
    except ScheduleError:
        return

    assert following is None or following > NOON


def test_a_year_of_minutes_is_computed_only_as_far_as_needed() -> None:
    """The number of due times bounds the work, not the stretch of time."""
    begun = datetime.now(UTC)

    assert len(due("* * * * *", "Europe/Berlin", NOON, NOON + 3650 * DAY, 100)) == 100
    assert datetime.now(UTC) - begun < timedelta(seconds=2)


def test_far_from_a_change_of_the_clock_a_schedule_takes_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet's crons of each minute cost it microseconds."""
    steps = 0

    class Counting(CronSim):
        def __next__(self) -> datetime:
            nonlocal steps
            steps += 1
            return super().__next__()

    monkeypatch.setattr(argo_schedule, "CronSim", Counting)

    assert next_due("* * * * *", "Europe/Berlin", NOON) == NOON + MINUTE
    assert steps <= 2
