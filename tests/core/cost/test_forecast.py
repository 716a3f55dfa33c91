"""What a month will cost: held against twelve synthetic months of several departments, and against what is known."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from collector.core.cost.billing_days import day_of, month_after, month_of
from collector.core.cost.forecast import LEAST, NOTHING, DailySpend, RestOfMonth
from collector.core.cost.meters import total
from collector.core.units import ONE, ZERO
from tests.core.cost.spent_days import BEGIN, DAYS, a_year

FIRST = day_of(BEGIN)
SEEDS = (2, 3, 5, 7, 11, 13)
"""`python -m tests.bench.forecast` tries hundreds of others."""


def days_in_range(seed: int) -> list[bool]:
    """Whether the rest of the month lay in the range, for each day of a department's year that has a forecast."""
    spent = a_year(seed)
    history, found = DailySpend(FIRST, spent), list[bool]()
    for place in range(LEAST, DAYS):
        rest = history.rest_of_month(FIRST + place, ONE)
        assert isinstance(rest, RestOfMonth)
        after = month_after(month_of(FIRST + place)) - FIRST
        found.append(rest.low <= total(spent[place:after]) <= rest.high)
    return found


def test_the_truth_lies_in_the_range_in_about_four_of_five_cases() -> None:
    """Over all days of twelve months of several departments: 75 to 85 %; a range of a single one is never worthless."""
    by_seed = {seed: days_in_range(seed) for seed in SEEDS}
    days = [one for found in by_seed.values() for one in found]

    assert 0.75 <= sum(days) / len(days) <= 0.85
    assert all(sum(found) / len(found) >= 0.55 for found in by_seed.values())


def steady(amount: int, days: int, first: date = BEGIN) -> DailySpend:
    """The same amount each day."""
    return DailySpend(day_of(first), [Decimal(amount)] * days)


def test_days_that_are_all_alike_go_on_so() -> None:
    """The rest of today counts by its part; without any error of the past the range is the amount itself."""
    today = day_of(date(2026, 4, 21))

    rest = steady(10, 200).rest_of_month(today, Decimal("0.5"))

    assert rest == RestOfMonth(Decimal(95), Decimal(95), Decimal(95))


def test_each_weekday_has_its_own_median() -> None:
    """One outlier changes nothing of what is likely."""
    begin = date(2026, 1, 5)
    spent = [Decimal(1) if (begin + timedelta(days=day)).weekday() >= 5 else Decimal(10) for day in range(70)]
    spent[65] = Decimal(1000)
    today = begin + timedelta(days=70)

    rest = DailySpend(day_of(begin), spent).rest_of_month(day_of(today), ZERO)

    left = [today + timedelta(days=day) for day in range(1, (date(2026, 4, 1) - today).days)]
    assert isinstance(rest, RestOfMonth)
    assert rest.likely == sum(1 if day.weekday() >= 5 else 10 for day in left)


@pytest.mark.parametrize("times", [3, Decimal("0.5")])
def test_what_the_ends_of_months_have_in_common_is_expected_again(times: Decimal) -> None:
    """A burst, or a pause, on the last two days; of one end alone nothing follows."""
    begin = date(2026, 1, 1)
    days = [begin + timedelta(days=day) for day in range(120)]
    spent = [Decimal(10) * (times if (day + timedelta(days=2)).month != day.month else 1) for day in days]
    history = DailySpend(day_of(begin), spent)

    in_march, in_april = (history.rest_of_month(day_of(day), ZERO) for day in (date(2026, 2, 26), date(2026, 4, 28)))

    assert isinstance(in_april, RestOfMonth)
    assert in_april.likely == 2 * 10 * times
    assert isinstance(in_march, RestOfMonth)
    assert in_march.likely == 20


def test_only_days_before_count() -> None:
    """The forecast of a past day is what it would have been then."""
    spent = a_year(4)
    known = DailySpend(FIRST, spent[:100]).rest_of_month(FIRST + 100, ONE)

    assert DailySpend(FIRST, spent).rest_of_month(FIRST + 100, ONE) == known


def test_the_range_narrows_to_nothing_at_the_end_of_the_month() -> None:
    """On average over departments it is narrower each week; after the last instant nothing is to come."""
    widths = dict[int, Decimal]()
    for seed in SEEDS:
        history = DailySpend(FIRST, a_year(seed))
        for day in (1, 8, 15, 22, 30):
            rest = history.rest_of_month(day_of(date(2026, 11, day)), ONE)
            assert isinstance(rest, RestOfMonth)
            assert ZERO <= rest.low <= rest.likely <= rest.high
            widths[day] = widths.get(day, ZERO) + rest.high - rest.low

    assert sorted(widths.values(), reverse=True) == list(widths.values())
    assert history.rest_of_month(day_of(date(2026, 11, 30)), ZERO) == NOTHING


def test_without_evidence_there_is_no_forecast() -> None:
    """Three weeks are needed, and something that was spent in the last four."""
    few = steady(10, LEAST)
    nothing = DailySpend(FIRST, [Decimal(10)] * 30 + [ZERO] * 28)

    assert few.rest_of_month(FIRST + LEAST - 1, ONE) == "few_days"
    assert isinstance(few.rest_of_month(FIRST + LEAST, ONE), RestOfMonth)
    assert nothing.rest_of_month(FIRST + 58, ONE) == "nothing_spent"
    assert isinstance(nothing.rest_of_month(FIRST + 57, ONE), RestOfMonth)


def test_weeks_without_any_cost_are_no_evidence_of_errors() -> None:
    """A department that begins again is tried on the time since then; without any such time there is no range."""
    begins = DailySpend(FIRST, [Decimal(10)] + [ZERO] * 300 + [Decimal(10)] * 20)

    rest = begins.rest_of_month(FIRST + 321, ONE)

    assert begins.rest_of_month(FIRST + 302, ONE) == "nothing_spent"
    assert isinstance(rest, RestOfMonth)
    assert ZERO <= rest.low <= rest.likely <= rest.high
