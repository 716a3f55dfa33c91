"""
A month's bill for its page is what the commands print, to the last digit: priced by the real code, read from the real engine.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from collector.core.cost.billing_days import day_of
from collector.core.cost.budget import Budget
from collector.core.facts.bills import MonthStatement, Period, StatementLine
from collector.core.model import Fact
from collector.core.units import ZERO
from collector.prices import book
from collector.reports.cost import cost
from collector.reports.month_bill import BREAKDOWNS, WASTED, MonthAmounts, MonthPlace
from collector.reports.month_outlook import read_outlook
from collector.reports.month_report import read_month_report
from collector.reports.questions import compare_cost
from collector.reports.report import Query, Report, Span
from tests.builders import at
from tests.reports.engine import holding
from tests.reports.test_comparison_causes import DEARER, FLEET, SPOT, work

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
TODAY = date(2026, 11, 24)
PLACES = [
    MonthPlace(month=month, department=name, today=TODAY)
    for month, name in ((NOVEMBER, ""), (NOVEMBER, "maps"), (OCTOBER, "maps"), (NOVEMBER, "unallocated"))
]
NAMES = [f"{place.month:%B}-{place.department or 'all'}" for place in PLACES]


def a_fee(month: date, department: str, amount: str, currency: str = "USD") -> StatementLine:
    """A part of the load balancer's fee."""
    return StatementLine(
        month=day_of(month),
        run=1,
        currency=currency,
        department=department,
        kind="fee",
        what="load-balancer",
        book="ours@1",
        cluster="c1" if department else "",
        product="alibaba-eci" if department else "",
        version=1,
        basis="proportional",
        weight=Decimal(3),
        whole=Decimal(9),
        amount=Decimal(amount),
        rule="load-balancer",
    )


def the_facts(folder: Path) -> Iterator[Fact]:
    """Two months of two departments, what belongs to none, fees, a pod without a price, and a second currency."""
    (folder / "dearer.yaml").write_text(DEARER, encoding="utf-8")
    books = book.load(["alibaba-eci", "alibaba-acs", "dearer.yaml", str(FLEET)], folder)
    for begin, runs, retried in ((at("2026-10-02T08:00:00"), 20, 4), (at("2026-11-02T08:00:00"), 30, 9)):
        yield from work(books, "n1", begin, runs=runs, retried=retried, department="maps")
        yield from work(books, "n2", begin, runs=5, department="autonomy", pricing=SPOT)
        nobodys = list(work(books, "n3", begin, runs=3, retried=1, department="autonomy", main_s=runs * 60))
        yield from (replace(charge, department="") for charge in nobodys)
        yield replace(
            nobodys[0], pod_uid=f"unpriced-{begin}", cost=None, cost_pending=None, rounded_cost=None, department="maps"
        )
        yield replace(nobodys[0], pod_uid=f"yuan-{begin}", currency="CNY", department="maps")
    for month, amounts in ((OCTOBER, ("1.5", "0.25")), (NOVEMBER, ("4.25", "0.1"))):
        yield a_fee(month, "maps", amounts[0])
        yield a_fee(month, "", amounts[1])
    yield MonthStatement(
        month=day_of(NOVEMBER),
        run=1,
        version=1,
        complete_until=at("2026-11-24T02:59:00"),
        books=[],
        rules="",
        unpriced=1,
        accruing=0,
        notes=[],
    )
    yield Period(
        month=day_of(OCTOBER),
        version=1,
        active_run=1,
        state="locked",
        total=None,
        hash="",
        totals={},
        late_run=0,
        billed={},
        statement_hash="abcdef",
        accepted={},
    )


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    """The store with both months."""
    folder = tmp_path_factory.mktemp("months")
    with holding(folder, list(the_facts(folder))) as store:
        yield store


def printed(query: Query, place: MonthPlace, span: Span, by: str) -> Report:
    """What `lynceus report cost` has."""
    return cost(query, span, by, filters=place.filters)


def column(report: Report, name: str, currency: str) -> dict[str, Decimal]:
    """A column of a report's rows in one currency, by what the first column says."""
    place, of = report.columns.index(name), report.columns.index("currency")
    return {str(row[0]): row[place] for row in report.rows if row[of] == currency}


