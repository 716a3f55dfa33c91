"""
What charges come to, in one reading of them.

Rows that are not merged yet are merged as they are read (FINAL), which takes longer than all sums of a report together: so
the sums by the asked columns, and those by which shared costs are shared out, come of the same statement. Days that
cost_daily holds are read from it where it has the asked columns; the figures are the same, digit for digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from collector.catalog.rollups import COST_DAILY
from collector.reports.report import Query, Span
from collector.reports.rollup_source import rollup_source
from collector.reports.sources import BEGIN, IN_PERIOD

CLASSES = ("useful", "failed", "retried", "cancelled", "reclaimed")
"""What money was spent on once main had started; what it cost before is `pending`, whatever came of it."""
OF_A_RUN = replace(COST_DAILY, rows="pod_cost FINAL")
"""The same sums of a run that need not be the bill."""
SUMS = ("cost", "cost_pending", "pods", "seconds", "unpriced", "accruing", "workflows")
USE = ("department", "cluster", "product")
"""The columns by which shared costs are shared out."""
SUCCEEDED = f"SELECT sipHash64(uid) FROM workflow_run FINAL WHERE outcome = 'succeeded' AND finished_at >= {BEGIN}"
"""Workflows of which an attempt succeeded; what the attempts before it cost is part of what the success did."""
_SPENT_ON = ", ".join(f"ifNull(sumIf(sum_cost - ifNull(sum_cost_pending, 0), class = '{name}'), 0)" for name in CLASSES)


class Spent(NamedTuple):
    """Sums under the same values of the asked columns, in one currency."""

    keys: tuple[Any, ...]
    currency: str
    cost: Decimal | None
    """None: none of the charges has a price."""
    pending: Decimal | None
    workflows: int
    succeeded: int
    pods: int
    """Each once a billing day: a correction is none, and pods of two periods add up."""
    unpriced: int
    accruing: int
    by_class: tuple[Decimal, ...]
    """Without `pending`, in the order of CLASSES."""


class Use(NamedTuple):
    """What one department spent in one cluster on one product: a weight when a cost is shared out."""

    department: str
    cluster: str
    product: str
    cost: Decimal | None
    seconds: int
    currency: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent in a period."""

    rows: list[Spent]
    """By the asked columns, dearest first."""
    use: list[Use]


def spending(query: Query, span: Span, columns: Sequence[str], run: int = 0) -> Spending:
    """What the charges of a period come to by columns of pod_cost; of a run, or of the bill."""
    by = list(dict.fromkeys(columns))
    shown = list(dict.fromkeys((*by, *USE)))
    source, asked = _source(query, span, list(dict.fromkeys((*shown, "class", "currency"))), run)
    spent, use = list[Spent](), list[Use]()
    for of_use, *row in query(_statement(source, by, shown), asked):
        named, sums = dict(zip(shown, row, strict=False)), row[len(shown) :]
        currency, cost, pending, pods, seconds, unpriced, accruing, workflows, succeeded, *by_class = sums
        if of_use:
            use.append(Use(named["department"], named["cluster"], named["product"], cost, seconds, currency))
        else:
            keys, parts = tuple(named[name] for name in columns), tuple(by_class)
            spent.append(Spent(keys, currency, cost, pending, workflows, succeeded, pods, unpriced, accruing, parts))
    return Spending(spent, use)


def _source(query: Query, span: Span, keys: list[str], run: int) -> tuple[str, dict[str, Any]]:
    """Sums by all columns that the statement asks for, to stand after FROM, and the parameters of it."""
    asked = span.parameters()
    if run:
        return f"({OF_A_RUN.summed(f'run = {{run:UInt32}} AND {IN_PERIOD}', keys, SUMS)})", asked | {"run": run}
    if set(keys) <= set(COST_DAILY.order_by):
        return rollup_source(query, COST_DAILY, span, in_rollup=IN_PERIOD, in_rows=IN_PERIOD, keys=keys, sums=SUMS)
    return f"({COST_DAILY.summed(IN_PERIOD, keys, SUMS)})", asked


def _statement(source: str, by: Sequence[str], shown: Sequence[str]) -> str:
    """Sums by the asked columns, and by those of USE: of these `of_use` is 1, in the others it has its type's default."""
    keys = "".join(f"`{name}`, " for name in by)
    return f"""
        SELECT of_use, {"".join(f"`{name}`, " for name in shown)}currency, sum(sum_cost) AS total,
               sum(sum_cost_pending), sum(sum_pods), sum(sum_seconds), sum(sum_unpriced), sum(sum_accruing),
               uniqExactArray(sum_workflows), uniqExactArray(arrayFilter(uid -> uid IN ({SUCCEEDED}), sum_workflows)),
               {_SPENT_ON}
        FROM (SELECT *, materialize(1) AS of_use FROM {source})
        GROUP BY GROUPING SETS (({keys}currency), ({", ".join(USE)}, currency, of_use))
        ORDER BY of_use, total DESC NULLS LAST, {keys}currency
    """
