"""Billing days in their time zone."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from collector.core.cost.billing_days import date_of, day_of, midnight


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        (date(2026, 11, 23), "Asia/Shanghai", datetime(2026, 11, 22, 16, tzinfo=UTC)),
        (date(2026, 3, 30), "Europe/Berlin", datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (date(2026, 4, 24), "Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC)),
    ],
    ids=["a zone ahead", "after the clocks went on", "midnight that clocks skip"],
)
def test_a_day_begins_at_midnight_of_its_zone(day: date, zone: str, instant: datetime) -> None:
    """Whatever clocks do there: a day is a date, and ends where the next begins."""
    assert midnight(day, ZoneInfo(zone)) == instant.timestamp() * 1000


def test_a_day_is_its_number_and_back() -> None:
    """The number is what the store keeps."""
    assert (day_of(date(1970, 1, 2)), date_of(day_of(date(2026, 11, 23)))) == (1, date(2026, 11, 23))
