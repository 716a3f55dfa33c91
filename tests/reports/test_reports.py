"""The questions reports ask of the store, and what they say of the answers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from collector.reports.cost import COLUMNS as COST_COLUMNS
from collector.reports.cost import cost
from collector.reports.cost_figures import ACCRUING, COST, CURRENCY, FIGURES, UNPRICED, Figure
from collector.reports.queue import COLUMNS as QUEUE_COLUMNS
from collector.reports.queue import queue
from collector.reports.report import Query, Report, ReportError, Span
from collector.reports.spending import USE, selected_figures
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


@pytest.mark.parametrize("make", [cost, queue, success])
def test_a_period_is_bound_and_never_written_into_sql(make: Make) -> None:
    """Every question of a report has it."""
    store = Recorded()
    make(store, SPAN, "")

    assert [parameters for _, parameters in store.queries] == [SPAN.parameters()] * len(store.queries)
    assert all("{begin:Date}" in sql and "{end:Date}" in sql for sql, _ in store.queries)


@pytest.mark.parametrize(("make", "columns"), [(cost, COST_COLUMNS), (queue, QUEUE_COLUMNS), (success, QUEUE_COLUMNS)])
def test_every_declared_column_can_group_a_report(make: Make, columns: Mapping[str, str]) -> None:
    """It leads the report, and groups it."""
    for name in columns:
        store = Recorded()
        report = make(store, SPAN, name)
        sql = store.queries[0][0]

        assert report.columns[0] == name
        assert f"GROUP BY `{columns[name]}`" in sql or f"GROUP BY GROUPING SETS ((`{columns[name]}`" in sql


@pytest.mark.parametrize("make", [cost, queue, success])
def test_an_unknown_column_never_reaches_the_store(make: Make) -> None:
    """The store hears nothing of it."""
    store = Recorded()

    with pytest.raises(ReportError, match="--by team: no such column"):
        make(store, SPAN, "team")
    assert store.queries == []


@pytest.mark.parametrize(("make", "grouped"), [(cost, "GROUPING SETS ((currency), "), (queue, None), (success, None)])
def test_without_columns_there_is_one_line(make: Make, grouped: str | None) -> None:
    """Of money one a currency: two are never added up."""
    store = Recorded()
    make(store, SPAN, "")

    assert ("GROUP BY" in store.queries[0][0]) == bool(grouped)
    assert grouped is None or grouped in store.queries[0][0]


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


def test_a_total_by_currency_names_what_is_not_in_it() -> None:
    """Running pods and pods without a price are named beside the sum, never added as 0."""
    sums: list[dict[Figure, Any]] = [
        {CURRENCY: "USD", COST: Decimal("1.230000000000000000"), ACCRUING: 1, UNPRICED: 4},
        {CURRENCY: "CNY", COST: Decimal("0.500000000000000000"), ACCRUING: 2, UNPRICED: 0},
        {CURRENCY: "", COST: None, ACCRUING: 0, UNPRICED: 3},
    ]
    rows = [
        (0, *[""] * len(USE), *(figures.get(figure, 0) for figure in selected_figures(FIGURES))) for figures in sums
    ]
    notes = cost(Recorded(rows=rows), SPAN, "").notes

    assert notes == [
        "total 0.50 CNY",
        "total 1.23 USD",
        "3 charges are not final: their pods are still running",
        "7 charges have no known price and are in no sum; `--by product,purchase` shows which",
        "complete: no gap in any watch",
    ]


def test_nothing_spent_needs_no_note_but_completeness() -> None:
    """An empty month may be empty because it was not watched."""
    assert cost(Recorded(), SPAN, "").notes == ["complete: no gap in any watch"]


def test_a_run_is_bound_too() -> None:
    """It may be any that was ever computed."""
    store = Recorded()
    report = cost(store, SPAN, "day", 7)

    assert all(parameters["run"] == 7 for sql, parameters in store.queries if "pod_cost" in sql)
    assert "pricing run 7" in report.title


@pytest.mark.parametrize("make", [cost, queue, success])
def test_a_period_with_a_gap_is_not_complete(make: Make) -> None:
    """A sum that may be too small must not look like one that is not."""
    since = "2026-11-03 08:15:30.000"
    gaps = [("a", 2, "1970-01-01 00:00:00.000"), ("b", 1, since), ("c", 0, since)]
    notes = make(Recorded(gaps=gaps), SPAN, "").notes

    at = "2026-11-03 08:15"
    assert notes[-1] == f"not complete: gaps in a (2), b (1); first watched (UTC): b {at}, c {at}"
