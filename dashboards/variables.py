"""
What a viewer chooses: data sources, and chained values of labels and columns. All is the default of each.

A value of Prometheus is asked within the chosen clusters, a value of ClickHouse within the chosen time too, so that what
existed last month can be chosen when last month is looked at.
"""

from collections.abc import Sequence
from typing import Any

from dashboards.targets import CLICKHOUSE, CLICKHOUSE_PLUGIN_VERSION, PROMETHEUS

Json = dict[str, Any]

SHOWN, HIDDEN = 0, 2
ON_TIME_CHANGE = 2
ALPHABETICAL, AS_ANSWERED = 1, 0
ONE: Json = {"multi": False, "includeAll": False, "current": {}}
EVERY = ".*"
"""All, in PromQL: series without the label match too. In SQL All is `$__conditionalAll`, which drops the condition."""


def sources() -> list[Json]:
    """The two data sources. Every dashboard has both, so that links keep the viewer's choice."""
    return [
        _source("prometheus", "Prometheus", "prometheus"),
        _source("datasource", "ClickHouse", "grafana-clickhouse-datasource"),
    ]


def _source(name: str, label: str, plugin: str) -> Json:
    return {
        "type": "datasource",
        "name": name,
        "label": label,
        "query": plugin,
        "refresh": 1,
        "current": {},
        "hide": SHOWN,
    }


def label_values(name: str, label: str, query: str, *, one: bool = False) -> Json:
    """Values of a Prometheus label, all or exactly `one`: `query` is `label_values(metric{…}, label)`."""
    made = _values(name, label, {"datasource": PROMETHEUS, "query": {"query": query, "refId": name}})
    return made | {"definition": query, "sort": ALPHABETICAL, "allValue": EVERY} | (ONE if one else {})


def column_values(name: str, label: str, sql: str, *, one: bool = False) -> Json:
    """Values of a ClickHouse column, all of them by default, or exactly `one`; `sql` gives one text column."""
    query = {"refId": name, "editorType": "sql", "pluginVersion": CLICKHOUSE_PLUGIN_VERSION, "rawSql": sql}
    made = _values(name, label, {"datasource": CLICKHOUSE, "query": query})
    return made | {"definition": sql, "sort": AS_ANSWERED} | (ONE if one else {})


def hidden(variable: Json) -> Json:
    """A variable that links use and that no viewer chooses."""
    return variable | {"hide": HIDDEN}


def written(name: str, label: str) -> Json:
    """A text that a link fills in, or a person."""
    return {
        "type": "textbox",
        "name": name,
        "label": label,
        "query": "",
        "current": {"text": "", "value": ""},
        "options": [],
        "hide": SHOWN,
    }


def _values(name: str, label: str, query: Json) -> Json:
    return {
        "type": "query",
        "name": name,
        "label": label,
        **query,
        "refresh": ON_TIME_CHANGE,
        "multi": True,
        "includeAll": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": SHOWN,
    }


def cluster() -> Json:
    """The clusters that are watched."""
    return label_values("cluster", "Cluster", "label_values(lynceus_cluster_up, cluster)")


def namespace() -> Json:
    """Namespaces of the chosen clusters in which workflows were seen."""
    return label_values(
        "namespace", "Namespace", 'label_values(lynceus_workflows_submitted_total{cluster=~"$cluster"}, namespace)'
    )


def queue() -> Json:
    """Queues of the chosen clusters and namespaces."""
    return label_values(
        "queue",
        "Queue",
        'label_values(lynceus_workflows_submitted_total{cluster=~"$cluster", namespace=~"$namespace"}, queue)',
    )


def chosen(*more: Json) -> Sequence[Json]:
    """The variables of a dashboard: data sources, cluster, and `more`, each after those that its query reads."""
    return [*sources(), cluster(), *more]
