"""
One workflow template over a period that ends now, for its page: outcomes, lengths, reasons, cost, versions, steps, failures.

First where it runs, so that every other statement names the begin of its table's key. Attempts count by when they ended; the
cost of an attempt is that of its pods, whenever they are billed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from collector.catalog.schema import DATABASE
from collector.core.history.queue import StepsOfTime
from collector.core.history.template import (
    CriticalStep,
    FailureCause,
    RunCost,
    RunLengths,
    RunsOfTime,
    StoredTemplate,
    TemplatePlace,
    TrendStep,
    VersionRuns,
)
from collector.core.history.workflow import OtherRun
from collector.core.model import REASONS, Instant
from collector.core.units import DAY_MS, ZERO
from collector.reports.report import Query
from collector.reports.steps import GROUPS
from collector.reports.workflow import other_run, single_currency

WEEK_MS = 7 * DAY_MS
BEFORE_MS = 30 * DAY_MS
"""Workflows that were submitted so long before a period may end in it."""
PLACES_READ = 200
VERSIONS = CAUSES = CRITICAL_STEPS = 12
RECENT = 30
CRITICAL_RUNS = 300
PERIOD, THIS_WEEK, LAST_WEEK = 1, 2, 3

_SINCE = f"fromUnixTimestamp64Milli({{since:Int64}} - {BEFORE_MS})"
_OF_TEMPLATE = (
    "template = {template:String} AND cluster IN {clusters:Array(String)} AND namespace IN {namespaces:Array(String)}"
)
_SOUGHT = """template = {template:String} AND (cluster = {cluster:String} OR {cluster:String} = '')
    AND (namespace = {namespace:String} OR {namespace:String} = '')"""
PLACES = f"""
    SELECT cluster, namespace FROM (
        SELECT cluster, namespace, count() AS runs FROM {DATABASE}.workflow_run WHERE {_SOUGHT} GROUP BY cluster, namespace
        UNION ALL
        SELECT cluster, namespace, count() FROM {DATABASE}.workflow_live FINAL WHERE {_SOUGHT} GROUP BY cluster, namespace
    ) GROUP BY cluster, namespace ORDER BY sum(runs) DESC, cluster, namespace LIMIT {PLACES_READ}
"""
_RUNS = f"""
    SELECT *, dateDiff('millisecond', if(attempt = 1, created_at, ifNull(started_at, first_seen_at)), finished_at) AS length,
           toUnixTimestamp64Milli(finished_at) AS ended
    FROM {DATABASE}.workflow_run FINAL
    WHERE {_OF_TEMPLATE} AND created_at >= {_SINCE} AND finished_at >= fromUnixTimestamp64Milli({{since:Int64}})
"""
"""The attempts of all times that are sought."""


def _step_of(step: str, workflow: str, otherwise: str) -> str:
    """A step's name without the number of its try or item; of a workflow that is one step, what `otherwise` says."""
    bare = f"replaceRegexpOne({step}, '[(][^()]*[)]$', '')"
    return f"if({bare} = {workflow}, {otherwise}, {bare})"


