"""
Cost report: what was spent in a period, by department, workflow, step, template, product or day.

Sums are read from cost_daily where it has the requested columns, otherwise from cost_current, which has one row for each
charge of each month's active pricing run; or from any other pricing run. The figures are exactly the same.
Sums are exact: unpriced pods are counted beside the sum and never added as 0, and the parts of an amount sum to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from collector.core.cost.meters import total
from collector.core.units import ZERO
from collector.reports.completeness import completeness
from collector.reports.cost_figures import (
    ACCRUING,
    COST,
    CURRENCY,
    FIGURES,
    SPENT_ON,
    UNPRICED,
    Figure,
    values,
)
from collector.reports.report import Query, Report, Span, amount, columns_by
from collector.reports.shared_costs import SharedCosts
from collector.reports.spending import CostRow, Spending, Use, spending

COLUMNS = {
    name: name
    for name in (
        "day", "department", "project", "creator", "cluster", "namespace", "workflow_name", "attempt", "step", "template",
        "template_version", "product", "purchase", "class", "region",
    )
} | {"workflow": "workflow_name"}  # fmt: skip
"""Grouping columns of charges: the name after `--by`, and the column of pod_cost."""


class SharedCostsOf(Protocol):
    """Computes the shared costs of the same period and run from what each department used."""

    def __call__(self, *, use: Sequence[Use]) -> SharedCosts: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """The parts from which the report is assembled."""

    names: list[str]
    figures: Sequence[Figure]
    spent: Spending
    shared: SharedCosts | None


def cost(
    query: Query,
    span: Span,
    by: str,
    run: int = 0,
    shared: SharedCostsOf | None = None,
    *,
    figures: Sequence[Figure] = FIGURES,
) -> Report:
    """Reports the cost of a period, dearest first, one row for each currency: of a pricing run, or of the bill (run 0)."""
    names = columns_by(by, COLUMNS)
    spent = spending(query, span, [COLUMNS[name] for name in names], run, figures)
    parts = _Cost(names=names, figures=figures, spent=spent, shared=shared(use=spent.use) if shared else None)
    report = Report(
        title=f"Cost, {span}" + (f", pricing run {run}" if run else ""),
        columns=(*names, *(figure.title for figure in figures)),
        rows=[(*row.keys, *values(figures, row.figures)) for row in spent.rows],
        notes=[*_notes(spent), completeness(query, span)],
        parts=[_spent_on(parts)],
    )
    return _with_shared(_with_idle(report, parts), parts)


def _spent_on(parts: _Cost) -> Report:
    """Reports the parts of each row's cost, by what it was spent on; they sum to the cost."""
    priced = (row for row in parts.spent.rows if row.figures[COST] is not None)
    columns = (*parts.names, *(figure.title for figure in SPENT_ON))
    return Report(
        "What the money was spent on", columns, [(*row.keys, *values(SPENT_ON, row.figures)) for row in priced]
    )


def _notes(spent: Spending) -> list[str]:
    """States the totals by currency, the charges that still grow, and those without a price."""
    costs: dict[str, list[Decimal]] = {}
    for row in spent.rows:
        if row.figures[COST] is not None:
            costs.setdefault(row.figures[CURRENCY], []).append(row.figures[COST])
    notes = [f"total {amount(total(of_currency))} {currency}" for currency, of_currency in sorted(costs.items())]
    accruing, unpriced = (sum(row.figures[figure] for row in spent.rows) for figure in (ACCRUING, UNPRICED))
    if accruing:
        notes.append(f"{accruing} charges are not final: their pods are still running")
    if unpriced:
        notes.append(f"{unpriced} charges have no known price and are in no sum; `--by product,purchase` shows which")
    return notes


def _with_idle(report: Report, parts: _Cost) -> Report:
    """Adds the idle cost of plain nodes: its table below the report, and its notes above the others."""
    idle = parts.shared.idle if parts.shared else None
    if idle is None or not (idle.rows or idle.notes):
        return report
    tables = [*report.parts, *([idle.report()] if idle.rows else [])]
    return Report(report.title, report.columns, report.rows, [*idle.notes, *report.notes], parts=tables)


def _with_shared(report: Report, parts: _Cost) -> Report:
    """Adds the shared costs: a column if the report is by department, and notes in any case."""
    shared = parts.shared
    if shared is None or not (shared.total or shared.unknown or shared.notes):
        return report
    columns, rows = report.columns, report.rows
    if parts.names == ["department"]:
        columns, rows = (*columns, "shared"), _department_rows(parts, shared)
    return Report(report.title, columns, rows, [*_shared_notes(shared, parts), *report.notes], parts=report.parts)


def _department_rows(parts: _Cost, shared: SharedCosts) -> list[tuple[Any, ...]]:
    """Returns the rows of departments with their parts of the shared costs; some departments have only such a part."""
    left = dict(shared.parts)

    def part(row: CostRow) -> Decimal:
        return left.pop(row.keys[0], ZERO) if row.figures[CURRENCY] == shared.currency else ZERO

    rows = [(*row.keys, *values(parts.figures, row.figures), part(row)) for row in parts.spent.rows]
    empty = [shared.currency if figure is CURRENCY else figure.without_pods for figure in parts.figures]
    return [*rows, *((department, *empty, part) for department, part in sorted(left.items()))]


def _shared_notes(shared: SharedCosts, parts: _Cost) -> list[str]:
    """States the sum of the shared costs, and what of them is not known."""
    own = total(
        row.figures[COST]
        for row in parts.spent.rows
        if row.figures[CURRENCY] == shared.currency and row.figures[COST] is not None
    )
    where = "" if parts.names == ["department"] else "; they are in no row, `--by department` allocates them"
    unused = f", including {amount(shared.unused)} for unused commitments" if shared.unused else ""
    both = amount(total((own, shared.total)))
    notes = [
        f"shared costs {amount(shared.total)} {shared.currency}{unused}, with them {both} {shared.currency}{where}",
    ]
    unknown = [f"no exchange rate for {', '.join(shared.unknown)}; not in any sum"] if shared.unknown else []
    return [*notes, *unknown, *shared.notes]