def amounts_of(query: Query, place: MonthPlace, currency: str = "USD") -> MonthAmounts:
    """A month's bill in one currency, without why it is more."""
    report = read_month_report(query, place, why=False)
    return next(one for one in report.amounts if one.currency == currency)


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_what_is_to_pay_is_what_the_command_prints(query: Query, place: MonthPlace) -> None:
    """To pay, exact, shared, pods and what it was spent on, in every currency."""
    report = read_month_report(query, place, why=False)
    whole = printed(query, place, place.span, "")
    spent = whole.parts[0]

    rows = [dict(zip(whole.columns, row, strict=True)) for row in whole.rows]
    assert {one.currency for one in report.amounts} == {row["currency"] for row in rows}
    for one in report.amounts:
        known = next(row for row in rows if row["currency"] == one.currency)
        assert (one.to_pay, one.exact, one.shared) == (known["to pay"], known["exact"], known["shared"])
        assert (one.pods, one.unpriced) == (known["pods"], known["unpriced pods"])
        parts = next(row for row in spent.rows if row[spent.columns.index("currency")] == one.currency)
        shown = dict(zip(spent.columns, parts, strict=True))
        assert dict(one.spent_on) == {name: shown[name] for name in one.spent_on}
        assert one.rounding == shown["rounding"]
        assert one.waste == sum(shown[name] for name in WASTED)


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_breakdowns_are_what_the_command_prints(query: Query, place: MonthPlace) -> None:
    """The rows of every column are those of `--by`, and sum to what is to pay."""
    names = BREAKDOWNS if place.department else ("department", *BREAKDOWNS)
    for one in read_month_report(query, place, why=False).amounts:
        assert set(one.breakdowns) == set(names)
        for name in names:
            table = printed(query, place, place.span, name)
            rows = one.breakdowns[name]
            assert {row.name: row.to_pay for row in rows} == column(table, "to pay", one.currency)
            assert {row.name: row.shared for row in rows} == column(table, "shared", one.currency)
            assert sum(row.to_pay or ZERO for row in rows) == one.to_pay


@pytest.mark.parametrize("place", PLACES, ids=NAMES)
def test_days_are_what_the_command_prints(query: Query, place: MonthPlace) -> None:
    """The days of this month and of the month before, and what was to pay by the same day of it."""
    one = amounts_of(query, place)
    assert {str(day): amount for day, amount in one.days.items()} == column(
        printed(query, place, place.span, "day"), "to pay", "USD"
    )
    if place.month == OCTOBER:
        assert one.before is None
        assert one.by_ended_days == one.to_pay
        return
    assert one.before is not None
    whole, until = place.before, Span(OCTOBER, date(2026, 10, 24))
    assert one.before.to_pay == next(iter(column(printed(query, place, whole, ""), "to pay", "USD").values()))
    assert {str(day): amount for day, amount in one.before.days.items()} == column(
        printed(query, place, whole, "day"), "to pay", "USD"
    )
    assert one.before.by_same_day == sum(column(printed(query, place, until, "day"), "to pay", "USD").values())


@pytest.mark.parametrize("today", [TODAY, date(2026, 12, 2)], ids=["while-it-runs", "when-it-is-over"])
@pytest.mark.parametrize("department", ["", "maps"], ids=["all", "maps"])
def test_why_it_is_more_is_what_the_command_prints(query: Query, today: date, department: str) -> None:
    """The parts of the difference, of as many days of the month before, or of the whole month before."""
    place = MonthPlace(month=NOVEMBER, department=department, today=today)
    assert place.compared is not None
    report = compare_cost(query, place.compared[1], "same-days", "", filters=place.filters)
    found = {one.currency: one.difference for one in read_month_report(query, place).amounts}

    assert set(found) == {row[-1] for row in report.rows}
    for row in report.rows:
        known, one = dict(zip(report.columns, row, strict=True)), found[row[-1]]
        assert one is not None
        assert (one.before, one.after, one.difference) == (known["before"], known["after"], known["difference"])
        assert {name: known[name] for name in one.parts} == dict(one.parts)
        assert [mover.mover for mover in one.movers] == sorted(
            (mover.mover for mover in one.movers), key=lambda mover: -abs(mover.amount)
        )


