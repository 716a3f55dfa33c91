"""
The panel types of our dashboards, and how they become Grafana's JSON.

The only module that knows grafanalib 0.7.1 (its last release: January 2024), so that replacing it touches one file.
grafanalib has no ClickHouse target, writes schema 12 and leaves nulls in its output; this module corrects all three.
No query is written here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import attr
from grafanalib import core

SCHEMA_VERSION = 39
"""Schema of the ClickHouse plugin's own dashboards; Grafana rewrites panels of an older one on every load."""

CLICKHOUSE_PLUGIN_VERSION = "4.0.0"
"""Without a version, the plugin reads a query as one of version 3 and rewrites it."""

PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}
CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
WIDTH = 24
Json = dict[str, Any]
Panel = core.Panel


@dataclass(frozen=True, slots=True)
class PrometheusTarget:
    """One PromQL query of a panel."""

    expr: str
    legend: str = ""
    instant: bool = False
    refId: str = ""
    """In camel case, since grafanalib reads this attribute by Grafana's name."""

    def to_json_data(self) -> Json:
        """As Grafana's Prometheus data source reads it."""
        return {
            "refId": self.refId,
            "datasource": PROMETHEUS,
            "editorMode": "code",
            "expr": self.expr,
            "legendFormat": self.legend or "__auto",
            "instant": self.instant,
            "range": not self.instant,
        }


@dataclass(frozen=True, slots=True)
class ClickHouseTarget:
    """One SQL query of a panel, in the shape of plugin version 4."""

    sql: str
    table: bool = False
    refId: str = ""

    def to_json_data(self) -> Json:
        """As the grafana-clickhouse-datasource plugin reads it."""
        return {
            "refId": self.refId,
            "datasource": CLICKHOUSE,
            "pluginVersion": CLICKHOUSE_PLUGIN_VERSION,
            "editorType": "sql",
            "queryType": "table" if self.table else "timeseries",
            "format": 1 if self.table else 0,
            "rawSql": self.sql,
            "meta": {"timezone": "UTC"},
        }


Target = PrometheusTarget | ClickHouseTarget


class TablePanel(Panel):
    """A table for Grafana 10 and later; grafanalib's own table uses the older `displayMode`."""

    def to_json_data(self) -> Json:
        """The panel; options of a single table are in `extraJson`."""
        own = {"type": "table", "options": {"showHeader": True, "cellHeight": "sm"}}
        table: Json = self.panel_json(own)  # type: ignore[no-untyped-call]
        return table


def stat(
    title: str, description: str, targets: Sequence[Target], unit: str = "short", *, decimals: int = 0
) -> core.Stat:
    """A single figure, with a curve of its recent past behind it."""
    return core.Stat(
        title=title,
        description=description,
        dataSource=_source(targets),
        targets=_lettered(targets),
        format=unit,
        decimals=decimals,
        color={"mode": "fixed", "fixedColor": "text"},
        colorMode="value",
        graphMode="none" if all(isinstance(t, PrometheusTarget) and t.instant for t in targets) else "area",
        reduceCalc="lastNotNull",
        noValue="unknown",
        maxDataPoints=None,
        thresholds=[{"color": "text", "value": None}],
    )


def series(
    title: str,
    description: str,
    targets: Sequence[Target],
    unit: str,
    *,
    stacked: bool = False,
    interval: str = "1m",
    below_zero: bool = False,
) -> core.TimeSeries:
    """Lines over time; stacked series are drawn as bars, since their sum matters."""
    return core.TimeSeries(
        title=title,
        description=description,
        dataSource=_source(targets),
        targets=_lettered(targets),
        unit=unit,
        interval=interval,
        drawStyle="bars" if stacked else "line",
        fillOpacity=75 if stacked else 8,
        lineWidth=0 if stacked else 2,
        stacking={"group": "A", "mode": "normal" if stacked else "none"},
        showPoints="never",
        tooltipMode="multi",
        tooltipSort="desc",
        legendDisplayMode="list",
        valueMin=None if below_zero else 0,
        maxDataPoints=None,
        thresholds=[{"color": "text", "value": None}],
        extraJson={"fieldConfig": {"defaults": {"noValue": "unknown"}}},
    )


