"""A recording through the pipeline into the real engine: reports and sums on what it stored."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from collector.core.facts.bills import PodCost
from collector.core.model import Fact
from collector.reports import cost, queue, success
from collector.reports.cost_columns import COLUMNS as COST_COLUMNS
from collector.reports.report import Query, ReportError, Span
from collector.store.clickhouse import Store
from collector.store.schema.migrate import migrate
from tests.store.filling import insert_facts, recorded_facts
from tests.store.running import start

SPAN = Span(date(2026, 11, 22), date(2026, 11, 23))
"""The day on which `basics` was recorded."""
COLUMNS = ("exact", "unpriced pods", "pods")


@pytest.fixture(scope="module")
def facts() -> list[Fact]:
    """All that follows from the recording."""
    return list(recorded_facts())


@pytest.fixture(scope="module")
def store(facts: list[Fact], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The engine with those facts in it, inserted twice."""
    running = start(tmp_path_factory.mktemp("engine"))
    writer = running.writer()
    migrate(writer)
    for attempt in ("first", "again"):
        insert_facts(writer, facts, attempt)
    writer.close()
    reader = running.reader()
    yield reader
    reader.close()
    running.stop()


def newest_charges(facts: list[Fact]) -> list[PodCost]:
    """One charge a key, the highest version, as the table must show them."""
    newest: dict[tuple[Any, ...], PodCost] = {}
    for fact in facts:
        if isinstance(fact, PodCost):
            key = (fact.pod_uid, fact.run, fact.day, fact.entry)
            if key not in newest or newest[key].version <= fact.version:
                newest[key] = fact
    return list(newest.values())


def test_the_engine_sums_to_the_last_digit(facts: list[Fact], store: Store) -> None:
    """The sum of cost_current is Python's sum of the newest charges, exactly, though every row went in twice."""
    expected = sum((c.cost for c in newest_charges(facts) if c.cost is not None), Decimal(0))

    assert store.query_rows("SELECT sum(cost) FROM lynceus.cost_current") == [(expected,)]


def test_departments_add_up_to_the_whole(facts: list[Fact], store: Store) -> None:
    """The report's lines sum to its total, and every priced and unpriced charge is in exactly one line."""
    report = cost.cost(in_database(store), SPAN, "department")
    charges = newest_charges(facts)

    exact, unpriced, pods = ([row[report.columns.index(name)] for row in report.rows] for name in COLUMNS)
    assert sum(cost or Decimal(0) for cost in exact) == sum((c.cost for c in charges if c.cost is not None), Decimal(0))
    assert sum(unpriced) == sum(c.cost is None for c in charges)
    assert sum(pods) == len({c.pod_uid for c in charges})
    assert "complete: no gap in any watch" in report.notes


@pytest.mark.parametrize("by", ["", *COST_COLUMNS])
def test_cost_can_be_grouped_by_every_column(store: Store, by: str) -> None:
    """Each column that the help names is one the engine knows."""
    assert cost.cost(in_database(store), SPAN, by).rows


@pytest.mark.parametrize("by", ["", *queue.COLUMNS])
def test_queue_and_success_can_be_grouped_by_every_column(store: Store, by: str) -> None:
    """Each column that the help names is one the engine knows; 21 workflows of the recording ended."""
    latency, outcomes = (report(in_database(store), SPAN, by) for report in (queue.queue, success.success))
    at = len([name for name in by.split(",") if name])

    assert sum(row[at] for row in latency.rows) == 21
    assert sum(row[at] for row in outcomes.rows) == 21


def test_a_column_that_is_not_declared_never_reaches_sql(store: Store) -> None:
    """Names for GROUP BY come from a list of ours; values are bound."""
    with pytest.raises(ReportError, match="no such column"):
        cost.cost(in_database(store), SPAN, "department) --")


def in_database(store: Store) -> Query:
    """Unqualified table names, as on a connection whose database is ours."""
    return lambda sql, parameters: store.query_rows(sql, dict(parameters))


def test_a_periods_days_begin_at_midnight_of_the_billing_zone(store: Store) -> None:
    """The recording ran from 13:22 to 13:24 UTC: 21:22 of the same day in Shanghai, and 02:22 of the next in Auckland."""
    day = {zone: Span(date(2026, 11, 22), date(2026, 11, 23), zone) for zone in ("Asia/Shanghai", "Pacific/Auckland")}

    assert [success.success(in_database(store), span, "").rows[0][0] for span in day.values()] == [21, 0]
