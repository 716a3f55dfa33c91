"""This month's cost by department, against the charges themselves, on the real engine."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.catalog.rollups import COST_DAILY
from collector.core.cost.billing_days import day_of
from collector.core.facts.bills import StatementLine
from collector.core.live_view import DepartmentCost
from collector.reports.month import MOST_DEPARTMENTS, month_to_date
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from tests.builders import a_pod_run
from tests.core.cost.charged import charge
from tests.store.running import start

TODAY = date(2026, 11, 22)
[ONE] = charge(a_pod_run())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    yield writer
    writer.close()
    running.stop()


def month(store: Store, *charges: dict[str, Any], today: date = TODAY, most: int = MOST_DEPARTMENTS) -> Any:
    """The figures of a store that holds these charges, by department and currency."""
    for table in ("pod_cost", "cost_daily", "rollup_state", "statement_line"):
        store.command(f"TRUNCATE TABLE lynceus.{table}")
    rows = [
        replace(ONE, pod_uid=f"p{i}", **{"day": day_of(TODAY), "cost": Decimal(1), "rounded_cost": None, **one})
        for i, one in enumerate(charges)
    ]
    write_facts(store, rows)
    roll_up(store, COST_DAILY)
    found = month_to_date(lambda sql, parameters: store.query_rows(sql, dict(parameters)), today, most)
    assert all(isinstance(cost, DepartmentCost) for cost in found)
    return {(cost.department, cost.currency): cost.cost for cost in found}


def test_the_days_of_this_month_are_summed(store: Store) -> None:
    """From its first day to today, each department by itself."""
    days = [date(2026, 10, 31), date(2026, 11, 1), TODAY, date(2026, 12, 1)]
    charges = [{"department": "maps", "day": day_of(day), "cost": Decimal(10) ** i} for i, day in enumerate(days)]

    assert month(store, *charges, {"department": "slam"}) == {("maps", "USD"): 110, ("slam", "USD"): 1}
    assert month(store, *charges, today=date(2026, 12, 1)) == {("maps", "USD"): 1000}


def test_shared_costs_and_the_bills_rounding_are_in_it(store: Store) -> None:
    """What is to pay, as the report of the month has it; a department may bear a fee and use nothing."""
    line = StatementLine(
        month=day_of(TODAY.replace(day=1)),
        run=1,
        currency="USD",
        department="slam",
        kind="fee",
        what="lb",
        book="b@1",
        cluster="",
        product="",
        version=1,
        basis="even",
        weight=Decimal(1),
        whole=Decimal(7),
        amount=Decimal(7),
        rule="",
    )
    usage = replace(line, kind="usage", what="eci", amount=Decimal(100))
    month(store)
    write_facts(store, [replace(ONE, department="maps", day=day_of(TODAY), cost=Decimal(1), rounded_cost=Decimal(2))])
    write_facts(store, [line, usage, replace(line, month=line.month - 31)])
    roll_up(store, COST_DAILY)

    found = month_to_date(lambda sql, parameters: store.query_rows(sql, dict(parameters)), TODAY)

    assert [(one.department, one.cost) for one in found] == [("maps", Decimal(2)), ("slam", Decimal(7))]


def test_currencies_are_not_added(store: Store) -> None:
    """A department may have bills in two."""
    assert month(store, {"department": "maps", "currency": "USD"}, {"department": "maps", "currency": "CNY"}) == {
        ("maps", "USD"): 1,
        ("maps", "CNY"): 1,
    }


def test_an_amount_that_is_not_known_is_absent(store: Store) -> None:
    """0 would be within every budget."""
    unpriced = {"department": "slam", "cost": None}

    assert month(store, {"department": "maps"}, {"department": "maps", "cost": None}, unpriced) == {("maps", "USD"): 1}
    assert month(store, unpriced) == {}
    assert month(store) == {}


def test_the_dearest_departments_have_a_figure_of_their_own(store: Store) -> None:
    """A label that is new for each workflow must not fill Prometheus; nothing is lost of the sum."""
    charges = [{"department": f"d{i:03}", "cost": Decimal(i)} for i in range(600)]
    few = [{"department": name, "cost": Decimal(cost)} for name, cost in {"a": 5, "b": 7, "c": 1, "d": 2}.items()]
    found = month(store, *charges)

    assert month(store, *few, most=2) == {("a", "USD"): 5, ("b", "USD"): 7, ("_other", "USD"): 3}
    assert len(found) == MOST_DEPARTMENTS + 1
    assert sum(found.values()) == sum(range(600))
    assert found["_other", "USD"] == sum(range(100))


def test_departments_are_values_and_not_part_of_the_query(store: Store) -> None:
    """A name may contain quotes."""
    name = "'); DROP TABLE lynceus.pod_cost; --"

    assert month(store, {"department": name}) == {(name, "USD"): 1}
