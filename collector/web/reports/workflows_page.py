"""
The page of the dearest workflows of a month: what was chosen, which rows, and where they lead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from collector.core.cost.attribution import UNALLOCATED
from collector.core.cost.meters import CONTEXT
from collector.core.cost.minor_units import minor_unit
from collector.language.language import Language, in_catalog
from collector.reports import cost_columns
from collector.reports.filters import Filter
from collector.reports.month_bill import DEPARTMENT, MonthPlace
from collector.reports.month_workflows import PaidWorkflow, WorkflowsPage
from collector.web.reports import addresses
from collector.web.reports.words import named
from collector.web.words import segment

ROWS = 50
"""Of a page."""
COLUMNS = tuple(name for name in cost_columns.COLUMNS if name != DEPARTMENT)
"""Columns of the cost report by which workflows may be chosen."""
SORTS = {
    "cost": in_catalog("dearest first"),
    "waste": in_catalog("most waste first"),
    "pods": in_catalog("most pods first"),
    "shared": in_catalog("most shared costs first"),
}
OUTCOMES = {
    "succeeded": in_catalog("succeeded"),
    "failed": in_catalog("failed"),
    "platform": in_catalog("failed by the platform"),
    "cancelled": in_catalog("cancelled"),
    "invalid": in_catalog("invalid"),
    "unknown": in_catalog("end not seen"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRows:
    """What a visitor wanted for."""

    filters: Sequence[Filter]
    """Beside the department."""
    sort: str
    page: int
    with_bill: bool
    """Whether a workflow's page should show the lines of the provider's bill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWorkflow:
    """A row of the page."""

    row: PaidWorkflow
    address: str
    """Empty: there is no such page."""
    outcome: str
    to_pay: str
    shared: str
    waste: str


class LinkOrChosen(NamedTuple):
    """A link, or what is chosen already."""

    text: str
    address: str
    is_this: bool = False


def view(found: WorkflowsPage, place: MonthPlace, wanted: WantedRows, language: Language) -> dict[str, Any]:
    """The values that the template needs."""

    def address(filters: Sequence[Filter] = wanted.filters, sort: str = wanted.sort, page: int = 1) -> str:
        return address_of(place, filters, sort=sort, page=page)

    return {
        "api": addresses.workflow_list(place, wanted.filters, wanted.sort),
        "csv": addresses.workflow_list(place, wanted.filters, wanted.sort, "csv"),
        "rows": [_row(row, wanted, language) for row in found.rows],
        "totals": [_row(row, wanted, language) for row in found.totals],
        "workflows": found.workflows,
        "first": found.skipped + 1,
        "chosen": [
            LinkOrChosen(_described(one, language), address([other for other in wanted.filters if other is not one]))
            for one in wanted.filters
        ],
        "sorts": [
            LinkOrChosen(language.text(text), address(sort=name), name == wanted.sort) for name, text in SORTS.items()
        ],
        "before": address(page=wanted.page - 1) if wanted.page > 1 else "",
        "after": address(page=wanted.page + 1) if found.more else "",
    }


def address_of(place: MonthPlace, filters: Sequence[Filter] = (), *, sort: str = "cost", page: int = 1) -> str:
    """The address of a list of workflows."""
    pairs = [("month", f"{place.month:%Y-%m}")]
    pairs += [(one.column, "" if value == UNALLOCATED else value) for one in filters for value in one.values]
    pairs += [("sort", sort)] if sort != "cost" else []
    pairs += [("page", str(page))] if page > 1 else []
    return f"/reports/{segment(place.department)}/workflows?{urlencode(pairs)}"


def _described(one: Filter, language: Language) -> str:
    return f"{one.column}: {', '.join(named(one.column, value, language) for value in one.values)}"


def _row(row: PaidWorkflow, wanted: WantedRows, language: Language) -> ShownWorkflow:
    bill = "?bill=1#bill-title" if wanted.with_bill else ""
    return ShownWorkflow(
        row=row,
        address=f"/workflows/{segment(row.workflow_uid)}{bill}" if row.workflow_uid else "",
        outcome=language.text(OUTCOMES[row.outcome]) if row.outcome in OUTCOMES else row.outcome,
        to_pay=_amount(row.to_pay, row.currency, language),
        shared=_amount(row.shared, row.currency, language),
        waste=_amount(row.waste, row.currency, language),
    )


def _amount(amount: Decimal | None, currency: str, language: Language) -> str:
    """An amount in minor units; a workflow may cost less than one, so then with two digits that count."""
    if amount is None:
        return ""
    unit = minor_unit(currency)
    if amount and abs(amount) < unit:
        unit = Decimal(1).scaleb(max(amount.adjusted() - 1, -8))
    return language.amount(CONTEXT.quantize(amount, unit))
