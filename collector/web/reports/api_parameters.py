"""
What the API's reports are asked with: the options of `lynceus report`, by the same names, and the page.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collector.core.cost.budget import BUDGET_COLUMNS
from collector.prices.pool_nodes import Per
from collector.reports import anomalies, queue
from collector.reports.comparison_report import COLUMNS as COMPARED_BY
from collector.reports.cost import SORTS
from collector.reports.cost_columns import COLUMNS as COST_COLUMNS
from collector.reports.filters import LONGEST, MOST
from collector.reports.month_workflows import SORTS as WORKFLOW_SORTS
from collector.reports.past_pods import CHOSEN_BY
from collector.reports.questions import AskedPeriod
from collector.reports.unit_costs import COLUMNS as UNIT_COLUMNS

USUAL_ROWS, MOST_ROWS_OF_PAGE = 1000, 10_000
LAST_RUN = 2**32 - 1

Filtered = Annotated[str, StringConstraints(max_length=LONGEST + 100)]


class PageParameters(BaseModel):
    """What every report takes."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    format: Literal["json", "csv"] | None = Field(None, examples=["csv"])
    """`csv` answers the report's first table whole, as a file for spreadsheets; else the header Accept decides."""
    limit: int = Field(USUAL_ROWS, ge=1, le=MOST_ROWS_OF_PAGE, examples=[500])
    """The most rows of a page."""
    cursor: str = Field("", max_length=100)
    """`paging.cursor` of the page before, for the next page of the same report."""

    def of_report(self) -> dict[str, Any]:
        """Returns what decides the report, whatever page of it."""
        return self.model_dump(exclude={"format", "limit", "cursor"}, by_alias=True)


class PeriodParameters(PageParameters):
    """The period of a report."""

    begin: str = Field("", alias="from", max_length=10, examples=["2026-11-01"])
    """First day. Default: the first of this month."""
    end: str = Field("", alias="to", max_length=10, examples=["2026-12-01"])
    """Day after the last day. Default: tomorrow."""
    month: str = Field("", max_length=7, examples=["2026-11"])
    """A month instead of `from` and `to`."""

    def period(self, zone: str) -> AskedPeriod:
        """Returns the period that is asked for."""
        return AskedPeriod(begin=self.begin, end=self.end, month=self.month, zone=zone)


def _where(columns: Iterable[str], example: str) -> Any:
    about = (
        "Only rows with this value, or without it: `COLUMN!=VALUE`. May be repeated: values of one column are alternatives. "
        f"`COLUMN=` finds what is unallocated. Columns: {', '.join(columns)}."
    )
    return Field([], max_length=MOST, description=about, examples=[[example]])


def _by(columns: Iterable[str], usual: str, example: str) -> Any:
    about = f"Columns to group by, separated by commas: {', '.join(columns)}."
    return Field(usual, max_length=500, description=about, examples=[example])


_SORTED = f"Largest first: {', '.join(SORTS)}; or one of the columns of `by`."
_CREATED = "First day on which the workflow may have been created. Default: any day."
_TOP = Field(0, ge=0, le=10**6, description="Only so many rows; 0: all rows.", examples=[10])


class CostParameters(PeriodParameters):
    """Of `/api/v1/reports/cost`."""

    by: str = _by(COST_COLUMNS, "department", "department,template")
    where: list[Filtered] = _where(COST_COLUMNS, "department=maps")
    sort: str = Field(
        "cost",
        max_length=40,
        examples=["waste"],
        description=_SORTED,
    )
    top: int = Field(0, ge=0, le=10**6, examples=[10])
    """Only so many rows, the others are one row; 0: all rows."""
    run: int = Field(0, ge=0, le=LAST_RUN, examples=[1])
    """Pricing run to report; 0: the active run of each month."""


class UnitParameters(PeriodParameters):
    """Of `/api/v1/reports/units`."""

    unit: str = Field(min_length=1, max_length=200, examples=["km"])
    """What workflows make, as `attribution.units` of the settings names it."""
    by: str = _by(UNIT_COLUMNS, "department", "template")
    where: list[Filtered] = _where(UNIT_COLUMNS, "department=maps")


