"""
The queries of a dashboard, asked of a real Prometheus and of the store, as Grafana's data sources would ask them.
"""

import json
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.dashboards.macros import expand

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points of one line or bar: seconds and values."""

    name: str
    points: list[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of a table panel."""

    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where queries go, and the time range that a viewer chose."""

    prometheus: str
    clickhouse: str
    from_s: int
    to_s: int
    step_s: int = 15
    scrape_s: int = 5

    def series(self, target: Json) -> list[Series]:
        """What a panel of lines, bars or single figures draws of a target."""
        return self._sql(target["rawSql"]) if "rawSql" in target else self._promql(target)

    def table(self, target: Json) -> Table:
        """What a table shows of a target."""
        answer = self._ask_clickhouse(target["rawSql"])
        return Table(columns=[column["name"] for column in answer["meta"]], rows=answer["data"])

    def _promql(self, target: Json) -> list[Series]:
        expression = target["expr"].replace("$cluster", ".+")
        expression = expression.replace("$__range", f"{self.to_s - self.from_s}s")
        # As Grafana computes it: four scrapes, or a step and a scrape.
        rate_s = max(4 * self.scrape_s, self.step_s + self.scrape_s)
        expression = expression.replace("$__rate_interval", f"{rate_s}s")
        if target.get("instant"):
            answer = _get(f"{self.prometheus}/api/v1/query", query=expression, time=self.to_s)
        else:
            span = {"start": self.from_s, "end": self.to_s, "step": self.step_s}
            answer = _get(f"{self.prometheus}/api/v1/query_range", query=expression, **span)
        return [
            Series(
                name=_legend(target.get("legendFormat", ""), found["metric"]),
                points=[(float(at), float(value)) for at, value in found.get("values") or [found["value"]]],
            )
            for found in answer["data"]["result"]
        ]

    def _sql(self, sql: str) -> list[Series]:
        answer = self._ask_clickhouse(sql)
        names = [column["name"] for column in answer["meta"]]
        words = [i for i, column in enumerate(answer["meta"]) if "String" in column["type"]]
        numbers = [i for i in range(len(names)) if names[i] != "time" and i not in words]
        points: dict[str, list[tuple[float, float]]] = {}
        for row in answer["data"]:
            for i in numbers:
                name = " ".join(row[word] for word in words) if words else names[i]
                points.setdefault(name, []).append((float(row[names.index("time")]), float(row[i] or 0)))
        return [Series(name=name, points=found) for name, found in points.items()]

    def _ask_clickhouse(self, sql: str) -> Json:
        statement = expand(sql, from_s=self.from_s, to_s=self.to_s, interval_s=60, clusters=())
        # Times as numbers: the axis is drawn in the viewer's own clock.
        statement = (
            f"SELECT * REPLACE (toUnixTimestamp(time) AS time) FROM ({statement})" if "AS time" in sql else statement
        )
        return _get(self.clickhouse, query=f"{statement} FORMAT JSONCompact")


def _legend(template: str, labels: dict[str, str]) -> str:
    if not template:
        return ", ".join(labels.values()) or "value"
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def _get(address: str, **parameters: object) -> Json:
    url = f"{address}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        found: Json = json.loads(answer.read())
    return found
