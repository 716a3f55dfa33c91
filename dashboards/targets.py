"""
Queries of panels in the shape of the data sources: Prometheus for what is now, ClickHouse for history and drill-down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Json = dict[str, Any]

PROMETHEUS = {"type": "prometheus", "uid": "${prometheus}"}
CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}

LETTERS = "ABCDEFGHIJKL"
"""Names of the queries of a panel."""

CLICKHOUSE_PLUGIN_VERSION = "4.0.0"
"""Without a version, the plugin reads a query as one of version 3 and rewrites it."""


@dataclass(frozen=True, slots=True)
class PrometheusTarget:
    """One PromQL query of a panel."""

    expr: str
    legend: str = ""
    instant: bool = False
    """Asks for this moment; a range query ends up to one step, at 7 days an hour, before it."""
    form: Literal["time_series", "table", "heatmap"] = "time_series"
    exemplars: bool = False
    refId: str = ""
    """In camel case, since grafanalib reads this attribute by Grafana's name."""

    def to_json_data(self) -> Json:
        """As Grafana's Prometheus data source reads it."""
        return {
            "refId": self.refId,
            "datasource": PROMETHEUS,
            "editorMode": "code",
            "expr": self.expr,
            "format": self.form,
            "legendFormat": self.legend or "__auto",
            "instant": self.instant,
            "range": not self.instant,
            "exemplar": self.exemplars,
        }


@dataclass(frozen=True, slots=True)
class ClickHouseTarget:
    """One SQL query of a panel, in the shape of plugin version 4."""

    sql: str
    table: bool = False
    """Rows as they are; else series by the column `time`, one for each combination of the text columns."""
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


def now(expr: str, legend: str = "") -> PrometheusTarget:
    """A figure of this moment."""
    return PrometheusTarget(expr, legend, instant=True)


def over_time(expr: str, legend: str = "", *, exemplars: bool = False) -> PrometheusTarget:
    """Series over the chosen time."""
    return PrometheusTarget(expr, legend, exemplars=exemplars)


def rows_now(expr: str) -> PrometheusTarget:
    """A column of a table: one row for each combination of labels, at this moment."""
    return PrometheusTarget(expr, instant=True, form="table")


def buckets(expr: str) -> PrometheusTarget:
    """The buckets of a histogram, for a heatmap; `expr` keeps the label `le`."""
    return PrometheusTarget(expr, "{{le}}", form="heatmap")


def rows(sql: str) -> ClickHouseTarget:
    """Rows of a table, a bar chart or a figure."""
    return ClickHouseTarget(sql, table=True)


def history(sql: str) -> ClickHouseTarget:
    """Series of rows that are ordered by a column `time`."""
    return ClickHouseTarget(sql)


def source(targets: Sequence[Target]) -> Json:
    """The data source of a panel: that of its first query."""
    return CLICKHOUSE if isinstance(targets[0], ClickHouseTarget) else PROMETHEUS


def lettered(targets: Sequence[Target]) -> list[Target]:
    """The queries with letters of their own."""
    return [replace(target, refId=letter) for letter, target in zip(LETTERS, targets, strict=False)]
