"""
The ClickHouse queries of the dashboards as the store would get them, for tests that run them on a real engine.

Grafana's plugin expands its macros in Go and in the browser; this expands the few we use in the same way, no others.
"""

import re

from dashboards import ALL

FROM_S, TO_S, INTERVAL_S = 1_795_270_000, 1_795_360_000, 300

EXPANSIONS = (
    (r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime({FROM_S}) AND \1 <= toDateTime({TO_S})"),
    (r"\$__timeInterval\((\w+)\)", rf"toStartOfInterval(toDateTime(\1), INTERVAL {INTERVAL_S} second)"),
    (r"\$__fromTime\b", f"toDateTime({FROM_S})"),
    (r"\$__toTime\b", f"toDateTime({TO_S})"),
    (r"\$__conditionalAll\((.+?), \$\w+\)", r"(\1)"),
    (r"\$\{cluster:singlequote\}", "'prod-hz','prod-sh'"),
)


def expand(sql: str) -> str:
    """The statement with every macro and variable replaced; raises on one that is not known here."""
    for macro, text in EXPANSIONS:
        sql = re.sub(macro, text, sql)
    if "$" in sql:
        raise ValueError(f"dashboards/macros.py expands no macro like the one left in: {sql}")
    return sql


def clickhouse_queries() -> list[tuple[str, str]]:
    """Every SQL query of every dashboard, expanded, with the dashboard's and the panel's title."""
    return [
        (f"{made['title']}: {panel['title']}", expand(target["rawSql"]))
        for made in (build() for build in ALL.values())
        for panel in made["panels"]
        for target in panel.get("targets", ())
        if "rawSql" in target
    ]
