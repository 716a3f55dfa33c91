"""The questions reports ask of the store, and what they say of the answers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from collector.reports.queue import COLUMNS as QUEUE_COLUMNS
from collector.reports.queue import queue
from collector.reports.report import Query, Report, ReportError, Span
from collector.reports.success import success

SPAN = Span(date(2026, 11, 1), date(2026, 12, 1))
Make = Callable[[Query, Span, str], Report]


class Recorded:
    """A store that remembers what it was asked of its rows and answers by table; no day of its rollups is stale."""

    def __init__(self, *, rows: Sequence[Any] = (), gaps: Sequence[Any] = ()) -> None:
        self.queries: list[tuple[str, Mapping[str, Any]]] = []
        self._rows, self._gaps = rows, gaps

    def __call__(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        if "rollup_state" in sql:
            return ()
        self.queries.append((" ".join(sql.split()), parameters))
        return self._gaps if "watch_gap" in sql else self._rows


@pytest.mark.parametrize("make", [queue, success])
def test_a_period_is_bound_and_never_written_into_sql(make: Make) -> None:
    """Every question of a report has it."""
    store = Recorded()
    make(store, SPAN, "")

    assert [parameters for _, parameters in store.queries] == [SPAN.parameters()] * len(store.queries)
    assert all("{begin:Date}" in sql and "{end:Date}" in sql for sql, _ in store.queries)


@pytest.mark.parametrize(("make", "columns"), [(queue, QUEUE_COLUMNS), (success, QUEUE_COLUMNS)])
def test_every_declared_column_can_group_a_report(make: Make, columns: Mapping[str, str]) -> None:
    """It leads the report, and groups it."""
    for name in columns:
        store = Recorded()
        report = make(store, SPAN, name)
        sql = store.queries[0][0]

        assert report.columns[0] == name
        assert f"GROUP BY `{columns[name]}`" in sql


@pytest.mark.parametrize("make", [queue, success])
def test_an_unknown_column_never_reaches_the_store(make: Make) -> None:
    """The store hears nothing of it."""
    store = Recorded()

    with pytest.raises(ReportError, match="--by team: no such column"):
        make(store, SPAN, "team")
    assert store.queries == []


@pytest.mark.parametrize("make", [queue, success])
def test_without_columns_there_is_one_line(make: Make) -> None:
    """Of all."""
    store = Recorded()
    make(store, SPAN, "")

    assert "GROUP BY" not in store.queries[0][0]


def test_the_rows_are_the_stores() -> None:
    """In its order."""
    store = Recorded(rows=[["b", 2], ["a", 1]])

    assert queue(store, SPAN, "cluster").rows == [("b", 2), ("a", 1)]


def test_rates_are_those_of_the_counts() -> None:
    """Cut, not rounded: with one failure in 100,000 the rate is not 100 %. Without decided runs there is no rate."""
    rows = [["b", 100_000, 99_999, 0, 1, 0, 0, 0], ["a", 5, 2, 1, 0, 2, 0, 0], ["c", 1, 0, 0, 0, 1, 0, 0]]
    rates = success(Recorded(rows=rows), SPAN, "cluster").rows

    assert [row[:8] for row in rates] == [tuple(row) for row in rows]
    assert [row[8:] for row in rates] == [
        (Decimal("99.99"), Decimal("99.99")),
        (Decimal("66.66"), Decimal("100.00")),
        (None, None),
    ]


@pytest.mark.parametrize("make", [queue, success])
def test_a_period_with_a_gap_is_not_complete(make: Make) -> None:
    """A sum that may be too small must not look like one that is not."""
    since = "2026-11-03 08:15:30.000"
    gaps = [("a", 2, "1970-01-01 00:00:00.000", 0), ("b", 1, since, 1), ("c", 0, since, 1)]
    notes = make(Recorded(gaps=gaps), SPAN, "").notes

    at = "2026-11-03 08:15"
    assert notes[-1] == f"not complete: gaps in a (2), b (1); first watched (UTC): b {at}, c {at}"
