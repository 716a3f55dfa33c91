"""
What was spent, by whoever asks: department, project, template, cluster, day, class.

Sums come from cost_current, one row a charge of each month's active pricing run, and are exact: unpriced pods are
counted beside the sum, never added as 0.
"""

from collections.abc import Sequence
from typing import Any

from collector.core.meters import total
from collector.core.product import ZERO
from collector.reports.shape import BEGIN, END, Query, Report, Span, amount, columns_by
from collector.reports.shared import SharedCosts

COLUMNS = {
    name: name
    for name in (
        "day", "department", "project", "creator", "cluster", "namespace", "template", "workflow_name", "product",
        "purchase", "class", "region",
    )
}  # fmt: skip


def cost(query: Query, span: Span, by: str, shared: SharedCosts | None = None) -> Report:
    """Cost of a period by the asked columns, dearest first; one row a currency. By department with the shared costs."""
    names = columns_by(by, COLUMNS)
    keys = ", ".join(f"`{COLUMNS[name]}`" for name in names)
    lead = f"{keys}, " if keys else ""
    sql = f"""
        SELECT {lead}sum(cost) AS total, sum(cost_pending), currency, uniqExact(workflow_uid),
               uniqExact(pod_uid), countIf(cost IS NULL)
        FROM cost_current
        WHERE day >= {{begin:Date}} AND day < {{end:Date}}
        GROUP BY {lead}currency
        ORDER BY total DESC NULLS LAST, {lead}currency
    """
    rows = [tuple(row) for row in query(sql, span.parameters())]
    columns = (*names, "cost", "of which pending", "currency", "workflows", "pods", "unpriced pods")
    notes = _notes(query, span)
    if shared is not None and (shared.total or shared.unknown):
        notes = [*_shared_notes(shared, rows, names), *notes]
        if names == ["department"]:
            columns, rows = (*columns, "shared"), [*_with_shared(rows, shared)]
    return Report(f"Cost, {span}", columns, rows, notes)


def _with_shared(rows: Sequence[tuple[Any, ...]], shared: SharedCosts) -> list[tuple[Any, ...]]:
    """Each department's part beside its own cost; who bears a part and has no pods gets a row."""
    left = dict(shared.parts)
    out = [(*row, left.pop(row[0], ZERO) if row[3] == shared.currency else ZERO) for row in rows]
    more = [(name, ZERO, ZERO, shared.currency, 0, 0, 0, part) for name, part in sorted(left.items())]
    return [*out, *more]


def _shared_notes(shared: SharedCosts, rows: Sequence[tuple[Any, ...]], names: list[str]) -> list[str]:
    at = len(names)
    own = total(row[at] for row in rows if row[at + 2] == shared.currency and row[at] is not None)
    where = "" if names == ["department"] else "; they are in no row, `--by department` shares them out"
    both = amount(total((own, shared.total)))
    notes = [f"shared costs {amount(shared.total)} {shared.currency}, with them {both} {shared.currency}{where}"]
    unknown = [f"no rate of exchange for {', '.join(shared.unknown)}, in no sum"] if shared.unknown else []
    return [*notes, *unknown]


def _notes(query: Query, span: Span) -> list[str]:
    """Totals by currency, running pods, and whether the period was watched without a break."""
    totals = query(
        "SELECT currency, sum(cost), countIf(status = 'accruing'), countIf(cost IS NULL) FROM cost_current "
        "WHERE day >= {begin:Date} AND day < {end:Date} GROUP BY currency ORDER BY currency",
        span.parameters(),
    )
    notes = [f"total {amount(total)} {currency}" for currency, total, _, _ in totals if total is not None]
    accruing, unpriced = sum(row[2] for row in totals), sum(row[3] for row in totals)
    if accruing:
        notes.append(f"{accruing} charges still accrue: their pods run")
    if unpriced:
        notes.append(f"{unpriced} charges have no known price and are in no sum; `--by product,purchase` shows which")
    return [*notes, completeness(query, span)]


def completeness(query: Query, span: Span) -> str:
    """Whether every cluster was watched through the whole period, in words."""
    gaps = query(
        f"SELECT cluster, count() FROM watch_gap FINAL WHERE to_at >= {BEGIN} AND from_at < {END} "
        "AND kind IN ('workflows', 'pods') GROUP BY cluster ORDER BY cluster",
        span.parameters(),
    )
    if not gaps:
        return "complete: no gap in any watch"
    return "not complete: gaps in " + ", ".join(f"{cluster} ({count})" for cluster, count in gaps)