_GOOD = "outcome = 'succeeded'"
_LENGTHS = f"quantilesExactIf(0.5, 0.95)(length, {_GOOD}), countIf({_GOOD})"
_IN_TIME = "ended >= {begins:Array(Int64)}[time] AND ended < {ends:Array(Int64)}[time]"
_TIMES = f"({_RUNS}) ARRAY JOIN [{PERIOD}, {THIS_WEEK}, {LAST_WEEK}] AS time"
SUMS = f"""
    SELECT time, sumMap(map(outcome, 1)), {_LENGTHS}, sum(retries), {", ".join(f"sum({reason}_ms)" for reason in REASONS)}
    FROM {_TIMES} WHERE {_IN_TIME} GROUP BY time
"""
_LOST = "class NOT IN ('useful', 'unknown')"
COSTS = f"""
    SELECT time, currency, sum(cost), sumIf(cost, {_LOST}), countIf({_LOST}), uniqExact(pod_uid),
           uniqExactIf(pod_uid, cost IS NULL), countIf(status = 'accruing') > 0
    FROM (
        SELECT * FROM {DATABASE}.cost_current
        WHERE cluster IN {{clusters:Array(String)}} AND namespace IN {{namespaces:Array(String)}} AND created_at >= {_SINCE}
          AND workflow_uid IN (SELECT uid FROM ({_RUNS}))
    ) AS charge INNER JOIN (SELECT uid, attempt, time FROM {_TIMES} WHERE {_IN_TIME}) AS run
        ON charge.workflow_uid = run.uid AND charge.attempt = run.attempt
    GROUP BY time, currency ORDER BY time, currency
"""
_IN_PERIOD = "ended >= {begin:Int64} AND ended < {end:Int64}"
TREND = f"""
    SELECT intDiv(ended - {{begin:Int64}}, {{step:Int64}}) AS in_step, sumMap(map(outcome, 1)), {_LENGTHS}
    FROM ({_RUNS}) WHERE {_IN_PERIOD} GROUP BY in_step ORDER BY in_step
"""
OF_VERSIONS = f"""
    SELECT template_version, toUnixTimestamp64Milli(min(created_at)), toUnixTimestamp64Milli(max(created_at)) AS newest,
           count(), {_LENGTHS}
    FROM ({_RUNS}) GROUP BY template_version ORDER BY newest DESC, template_version LIMIT {VERSIONS}
"""
FAILURES = f"""
    SELECT outcome, reason, {_step_of("deciding_step", "name", "''")} AS decided, count() AS runs, max(ended),
           argMax(uid, ended), argMax(name, ended), argMax(message, ended)
    FROM ({_RUNS}) WHERE {_IN_PERIOD} AND NOT {_GOOD}
    GROUP BY outcome, reason, decided ORDER BY runs DESC, outcome, reason, decided LIMIT {CAUSES}
"""
NEWEST = f"""
    SELECT toUnixTimestamp64Milli(created_at), uid FROM ({_RUNS}) WHERE {_IN_PERIOD} AND {_GOOD}
    ORDER BY ended DESC, uid LIMIT {CRITICAL_RUNS}
"""
CRITICAL = f"""
    SELECT {_step_of("step", "workflow_name", "template")} AS name, countIf(critical) AS times,
           sumIf(critical_ms, critical) AS total, quantilesExactIf(0.5, 0.95)(critical_ms, critical),
           sum(waiting_ms), countIf(phase IN ('Failed', 'Error'))
    FROM {DATABASE}.step_run FINAL
    WHERE cluster IN {{clusters:Array(String)}} AND namespace IN {{namespaces:Array(String)}}
      AND workflow_created_at IN (SELECT fromUnixTimestamp64Milli(arrayJoin({{created:Array(Int64)}})))
      AND workflow_uid IN {{uids:Array(String)}} AND type NOT IN {GROUPS}
    GROUP BY name HAVING times > 0 ORDER BY total DESC, name LIMIT {CRITICAL_STEPS}
"""
LAST_RUNS = f"""
    SELECT uid, name, attempt, toUnixTimestamp64Milli(created_at), outcome, reason,
           dateDiff('millisecond', if(attempt = 1, created_at, ifNull(started_at, first_seen_at)), finished_at), running_ms
    FROM {DATABASE}.workflow_run WHERE {_OF_TEMPLATE} AND created_at >= fromUnixTimestamp64Milli({{oldest:Int64}})
    ORDER BY finished_at DESC, uid, attempt DESC, version DESC LIMIT 1 BY uid, attempt LIMIT {RECENT}
"""
"""LIMIT BY instead of FINAL: only the newest few are wanted of what may be a million."""
_OF_LAST = """cluster IN {clusters:Array(String)} AND namespace IN {namespaces:Array(String)}
    AND created_at >= fromUnixTimestamp64Milli({oldest:Int64}) AND has({uids:Array(String)}, workflow_uid)"""
LAST_COSTS = f"""
    SELECT workflow_uid, attempt, currency, sum(cost) FROM {DATABASE}.cost_current
    WHERE {_OF_LAST} AND created_at IN (SELECT created_at FROM {DATABASE}.pod_cost WHERE {_OF_LAST})
    GROUP BY workflow_uid, attempt, currency
"""
NOW = f"SELECT waiting_reason, count() FROM {DATABASE}.workflow_live FINAL WHERE {_OF_TEMPLATE} GROUP BY waiting_reason"

Parameters = dict[str, Any]
Rows = Sequence[Sequence[Any]]


