"""
The ClickHouse queries of the dashboards as the store would get them, for tests that run them on a real engine.

Grafana's plugin expands its macros in Go and in the browser; this expands the few we use in the same way, no others.
"""

import re

from dashboards import ALL

FROM_S, TO_S, INTERVAL_S = 1_795_270_000, 1_795_360_000, 300


def expand(
    sql: str,
    *,
    from_s: int = FROM_S,
    to_s: int = TO_S,
    interval_s: int = INTERVAL_S,
    clusters: tuple[str, ...] = ("prod-hz", "prod-sh"),
) -> str:
    """
    The statement with every macro and variable replaced; raises on one that is not known here.

    Without `clusters` the viewer chose all of them, and the plugin replaces the condition.
    """
    expansions = (
        (r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime({from_s}) AND \1 <= toDateTime({to_s})"),
        (r"\$__timeInterval\((\w+)\)", rf"toStartOfInterval(toDateTime(\1), INTERVAL {interval_s} second)"),
        (r"\$__fromTime\b", f"toDateTime({from_s})"),
        (r"\$__toTime\b", f"toDateTime({to_s})"),
        (r"\$__conditionalAll\((.+?), \$\w+\)", r"(\1)" if clusters else "1=1"),
        (r"\$\{cluster:singlequote\}", ",".join(f"'{name}'" for name in clusters)),
    )
    for macro, text in expansions:
        sql = re.sub(macro, text, sql)
    if "$" in sql:
        raise ValueError(f"expand() does not know the macro that is left in: {sql}")
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
