"""The figures of the page about money, held against `lynceus report cost` of the same days on the real engine."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from collector.billing.rows import write_facts
from collector.catalog.rollups import COST_DAILY
from collector.core.cost.billing_days import day_of
from collector.core.facts.bills import StatementLine
from collector.reports.cost import cost
from collector.reports.report import Report, Span
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from dashboards.cost_sql import LATEST_DAYS, Statements
from tests.dashboards.paid import BEGIN_S, END_S, SPAN, charges
from tests.dashboards.viewer import Viewer
from tests.dashboards.viewer import sql as expanded
from tests.reports.engine import holding
from tests.reports.stored import a_run
from tests.store.running import start

Rows = list[tuple[Any, ...]]
FOUND = Statements("UTC")
TODAY = date(2026, 11, 22)


class PaidStore:
    """A store with charges, some of them newer than the rollup, as dashboards and as reports read it."""

    def __init__(self, query: Callable[..., Any]) -> None:
        self._query = query

    def shown(self, sql: str) -> Rows:
        """Rows of a panel for the chosen time."""
        return [tuple(row) for row in self._query(expanded(sql, Viewer(from_s=BEGIN_S, to_s=END_S)))]

    def report(self, by: str, span: Span = SPAN) -> Report:
        """The report of the same days."""
        return cost(lambda sql, bound: self._query(sql, dict(bound)), span, by)

    def reported(self, by: str, *names: str, span: Span = SPAN) -> Rows:
        """Some columns of the report, dearest first."""
        report = self.report(by, span)
        at = [report.columns.index(name) for name in names]
        return [tuple(row[place] for place in at) for row in report.rows]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaidStore]:
    running = start(tmp_path_factory.mktemp("engine"))
    writer, reader = running.writer(), running.reader()
    migrate(writer)
    many = [
        charges(40, seed, template=seed, workflow_uid=f"w-{seed}", workflow_name=seed, class_=use)
        for seed, use in (("fit", "useful"), ("load", "failed"))
    ]
    write_facts(writer, many[0])
    roll_up(writer, COST_DAILY)
    write_facts(writer, many[1])
    write_facts(writer, [a_run("w-fit", template="fit"), a_run("w-load", outcome="failed")])
    writer.close()
    yield PaidStore(lambda sql, bound=None: reader.query_rows(sql, bound or {}))
    reader.close()
    running.stop()


def a_line(department: str, kind: str, amount: str, what: str = "gateway") -> StatementLine:
    return StatementLine(
        month=day_of(date(2026, 11, 1)),
        run=1,
        currency="USD",
        department=department,
        kind=kind,
        what=what,
        book="ours@1",
        cluster="c1",
        product="alibaba-eci",
        version=1,
        basis="even",
        weight=Decimal(1),
        whole=Decimal(1),
        amount=Decimal(amount),
        rule="",
    )


def same(shown: Rows, reported: Rows) -> None:
    """Equal but for the order of rows; amounts of a panel are floats, those of a report exact."""
    assert shown
    assert sorted(map(_rounded, shown), key=str) == sorted(map(_rounded, reported), key=str)


def _rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(f"{value:.9f}" if isinstance(value, Decimal | float) else value for value in row)


def test_what_was_spent_is_the_report(store: PaidStore) -> None:
    """By currency, by day and department, and by product: the days of the chosen time are whole."""
    same([row[1:] for row in store.shown(FOUND.spent())], store.reported("", "currency", "exact"))
    by_day = [
        (str(day), f"{payer} {currency}", spent)
        for day, payer, currency, spent in store.reported("day,department", "day", "department", "currency", "exact")
        if spent is not None
    ]
    same(store.shown(FOUND.by_day()), by_day)
    assert store.shown(FOUND.unpriced()) == [(sum(row[0] for row in store.reported("", "unpriced pods")),)]
    shapes = [
        (f"{product} {purchase} {currency}", spent)
        for product, purchase, currency, spent in store.reported(
            "product,purchase", "product", "purchase", "currency", "exact"
        )
        if spent is not None
    ]
    same([row[1:] for row in store.shown(FOUND.shapes())], shapes)


def test_what_the_money_was_for_is_the_report(store: PaidStore) -> None:
    """The classes are those of the report's second table, and sum to what was spent."""
    second = store.report("").parts[0]
    expected: dict[str, Decimal] = {}
    for row in second.rows:
        named = dict(zip(second.columns, row, strict=True))
        for use, amount in named.items():
            if use != "currency" and amount:
                expected[f"{use} {named['currency']}"] = amount
    shown: dict[str, float] = {}
    for _, name, spent in store.shown(FOUND.by_use()):
        shown[name] = shown.get(name, 0) + spent

    assert shown == pytest.approx({name: float(amount) for name, amount in expected.items()})
    assert {name.split()[0] for name in shown} == {"pending", "useful", "failed"}


