"""
Cost report: what is to pay for a period, by department, workflow, step, template, product, day and more.

Charges of pods and their parts of the statement's shared costs are summed up together, so that every row is a view of the
same statement: the rows of any division, and those of a filter and of its opposite, sum to the same total exactly.
Unpriced pods are counted beside the sum and never added as 0. Nothing here knows a price book.
"""

from collections.abc import Mapping, Sequence

from collector.catalog.bills import IS_SHARED
from collector.reports.completeness import completeness
from collector.reports.cost_columns import COLUMNS
from collector.reports.cost_figures import (
    ACCRUING,
    EXACT,
    FIGURES,
    HIDDEN,
    PENDING,
    PER_SUCCESS,
    PODS,
    SHARED,
    SPENT_ON,
    SUCCEEDED,
    TO_PAY,
    UNPRICED,
    WASTE,
    WORKFLOWS,
    Figure,
    values,
)
from collector.reports.cost_rows import TOTAL, CostLine, cost_rows, sums, top
from collector.reports.cost_source import CostView
from collector.reports.filters import Filter, described
from collector.reports.month_state import MonthState, month_states
from collector.reports.report import Query, Report, ReportError, Span, columns_by
from collector.reports.shared_parts import statement_lines
from collector.reports.sources import parameters

SORTS: Mapping[str, Figure] = {
    "cost": TO_PAY,
    "shared": SHARED,
    "exact": EXACT,
    "waste": WASTE,
    "pending": PENDING,
    "workflows": WORKFLOWS,
    "pods": PODS,
    "unpriced": UNPRICED,
    "succeeded": SUCCEEDED,
}
"""What `--sort` knows beside the report's own columns: the largest first."""
UNALLOCATED_MONTHS = "no statement is computed yet: an estimate, without shared costs"


def cost(
    query: Query,
    span: Span,
    by: str,
    run: int = 0,
    *,
    filters: Sequence[Filter] = (),
    sort: str = "cost",
    most: int = 0,
    figures: Sequence[Figure] = FIGURES,
) -> Report:
    """Reports what is to pay, one row for each currency: of a pricing run, or of the bill (run 0); `most` rows, or all."""
    names = columns_by(by, COLUMNS)
    view = CostView(span=span, columns=tuple(names), filters=tuple(filters), run=run)
    order = _order(sort, names)
    states = month_states(query, span, run)
    found = cost_rows(
        query,
        view,
        list(dict.fromkeys((*figures, *SPENT_ON, *HIDDEN))),
        order,
        keys=["class", "day"],
        shared=_has_shared(query, span, run),
    )
    rows = top(found, most) if most else found
    totals = sums(found, TOTAL)
    shown = [figure for figure in figures if figure.title not in names]
    return Report(
        title=_title(view),
        columns=(*names, *(figure.title for figure in shown)),
        rows=[(*row.keys, *values(shown, row.figures)) for row in rows],
        notes=[*_nothing(view, found), *_notes(totals, states), completeness(query, span)],
        parts=[_spent_on(names, rows, totals)] if rows else [],
        totals=[(*row.keys, *values(shown, row.figures)) for row in totals],
        money=frozenset(figure.title for figure in shown if figure.money),
        rates=frozenset([PER_SUCCESS.title]),
        optional=frozenset([UNPRICED.title, SHARED.title]),
        keys=max(1, len(names)),
        months=[state.fields() for state in states],
    )


def _order(sort: str, names: Sequence[str]) -> str:
    """Returns the beginning of ORDER BY: a figure, the largest first, or one of the report's columns."""
    if sort in names:
        return f"`k{names.index(sort)}`, "
    if sort not in SORTS:
        raise ReportError(f"--sort {sort}: unknown, expected one of {', '.join((*SORTS, *names))}")
    return f"{SORTS[sort].sql} DESC NULLS LAST, "


def _has_shared(query: Query, span: Span, run: int) -> bool:
    """Returns whether the statement has shared costs; otherwise their parts need not be computed."""
    ((lines,),) = query(f"SELECT count() FROM {statement_lines(run, IS_SHARED)}", parameters(span, run))
    return bool(lines)


def _title(view: CostView) -> str:
    chosen = f", where {described(view.filters)}" if view.filters else ""
    return f"Cost, {view.span}" + (f", pricing run {view.run}" if view.run else "") + chosen


def _spent_on(names: Sequence[str], rows: Sequence[CostLine], totals: Sequence[CostLine]) -> Report:
    """Reports the parts of each row's amount, by what it was spent on; they sum to what is to pay."""
    shown = [figure for figure in SPENT_ON if figure.title not in names]
    amounts = frozenset(figure.title for figure in shown if figure.money)
    return Report(
        "What the money was spent on",
        (*names, *(figure.title for figure in shown)),
        [(*row.keys, *values(shown, row.figures)) for row in rows if row.figures[TO_PAY] is not None],
        totals=[(*row.keys, *values(shown, row.figures)) for row in totals if row.figures[TO_PAY] is not None],
        money=amounts,
        optional=amounts,
        keys=max(1, len(names)),
    )


def _nothing(view: CostView, found: Sequence[CostLine]) -> list[str]:
    """States that a view has no rows: a misspelt value of a filter looks the same as no cost."""
    if found or not view.filters:
        return []
    columns = ",".join(dict.fromkeys(one.column for one in view.filters))
    return [f"nothing matches {described(view.filters)}; `--by {columns}` lists all values"]


def _notes(totals: Sequence[CostLine], states: Sequence[MonthState]) -> list[str]:
    """States what each month stands on, the charges that still grow, and those without a price."""
    accruing, unpriced = (sum(row.figures[figure] for row in totals) for figure in (ACCRUING, UNPRICED))
    notes = [state.line for state in states] or [UNALLOCATED_MONTHS]
    if accruing:
        notes.append(f"{accruing} charges are not final: their pods are still running")
    if unpriced:
        remedy = "`--by product,region,purchase` shows which, `lynceus prices quote` how to import a region's prices"
        notes.append(f"{unpriced} charges have no known price and are in no sum; {remedy}")
    several = len(states) > 1
    return [*notes, *(f"{state.name}: {note}" if several else note for state in states for note in state.notes)]
