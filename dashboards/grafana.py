"""
A dashboard as Grafana's JSON: the only module that knows grafanalib 0.7.1, whose last release is of January 2024.

grafanalib writes heatmaps, bar gauges, gauges and tables as Grafana 5 read them, has no ClickHouse target, and adds keys
that Grafana dropped. So a panel here is one class of our own with the options of a current Grafana (the packages
@grafana/schema 11.6, 12.3 and 13.2 check them in a test); grafanalib brings the dashboard, its rows, links and the grid.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import attr
from grafanalib import core

SCHEMA_VERSION = 42
"""The newest of Grafana 12 and 13: a dashboard of an older one is rewritten on each load."""

WIDTH = 24
"""Columns of the grid."""
ROW_HEIGHT = 1
Json = dict[str, Any]


@attr.s(auto_attribs=True, kw_only=True)
class Panel(core.Panel):
    """A panel of one kind, with the options and field settings that its plugin reads."""

    kind: str
    options: Json
    defaults: Json
    """Field settings of all values; `custom` holds those of the kind."""
    overrides: Sequence[Json] = ()

    def to_json_data(self) -> Json:
        """The panel as Grafana loads it."""
        own = {
            "type": self.kind,
            "options": self.options,
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
        }
        made: Json = self.panel_json(own)  # type: ignore[no-untyped-call]
        return made


@dataclass(frozen=True, slots=True)
class Line:
    """Panels side by side; they share the width as `shares` says, evenly where it says nothing."""

    height: int
    panels: tuple[Panel, ...]
    shares: tuple[int, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each panel; a line that leaves a hole or is too wide is an error."""
        widths = self.shares or (WIDTH // len(self.panels),) * len(self.panels)
        if len(widths) != len(self.panels) or sum(widths) != WIDTH:
            titles = ", ".join(panel.title for panel in self.panels)
            raise ValueError(
                f"the line of {titles} has widths {widths}; {len(self.panels)} that make {WIDTH} are needed"
            )
        return widths


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of panels under a heading."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """Everything that one dashboard says."""

    uid: str
    title: str
    description: str
    sections: tuple[Section, ...]
    variables: Sequence[Json]
    annotations: Sequence[Json] = ()
    links: Sequence[Json] = ()
    """Beside the menu of our dashboards, by dashboards.links."""
    since: str = "now-24h"
    """Begin of the time range that a viewer sees first."""


TAG = "lynceus"


def as_json(dashboard: Dashboard) -> Json:
    """The dashboard as Grafana imports it."""
    made = core.Dashboard(
        uid=dashboard.uid,
        title=dashboard.title,
        description=dashboard.description,
        tags=[TAG],
        schemaVersion=SCHEMA_VERSION,
        editable=False,
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        refresh="30s",
        timezone="browser",
        time=core.Time(dashboard.since, "now"),
        annotations=core.Annotations(list=list(dashboard.annotations)),
        links=[
            core.DashboardLink(asDropdown=True, includeVars=True, keepTime=True, tags=[TAG], title="Lynceus"),
            *dashboard.links,
        ],
        templating=core.Templating(list=list(dashboard.variables)),
        panels=list(_placed(dashboard.sections)),
    )
    return _tidy(json.loads(json.dumps(made, default=_to_json)))


def _placed(sections: Iterable[Section]) -> Iterable[core.Panel]:
    """Every panel with its place on the grid and an id of its own."""
    panel_id = y = 0
    for section in sections:
        panel_id += 1
        yield core.RowPanel(title=section.title, id=panel_id, gridPos=core.GridPos(h=ROW_HEIGHT, w=WIDTH, x=0, y=y))
        y += ROW_HEIGHT
        for line in section.lines:
            x = 0
            for panel, width in zip(line.panels, line.widths, strict=True):
                panel_id += 1
                yield attr.evolve(panel, id=panel_id, gridPos=core.GridPos(h=line.height, w=width, x=x, y=y))
                x += width
            y += line.height


def _to_json(value: Any) -> Json:
    """What json.dumps does not know: every object of grafanalib can write itself."""
    written: Json = value.to_json_data()
    return written


DROPPED = ("__inputs", "rows", "sharedCrosshair", "style", "hideControls", "gnetId", "timepicker")
NOISE = ("error", "editable", "hideTimeOverride", "transparent", "maxDataPoints")
ROW_KEYS = ("id", "type", "title", "collapsed", "gridPos", "panels")


def _tidy(made: Json) -> Json:
    """Without what only an older Grafana read, and without nulls, but for the id that an import must not carry."""
    kept = {key: _without_nulls(value) for key, value in made.items() if key not in DROPPED}
    return {**kept, "id": None, "panels": [_tidy_panel(panel) for panel in kept["panels"]]}


def _tidy_panel(panel: Json) -> Json:
    if panel["type"] == "row":
        return {key: panel[key] for key in ROW_KEYS}
    return {key: value for key, value in panel.items() if key not in NOISE and value != []} | {
        "targets": panel["targets"]
    }


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        # The base step of thresholds starts at minus infinity, which is written as null.
        return {k: _without_nulls(v) for k, v in value.items() if v is not None or k == "value"}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