def table(title: str, description: str, target: Target, units: Mapping[str, str]) -> TablePanel:
    """Rows to look things up in; `units` says how the columns named there are formatted."""
    overrides = [
        {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
        for name, unit in units.items()
    ]
    defaults = {"custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}, "noValue": "unknown"}
    return TablePanel(
        title=title,
        description=description,
        dataSource=_source([target]),
        targets=_lettered([target]),
        maxDataPoints=None,
        thresholds=[{"color": "text", "value": None}],
        extraJson={"fieldConfig": {"defaults": {**defaults, "unit": "short"}, "overrides": overrides}},
    )


@dataclass(frozen=True, slots=True)
class Line:
    """Panels side by side; they share the width as `shares` says, evenly where it says nothing."""

    height: int
    panels: tuple[Panel, ...]
    shares: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Lines of panels under a heading."""

    title: str
    lines: tuple[Line, ...]


def dashboard(*, uid: str, title: str, description: str, sections: Iterable[Section], annotations: list[Json]) -> Json:
    """The whole dashboard as Grafana imports it."""
    made = core.Dashboard(
        uid=uid,
        title=title,
        description=description,
        tags=["lynceus"],
        schemaVersion=SCHEMA_VERSION,
        editable=False,
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        refresh="30s",
        timezone="browser",
        time=core.Time("now-24h", "now"),
        annotations=core.Annotations(list=annotations),
        links=[core.DashboardLink(asDropdown=True, includeVars=True, tags=["lynceus"], title="Lynceus")],
        templating=core.Templating(list=VARIABLES),
        panels=list(_placed(sections)),
    )
    return _tidy(json.loads(json.dumps(made, default=_to_json)))


def annotation(name: str, expr: str, text: str) -> Json:
    """Marks on every panel where a PromQL expression holds."""
    return {
        "name": name,
        "datasource": PROMETHEUS,
        "enable": True,
        "iconColor": "red",
        "expr": expr,
        "step": "60s",
        "titleFormat": name,
        "textFormat": text,
    }


def source_variable(name: str, label: str, plugin: str) -> Json:
    """A variable that lets the viewer choose a data source."""
    return {"type": "datasource", "name": name, "label": label, "query": plugin, "refresh": 1, "current": {}, "hide": 0}


def values_variable(name: str, label: str, query: str) -> Json:
    """A variable with the values of a Prometheus label, all of them by default."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": PROMETHEUS,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


VARIABLES = [
    source_variable("prometheus", "Prometheus", "prometheus"),
    source_variable("datasource", "ClickHouse", "grafana-clickhouse-datasource"),
    values_variable("cluster", "Cluster", "label_values(lynceus_cluster_up, cluster)"),
]


def _placed(sections: Iterable[Section]) -> Iterable[Panel]:
    """Every panel with its place on the grid and an id of its own."""
    panel_id = y = 0
    for section in sections:
        panel_id += 1
        yield core.RowPanel(title=section.title, id=panel_id, gridPos=core.GridPos(h=1, w=WIDTH, x=0, y=y))
        y += 1
        for line in section.lines:
            shares = line.shares or (WIDTH // len(line.panels),) * len(line.panels)
            x = 0
            for panel, width in zip(line.panels, shares, strict=True):
                panel_id += 1
                yield attr.evolve(panel, id=panel_id, gridPos=core.GridPos(h=line.height, w=width, x=x, y=y))
                x += width
            y += line.height


def _lettered(targets: Sequence[Target]) -> list[Target]:
    return [
        PrometheusTarget(target.expr, target.legend, target.instant, letter)
        if isinstance(target, PrometheusTarget)
        else ClickHouseTarget(target.sql, target.table, letter)
        for letter, target in zip("ABCDEFGH", targets, strict=False)
    ]


def _source(targets: Sequence[Target]) -> Json:
    return CLICKHOUSE if isinstance(targets[0], ClickHouseTarget) else PROMETHEUS


def _to_json(value: Any) -> Json:
    """What json.dumps does not know: every object of grafanalib can write itself."""
    written: Json = value.to_json_data()
    return written


GRAFANA_5 = ("__inputs", "rows", "sharedCrosshair", "style", "hideControls", "gnetId")
NOISE = ("error", "editable", "hideTimeOverride", "transparent", "maxDataPoints")
ROW_KEYS = ("id", "type", "title", "collapsed", "gridPos", "panels")


def _tidy(made: Json) -> Json:
    """Without what only Grafana 5 read, and without nulls, but for the id that an import must not carry."""
    kept = {key: _without_nulls(value) for key, value in made.items() if key not in GRAFANA_5}
    return {**kept, "id": None, "panels": [_tidy_panel(panel) for panel in kept["panels"]]}


def _tidy_panel(panel: Json) -> Json:
    if panel["type"] == "row":
        return {key: panel[key] for key in ROW_KEYS}
    return {key: value for key, value in panel.items() if key not in NOISE}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        # The base step of thresholds starts at minus infinity, which is written as null.
        return {k: _without_nulls(v) for k, v in value.items() if v is not None or k == "value"}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
