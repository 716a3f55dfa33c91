"""
SQL of the dashboard of queues.

Periods are by created_at, as in report queue, so that a panel and the report of the same days give the same figures. What
waits now is in workflow_live, which has no history.
"""

from collector.catalog.workflows import WORKFLOW_LIVE, WORKFLOW_RUN
from collector.core.model import BEFORE_WORK
from dashboards import sql

PLACE = " AND ".join((sql.CHOSEN_CLUSTERS, sql.chosen("namespace"), sql.chosen("queue")))
RUNS = f"{sql.name(WORKFLOW_RUN)}\nWHERE {sql.during('created_at')} AND {PLACE}"
LIVE = f"{sql.name(WORKFLOW_LIVE)}\nWHERE {sql.recent(days=90)} AND {PLACE}"
"""Rows of workflow_live live for 90 days."""
LINES = 6
"""Series that a legend can hold, with names of three parts."""

_WORDS = ", ".join(f"'{column.removesuffix('_ms')}'" for column in sql.REASON_COLUMNS)
_COLUMNS = ", ".join(sql.REASON_COLUMNS)

# The sums are taken before the join: it makes twelve rows of one. The one number of a series has the name Value, which
# Grafana leaves out of the series' name.
TIME_WAITED = f"""
SELECT time, waited_for, toFloat64(ms) / 3600000 AS Value
FROM (
    SELECT $__timeInterval(created_at) AS time, sumForEach([{_COLUMNS}]) AS sums
    FROM {RUNS}
    GROUP BY time
)
ARRAY JOIN [{_WORDS}] AS waited_for, sums AS ms
WHERE ms > 0
ORDER BY time, waited_for
""".strip()
"""Hours of all workflows together."""

_SLOWEST = f"""
    SELECT cluster, queue
    FROM {RUNS}
    GROUP BY cluster, queue
    ORDER BY quantileExact(0.95)(queue_latency_ms) DESC
    LIMIT {LINES}
"""

EXACT_P95 = f"""
SELECT $__timeInterval(created_at) AS time, concat(cluster, ' ', queue) AS place,
    quantileExact(0.95)(queue_latency_ms) / 1000 AS Value
FROM {RUNS}
    AND queue_latency_ms IS NOT NULL AND (cluster, queue) IN ({_SLOWEST})
GROUP BY time, place
ORDER BY time, place
""".strip()
"""Of the slowest queues of the chosen time."""

LONGEST_WAITING = f"""
SELECT name, namespace, queue, cluster, waiting_reason,
    dateDiff('second', if(attempt = 1, created_at, waiting_since), now()) AS waited,
    dateDiff('second', waiting_since, now()) AS in_this_reason,
    concat(waiting_on, if(waiting_on = '' OR waiting_words = '', '', ': '), waiting_words) AS words, uid,
    {sql.life("created_at", "")}
FROM {LIVE}
    AND waiting_reason IN ({", ".join(f"'{reason}'" for reason in BEFORE_WORK)}) AND picked_up_at IS NULL
ORDER BY waited DESC
LIMIT 50
""".strip()

LOCK_HOLDERS = f"""
SELECT waiting_on AS name_of_lock, cluster, count() AS waiting,
    dateDiff('second', min(waiting_since), now()) AS longest, argMin(waiting_words, waiting_since) AS words,
    argMin(name, waiting_since) AS first_in_line, argMin(uid, waiting_since) AS uid,
    {sql.life("argMin(created_at, waiting_since)", "")}
FROM {LIVE}
    AND waiting_reason IN ('lock', 'step_lock')
GROUP BY name_of_lock, cluster
ORDER BY longest DESC
LIMIT 20
""".strip()
"""By lock, what the workflow that has waited for it longest says about it."""
