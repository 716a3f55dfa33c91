"""
What was spent, on what, and by whoever asks: department, workflow, step, template, product, day.

Sums come from cost_daily where it has the asked columns, else from cost_current, one row a charge of each month's active
pricing run, or from any run that was ever computed; the figures are the same, digit for digit.
They are exact: unpriced pods are counted beside the sum, never added as 0, and the parts of an amount sum to it.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from collector.core.cost.meters import CONTEXT, PLACES, total
from collector.core.units import ZERO
from collector.reports.completeness import completeness
from collector.reports.report import Query, Report, Span, amount, columns_by
from collector.reports.shared_costs import SharedCosts
from collector.reports.spending import CLASSES, Spending, Spent, Use, spending

COLUMNS = {
    name: name
    for name in (
        "day", "department", "project", "creator", "cluster", "namespace", "workflow_name", "attempt", "step", "template",
        "template_version",
        "product", "purchase", "class", "region",
    )
} | {"workflow": "workflow_name"}  # fmt: skip


def cost(
    query: Query, span: Span, by: str, run: int = 0, shared: Callable[[list[Use]], SharedCosts] | None = None
) -> Report:
    """
    Cost of a period by the asked columns, dearest first, one row a currency; of a run, or of the bill.

    `shared` tells the shared costs, given who used what.
    """
    names = columns_by(by, COLUMNS)
    spent = spending(query, span, [COLUMNS[name] for name in names], run)
    costs = shared(spent.use) if shared else None
    return _assemble(names, spent, span, run, completeness(query, span), costs)


def _assemble(
    names: list[str], spent: Spending, span: Span, run: int, watched: str, shared: SharedCosts | None
) -> Report:
    rows = [_row(one) for one in spent.rows]
    columns = (
        *names, "cost", "of which pending", "currency", "workflows", "pods", "unpriced pods", "succeeded",
        "cost per success",
    )  # fmt: skip
    title = f"Cost, {span}" + (f", pricing run {run}" if run else "")
    parts = [Report("What it was spent on", (*names, *CLASSES, "pending", "currency"), _spent_on(spent))]
    notes = [*_notes(spent), watched]
    if shared is not None and (shared.idle.rows or shared.idle.notes):
        notes = [*shared.idle.notes, *notes]
        parts += [shared.idle.report()] if shared.idle.rows else []
    if shared is not None and (shared.total or shared.unknown or shared.notes):
        notes = [*_shared_notes(shared, rows, names), *notes]
        if names == ["department"]:
            columns, rows = (*columns, "shared"), _with_shared(rows, shared)
    return Report(title, columns, rows, notes, parts=parts)


def _row(spent: Spent) -> tuple[Any, ...]:
    """A row, at its end what a success cost, all attempts together; unknown where none succeeded or nothing is priced."""
    a_success = None
    if spent.cost is not None and spent.succeeded:
        a_success = CONTEXT.quantize(CONTEXT.divide(spent.cost, Decimal(spent.succeeded)), PLACES)
    return (
        *spent.keys, spent.cost, spent.pending, spent.currency, spent.workflows, spent.pods, spent.unpriced,
        spent.succeeded, a_success,
    )  # fmt: skip


def _with_shared(rows: Sequence[tuple[Any, ...]], shared: SharedCosts) -> list[tuple[Any, ...]]:
    """Each department's part beside its own cost; who bears a part and has no pods gets a row."""
    left = dict(shared.parts)
    out = [(*row, left.pop(row[0], ZERO) if row[3] == shared.currency else ZERO) for row in rows]
    more = [(name, ZERO, ZERO, shared.currency, 0, 0, 0, 0, None, part) for name, part in sorted(left.items())]
    return [*out, *more]


def _shared_notes(shared: SharedCosts, rows: Sequence[tuple[Any, ...]], names: list[str]) -> list[str]:
    at = len(names)
    own = total(row[at] for row in rows if row[at + 2] == shared.currency and row[at] is not None)
    where = "" if names == ["department"] else "; they are in no row, `--by department` shares them out"
    both = amount(total((own, shared.total)))
    unused = f", of which unused commitments {amount(shared.unused)}" if shared.unused else ""
    notes = [
        f"shared costs {amount(shared.total)} {shared.currency}{unused}, with them {both} {shared.currency}{where}"
    ]
    unknown = [f"no rate of exchange for {', '.join(shared.unknown)}, in no sum"] if shared.unknown else []
    return [*notes, *unknown, *shared.notes]


def _spent_on(spent: Spending) -> list[tuple[Any, ...]]:
    """The parts of each row's cost by what it was spent on; they sum to it."""
    priced = (one for one in spent.rows if one.cost is not None)
    return [(*one.keys, *one.by_class, one.pending, one.currency) for one in priced]


def _notes(spent: Spending) -> list[str]:
    """Totals by currency, charges that still run, and those without a price."""
    sums: dict[str, list[Decimal]] = {}
    for one in spent.rows:
        if one.cost is not None:
            sums.setdefault(one.currency, []).append(one.cost)
    notes = [f"total {amount(total(costs))} {currency}" for currency, costs in sorted(sums.items())]
    accruing, unpriced = sum(one.accruing for one in spent.rows), sum(one.unpriced for one in spent.rows)
    if accruing:
        notes.append(f"{accruing} charges still accrue: their pods run")
    if unpriced:
        notes.append(f"{unpriced} charges have no known price and are in no sum; `--by product,purchase` shows which")
    return notes
