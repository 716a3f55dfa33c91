"""
Where a panel, a row or a cell leads: to another of our dashboards with the chosen time and variables, to a runbook, or to a
page of the collector.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from dashboards import uids

Json = dict[str, Any]

ALWAYS_KEPT = ("prometheus", "datasource")
"""Variables that every dashboard has: a viewer who chose other data sources keeps them."""


def value_of(column: str) -> str:
    """The value of a column in the row of a link, as part of an address."""
    return f'${{__data.fields["{column}"]:percentencode}}'


def label_of(label: str) -> str:
    """The value of a label of the series of a link, as part of an address."""
    return f"${{__field.labels.{label}:percentencode}}"


CHOSEN_TIME = "${__url_time_range}"


def to_dashboard(title: str, uid: str, *, keep: tuple[str, ...] = (), time: str = CHOSEN_TIME, **values: str) -> Json:
    """
    A link to a dashboard: it keeps the time, the data sources and the variables in `keep`, and sets those in `values`.

    A value is a text such as `value_of("cluster")`; `time` sets another time, such as `from=now-7d&to=now`. A dashboard
    ignores variables that it does not have.
    """
    return _link(title, uid, time, keep, values)


def to_workflow(title: str = "This workflow") -> Json:
    """
    A link to the page of the workflow of a row, with the time in which it lived, so that its steps fill the page.

    The row has the columns `uid`, `from_ms` and `to_ms`, the last two by dashboards.sql.life; they may be hidden.
    """
    lived = f"from={value_of('from_ms')}&to={value_of('to_ms')}"
    return _link(title, uids.WORKFLOW, lived, (), {"uid": value_of("uid")})


def _link(title: str, uid: str, time: str, keep: tuple[str, ...], values: Mapping[str, str]) -> Json:
    kept = [f"${{{name}:queryparam}}" for name in (*ALWAYS_KEPT, *keep)]
    set_ = [f"var-{name}={value}" for name, value in values.items()]
    return {"title": title, "url": f"/d/{uid}?{'&'.join((*set_, *kept, time))}", "targetBlank": False}


def to_runbook(alert: str, runbooks: str) -> tuple[Json, ...]:
    """The runbook of an alert, as the link of a panel; none without an address of runbooks."""
    link = {"title": f"Runbook: {alert}", "url": f"{runbooks}/{quote(alert)}.md", "type": "link", "targetBlank": True}
    return (link,) if runbooks else ()


def to_page(title: str, path: str, pages: str) -> tuple[Json, ...]:
    """A page of the collector, as the link of a panel or a dashboard; none without an address of pages."""
    return ({"title": title, "url": f"{pages}{path}", "type": "link", "targetBlank": True},) if pages else ()


def to_runbook_of(column: str, runbooks: str) -> tuple[Json, ...]:
    """The runbook of the alert that a row of a table names, as the link of a cell; none without an address of runbooks."""
    link = {"title": "Runbook", "url": f"{runbooks}/{value_of(column)}.md", "targetBlank": True}
    return (link,) if runbooks else ()
