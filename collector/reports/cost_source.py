"""
The subquery that a cost report sums up: charges of pods, and the parts of shared costs that belong to them.

Charges are read from cost_daily where it has all columns, otherwise from rows. A shared cost is a line of the statement: an
amount that a department pays for its use of one product in one cluster in a month. Its part for a row is computed here, so
that each report is a view of the same statement: the parts of any division sum to the line exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from collector.catalog.rollups import COST_DAILY
from collector.catalog.schema import DATABASE
from collector.reports.cost_columns import COLUMNS, KEYS, beyond_rollup, needed_keys
from collector.reports.filters import Filter, condition
from collector.reports.report import Query, Span
from collector.reports.rollup_source import rollup_source, stale_days
from collector.reports.shared_parts import IN_MONTHS, UNITS, divided_by, parts_of_cells, parts_of_groups
from collector.reports.sources import IN_PERIOD, OF_RUN, parameters

ATTEMPTS = f"""
    (SELECT uid AS of_uid, attempt AS of_attempt, queue AS of_queue, outcome AS of_outcome FROM {DATABASE}.workflow_run FINAL
     WHERE uid IN (SELECT workflow_uid FROM {DATABASE}.pod_cost WHERE {IN_PERIOD}))
"""
"""The workflow's attempt of each charge; a workflow that still runs has none."""
EMPTY = {"workflows": "[]", **dict.fromkeys(("pods", "seconds", "unpriced", "accruing"), "0")}
"""Sums of a row without charges; any other sum is NULL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostView:
    """A view of the statement: what a cost report is about."""

    span: Span
    columns: tuple[str, ...]
    """Names of the columns by which it is grouped."""
    filters: tuple[Filter, ...] = ()
    run: int = 0
    """The pricing run; 0: the active one of each month."""

    @property
    def names(self) -> list[str]:
        """Returns all columns that are read, those of filters first, each once."""
        return list(dict.fromkeys((*(one.column for one in self.filters), *self.columns)))

    @property
    def extras(self) -> list[str]:
        """
        Returns the columns that only charges have, in the order in which shared costs are divided by them.

        Those of filters come first: the total of a filter is then the same by whatever columns it is shown.
        """
        declared = list(COLUMNS)
        chosen = beyond_rollup(one.column for one in self.filters)
        return [
            *sorted(chosen, key=declared.index),
            *sorted(set(beyond_rollup(self.columns)) - {*chosen}, key=declared.index),
        ]


class Days(NamedTuple):
    """Which charges are summed up: a condition on their days, and one on the columns of the report."""

    days: str
    where: str = "1"


def outer(name: str) -> str:
    """Returns SQL of a column over the columns of the source."""
    return COLUMNS[name].sql if COLUMNS[name].source == "rollup" else f"`x_{name}`"


def cost_source(
    query: Query, view: CostView, sums: Sequence[str], *, keys: Iterable[str] = (), shared: bool = True
) -> tuple[str, dict[str, Any]]:
    """
    Returns the subquery and its parameters: the keys that columns need and some more, extras as `x_name`, sums as `sum_name`.

    The sum of the parts of shared costs is `shared_part`; without lines in the period, it need not be computed (`shared`).
    """
    stale = [] if view.run else stale_days(query, COST_DAILY, view.span)
    cells = sorted({*needed_keys(view.names), *keys}, key=KEYS.index)
    chosen = ", ".join((*(f"`{key}`" for key in cells), *(f"`x_{name}`" for name in view.extras)))
    lead = f"{chosen}, " if chosen else ""
    usage, bound = _usage(query, view, cells, sums, stale)
    usage = (
        f"SELECT {lead}{', '.join(f'`sum_{name}`' for name in sums)}, toDecimal128(0, 18) AS shared_part FROM {usage}"
    )
    if not shared:
        return f"({usage})", bound
    parts, more = _shared(query, view, stale)
    nothing = ", ".join(f"{EMPTY.get(name, 'NULL')} AS `sum_{name}`" for name in sums)
    chosen_parts = condition(view.filters, outer)
    amount = "reinterpret(units, 'Decimal(38, 18)') AS shared_part"
    own = f"SELECT {lead}{nothing}, {amount} FROM {parts} WHERE {IN_PERIOD} AND {chosen_parts.sql}"
    return f"({usage} UNION ALL {own})", bound | more


def _usage(
    query: Query, view: CostView, cells: Sequence[str], sums: Sequence[str], stale: Sequence[Any]
) -> tuple[str, dict[str, Any]]:
    """Returns the subquery of charges, and its parameters."""
    filters = condition(view.filters, outer)
    in_rollup = {column.name for column, _ in COST_DAILY.sums}
    if view.run or view.extras or not set(sums) <= in_rollup:
        rows = _summed(view, Days(IN_PERIOD, filters.sql), cells, view.extras, _sums(sums))
        return rows, parameters(view.span, view.run) | filters.parameters
    where = f"{IN_PERIOD} AND {filters.sql}"
    source, bound = rollup_source(
        query, COST_DAILY, view.span, in_rollup=where, in_rows=where, keys=cells, sums=sums, stale=stale
    )
    return source, bound | filters.parameters


def _sums(names: Iterable[str]) -> dict[str, str]:
    """Returns the expression of each sum over charges."""
    declared = {column.name: expression for column, expression in COST_DAILY.sums}
    return {f"sum_{name}": declared.get(name, f"sum(`{name}`)") for name in names}


def charges_with(extras: Iterable[str], rows: str, days: str) -> str:
    """Returns the subquery of charges with columns that cost_daily lacks, each as `x_name`."""
    names = list(extras)
    computed = "".join(f", {COLUMNS[name].sql} AS `x_{name}`" for name in names)
    joined = f"(SELECT * FROM {rows} WHERE {days})"
    if any(COLUMNS[name].source == "attempts" for name in names):
        joined += f" AS c LEFT JOIN {ATTEMPTS} AS a ON c.workflow_uid = a.of_uid AND c.attempt = a.of_attempt"
    return f"(SELECT *{computed} FROM {joined})"


def _summed(view: CostView, rows_of: Days, cells: Sequence[str], extras: Sequence[str], sums: Mapping[str, str]) -> str:
    """Returns the subquery of sums over charges, by keys of cost_daily and by columns that it lacks."""
    rows = f"{DATABASE}.pod_cost FINAL" if view.run else f"{DATABASE}.cost_current"
    days = f"{OF_RUN} AND {rows_of.days}" if view.run else rows_of.days
    by = ", ".join((*(f"`{key}`" for key in cells), *(f"`x_{name}`" for name in extras)))
    chosen = ", ".join(([by] if by else []) + [f"{expression} AS `{name}`" for name, expression in sums.items()])
    grouped = f" GROUP BY {by}" if by else ""
    return f"(SELECT {chosen} FROM {charges_with(extras, rows, days)} WHERE {rows_of.where}{grouped})"


def _shared(query: Query, view: CostView, stale: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """Returns the subquery of the parts of shared costs, and its parameters."""
    extras = [f"x_{name}" for name in view.extras]
    order = divided_by(KEYS if extras else needed_keys(view.names), view.span)
    bound = parameters(view.span, view.run)
    cells = ""
    if view.run:
        cells = _summed(view, Days(IN_MONTHS), KEYS, (), _sums(["cost"]))
    elif order:
        cells, more = rollup_source(
            query, COST_DAILY, view.span, in_rollup=IN_MONTHS, in_rows=IN_MONTHS, keys=KEYS, sums=["cost"], stale=stale
        )
        bound |= more
    parts = parts_of_cells(cells, order, view.run)
    if not extras:
        return parts, bound
    weights = {"weight": f"sum({UNITS.format('`cost`')})", "cells": "count()"}
    charges = _summed(view, Days(IN_PERIOD), KEYS, view.extras, weights)
    return parts_of_groups(f"(SELECT * FROM {parts} WHERE {IN_PERIOD})", charges, extras), bound
