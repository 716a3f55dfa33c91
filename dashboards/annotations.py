"""
What happened, as marks on every panel: controllers that were killed, changed leader or version, and time not seen.
"""

from typing import Any

from collector.catalog import colours
from collector.catalog import metrics as catalog
from collector.catalog.schema import DATABASE
from collector.catalog.watches import WATCH_GAP
from collector.catalog.workflows import CONTROLLER_INCIDENT
from dashboards.sql import CHOSEN_CLUSTERS
from dashboards.targets import CLICKHOUSE, CLICKHOUSE_PLUGIN_VERSION, PROMETHEUS

Json = dict[str, Any]


def everywhere() -> list[Json]:
    """The marks that every dashboard of a fleet has."""
    return [
        _of_rows("OOM kills of controllers", colours.BAD, _incidents("oom_kill", "'OOM kill of '")),
        _of_rows("Leader changes of controllers", colours.CAUTION, _incidents("leader_change", "'new leader: '")),
        _of_series("Versions of controllers", colours.ACCENT, _new_version(), "{{cluster}} runs {{version}}"),
        _of_rows("Gaps: time not seen", colours.NEUTRAL, _gaps()),
    ]


def _incidents(kind: str, words: str) -> str:
    """One mark for each incident, to the millisecond."""
    return f"""
SELECT at AS time, concat({words}, pod, ', ', cluster) AS text, cluster AS tags
FROM {DATABASE}.{CONTROLLER_INCIDENT.name} FINAL
WHERE $__timeFilter(at) AND kind = '{kind}' AND {CHOSEN_CLUSTERS}
ORDER BY time DESC
LIMIT 200
""".strip()


def _gaps() -> str:
    """
    Regions: time for which the figures of a cluster lack what happened. A gap that began before the chosen time is cut,
    since that of a first start begins in 1970.
    """
    return f"""
SELECT greatest(from_at, $__fromTime) AS time, to_at AS timeEnd,
    concat(kind, ' not seen, ', cluster, ': ', cause) AS text, cluster AS tags
FROM {DATABASE}.{WATCH_GAP.name} FINAL
WHERE from_at <= $__toTime AND to_at >= $__fromTime AND {CHOSEN_CLUSTERS}
ORDER BY time DESC
LIMIT 200
""".strip()


def _new_version() -> str:
    """Holds for five minutes after a controller of another version appears beside or after the one before."""
    running = f'count by (cluster, version) ({catalog.CONTROLLER_INFO.name}{{cluster=~"$cluster"}})'
    known = f'count by (cluster) ({catalog.CONTROLLER_INFO.name}{{cluster=~"$cluster"}} offset 5m)'
    before = f'count by (cluster, version) ({catalog.CONTROLLER_INFO.name}{{cluster=~"$cluster"}} offset 5m)'
    return f"({running} unless on (cluster, version) {before}) and on (cluster) {known}"


def _of_rows(name: str, colour: str, sql: str) -> Json:
    target = {
        "refId": "annotation",
        "editorType": "sql",
        "pluginVersion": CLICKHOUSE_PLUGIN_VERSION,
        "rawSql": sql,
        "queryType": "table",
        "format": 1,
    }
    return _annotation(name, colour) | {"datasource": CLICKHOUSE, "target": target}


def _of_series(name: str, colour: str, expr: str, text: str) -> Json:
    target = {"refId": "annotation", "expr": expr, "interval": "60s", "range": True, "instant": False}
    return _annotation(name, colour) | {
        "datasource": PROMETHEUS,
        "target": target,
        "titleFormat": name,
        "textFormat": text,
    }


def _annotation(name: str, colour: str) -> Json:
    return {"name": name, "enable": True, "hide": False, "iconColor": colour}