@pytest.mark.parametrize(
    ("month", "today", "before", "after"),
    [
        (NOVEMBER, TODAY, (OCTOBER, date(2026, 10, 24)), (NOVEMBER, TODAY)),
        (NOVEMBER, date(2026, 12, 1), (OCTOBER, NOVEMBER), (NOVEMBER, date(2026, 12, 1))),
        (
            date(2026, 3, 1),
            date(2026, 3, 31),
            (date(2026, 2, 1), date(2026, 3, 1)),
            (date(2026, 3, 1), date(2026, 3, 31)),
        ),
        (
            date(2026, 2, 1),
            date(2026, 4, 1),
            (date(2026, 1, 1), date(2026, 2, 1)),
            (date(2026, 2, 1), date(2026, 3, 1)),
        ),
    ],
    ids=["runs", "is-over", "before-is-shorter", "before-is-longer"],
)
def test_what_is_compared(month: date, today: date, before: tuple[date, date], after: tuple[date, date]) -> None:
    """Days that have ended with as many of the month before, and whole months with whole months."""
    assert MonthPlace(month=month, today=today).compared == (Span(*before), Span(*after))


def test_nothing_is_compared_on_the_first_day(query: Query) -> None:
    """No day has ended: no change, and no difference."""
    report = read_month_report(query, MonthPlace(month=NOVEMBER, today=NOVEMBER))

    assert [(one.change, one.by_ended_days, one.difference) for one in report.amounts] == [(None, None, None)] * 2


def test_what_the_bill_stands_on(query: Query) -> None:
    """State, run, hash, and until when it is complete, in the billing time zone."""
    october, november, september = (
        read_month_report(query, MonthPlace(month=month, today=TODAY, zone="Asia/Shanghai"), why=False)
        for month in (OCTOBER, NOVEMBER, date(2026, 9, 1))
    )

    assert (october.state.state, october.state.hash, october.complete_until) == ("locked", "abcdef", None)
    assert (november.state.state, november.state.run) == ("estimate", 1)
    assert november.complete_until == datetime(2026, 11, 24, 2, 59, tzinfo=UTC)
    assert f"{november.complete_until:%H:%M}" == "10:59"
    assert (september.state.state, september.amounts) == ("estimate", ())
    assert september.months == (NOVEMBER, date(2026, 9, 1))


def test_waste_names_the_template(query: Query) -> None:
    """What was lost, for which reason, and where most of it was."""
    one = amounts_of(query, MonthPlace(month=NOVEMBER, today=TODAY))

    assert [part.money_class for part in one.wasted] == ["retried", "pending"]
    assert one.wasted[0].template == "t-n1"
    assert sum(part.amount for part in one.wasted) == one.waste


def test_what_is_shared(query: Query) -> None:
    """The lines of shared costs sum to the part of them that is to pay."""
    for place in PLACES:
        one = amounts_of(query, place)
        assert sum(item.amount for item in one.shared_items) == one.shared


def test_what_belongs_to_none(query: Query) -> None:
    """A reader of everything has the amount of the whole; of one department there is no such figure."""
    everything = MonthPlace(month=NOVEMBER, today=TODAY)
    own = amounts_of(query, MonthPlace(month=NOVEMBER, today=TODAY, department="unallocated"))
    for_some = read_month_report(query, everything, of_all=False, why=False)

    assert amounts_of(query, everything).unallocated == own.to_pay
    assert own.unallocated is None
    assert {one.unallocated for one in for_some.amounts} == {None}


def test_the_outlook_is_of_the_same_bill(query: Query) -> None:
    """The forecast begins with what is to pay, and so does the budget of the department; others' budgets are not read."""
    place = MonthPlace(month=NOVEMBER, today=TODAY, department="maps")
    budgets = [
        Budget(
            name=name, where=(("department", name),), amount=Decimal(2), currency="USD", actual=(80,), forecast=(100,)
        )
        for name in ("maps", "autonomy")
    ]
    outlook = read_outlook(query, place, datetime(2026, 11, 24, 3, tzinfo=ZoneInfo("UTC")), budgets)
    to_pay = amounts_of(query, place).to_pay
    forecast, own = outlook.forecast_of("USD"), outlook.own_budget(place, "USD")

    assert forecast is not None
    assert own is not None
    assert forecast.to_date == own.used == to_pay
    assert [one.budget.name for one in outlook.budgets] == ["maps"]
    assert (
        read_outlook(query, MonthPlace(month=NOVEMBER, today=OCTOBER), datetime(2026, 10, 1, tzinfo=UTC)).forecasts
        == ()
    )
