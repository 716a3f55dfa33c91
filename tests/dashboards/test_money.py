"""The money that dashboards show, held against the reports of the same days on the real engine."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from collector.billing.rows import write_facts
from collector.catalog.rollups import COST_DAILY
from collector.core.facts.bills import Period
from collector.reports.cost import cost
from collector.store.clickhouse import Store
from collector.store.rollup import roll_up
from collector.store.schema.migrate import migrate
from dashboards import money
from tests.dashboards.paid import BEGIN_S, END_S, SPAN, charges
from tests.dashboards.viewer import Viewer
from tests.dashboards.viewer import sql as expanded
from tests.store.running import start

NOVEMBER = (date(2026, 11, 1) - date(1970, 1, 1)).days


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    yield writer
    writer.close()
    running.stop()


def shown(store: Store) -> set[tuple[Any, ...]]:
    """Amount and unpriced charges by day, department and currency, as the dashboards ask for them."""
    keys = ("day", "department", "currency")
    sql = f"""
        SELECT day, department, sum(sum_cost), currency, sum(sum_unpriced)
        FROM {money.charges(keys, ("cost", "unpriced"), *money.within("UTC", *money.PLACE))}
        GROUP BY day, department, currency
    """
    return {tuple(row) for row in store.query_rows(expanded(sql, Viewer(from_s=BEGIN_S, to_s=END_S)))}


def reported(store: Store) -> set[tuple[Any, ...]]:
    """The same of `lynceus report cost`."""
    report = cost(lambda sql, bound: store.query_rows(sql, dict(bound)), SPAN, "day,department")
    at = [report.columns.index(name) for name in ("day", "department", "exact", "currency", "unpriced pods")]
    return {tuple(row[place] for place in at) for row in report.rows}


def age(writer: Store) -> None:
    """As if all that is in the store had been there for an hour."""
    for table in ("pod_cost", "rollup_state"):
        column = "inserted_at" if table == "pod_cost" else "built_at"
        writer.command(
            f"ALTER TABLE lynceus.{table} UPDATE {column} = {column} - 3600 WHERE 1 SETTINGS mutations_sync = 1"
        )


def test_a_day_of_a_dashboard_is_the_day_of_the_report(writer: Store) -> None:
    """Digit for digit: without a rollup, with one, with rows that are newer than it, and after a month's repricing."""
    first = charges(60, "a")
    write_facts(writer, first)
    assert shown(writer) == reported(writer)

    roll_up(writer, COST_DAILY)
    age(writer)
    assert shown(writer) == reported(writer)
    before = shown(writer)

    moved = [replace(one, department="maps", version=one.version + 1) for one in first[:9]]
    write_facts(writer, [*charges(8, "late"), *moved])
    assert shown(writer) == reported(writer) != before

    write_facts(writer, [replace(one, run=2, cost=one.cost and 2 * one.cost) for one in first])
    write_facts(writer, [Period(month=NOVEMBER, version=2, active_run=2, state="open", total=None, hash="")])
    assert shown(writer) == reported(writer)
    assert sum(row[2] for row in shown(writer) if row[2]) == 2 * sum((one.cost or Decimal(0)) for one in first)


def test_days_that_the_rollup_holds_are_not_read_from_rows(writer: Store) -> None:
    """What was rolled up is what is shown: months of dashboards do not depend on the number of pods."""
    writer.command("TRUNCATE TABLE lynceus.pod_cost")
    writer.command("TRUNCATE TABLE lynceus.period")
    write_facts(writer, charges(12, "b"))
    roll_up(writer, COST_DAILY)
    age(writer)
    expected = shown(writer)
    writer.command("TRUNCATE TABLE lynceus.pod_cost")

    assert expected
    assert shown(writer) == expected
