"""
Sums of charges over a period, all of them read in one statement.

Rows that are not merged yet are merged while they are read (FINAL), which takes longer than all sums of a report
together. One statement therefore gives the sums by the requested columns and those by which shared costs are allocated.
Days that cost_daily holds are read from the rollup if it has the requested columns; the figures are exactly the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from collector.catalog.columns import Column
from collector.catalog.rollups import COST_DAILY, Rollup
from collector.reports.cost_figures import (
    COST,
    CURRENCY,
    FIGURES,
    HIDDEN,
    SECONDS,
    SPENT_ON,
    Figure,
    Figures,
    sums_of,
)
from collector.reports.report import Query, Span
from collector.reports.rollup_source import rollup_source
from collector.reports.sources import IN_PERIOD, OF_RUN, column_list, parameters

USE = ("department", "cluster", "product")
"""The columns by which shared costs are allocated."""


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of charges with the same values in the requested columns, in one currency."""

    keys: tuple[Any, ...]
    figures: Figures


class Use(NamedTuple):
    """Use of one product in one cluster by one department: a weight when a cost is allocated."""

    department: str
    cluster: str
    product: str
    cost: Decimal | None
    seconds: int
    currency: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent in a period."""

    rows: list[CostRow]
    """By the requested columns, dearest first."""
    use: list[Use]


def spending(
    query: Query, span: Span, columns: Sequence[str], run: int = 0, figures: Sequence[Figure] = FIGURES
) -> Spending:
    """Sums up the charges of a period by columns of pod_cost: of a pricing run, or of the bill (run 0)."""
    computed = selected_figures(figures)
    by = list(dict.fromkeys(columns))
    keys = list(dict.fromkeys((*by, *USE)))
    source, bound = _source(query, span, [*dict.fromkeys((*keys, "class", "currency"))], sums_of(computed), run)
    by_place = [1 + keys.index(name) for name in columns]
    use_place = [1 + keys.index(name) for name in USE]
    rows, use = list[CostRow](), list[Use]()
    for row in query(_statement(source, by, keys, computed), bound):
        sums = dict(zip(computed, row[1 + len(keys) :], strict=True))
        if row[0]:
            department, cluster, product = (row[place] for place in use_place)
            use.append(
                Use(
                    department=department,
                    cluster=cluster,
                    product=product,
                    cost=sums[COST],
                    seconds=sums[SECONDS],
                    currency=sums[CURRENCY],
                )
            )
        else:
            rows.append(CostRow(keys=tuple(row[place] for place in by_place), figures=sums))
    return Spending(rows, use)


def selected_figures(figures: Sequence[Figure]) -> list[Figure]:
    """Returns the figures that the statement computes, in its order: those of the report and those that notes need."""
    return [figure for figure in dict.fromkeys((*figures, *SPENT_ON, *HIDDEN)) if figure.sql]


def _source(query: Query, span: Span, keys: list[str], sums: list[str], run: int) -> tuple[str, dict[str, Any]]:
    """Returns the subquery of sums by all columns that the statement reads, and its parameters."""
    rollup = _with_sums(COST_DAILY, sums)
    if run:
        of_run = replace(rollup, rows="pod_cost FINAL")
        return f"({of_run.summed(f'{OF_RUN} AND {IN_PERIOD}', keys, sums)})", parameters(span, run)
    if rollup is COST_DAILY and set(keys) <= set(COST_DAILY.order_by):
        return rollup_source(query, COST_DAILY, span, in_rollup=IN_PERIOD, in_rows=IN_PERIOD, keys=keys, sums=sums)
    return f"({rollup.summed(IN_PERIOD, keys, sums)})", parameters(span)


def _with_sums(rollup: Rollup, names: Sequence[str]) -> Rollup:
    """Adds sums of columns that the rollup does not hold; the result can sum up rows, but cannot be read as a rollup."""
    missing = set(names) - {column.name for column, _ in rollup.sums}
    more = tuple((Column(name, "", ""), f"sum(`{name}`)") for name in sorted(missing))
    return replace(rollup, sums=(*rollup.sums, *more)) if more else rollup


def _statement(source: str, by: Sequence[str], keys: Sequence[str], figures: Sequence[Figure]) -> str:
    """
    Returns the statement of both groupings.

    `is_use` is 1 in the rows by USE; in the others it has its type's default, 0.
    """
    return f"""
        SELECT is_use, {column_list(keys)}{", ".join(figure.sql for figure in figures)}
        FROM (SELECT *, materialize(1) AS is_use FROM {source})
        GROUP BY GROUPING SETS (({column_list(by)}currency), ({column_list(USE)}currency, is_use))
        ORDER BY is_use, {COST.sql} DESC NULLS LAST, {column_list(by)}currency
    """
