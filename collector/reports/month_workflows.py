"""
The dearest workflows of a period, a page at a time: from a row of the cost report to each workflow behind it.

Amounts are those of `lynceus report cost --by workflow,workflow_uid` with the same filters.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import astuple, replace

from collector.catalog.schema import DATABASE
from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import CONTEXT, total
from collector.core.units import ZERO
from collector.reports.cost_figures import CURRENCY, PODS, SHARED, TO_PAY, UNPRICED, WASTE, WORKFLOWS
from collector.reports.cost_rows import OTHERS, TOTAL, CostLine, cost_rows
from collector.reports.cost_source import CostView
from collector.reports.filters import Filter, described
from collector.reports.report import Query, Report, Span

KEYS = ("workflow", "workflow_uid", "template", "cluster", "namespace")
SORTS = {"cost": TO_PAY, "waste": WASTE, "pods": PODS, "shared": SHARED}
"""What workflows may be sorted by, the largest first."""
MONEY = ("to pay", "shared", "waste")
PLACE = ("cluster", "namespace", "workflow_uid")
COLUMNS = ("workflow", "template", "outcome", *MONEY, "currency", "pods", "unpriced pods", *PLACE)
AT_ONCE = 1000
"""Workflows whose outcomes are asked for in one statement: the store takes parameters of up to 128 KiB."""
OUTCOMES = f"""
    SELECT uid, argMax(outcome, (attempt, version)) FROM {DATABASE}.workflow_run
    WHERE uid IN {{uids:Array(String)}} GROUP BY uid
"""


class PaidWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """What is to pay for one workflow in a period, in one currency."""

    workflow: str
    template: str
    outcome: str
    """Of its last finished attempt; empty: none has finished."""
    to_pay: Decimal | None
    shared: Decimal
    waste: Decimal
    currency: str
    pods: int
    unpriced: int
    cluster: str
    namespace: str
    workflow_uid: str
    """Empty: of pods whose workflow was never seen, or of shared costs that no workflow bears."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowsPage:
    """Some of the workflows of a period."""

    rows: Sequence[PaidWorkflow]
    skipped: int
    more: bool
    """Whether there are others after them."""
    totals: Sequence[PaidWorkflow]
    """Of all of them, one for each currency."""
    workflows: int
    """How many there are."""


def month_workflows(
    query: Query, span: Span, filters: Sequence[Filter], *, sort: str = "cost", skipped: int = 0, most: int = 50
) -> WorkflowsPage:
    """Reads the workflows of a period that pass filters, in an order of SORTS; `most` 0 reads all."""
    figures = [TO_PAY, SHARED, WASTE, CURRENCY, PODS, UNPRICED, WORKFLOWS]
    view = CostView(span=span, columns=KEYS, filters=tuple(filters))
    order = f"{SORTS[sort].sql} DESC NULLS LAST, "
    found = cost_rows(query, view, figures, order, keys=["class"], skipped=skipped, most=most and most + 1)
    whole = CostView(span=span, columns=(), filters=tuple(filters))
    totals = cost_rows(query, whole, figures, "", keys=["class"])
    shown = found[:most] if most else found
    outcomes = _outcomes(query, [str(line.keys[1]) for line in shown])
    return WorkflowsPage(
        rows=[_paid(line, outcomes) for line in shown],
        skipped=skipped,
        more=len(found) > len(shown),
        totals=[_paid(line, {}) for line in totals],
        workflows=max((line.figures[WORKFLOWS] for line in totals), default=0),
    )


def report(found: WorkflowsPage, span: Span, filters: Sequence[Filter]) -> Report:
    """The same as a table."""
    chosen = f", where {described(filters)}" if filters else ""
    return Report(
        f"Workflows, {span}{chosen}",
        COLUMNS,
        [astuple(row) for row in (*found.rows, *_others(found))],
        totals=[astuple(replace(row, workflow=TOTAL)) for row in found.totals],
        money=frozenset(MONEY),
    )


def _others(found: WorkflowsPage) -> Iterator[PaidWorkflow]:
    """What the workflows that are not listed sum up to, one row for each currency, so that the rows sum to the totals."""
    for whole in found.totals if found.more or found.skipped else ():
        listed = [row for row in found.rows if row.currency == whole.currency]
        others = replace(
            whole,
            workflow=OTHERS,
            to_pay=None if whole.to_pay is None else _less(whole.to_pay, (row.to_pay or ZERO for row in listed)),
            shared=_less(whole.shared, (row.shared for row in listed)),
            waste=_less(whole.waste, (row.waste for row in listed)),
            pods=whole.pods - sum(row.pods for row in listed),
            unpriced=whole.unpriced - sum(row.unpriced for row in listed),
        )
        if others.pods or others.to_pay:  # else all of this currency are listed
            yield others


def _less(whole: Decimal, parts: Iterable[Decimal]) -> Decimal:
    return CONTEXT.subtract(whole, total(parts))


def _outcomes(query: Query, uids: Sequence[str]) -> dict[str, str]:
    known = [uid for uid in uids if uid != UNALLOCATED]
    parts = (known[begin : begin + AT_ONCE] for begin in range(0, len(known), AT_ONCE))
    return {row[0]: row[1] for part in parts for row in query(OUTCOMES, {"uids": part})}


def _paid(line: CostLine, outcomes: Mapping[str, str]) -> PaidWorkflow:
    keys: list[Any] = [*map(str, line.keys), *[""] * (len(KEYS) - len(line.keys))]
    keys[1] = "" if keys[1] == UNALLOCATED else keys[1]
    figures = line.figures
    return PaidWorkflow(
        **dict(zip(KEYS, keys, strict=True)),
        outcome=outcomes.get(keys[1], ""),
        to_pay=figures[TO_PAY],
        shared=figures[SHARED],
        waste=figures[WASTE],
        currency=figures[CURRENCY],
        pods=figures[PODS],
        unpriced=figures[UNPRICED],
    )
