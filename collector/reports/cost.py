"""
What was spent, on what, and by whoever asks: department, workflow, step, template, product, day.

Sums come from cost_daily where it has the asked columns, else from cost_current, one row a charge of each month's active
pricing run, or from any run that was ever computed; the figures are the same, digit for digit.
They are exact: unpriced pods are counted beside the sum, never added as 0, and the parts of an amount sum to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from collector.catalog.rollups import COST_DAILY
from collector.core.meters import CONTEXT, PLACES, total
from collector.core.product import ZERO
from collector.reports.rolled import rolled
from collector.reports.shape import BEGIN, END, Query, Report, Span, amount, columns_by
from collector.reports.shared import SharedCosts

COLUMNS = {
    name: name
    for name in (
        "day", "department", "project", "creator", "cluster", "namespace", "workflow_name", "attempt", "step", "template",
        "template_version",
        "product", "purchase", "class", "region",
    )
} | {"workflow": "workflow_name"}  # fmt: skip
CLASSES = ("useful", "failed", "retried", "cancelled", "reclaimed")
"""What money was spent on once main had started; what it cost before is `pending`, whatever came of it."""
NEVER = "1970-01-01"
"""The day of an instant that no row has: none of the gaps was a first start."""
IN_PERIOD = "day >= {begin:Date} AND day < {end:Date}"
SUCCEEDED = f"FROM workflow_run FINAL WHERE outcome = 'succeeded' AND finished_at >= {BEGIN}"
"""Workflows of which an attempt succeeded; what the attempts before it cost is part of what the success did."""


@dataclass(frozen=True, slots=True)
class Charges:
    """Where charges of a period are read, and how what is no money is counted there."""

    source: str
    parameters: dict[str, Any]
    pods: str = "countIf(entry = 0)"
    """Each once a billing day: a correction is none, and pods of two periods add up."""
    workflows: str = "uniqExact(workflow_uid)"
    succeeded: str = f"uniqExactIf(workflow_uid, workflow_uid IN (SELECT uid {SUCCEEDED}))"
    unpriced: str = "countIf(cost IS NULL)"
    accruing: str = "countIf(status = 'accruing')"


def _charges(query: Query, span: Span, columns: list[str], run: int) -> Charges:
    asked = span.parameters()
    if run:
        return Charges(f"pod_cost FINAL WHERE run = {{run:UInt32}} AND {IN_PERIOD}", asked | {"run": run})
    if not set(columns) <= set(COST_DAILY.order_by):
        return Charges(f"cost_current WHERE {IN_PERIOD}", asked)
    source, asked = rolled(query, COST_DAILY, span, IN_PERIOD, IN_PERIOD)
    chosen = f"arrayFilter(uid -> uid IN (SELECT sipHash64(uid) {SUCCEEDED}), workflows)"
    return Charges(
        f"{source} WHERE 1", asked, "sum(pods)", "uniqExactArray(workflows)", f"uniqExactArray({chosen})",
        "sum(unpriced)", "sum(accruing)",
    )  # fmt: skip


def cost(query: Query, span: Span, by: str, run: int = 0, shared: SharedCosts | None = None) -> Report:
    """Cost of a period by the asked columns, dearest first, one row a currency; of a run, or of the bill."""
    names = columns_by(by, COLUMNS)
    keys = ", ".join(f"`{COLUMNS[name]}`" for name in names)
    lead, charges = f"{keys}, " if keys else "", _charges(query, span, [COLUMNS[name] for name in names], run)
    sql = f"""
        SELECT {lead}sum(cost) AS total, sum(cost_pending), currency, {charges.workflows},
               {charges.pods}, {charges.unpriced}, {charges.succeeded}
        FROM {charges.source}
        GROUP BY {lead}currency
        ORDER BY total DESC NULLS LAST, {lead}currency
    """
    rows = [_with_cost_of_success(row, len(names)) for row in query(sql, charges.parameters)]
    columns = (
        *names, "cost", "of which pending", "currency", "workflows", "pods", "unpriced pods", "succeeded",
        "cost per success",
    )  # fmt: skip
    title = f"Cost, {span}" + (f", pricing run {run}" if run else "")
    spent = Report("What it was spent on", (*names, *CLASSES, "pending", "currency"), _spent(query, charges, lead))
    notes = _notes(query, span, charges)
    parts = [spent]
    if shared is not None and (shared.idle.rows or shared.idle.notes):
        notes = [*shared.idle.notes, *notes]
        parts += [shared.idle.report()] if shared.idle.rows else []
    if shared is not None and (shared.total or shared.unknown or shared.notes):
        notes = [*_shared_notes(shared, rows, names), *notes]
        if names == ["department"]:
            columns, rows = (*columns, "shared"), _with_shared(rows, shared)
    return Report(title, columns, rows, notes, parts=parts)


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


def _with_cost_of_success(row: Any, keys: int) -> tuple[Any, ...]:
    """The row and what a success cost, all attempts together; unknown where none succeeded or nothing is priced."""
    whole, successes = row[keys], row[-1]
    if whole is None or not successes:
        return (*row, None)
    return (*row, CONTEXT.quantize(CONTEXT.divide(whole, Decimal(successes)), PLACES))


def _spent(query: Query, charges: Charges, lead: str) -> list[tuple[Any, ...]]:
    """The parts of each row's cost by what it was spent on; they sum to it."""
    parts = ", ".join(f"ifNull(sumIf(cost - ifNull(cost_pending, 0), class = '{name}'), 0)" for name in CLASSES)
    sql = f"""
        SELECT {lead}{parts}, sum(cost_pending), currency
        FROM {charges.source} AND cost IS NOT NULL
        GROUP BY {lead}currency
        ORDER BY sum(cost) DESC, {lead}currency
    """
    return [tuple(row) for row in query(sql, charges.parameters)]


def _notes(query: Query, span: Span, charges: Charges) -> list[str]:
    """Totals by currency, running pods, and whether the period was watched without a break."""
    totals = query(
        f"SELECT currency, sum(cost), {charges.accruing}, {charges.unpriced} FROM {charges.source} "
        "GROUP BY currency ORDER BY currency",
        charges.parameters,
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
    broken = query(
        "SELECT cluster, countIf(from_at > toDateTime64(0, 3)), toString(maxIf(to_at, from_at = toDateTime64(0, 3))) "
        f"FROM watch_gap FINAL WHERE to_at >= {BEGIN} AND from_at < {END} AND kind IN ('workflows', 'pods') "
        "GROUP BY cluster ORDER BY cluster",
        span.parameters(),
    )
    gaps = ", ".join(f"{cluster} ({count})" for cluster, count, _ in broken if count)
    since = ", ".join(f"{cluster} {at[:16]}" for cluster, _, at in broken if not at.startswith(NEVER))
    told = [*([f"gaps in {gaps}"] if gaps else []), *([f"first watched (UTC): {since}"] if since else [])]
    return f"not complete: {'; '.join(told)}" if told else "complete: no gap in any watch"
