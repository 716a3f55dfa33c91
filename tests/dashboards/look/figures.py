"""
Figures of a dashboard against those of `lynceus report` for the same day.

The demo goes on between the two, so a report is asked before and after a picture. What only grows during a day, such as
runs and money, was drawn rightly if it stands between them.
"""

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.dashboards.look.sources import Fleet
from tests.processes import ROOT, lynceus

Json = dict[str, Any]
Figures = dict[str, float]
SLACK = 1e-6
"""Of a figure: dashboards draw binary fractions, reports print decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Rows of the reports of a day."""

    cost: list[Json]
    """By template."""
    success: list[Json]
    """By template."""


def reported(fleet: Fleet, day: str, after: str) -> Reports:
    """The reports from a day to the day after."""
    started = {
        kind: subprocess.Popen(
            lynceus(
                "report", kind, "--by", "template", "--from", day, "--to", after, "--format", "json",
                "--url", f"{fleet.sources.clickhouse}/lynceus",
            ),
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        for kind in ("cost", "success")
    }  # fmt: skip
    answers = {kind: json.loads(process.communicate()[0])["rows"] for kind, process in started.items()}
    return Reports(cost=[_used(row) for row in answers["cost"] if row["pods"]], success=answers["success"])


def _used(row: Json) -> Json:
    """A row of the cost report with what its pods cost, as panels of charges show it: without shared costs."""
    return row | {"used": float(row["exact"] or 0) - float(row.get("shared") or 0)}


def _between(what: str, drawn: Mapping[str, float], before: Figures, after: Figures) -> Iterator[str]:
    """A line for each figure that the reports do not know, know otherwise, or have and the picture lacks."""
    for name, value in drawn.items():
        low, high = before.get(name, 0.0), after.get(name)
        if high is None or not low * (1 - SLACK) <= value <= high * (1 + SLACK):
            yield f"{what} of {name} is drawn as {value}, and reported as {low} before and {high} after"
    yield from (
        f"{what} of {name} is reported as {before[name]} and not drawn" for name in before.keys() - drawn.keys()
    )


def _panel(seen: Json, title: str) -> Json:
    return next(panel for panel in seen["panels"] if panel["title"] == title)


def _column(seen: Json, title: str, column: str) -> Figures:
    """A column of a table by its first."""
    panel = _panel(seen, title)
    at = panel["columns"].index(column)
    return {row[0]: float(row[at] or 0) for row in panel["values"]}


def _reported(rows: list[Json], column: str, by: str = "template") -> Figures:
    sums: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        sums[row[by]] += float(row[column] or 0)
    return dict(sums)


def cost(seen: Json, before: Reports, after: Reports) -> Iterator[str]:
    """What the day and each template cost, and the workflows of each template."""
    spent = {figure["name"]: figure["value"] for figure in _panel(seen, "Spent")["figures"]}
    yield from _between(
        "Spent", spent, _reported(before.cost, "used", "currency"), _reported(after.cost, "used", "currency")
    )
    for column, of_report in (("Spent", "used"), ("Runs", "workflows"), ("No price", "unpriced pods")):
        drawn = _column(seen, "Dearest templates", column)
        yield from _between(column, drawn, _reported(before.cost, of_report), _reported(after.cost, of_report))


def reliability(seen: Json, before: Reports, after: Reports) -> Iterator[str]:
    """How the runs of each template ended."""
    for column, of_report in (("Runs", "runs"), ("Failed", "failed"), ("Platform", "platform")):
        drawn = _column(seen, "By template", column)
        yield from _between(column, drawn, _reported(before.success, of_report), _reported(after.success, of_report))


COMPARED: dict[str, Callable[[Json, Reports, Reports], Iterator[str]]] = {"cost": cost, "reliability": reliability}
"""By the name of a dashboard's file."""
