"""
Rows behind the page about reliability: what failed, where and why, what is stuck, and which cron runs are lacking.
"""

from collector.catalog.schema import DATABASE
from collector.catalog.workflows import CRON_RUN, WORKFLOW_LIVE, WORKFLOW_RUN
from collector.core.workflow.stuck import REMEDIES
from dashboards import sql

PLACE = ("cluster", "namespace", "template")

_HERE = " AND ".join(sql.chosen(column) for column in PLACE)
_ENDED = f"{sql.name(WORKFLOW_RUN)} WHERE {sql.during('finished_at')} AND {sql.recent()} AND {_HERE}"
_BROKEN = f"{_ENDED} AND outcome IN ('failed', 'platform')"

_BARE = r"replaceRegexpOne(deciding_step, '\\(\\d+(:.*)?\\)\\z', '')"
STEP = f"if({_BARE} IN ('', name), '(whole)', {_BARE})"
"""
The deciding step by a name that its runs share: without the number of a try or an item, and without the workflow's own
generated name, which the step of a workflow of one pod has.
"""

BY_REASON = f"""
SELECT reason, outcome, count() AS runs
FROM {_BROKEN}
GROUP BY reason, outcome
ORDER BY sum(runs) OVER (PARTITION BY reason) DESC, reason, outcome
LIMIT 30
""".strip()

BY_TEMPLATE = f"""
SELECT template,
       if(uniq(department) = 1, any(department), concat(toString(uniq(department)), ' departments')) AS payer,
       count() AS runs, countIf(outcome = 'failed') AS failed,
       countIf(outcome = 'platform') AS platform,
       countIf(outcome = 'succeeded') / nullIf(countIf({sql.COUNTED}), 0) AS success, sum(retries) AS tries
FROM {_ENDED}
GROUP BY template
ORDER BY failed + platform DESC, template
LIMIT 50
""".strip()

BY_STEP = f"""
SELECT template, {STEP} AS step, outcome, reason, count() AS runs, argMax(name, finished_at) AS latest,
       argMax(uid, finished_at) AS uid, {sql.life("argMax(created_at, finished_at)", "max(finished_at)")}
FROM {_BROKEN}
GROUP BY template, step, outcome, reason
ORDER BY runs DESC, template, step, reason
LIMIT 50
""".strip()

LAST_FAILURES = f"""
SELECT finished_at, cluster, namespace, name, outcome, reason, {STEP} AS step, substring(message, 1, 160) AS words, uid,
       {sql.life()}
FROM {_BROKEN}
ORDER BY finished_at DESC, uid
LIMIT 50
""".strip()

STUCK_AFTER_MIN = 15
"""As `stuck_after_minutes` has it unless it is set: the store does not know that setting."""

_CAUSES = {
    "advancing": "no_pod_controller",
    "quota": "quota",
    "stock": "no_stock",
    "unschedulable": "unschedulable",
    "image": "image",
    "volume": "volume",
    "step_lock": "lock",
    "starting": "starting",
}


def _texts() -> str:
    """SQL of what to do about a waiting reason."""
    reasons = ", ".join(f"'{reason}'" for reason in _CAUSES)
    texts = ", ".join("'{}'".format(REMEDIES[cause].replace("'", "\\'")) for cause in _CAUSES.values())
    return f"transform(waiting_reason, [{reasons}], [{texts}], '')"


STUCK = f"""
SELECT cluster, namespace, name, waiting_reason,
       dateDiff('second', greatest(waiting_since, ifNull(moved_at, waiting_since)), now64(3)) AS stands,
       {_texts()} AS remedy, uid, {sql.life("created_at", "")}
FROM {sql.name(WORKFLOW_LIVE)}
WHERE is_deleted = 0 AND phase = 'Running' AND remedy != '' AND stands > {60 * STUCK_AFTER_MIN} AND {_HERE}
ORDER BY stands DESC, uid
LIMIT 50
""".strip()

_RUNS = f"{sql.name(CRON_RUN)} WHERE {sql.during('due_at')} AND {sql.CHOSEN_CLUSTERS} AND {sql.chosen('namespace')}"

CRON_MISSED = f"SELECT countIf(outcome = 'missed') AS missed FROM {_RUNS} LIMIT 1"

CRON_BY_TIME = f"""
SELECT $__timeInterval(due_at) AS time, countIf(outcome = 'missed') AS missed, countIf(outcome = 'skipped') AS skipped
FROM {_RUNS} AND outcome IN ('missed', 'skipped')
GROUP BY time
ORDER BY time
""".strip()

CRON_LAST = f"""
SELECT cluster, namespace, cron, any(schedule) AS schedule, max(due_at) AS last_due, argMax(outcome, due_at) AS last,
       countIf(outcome = 'started') AS started, countIf(outcome = 'missed') AS missed,
       countIf(outcome = 'skipped') AS skipped,
       substring(argMaxIf(if(message = '', reason, message), due_at, outcome != 'started'), 1, 160) AS why
FROM {_RUNS}
GROUP BY cluster, namespace, cron
ORDER BY missed DESC, skipped DESC, cluster, namespace, cron
LIMIT 50
""".strip()

TEMPLATES = f"""
SELECT DISTINCT template FROM {DATABASE}.{WORKFLOW_RUN.name}
WHERE {sql.during("finished_at")} AND {sql.recent()} AND {sql.CHOSEN_CLUSTERS} AND {sql.chosen("namespace")}
ORDER BY template
LIMIT 1000
""".strip()
"""Values of the variable `template`."""
