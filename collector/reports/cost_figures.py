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
    money: bool = False
    """Whether it is an amount in the row's currency; amounts of rows add up."""
    adds_up: bool = False
    """Whether counts of rows add up; workflows do not, since one may be in several rows."""


Figures = Mapping[Figure, Any]
"""The figures of one row that SQL computes."""

CLASSES = ("useful", "failed", "retried", "cancelled", "reclaimed", "unknown")
"""What money was spent on after main started; what was spent before is `pending`, whatever the outcome."""
SUCCEEDED_UIDS = f"SELECT sipHash64(uid) FROM workflow_run FINAL WHERE outcome = 'succeeded' AND finished_at >= {BEGIN}"
"""Workflows with an attempt that succeeded; the cost of their earlier attempts belongs to the success."""


def cost_per_success(figures: Figures) -> Decimal | None:
    """Divides what all attempts cost by the successes; None if nothing succeeded or nothing has a price."""
    cost, succeeded = figures[TO_PAY], figures[SUCCEEDED]
    if cost is None or not succeeded:
        return None
    return CONTEXT.quantize(CONTEXT.divide(cost, Decimal(succeeded)), PLACES)


def _with_shared(usage: str) -> str:
    """Returns SQL of an amount of charges together with the parts of shared costs; NULL if there is neither."""
    shared = "sum(shared_part)"
    return f"if({usage} IS NULL AND {shared} = 0, NULL, ifNull({usage}, 0) + {shared})"


def _of_class(name: str) -> str:
    return f"ifNull(sumIf(sum_cost - ifNull(sum_cost_pending, 0), class = '{name}'), 0)"


AS_BILLED = "sum(ifNull(sum_rounded_cost, sum_cost))"
"""Charges as the provider's bill rounds them."""
TO_PAY = Figure(title="to pay", sql=_with_shared(AS_BILLED), money=True)
"""NULL if none of the charges has a price and no shared cost is borne."""
SHARED = Figure(title="shared", sql="sum(shared_part)", money=True)
EXACT = Figure(title="exact", sql=_with_shared("sum(sum_cost)"), money=True)
"""To pay before the provider's rounding."""
COST = Figure(title="cost", sql="sum(sum_cost)", money=True)
"""Of the charges alone, exact; NULL if none of them has a price."""
ROUNDING = Figure(title="rounding", sql=f"ifNull({AS_BILLED} - sum(sum_cost), 0)", money=True)
PENDING = Figure(title="pending", sql="ifNull(sum(sum_cost_pending), 0)", money=True)
CURRENCY = Figure(title="currency", sql="currency")
WORKFLOWS = Figure(title="workflows", sql="uniqExactArray(sum_workflows)")
PODS = Figure(title="pods", sql="sum(sum_pods)", adds_up=True)
"""Each pod counts once a billing day; corrections do not count, and the pods of two periods add up."""
UNPRICED = Figure(title="unpriced pods", sql="sum(sum_unpriced)", adds_up=True)
SUCCEEDED = Figure(
    title="succeeded", sql=f"uniqExactArray(arrayFilter(uid -> uid IN ({SUCCEEDED_UIDS}), sum_workflows))"
)
LOCKED = "SELECT month FROM period FINAL WHERE state = 'locked'"
ACCRUING = Figure(title="accruing", sql=f"sumIf(sum_accruing, toStartOfMonth(day) NOT IN ({LOCKED}))", adds_up=True)
"""Charges that still grow; those of a locked month never change again."""
WASTE = Figure(
    title="waste", sql=" + ".join((*map(_of_class, ("failed", "retried", "reclaimed")), PENDING.sql)), money=True
)
"""What was spent on failed, retried and reclaimed pods, and before main started."""
PER_SUCCESS = Figure(title="cost per success", derived=cost_per_success)

FIGURES = (TO_PAY, SHARED, EXACT, CURRENCY, WORKFLOWS, PODS, UNPRICED, SUCCEEDED, PER_SUCCESS)
"""The columns of the report, after those that it is grouped by."""
SPENT_ON = (
    *(Figure(title=name, sql=_of_class(name), money=True) for name in CLASSES),
    PENDING,
    ROUNDING,
    SHARED,
    CURRENCY,
)
"""The columns of the second table: the parts of each row's amount to pay."""
HIDDEN = (COST, ACCRUING, WASTE)
"""Not columns: for notes, for sorting, and for what is computed from them."""


def sums_of(figures: Iterable[Figure]) -> list[str]:
    """Returns the names of the sums that figures read."""
    return list(dict.fromkeys(name for figure in figures for name in re.findall(r"\bsum_(\w+)", figure.sql)))


def values(figures: Iterable[Figure], row: Figures) -> tuple[Any, ...]:
    """Returns the values of figures in a row."""
    return tuple(figure.derived(row) if figure.derived else row[figure] for figure in figures)
