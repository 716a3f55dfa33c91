"""
SQL of the page of one template: its finished attempts in the chosen time, and what they cost.

A length is from a workflow's creation to its end: what its user waits, and what the reasons and running make together.
"""

from collections.abc import Mapping

from collector.catalog.rollups import WORKFLOW_HOURLY
from collector.catalog.schema import DATABASE
from collector.catalog.workflows import STEP_RUN, WORKFLOW_RUN
from collector.core.model import REASONS
from dashboards import money, sql

TEMPLATE = f"template = {sql.text('template')}"
PLACE = f"{sql.CHOSEN_CLUSTERS} AND {sql.chosen('namespace')}"
RUNS = f"""
FROM {sql.name(WORKFLOW_RUN)}
WHERE {sql.during("finished_at")} AND {sql.recent()} AND {TEMPLATE} AND {PLACE}
""".strip()
TOOK = "dateDiff('millisecond', created_at, finished_at)"
SUCCESS = f"countIf(outcome = 'succeeded') / nullIf(countIf({sql.COUNTED}), 0)"
LATEST = 200
"""Runs whose steps are read: those of months would take longer than a second."""

TEMPLATES = f"""
SELECT template
FROM (
SELECT template, sum(runs) AS weight
FROM {DATABASE}.{WORKFLOW_HOURLY.name}
WHERE created_day >= toDate($__fromTime - INTERVAL {sql.RECENT_DAYS} DAY) AND created_day <= toDate($__toTime) AND {PLACE}
GROUP BY template
UNION ALL
SELECT template, count() AS weight
FROM {sql.name(WORKFLOW_RUN)}
WHERE created_at >= $__toTime - INTERVAL 1 DAY AND {PLACE}
GROUP BY template
)
GROUP BY template
ORDER BY sum(weight) DESC, template
LIMIT 1000
""".strip()
"""Those with most runs first; of a new one the rollup knows nothing yet."""

COUNT = f"SELECT count() AS runs {RUNS} LIMIT 1"
RATE = f"SELECT {SUCCESS} AS success {RUNS} LIMIT 1"
P95 = f"SELECT if(count() = 0, NULL, quantileExact(0.95)({TOOK})) AS took {RUNS} LIMIT 1"

LENGTHS = f"""
SELECT $__timeInterval(finished_at) AS time, quantileExact(0.5)({TOOK}) AS `half take at most`,
  quantileExact(0.95)({TOOK}) AS `19 of 20 take at most`
{RUNS}
GROUP BY time
ORDER BY time
""".strip()
TIMES = f"""
SELECT time, reason, spent_ms
FROM (
SELECT time, part.1 AS reason, part.2 AS spent_ms, sum(spent_ms) OVER (PARTITION BY reason) AS whole
FROM (
SELECT $__timeInterval(finished_at) AS time,
  arrayJoin([{", ".join(f"('{reason}', avg({reason}_ms))" for reason in REASONS)}]) AS part
{RUNS}
GROUP BY time
)
)
WHERE whole > 0
ORDER BY time, indexOf([{", ".join(f"'{reason}'" for reason in REASONS)}], reason)
""".strip()
"""Rows `time, reason, spent_ms` of the reasons that occur, on average a run."""
OUTCOMES = f"""
SELECT $__timeInterval(finished_at) AS time, outcome, count() AS runs
{RUNS}
GROUP BY time, outcome
ORDER BY time, outcome
""".strip()

_WEEKS = f"""
SELECT finished_at >= $__toTime - INTERVAL 7 DAY AS late, count() AS runs, quantileExact(0.5)({TOOK}) AS half,
  quantileExact(0.95)({TOOK}) AS most, avg(queue_latency_ms) AS queued, {SUCCESS} AS success, sum(retries) / count() AS tries
FROM {sql.name(WORKFLOW_RUN)}
WHERE finished_at >= $__toTime - INTERVAL 14 DAY AND finished_at <= $__toTime
  AND created_at >= $__toTime - INTERVAL {14 + sql.RECENT_DAYS} DAY AND {TEMPLATE} AND {PLACE}
GROUP BY late
"""


def _of(week: int, name: str) -> str:
    return f"maxIf({name}, late = {week})"


def _time(name: str) -> tuple[str, str, str]:
    now, before = _of(1, name), _of(0, name)
    texts = [f"ifNull(formatReadableTimeDelta(round({week} / 1000)), 'none')" for week in (now, before)]
    share = f"round(100 * ({now} / nullIf({before}, 0) - 1))"
    change = f"multiIf({share} IS NULL, 'unknown', {share} > 5, concat(toString({share}), ' % slower'), {share} < -5, "
    return texts[0], texts[1], f"{change}concat(toString(abs({share})), ' % faster'), 'about the same')"


