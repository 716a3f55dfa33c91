"""
The rows of a cost report, read in one statement, and the sums of rows.

Counts that do not add up, such as workflows, are None in a sum: to count those of all rows once more would take longer than
the whole report.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import total
from collector.reports.cost_columns import COLUMNS
from collector.reports.cost_figures import CURRENCY, Figure, Figures, sums_of
from collector.reports.cost_source import CostView, cost_source, outer
from collector.reports.report import Query

TOTAL = "total"
OTHERS = "others"
"""Stands in the first column of the row that sums up those beyond `--top`."""


class CostLine(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of charges with the same values in the report's columns, in one currency."""

    keys: tuple[Any, ...]
    figures: Figures


def cost_rows(
    query: Query,
    view: CostView,
    figures: Sequence[Figure],
    order: str,
    *,
    keys: Sequence[str] = (),
    shared: bool = True,
    skipped: int = 0,
    most: int = 0,
) -> list[CostLine]:
    """Reads the rows in an SQL order, `most` of them (0: all) after some; `keys` of cost_daily are those that figures need."""
    computed = [figure for figure in figures if figure.sql]
    source, bound = cost_source(query, view, sums_of(computed), keys=["currency", *keys], shared=shared)
    names = [f"k{place}" for place in range(len(view.columns))]
    by = "".join(f"`{name}`, " for name in names)
    chosen = "".join(f", {shown_column(name)} AS `k{place}`" for place, name in enumerate(view.columns))
    sql = f"""
        SELECT {by}{", ".join(figure.sql for figure in computed)}
        FROM (SELECT *{chosen} FROM {source})
        GROUP BY {by}currency
        ORDER BY {order}{by}currency
        {f"LIMIT {most:d} OFFSET {skipped:d}" if most else ""}
    """
    return [
        CostLine(keys=tuple(row[: len(names)]), figures=dict(zip(computed, row[len(names) :], strict=True)))
        for row in query(sql, bound)
    ]


def shown_column(name: str) -> str:
    """Returns SQL of what stands in a column: text is never empty."""
    expression = outer(name)
    return f"if({expression} = '', '{UNALLOCATED}', {expression})" if COLUMNS[name].text else expression


def top(rows: Sequence[CostLine], number: int) -> list[CostLine]:
    """Returns the first rows of each currency, and what the others sum up to."""
    found, others = list[CostLine](), list[CostLine]()
    seen = dict[str, int]()
    for row in rows:
        currency = row.figures[CURRENCY]
        seen[currency] = seen.get(currency, 0) + 1
        (found if seen[currency] <= number else others).append(row)
    return [*found, *sums(others, OTHERS)]


def sums(rows: Sequence[CostLine], name: str) -> list[CostLine]:
    """Sums up rows, one for each currency, under a name in the first column."""
    by_currency = dict[str, list[CostLine]]()
    for row in rows:
        by_currency.setdefault(row.figures[CURRENCY], []).append(row)
    return [
        CostLine(
            keys=(name, *[""] * (len(some[0].keys) - 1))[: len(some[0].keys)],
            figures={figure: _sum(figure, some) for figure in some[0].figures},
        )
        for _, some in sorted(by_currency.items())
    ]


def _sum(figure: Figure, rows: Sequence[CostLine]) -> Any:
    values = [row.figures[figure] for row in rows if row.figures[figure] is not None]
    if figure is CURRENCY:
        return values[0]
    if len(rows) == 1:
        return rows[0].figures[figure]
    if not values or not (figure.money or figure.adds_up):
        return None
    return sum(values) if figure.adds_up else total(values)