class ComparisonParameters(PeriodParameters):
    """Of `/api/v1/reports/comparison`."""

    compare: str = Field("before", max_length=9, examples=["2026-10"])
    """A month to compare with; `before`: the time of equal length before; `same-days`: as many days of the month before."""
    by: str = _by(COMPARED_BY, "department", "department,template")
    where: list[Filtered] = _where(COST_COLUMNS, "department=maps")
    top: int = _TOP


class QueueParameters(PeriodParameters):
    """Of `/api/v1/reports/queue`."""

    by: str = _by(queue.COLUMNS, "cluster,queue", "template")
    where: list[Filtered] = _where(queue.COLUMNS, "queue=nightly")
    top: int = _TOP


class SuccessParameters(PeriodParameters):
    """Of `/api/v1/reports/success`."""

    by: str = _by(queue.COLUMNS, "cluster,namespace", "department,template")
    where: list[Filtered] = _where(queue.COLUMNS, "template=train")
    top: int = _TOP


class StepParameters(PeriodParameters):
    """Of `/api/v1/reports/steps`."""

    begin: str = Field(
        "",
        alias="from",
        max_length=10,
        examples=["2026-11-01"],
        description=_CREATED,
    )
    workflow: str = Field(min_length=1, max_length=253, examples=["nightly-x7k2p"])
    """Workflow by name or uid."""


class SavingsParameters(PeriodParameters):
    """Of `/api/v1/reports/savings`."""

    where: list[Filtered] = _where(CHOSEN_BY, "department=maps")
    node_type: str = Field("", max_length=100, examples=["ecs.c6.large"])
    """The pool's node. Default: the first of `nodes` in the price books."""
    node_size: str = Field("", max_length=40, examples=["2-4Gi"])
    """What one node has for pods. Default: by the price books, or the type's name."""
    node_gpus: str = Field("", max_length=20, examples=["1"])
    """GPUs of one node. Default: by the price books."""
    node_price: str = Field("", max_length=40, examples=["0.06"])
    """Price of one node, in the currency of the bill. Default: by the price books."""
    per: Per = "hour"
    """What `node_price` is for."""
    wait: int = Field(60, ge=0, le=10**7, examples=[300])
    """Seconds that 19 of 20 pods may wait at most."""


class AnomalyParameters(PeriodParameters):
    """Of `/api/v1/reports/anomalies`."""

    where: list[Filtered] = _where(anomalies.FILTERS, "department=maps")
    top: int = Field(anomalies.MOST, ge=0, le=10**6, examples=[5])
    """Only so many, the most excess first; 0: all."""


class WorkflowParameters(PeriodParameters):
    """Of `/api/v1/reports/workflows`."""

    where: list[Filtered] = _where(COST_COLUMNS, "department=maps")
    sort: str = Field(
        "cost", max_length=40, examples=["waste"], description=f"Largest first: {', '.join(WORKFLOW_SORTS)}."
    )
    top: int = _TOP


class MonthParameters(PageParameters):
    """Of `/api/v1/reports/budgets`."""

    month: str = Field("", max_length=7, examples=["2026-11"])
    """The month. Default: this month."""


class SharedParameters(MonthParameters):
    """Of `/api/v1/reports/shared`."""

    department: str = Field(min_length=1, max_length=253, examples=["maps"])
    """Who pays; `unallocated`: what no department pays."""


class ForecastParameters(MonthParameters):
    """Of `/api/v1/reports/forecast`."""

    by: str = _by(BUDGET_COLUMNS, "", "department")
    where: list[Filtered] = _where(BUDGET_COLUMNS, "department=maps")


class BillParameters(PageParameters):
    """Of `/api/v1/reports/bill`."""

    month: str = Field(min_length=7, max_length=7, examples=["2026-11"])
    """The month of the bill."""