_RATE = f"round(100 * ({_of(1, 'success')} - {_of(0, 'success')}), 1)"
_BETTER = (
    f"multiIf({_RATE} IS NULL, 'unknown', {_RATE} > 0.5, concat(toString({_RATE}), ' points better'), {_RATE} < -0.5,"
    f" concat(toString(abs({_RATE})), ' points worse'), 'about the same')"
)
_MORE = (
    f"if({_of(0, 'runs')} = 0, 'none before', concat(if({_of(1, 'runs')} >= {_of(0, 'runs')}, '+', ''),"
    f" toString(round(100 * ({_of(1, 'runs')} / {_of(0, 'runs')} - 1))), ' %'))"
)
_COMPARED: Mapping[str, tuple[str, str, str]] = {
    "Runs": (
        f"toString({_of(1, 'runs')})",
        f"toString({_of(0, 'runs')})",
        _MORE,
    ),
    "Half take at most": _time("half"),
    "19 of 20 take at most": _time("most"),
    "Wait before work, average": _time("queued"),
    "Success": (
        f"ifNull(concat(toString(round(100 * {_of(1, 'success')}, 1)), ' %'), 'none')",
        f"ifNull(concat(toString(round(100 * {_of(0, 'success')}, 1)), ' %'), 'none')",
        _BETTER,
    ),
    "Retries a run": (
        f"toString(round({_of(1, 'tries')}, 2))",
        f"toString(round({_of(0, 'tries')}, 2))",
        "''",
    ),
}
WEEKS = f"""
SELECT part.1 AS measure, part.2 AS this_week, part.3 AS week_before, part.4 AS change
FROM (
SELECT arrayJoin([{", ".join(f"('{name}', {', '.join(texts)})" for name, texts in _COMPARED.items())}]) AS part
FROM ({_WEEKS})
HAVING count() > 0
)
LIMIT 10
""".strip()
"""The seven days before the end of the chosen time, against the seven before them, as texts."""

VERSIONS = f"""
SELECT if(template_version = '', '(not named)', toString(template_version)) AS named,
  min(created_at) AS first_run, count() AS runs, quantileExact(0.5)({TOOK}) AS half,
  quantileExact(0.95)({TOOK}) AS most, {SUCCESS} AS success,
  topKIf(1)(reason, outcome IN ('failed', 'platform'))[1] AS broken_by
{RUNS}
GROUP BY template_version
ORDER BY first_run DESC
LIMIT 20
""".strip()

_LATEST_RUNS = f"SELECT cluster, namespace, created_at, uid {RUNS} ORDER BY finished_at DESC LIMIT {LATEST}"
STEPS = f"""
SELECT if(step = workflow_name, '(whole)', toString(template)) AS part, sum(critical_ms) / uniqExact(workflow_uid) AS share_ms,
  sum(critical_ms) / nullIf(sum(sum(critical_ms)) OVER (), 0) AS share, count() AS ran,
  quantileExact(0.95)(dateDiff('millisecond', started_at, finished_at)) AS most,
  avg(waiting_ms) AS waited, countIf(phase IN ('Failed', 'Error')) AS failed
FROM {sql.name(STEP_RUN)}
WHERE workflow_created_at >= $__fromTime - INTERVAL {sql.RECENT_DAYS} DAY AND workflow_created_at <= $__toTime
  AND (cluster, namespace, workflow_created_at, workflow_uid) IN ({_LATEST_RUNS})
  AND type NOT IN ('Steps', 'StepGroup', 'DAG', 'TaskGroup', 'Retry', 'Skipped')
  AND started_at IS NOT NULL AND finished_at IS NOT NULL
GROUP BY part
ORDER BY share_ms DESC, part
LIMIT 20
""".strip()
"""By the whole key of the table, whose rows of one workflow lie together."""

LAST_RUNS = f"""
SELECT finished_at, name, outcome, reason, if(deciding_step = name, '(whole)', deciding_step) AS decided_by, {TOOK} AS took,
  queue_latency_ms AS queued, pods, retries, cluster, uid, {sql.life()}
{RUNS}
ORDER BY finished_at DESC
LIMIT 50
""".strip()


def _conditions(zone: str) -> tuple[str, ...]:
    return (*money.within(zone, "cluster", "namespace"), TEMPLATE)


def by_use(zone: str) -> str:
    """What the money of the template was for."""
    return money.by_use(*_conditions(zone))


def each_success(zone: str) -> str:
    """What a success costs, failures paid for, as a text for each currency."""
    succeeded = f"SELECT sipHash64(uid) {RUNS} AND outcome = 'succeeded'"
    return f"""
SELECT if(successes = 0, 'none succeeded', if(spent IS NULL, 'unknown: no price', concat(toDecimalString(
  assumeNotNull(spent) / greatest(successes, 1), 6), ' ', currency))) AS amount
FROM (
SELECT currency, sum(sum_cost) AS spent,
  uniqExactArray(arrayFilter(uid -> uid IN ({succeeded}), sum_workflows)) AS successes
FROM {money.charges(("currency",), ("cost", "workflows"), *_conditions(zone))}
GROUP BY currency
)
ORDER BY currency
LIMIT 3
""".strip()
