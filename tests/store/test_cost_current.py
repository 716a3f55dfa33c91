"""The view that every bill is read from."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from collector.catalog.bills import PERIOD, POD_COST
from collector.catalog.schema import Table
from collector.store.clickhouse import Store

SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)


@pytest.fixture
def store(writer: Store) -> Store:
    for table in (POD_COST, PERIOD):
        writer.command(f"TRUNCATE TABLE lynceus.{table.name}")
    return writer


def charge(pod: str, cost: str, day: date = SEPTEMBER, **more: Any) -> dict[str, Any]:
    return {"pod_uid": pod, "cost": Decimal(cost), "day": day, "run": 1, "version": 1, "created_at": 1, **more}


def keep(store: Store, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Inserts each row by itself, so that nothing is merged yet."""
    for row in rows:
        full = [row.get(column.name, _nothing(column.type)) for column in table.stored]
        store.insert(table, [full], repr(row))


def _nothing(column_type: str) -> object:
    if column_type.startswith("Nullable"):
        return None
    if column_type.startswith("Array"):
        return []
    if column_type.startswith("Map"):
        return {}
    return "" if "String" in column_type else 0


def current(store: Store) -> Iterable[tuple[Any, ...]]:
    return store.query_rows("SELECT pod_uid, run, cost FROM lynceus.cost_current ORDER BY pod_uid")


def test_one_row_per_key_before_any_merge(store: Store) -> None:
    """A charge rewritten hourly counts once, with its highest version, before any merge has run."""
    keep(store, POD_COST, [charge("a", "1", version=1), charge("a", "3", version=3), charge("a", "2", version=2)])

    assert current(store) == [("a", 1, Decimal(3))]


def test_a_month_without_a_period_uses_run_one(store: Store) -> None:
    """The first bill needs no declaration."""
    keep(store, POD_COST, [charge("a", "1"), charge("b", "9", run=2)])

    assert current(store) == [("a", 1, Decimal(1))]


def test_repricing_counts_when_the_pointer_moves(store: Store) -> None:
    """A new run is written beside the old one; the month's pointer switches all of that month at once."""
    keep(store, POD_COST, [charge("a", "1"), charge("a", "2", run=2), charge("b", "5", day=OCTOBER)])
    keep(store, PERIOD, [{"month": SEPTEMBER, "active_run": 1, "version": 1}])
    assert current(store) == [("a", 1, Decimal(1)), ("b", 1, Decimal(5))]

    keep(store, PERIOD, [{"month": SEPTEMBER, "active_run": 2, "version": 2}])
    assert current(store) == [("a", 2, Decimal(2)), ("b", 1, Decimal(5))]


def test_corrections_are_separate_rows(store: Store) -> None:
    """A correction of a locked month is a further entry, booked on a day of the open month, and is summed with it."""
    keep(store, POD_COST, [charge("a", "10"), charge("a", "-1", entry=1, day=OCTOBER)])

    assert store.query_rows("SELECT sum(cost) FROM lynceus.cost_current") == [(Decimal(9),)]


def test_one_pointer_is_read_for_all_shards(store: Store) -> None:
    """Each shard would read its own replica of the months, and a sum would be of two runs while one of them lags."""
    ((made,),) = store.query_rows(
        "SELECT create_table_query FROM system.tables WHERE database = 'lynceus' AND name = 'cost_current'"
    )

    subqueries = re.findall(r"([A-Z ]*?\bIN) \(SELECT month", made.replace("\n", " "))
    assert len(subqueries) == 2
    assert all("GLOBAL" in operator for operator in subqueries), subqueries