def test_a_template_has_the_price_of_a_success(store: PaidStore) -> None:
    """What all its attempts cost, for each success; without a success there is no price."""
    names = ("template", "exact", "currency", "pods", "workflows", "succeeded", "cost per success")
    shown = [row[:7] for row in store.shown(FOUND.templates())]

    same(shown, store.reported("template", *names))
    assert {(row[0], row[6] is None) for row in shown} == {("fit", False), ("load", True)}
    second = store.report("template").parts[0]
    places = [second.columns.index(name) for name in ("template", "pending", "currency")]
    paid = [tuple(row[place] for place in places) for row in second.rows]
    same([row[:3] for row in store.shown(FOUND.pending())], paid)


def test_a_workflow_costs_as_much_as_in_the_report(store: PaidStore) -> None:
    """In the last days of the chosen time, since the rollup knows no single workflow."""
    last = Span(date(2026, 11, 24 - LATEST_DAYS), date(2026, 11, 24))
    names = ("workflow", "department", "exact", "currency")
    shown: dict[tuple[str, ...], float] = {}
    for name, _, _, department, spent, currency, *_ in store.shown(FOUND.workflows()):
        key = (name, department, currency)
        shown[key] = shown.get(key, 0) + (spent or 0)

    assert shown == pytest.approx(
        {
            (name, department, currency): float(spent or 0)
            for name, department, spent, currency in store.reported("workflow,department", *names, span=last)
        }
    )


def test_charges_without_a_price_are_listed(store: PaidStore) -> None:
    """They are in no sum, so that the page must say how many there are, and by which rule."""
    lacking = [row for row in store.shown(FOUND.guesses()) if row[0] == "no price"]
    last = Span(date(2026, 11, 24 - LATEST_DAYS), date(2026, 11, 24))

    assert sum(row[4] for row in lacking) == sum(row[0] for row in store.reported("", "unpriced pods", span=last))
    assert {row[5] for row in lacking} == {None}


def test_a_share_is_of_the_money(store: PaidStore) -> None:
    """In the currency where it is most; all of it has a department here."""
    spent = {
        (template, currency): cost
        for template, currency, cost in store.reported("template", "template", "currency", "exact")
    }
    of_load = [spent["load", code] / (spent["load", code] + spent["fit", code]) for code in ("USD", "CNY")]

    assert store.shown(FOUND.shares()) == [(0.0, pytest.approx(float(max(of_load))))]


def month(store: PaidStore, today: date) -> dict[str, float | None]:
    """The calendar month as it was shown on a day."""
    sql = FOUND.month().replace("toDate(now(), 'UTC')", f"toDate('{today}')")
    return {what: amount for _, what, amount in store.shown(sql)}


def test_a_month_goes_on_like_its_whole_days(store: PaidStore) -> None:
    """The first day of a young store and today are not whole days; a month that is over is its own forecast."""
    whole = Span(date(2026, 11, 1), date(2026, 12, 1))
    spent = {
        day: float(amount)
        for day, currency, amount in store.reported("day", "day", "currency", "exact", span=whole)
        if currency == "USD"
    }
    so_far = sum(spent.values())
    mean = spent[date(2026, 11, 21)]

    assert sorted(spent) == [date(2026, 11, day) for day in (20, 21, 22, 23)]
    shown = month(store, TODAY)
    assert shown["to date USD"] == pytest.approx(so_far)
    assert shown["forecast USD"] == pytest.approx(so_far + max(mean - spent[TODAY], 0) + 8 * mean)
    assert month(store, date(2026, 11, 20))["forecast USD"] is None
    assert month(store, date(2026, 12, 3))["forecast USD"] == pytest.approx(so_far)


def test_what_is_to_pay_is_the_statement(tmp_path: Path) -> None:
    """By department and kind, of whole months; a vanished line is in no bar."""
    lines = [
        a_line("maps", "fee", "2"),
        a_line("maps", "fee", "0.5", what="nat"),
        a_line("sre", "fee", "0.5"),
        a_line("maps", "usage", "1"),
        a_line("sre", "usage", "0"),
    ]
    with holding(tmp_path, lines) as query:
        shown = PaidStore(lambda sql: query(sql, {})).shown(FOUND.to_pay())

    assert shown == [("maps USD", "fee", 2.5), ("maps USD", "usage", 1.0), ("sre USD", "fee", 0.5)]