def read_template(query: Query, place: TemplatePlace, steps: StepsOfTime) -> StoredTemplate | None:
    """Reads a template over a period that ends now; None: the store knows no run of it there."""
    begin, end = steps.begin, steps.end
    sought = {"template": place.template, "cluster": place.cluster, "namespace": place.namespace}
    places = [(cluster, namespace) for cluster, namespace in query(PLACES, sought)]
    if not places:
        return None
    known: Parameters = {
        "template": place.template,
        "clusters": sorted({cluster for cluster, _ in places}),
        "namespaces": sorted({namespace for _, namespace in places}),
        "begin": begin,
        "end": end,
        "step": steps.step_ms,
        "since": min(begin, end - 2 * WEEK_MS),
        "begins": [begin, end - WEEK_MS, end - 2 * WEEK_MS],
        "ends": [end, end, end - WEEK_MS],
    }
    period, this_week, last_week = _times(query, known)
    stored = StoredTemplate(steps=steps, places=places, period=period, this_week=this_week, last_week=last_week)
    return msgspec.structs.replace(stored, **_parts(query, known))


def _times(query: Query, known: Parameters) -> Iterator[RunsOfTime]:
    lengths, costs = _sums(query(SUMS, known)), _costs(query(COSTS, known))
    return (RunsOfTime(lengths.get(time, RunLengths()), costs.get(time, [])) for time in (PERIOD, THIS_WEEK, LAST_WEEK))


def _parts(query: Query, known: Parameters) -> dict[str, Any]:
    newest = query(NEWEST, known)
    begin, step_ms = known["begin"], known["step"]
    return {
        "trend": [
            TrendStep(begin + at * step_ms, outcomes, *_pair(*found)) for at, outcomes, *found in query(TREND, known)
        ],
        "versions": [
            VersionRuns(version, first, last, runs, good, *_pair(found, good))
            for version, first, last, runs, found, good in query(OF_VERSIONS, known)
        ],
        "critical": _critical(query, known, newest) if newest else [],
        "critical_runs": len(newest),
        "failures": [FailureCause(*row) for row in query(FAILURES, known)],
        "recent": _recent(query, known),
        "now": {str(reason): int(number) for reason, number in query(NOW, known)},
    }


def _critical(query: Query, known: Parameters, newest: Rows) -> list[CriticalStep]:
    runs = {"created": [created for created, _ in newest], "uids": [uid for _, uid in newest]}
    return [
        CriticalStep(
            step,
            times,
            total,
            p50_ms=round(median),
            p95_ms=round(late),
            waited_ms=waited,
            failed=failed,
        )
        for step, times, total, (median, late), waited, failed in query(CRITICAL, known | runs)
    ]


def _pair(quantiles: Sequence[float], known: int) -> tuple[int | None, int | None]:
    """Median and 95th percentile; None without any, which the store answers with NaN."""
    median, late = quantiles
    return (round(median), round(late)) if known else (None, None)


def _sums(rows: Rows) -> Mapping[int, RunLengths]:
    return {
        time: RunLengths(outcomes, *_pair(found, good), dict(zip(REASONS, reasons, strict=True)), retries)
        for time, outcomes, found, good, retries, *reasons in rows
    }


def _costs(rows: Rows) -> Mapping[int, list[RunCost]]:
    costs: dict[int, list[RunCost]] = {}
    for time, currency, cost, lost, lost_charges, pods, unpriced, accruing in rows:
        wasted = lost if lost_charges or cost is None else ZERO
        costs.setdefault(time, []).append(
            RunCost(currency, cost, wasted, pods=pods, unpriced_pods=unpriced, accruing=bool(accruing))
        )
    return costs


def _recent(query: Query, known: Parameters) -> list[OtherRun]:
    """The newest runs: of a busy template those of the last day are enough."""
    rows: Rows = ()
    for oldest in (known["end"] - DAY_MS, known["end"] - BEFORE_MS, 0):
        rows = query(LAST_RUNS, known | {"oldest": oldest})
        if len(rows) == RECENT:
            break
    if not rows:
        return []
    since: Instant = min(row[3] for row in rows)
    costs = single_currency(query(LAST_COSTS, known | {"oldest": since, "uids": sorted({row[0] for row in rows})}))
    return [other_run(row, costs.get((row[0], row[2]), (None, ""))) for row in rows]
