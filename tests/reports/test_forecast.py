"""The forecast of a month and the states of budgets, on the real engine, against the cost report."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from collector.access.scope import ALL, of_departments
from collector.core.cost.billing_days import day_of
from collector.core.cost.budget import BUDGET_COLUMNS, Budget
from collector.core.facts.bills import MonthStatement, PodCost, StatementLine
from collector.core.model import Fact
from collector.reports.budgets import budget_states, budgets_report, visible
from collector.reports.cost import cost
from collector.reports.cost_columns import COLUMNS
from collector.reports.filters import parse_filters
from collector.reports.forecast import forecast, forecast_report
from collector.reports.report import NotPermittedError, Query, ReportError, Span
from tests.builders import a_pod_run
from tests.core.cost.charged import charge
from tests.reports.engine import holding

ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 20, 12, tzinfo=ZONE)
TODAY = NOW.date()
MONTH = date(2026, 11, 1)
WHOLE = Span(MONTH, date(2026, 12, 1))
[ONE] = charge(a_pod_run())
FEE = StatementLine(
    month=day_of(MONTH),
    run=1,
    currency="USD",
    department="maps",
    kind="fee",
    what="lb",
    book="b@1",
    cluster="c1",
    product=ONE.product,
    version=1,
    basis="even",
    weight=Decimal(1),
    whole=Decimal(39),
    amount=Decimal("19.5"),
    rule="",
)


def charged(name: str, day: date, **changes: Any) -> PodCost:
    """A charge of a day."""
    return replace(ONE, **{"pod_uid": name, "day": day_of(day), "cost": Decimal(1), "rounded_cost": None, **changes})


def facts() -> Iterator[Fact]:
    """Ten weeks of two departments, one of them with a fee, and others that have too little, nothing, or no price."""
    for ago in range(71):
        day = TODAY - timedelta(days=ago)
        part = Decimal("0.5") if not ago else Decimal(1)
        yield charged(f"maps-{ago}", day, department="maps", project="tiles", cost=10 * part, rounded_cost=11 * part)
        yield charged(f"sim-{ago}", day, department="sim", project="tiles", cost=3 * part)
        if ago > 30:
            yield charged(f"old-{ago}", day, department="old")
    yield charged("new", TODAY, department="new")
    yield charged("free", TODAY, department="free", cost=None)
    yield charged("yuan", TODAY, department="yuan", currency="CNY")
    yield FEE
    yield replace(FEE, department="sim", kind="bill", what="oss")
    yield MonthStatement(
        month=day_of(MONTH),
        run=1,
        version=1,
        complete_until=int(NOW.timestamp() * 1000),
        books=[],
        rules="",
        unpriced=0,
        accruing=0,
        notes=[],
    )


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    with holding(tmp_path_factory.mktemp("engine"), list(facts())) as questions:
        yield questions


def paid(query: Query, *where: str, by: str = "") -> dict[tuple[Any, ...], Any]:
    """What the cost report has to pay, by keys and currency."""
    report = cost(query, WHOLE, by, filters=parse_filters(where, COLUMNS))
    at, keys = (
        report.columns.index("to pay"),
        len(report.columns) - len(report.columns[report.columns.index("to pay") :]),
    )
    return {(*row[:keys], row[report.columns.index("currency")]): row[at] for row in report.rows}


def test_to_date_is_what_the_cost_report_has_to_pay(query: Query) -> None:
    """To the last digit, shared costs included, for everything, by columns, and with filters."""
    assert {(one.currency,): one.to_date for one in forecast(query, MONTH, NOW)} == paid(query)
    by = {(*one.keys, one.currency): one.to_date for one in forecast(query, MONTH, NOW, ["department"])}
    assert by == paid(query, by="department") | {("old", "USD"): 0}
    filters = parse_filters(["project=tiles"], COLUMNS)
    assert [one.to_date for one in forecast(query, MONTH, NOW, (), filters)] == [*paid(query, "project=tiles").values()]


def test_the_rest_is_what_each_day_cost_and_fees_go_on(query: Query) -> None:
    """Half of today and ten days: 11 each. The fee of 19.5 days goes on until the thirtieth; an item of a bill does not."""
    found = {one.keys[0]: one for one in forecast(query, MONTH, NOW, ["department"])}

    maps, sim = found["maps"], found["sim"]
    assert maps.to_date == Decimal("19.5") * 11 + Decimal("19.5")
    assert maps.low == maps.likely == maps.high == 330 + 30
    assert sim.likely == 90 + Decimal("19.5")
    assert (maps.days_left, maps.until, maps.why) == (10, "2026-11-20 12:00 UTC", "")


def test_without_evidence_the_forecast_is_unknown(query: Query) -> None:
    """It is neither 0 nor the amount to date, and the report says why."""
    found = {one.keys[0]: one for one in forecast(query, MONTH, NOW, ["department"])}

    assert {name: found[name].why for name in ("new", "old", "free", "yuan")} == {
        "new": "few_days",
        "old": "nothing_spent",
        "free": "no_price",
        "yuan": "few_days",
    }
    assert all(found[name].likely is None for name in ("new", "old", "free", "yuan"))
    assert (found["free"].to_date, found["free"].unpriced) == (None, 1)
    report = forecast_report(query, MONTH, NOW, "department")
    assert "fewer than three weeks of history" in {row[-1] for row in report.rows}


def test_a_month_that_is_over_is_its_own_forecast(query: Query) -> None:
    """And one that has not begun has none."""
    [dollars] = (one for one in forecast(query, date(2026, 10, 1), NOW) if one.currency == "USD")

    assert dollars.low == dollars.likely == dollars.high == dollars.to_date
    assert dollars.days_left == 0
    assert "nothing is to come" in forecast_report(query, date(2026, 10, 1), NOW).notes[-2]
    with pytest.raises(ReportError, match="2026-12 has not begun"):
        forecast(query, date(2026, 12, 1), NOW)


def a_budget(amount: int, currency: str = "USD", **where: str) -> Budget:
    """A budget on some columns."""
    return Budget(
        name=" ".join(where.values()) or "all",
        where=tuple(where.items()),
        amount=Decimal(amount),
        currency=currency,
        actual=(80, 100),
        forecast=(100,),
    )


def test_used_is_what_the_cost_report_has_to_pay(query: Query) -> None:
    """Of the same rows, also on several columns, and of everything."""
    budgets = [a_budget(1000, department="maps"), a_budget(1000, project="tiles", department="sim"), a_budget(1000)]

    used = [one.used for one in budget_states(query, budgets, NOW)]

    assert used == [
        paid(query, "department=maps")["USD",],
        paid(query, "project=tiles", "department=sim")["USD",],
        paid(query)["USD",],
    ]


@pytest.mark.parametrize(
    ("amount", "state", "actual", "day"),
    [
        (1000, "ok", (), None),
        (361, "ok", (), None),
        (360, "forecast", (), date(2026, 11, 30)),
        (285, "forecast", (80,), date(2026, 11, 24)),
        (234, "passed", (80, 100), None),
    ],
)
def test_states_follow_the_amounts(query: Query, amount: int, state: str, actual: tuple[int, ...], day: date) -> None:
    """234 is used, and 360 is likely."""
    [found] = budget_states(query, [a_budget(amount, department="maps")], NOW)

    assert (found.state, found.actual, found.passes_on) == (state, actual, day)
    assert found.left == amount - 234


def test_what_is_not_known_is_stated(query: Query) -> None:
    """No price, another currency, no history; nothing that is spent is 0."""
    budgets = [
        a_budget(9, department="free"),
        a_budget(9, department="yuan"),
        a_budget(9, department="idle"),
        a_budget(9, "CNY", department="yuan"),
    ]

    found = budget_states(query, budgets, NOW)

    assert [(one.state, one.used, one.why) for one in found] == [
        ("unknown", None, "no_price"),
        ("unknown", None, "other_currency"),
        ("ok", Decimal(0), "few_days"),
        ("ok", Decimal(1), "few_days"),
    ]
    [before] = budget_states(query, budgets[2:3], NOW, date(2026, 9, 1))
    assert (before.likely, before.why, before.days_left) == (Decimal(0), "", 0)


def test_the_report_has_a_row_for_each_budget_that_is_valid(query: Query) -> None:
    """In the order of the settings."""
    ended = replace(a_budget(5), name="ended", end=MONTH)

    report = budgets_report(query, [a_budget(360, department="maps"), ended], NOW)

    assert [row[:4] for row in report.rows] == [("maps", "forecast to pass", 234, 360)]
    assert "no budget is set" in budgets_report(query, [], NOW).notes[0]
    assert "1 charges have no known price" in budgets_report(query, [a_budget(9, department="free")], NOW).notes[1]


def test_a_reader_of_departments_sees_no_sums_that_lack_rows(query: Query) -> None:
    """A budget of a project, or of another department, would have too little used, and seem to be kept."""

    def restricted(sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        if "hash" in sql:
            raise NotPermittedError("of all departments")
        return query(sql, parameters)

    budgets = [a_budget(360, department="maps"), a_budget(360, department="other"), a_budget(9, project="tiles")]

    assert [row[0] for row in budgets_report(restricted, budgets, NOW).rows] == ["maps"]
    assert len(budgets_report(query, budgets, NOW).rows) == 3


def test_budgets_may_be_about_columns_of_the_cost_report() -> None:
    """The settings know names of the cost report alone."""
    assert {*BUDGET_COLUMNS} <= {*COLUMNS}


def test_a_scope_sees_budgets_of_its_departments_alone() -> None:
    """A project may be of several departments: its sum is not that of the rows that one of them may read."""
    budgets = [a_budget(1, department="maps"), a_budget(1, department="sim"), a_budget(1, project="tiles"), a_budget(1)]

    assert visible(budgets, ALL) == budgets
    assert visible(budgets, of_departments(["maps"])) == budgets[:1]
