"""
Addresses of bill pages, and of the API's reports behind the tables on them.
"""

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlencode

from collector.core.cost.attribution import UNALLOCATED
from collector.reports.filters import Filter
from collector.reports.month_bill import MonthPlace
from collector.web.words import segment

REPORTS = "/reports"
API = "/api/v1/reports"


def page(department: str, month: date) -> str:
    """The page of a month's bill; of all departments if none is named."""
    path = f"{REPORTS}/{segment(department)}" if department else REPORTS
    return f"{path}?month={month:%Y-%m}"


def report(place: MonthPlace, kind: str = "cost", **options: str) -> str:
    """The API's report of a month, with the options of the command."""
    where = {"where": f"department={place.department}"} if place.department else {}
    return f"{API}/{kind}?{urlencode({'month': f'{place.month:%Y-%m}', **options, **where})}"


def shared(place: MonthPlace, form: str = "") -> str:
    """The API's report of what a department pays of shared costs."""
    return _api_report("shared", form, month=f"{place.month:%Y-%m}", department=place.department)


def unallocated(place: MonthPlace, form: str = "") -> str:
    """The API's report of what belongs to no department."""
    return _api_report("unallocated", form, month=f"{place.month:%Y-%m}")


def months(form: str = "") -> str:
    """The API's list of months and their states."""
    return _api_report("months", form)


def workflow_list(place: MonthPlace, filters: Sequence[Filter], sort: str, form: str = "") -> str:
    """The API's report of workflows; `filters` are those beside the department."""
    chosen = (*place.filters, *filters)
    where = [f"{one.column}={value}" for one in chosen for value in one.values]
    return _api_report("workflows", form, month=f"{place.month:%Y-%m}", sort=sort, where=where)


def difference(place: MonthPlace, form: str = "") -> str:
    """The API's comparison with the month before, as the page has it."""
    where = [f"department={place.department}"] if place.department else []
    if place.is_over:
        period = {"month": f"{place.month:%Y-%m}", "compare": "before"}
    else:
        period = {"from": f"{place.month}", "to": f"{place.today}", "compare": "same-days"}
    return _api_report("comparison", form, **period, by="department,template", where=where)


def month_json(place: MonthPlace) -> str:
    """The same bill as JSON."""
    named = {"department": place.department} if place.department else {}
    return f"{API}/month?{urlencode({'month': f'{place.month:%Y-%m}', **named})}"


def of_row(place: MonthPlace, column: str, name: str) -> str:
    """Where the name in a row leads; empty: nowhere."""
    if column == "department":
        return page(name, place.month)
    if place.department:
        return workflows(place, column, name)
    return template(name) if column == "template" else ""


def workflows(place: MonthPlace, column: str, name: str) -> str:
    """The workflows behind a row."""
    chosen = {"month": f"{place.month:%Y-%m}", column: "" if name == UNALLOCATED else name}
    return f"{REPORTS}/{segment(place.department)}/workflows?{urlencode(chosen)}"


def template(name: str) -> str:
    """The page of a template; empty: it has none."""
    return "" if name == UNALLOCATED else f"/templates/{segment(name)}?period=30d"


def workflow(uid: str) -> str:
    """The page of a workflow; empty: none is named."""
    return f"/workflows/{segment(uid)}" if uid else ""


def anomalies(place: MonthPlace, form: str = "") -> str:
    """The API's report of anomalies of a month."""
    return report(place, "anomalies", **({"format": form} if form else {}))


def _api_report(kind: str, form: str, **options: str | Sequence[str]) -> str:
    """A report of the API with its options; `form` is `csv`, or empty for pages of JSON."""
    query = urlencode(options | ({"format": form} if form else {}), doseq=True)
    return f"{API}/{kind}?{query}" if query else f"{API}/{kind}"
