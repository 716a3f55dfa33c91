"""
SQL of the dashboard of controllers: incidents from rows, since a counter that grew by one is drawn as 1.33.
"""

from collector.catalog.workflows import CONTROLLER_INCIDENT
from dashboards import sql

INCIDENTS = f"{sql.name(CONTROLLER_INCIDENT)}\nWHERE {sql.during('at')} AND {sql.CHOSEN_CLUSTERS}"

COUNTED = (("OOM kills", "oom_kill"), ("other restarts", "restart"), ("leader changes", "leader_change"))
"""What a viewer reads, and the kind; a crash loop is a state after a restart, not one more end."""

_SUMS = ", ".join(f"countIf(kind = '{kind}') AS `{words}`" for words, kind in COUNTED)

# Filled with steps in which nothing happened: bars are as wide as the distance of the two nearest ones.
BY_TIME = f"""
SELECT $__timeInterval(at) AS time, {_SUMS}
FROM {INCIDENTS}
GROUP BY time
ORDER BY time WITH FILL
    FROM toStartOfInterval($__fromTime, INTERVAL $__interval_s second) TO $__toTime STEP $__interval_s
""".strip()

KILLS = f"SELECT countIf(kind = 'oom_kill') AS kills\nFROM {INCIDENTS}\nLIMIT 1"
RESTARTS = f"SELECT countIf(kind = 'restart') AS restarts\nFROM {INCIDENTS}\nLIMIT 1"

LATEST = f"""
SELECT at, kind, cluster, pod, container, reason, exit_code, nullIf(memory_limit_bytes, 0) AS memory_limit
FROM {INCIDENTS}
ORDER BY at DESC
LIMIT 100
""".strip()
"""Newest first; the instants are exact to what Kubernetes reports, a new leader's to the millisecond."""
