"""
The figures of the cost report, each declared once. To add a column to the report, add one entry to FIGURES.

From the declaration follow the SELECT, the sums that are read below it, and the column in the table, in CSV and in JSON.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.units import ZERO
from collector.reports.sources import BEGIN


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """One figure of each row of the cost report."""

    title: str
    """Heading of the column, and its name in CSV and JSON."""
    sql: str = ""
    """
    An aggregate over sums of charges. `sum_x` is the sum `x` of the rollup cost_daily. If the rollup has no such sum,
    `sum_x` is the sum of the column `x` of pod_cost; then the whole report reads rows, which takes longer.
    """
    derived: Callable[["Figures"], Any] | None = None
    """Computes the figure from the others in Python, instead of `sql`; for what SQL does not compute exactly."""
    without_pods: Any = 0
    """Value for a department that has no pods and only a part of the shared costs."""


Figures = Mapping[Figure, Any]
"""The figures of one row that SQL computes."""

CLASSES = ("useful", "failed", "retried", "cancelled", "reclaimed", "unknown")
"""What money was spent on after main started; the cost before that is `pending`, whatever the outcome."""
SUCCEEDED_UIDS = f"SELECT sipHash64(uid) FROM workflow_run FINAL WHERE outcome = 'succeeded' AND finished_at >= {BEGIN}"
"""Workflows with an attempt that succeeded; the cost of their earlier attempts belongs to the success."""


def cost_per_success(figures: Figures) -> Decimal | None:
    """Divides the cost of all attempts by the successes; None if nothing succeeded or nothing has a price."""
    cost, succeeded = figures[COST], figures[SUCCEEDED]
    if cost is None or not succeeded:
        return None
    return CONTEXT.quantize(CONTEXT.divide(cost, Decimal(succeeded)), PLACES)


COST = Figure(title="cost", sql="sum(sum_cost)", without_pods=ZERO)
"""NULL if none of the charges has a price."""
PENDING = Figure(title="of which pending", sql="sum(sum_cost_pending)", without_pods=ZERO)
CURRENCY = Figure(title="currency", sql="currency")
PODS = Figure(title="pods", sql="sum(sum_pods)")
"""Each pod counts once a billing day; corrections do not count, and the pods of two periods add up."""
UNPRICED = Figure(title="unpriced pods", sql="sum(sum_unpriced)")
SUCCEEDED = Figure(
    title="succeeded", sql=f"uniqExactArray(arrayFilter(uid -> uid IN ({SUCCEEDED_UIDS}), sum_workflows))"
)
ACCRUING = Figure(title="accruing", sql="sum(sum_accruing)")
SECONDS = Figure(title="seconds", sql="sum(sum_seconds)")

FIGURES = (
    COST,
    PENDING,
    CURRENCY,
    Figure(title="workflows", sql="uniqExactArray(sum_workflows)"),
    PODS,
    UNPRICED,
    SUCCEEDED,
    Figure(title="cost per success", derived=cost_per_success, without_pods=None),
)
"""The columns of the report, after those that it is grouped by."""
SPENT_ON = (
    *(
        Figure(title=name, sql=f"ifNull(sumIf(sum_cost - ifNull(sum_cost_pending, 0), class = '{name}'), 0)")
        for name in CLASSES
    ),
    Figure(title="pending", derived=lambda figures: figures[PENDING]),
    CURRENCY,
)
"""The columns of the second table: the parts of each row's cost."""
HIDDEN = (ACCRUING, SECONDS)
"""Not columns: a note counts the first, and shared costs are weighed by the second."""


def sums_of(figures: Iterable[Figure]) -> list[str]:
    """Returns the names of the sums that figures read."""
    return list(dict.fromkeys(name for figure in figures for name in re.findall(r"\bsum_(\w+)", figure.sql)))


def values(figures: Iterable[Figure], row: Figures) -> tuple[Any, ...]:
    """Returns the values of figures in a row."""
    return tuple(figure.derived(row) if figure.derived else row[figure] for figure in figures)
