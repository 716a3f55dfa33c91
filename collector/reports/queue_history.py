"""
One queue over time, for its page: depths by reason from samples, and arrivals, starts, ends and latencies from workflows.

A sample holds until the next one of its reason, at most five minutes: the sampler repeats an unchanged depth by then. A depth
that is not repeated was not seen. Every statement reads one queue's part of a table, by the begin of the table's key.
"""

from collections.abc import Sequence
from typing import Any

from collector.catalog.schema import DATABASE
from collector.core.history.queue import (
    DepthInStep,
    LongWaiting,
    QueueLatencies,
    QueuePlace,
    QueueStep,
    QueueTemplate,
    StepsOfTime,
    StoredQueue,
    UnseenDepth,
)
from collector.core.model import BEFORE_WORK, Instant
from collector.core.units import DAY_MS, MINUTE_MS
from collector.reports.report import Query

SAMPLE_MS = 15_000
HOLD_MS = 5 * MINUTE_MS + 2 * SAMPLE_MS
"""So long a sample holds at most; what the sampler repeats is late by less than two samples."""
BEFORE_MS = 30 * DAY_MS
"""Workflows that were submitted so long before the period may begin or end in it."""
LONGEST = 20
TEMPLATES = 20
ARRIVAL, START = "arrival", "start"
WHOLE = -1


def _within(instant: str) -> str:
    """Condition: the instant is in the period; false for one that is not known."""
    return f"ifNull({instant} >= {{begin:Int64}} AND {instant} < {{end:Int64}}, false)"


_REASONS = ", ".join(f"'{reason}'" for reason in BEFORE_WORK)
_WAITS = f"(waiting_reason IN ({_REASONS}) AND picked_up_at IS NULL)"
"""Condition: work has not begun; some reasons hold after that too."""
_PLACE = "cluster = {cluster:String} AND namespace = {namespace:String} AND queue = {queue:String}"
GAPS = f"""
    SELECT toUnixTimestamp64Milli(from_at), toUnixTimestamp64Milli(to_at), cause FROM {DATABASE}.watch_gap FINAL
    WHERE cluster = {{cluster:String}} AND kind = 'workflows'
      AND to_at > fromUnixTimestamp64Milli({{begin:Int64}}) AND from_at < fromUnixTimestamp64Milli({{end:Int64}})
    ORDER BY from_at
"""
_SAMPLES = f"""
    SELECT reason, toUnixTimestamp64Milli(at) AS since, depth,
           leadInFrame(since, 1, {{end:Int64}})
               OVER (PARTITION BY reason ORDER BY at ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
    FROM {DATABASE}.queue_sample
    WHERE {_PLACE} AND at >= fromUnixTimestamp64Milli({{begin:Int64}} - {HOLD_MS})
      AND at < fromUnixTimestamp64Milli({{end:Int64}})
"""
"""Without FINAL: rows of one key say the same, and the last of them holds until the next key."""
HOLES = f"""
    SELECT greatest(since + {HOLD_MS}, {{begin:Int64}}), next FROM ({_SAMPLES})
    WHERE depth > 0 AND next - since > {HOLD_MS} AND next > {{begin:Int64}} ORDER BY 1
"""
DEPTHS = f"""
    SELECT intDiv(cell, {{cells:Int64}}) AS step, name, sum(waiting), max(waiting) FROM (
        SELECT cell, name, sum(waiting) AS waiting FROM (
            SELECT reason, max(depth) AS waiting, arrayJoin(range(
                       toUInt64(intDiv(greatest(since, {{begin:Int64}}), {SAMPLE_MS})),
                       toUInt64(intDiv(least(next, since + {HOLD_MS}) - 1, {SAMPLE_MS}) + 1))) AS cell
            FROM ({_SAMPLES}) WHERE depth > 0 AND next > {{begin:Int64}} AND next > since
            GROUP BY reason, cell
            HAVING NOT arrayExists((from, to) -> cell * {SAMPLE_MS} >= from AND cell * {SAMPLE_MS} < to,
                                   {{gaps_from:Array(Int64)}}, {{gaps_to:Array(Int64)}})
        ) ARRAY JOIN ['', reason] AS name GROUP BY cell, name
    ) GROUP BY step, name ORDER BY step, name
"""
"""Depths on the grid of samples, added up over reasons there: the peak of a sum is not the sum of peaks."""
_WORKFLOWS = f"""
    SELECT template, outcome, toUnixTimestamp64Milli(if(attempt = 1, created_at, ifNull(started_at, first_seen_at))) AS arrived,
           toUnixTimestamp64Milli(picked_up_at) AS began, toUnixTimestamp64Milli(finished_at) AS ended,
           queue_latency_ms AS latency, false AS waits
    FROM {DATABASE}.workflow_run FINAL
    WHERE {_PLACE} AND created_at >= fromUnixTimestamp64Milli({{begin:Int64}} - {BEFORE_MS})
      AND created_at < fromUnixTimestamp64Milli({{end:Int64}})
    UNION ALL
    SELECT template, '', toUnixTimestamp64Milli(if(attempt = 1, created_at, first_seen_at)) AS arrived,
           if(waits, NULL, ifNull(begun, arrived + latency)), NULL,
           ifNull(toUInt64(greatest(least(most, begun - arrived), 0)), unseen_ms + throttled_ms + lock_ms) AS latency,
           {_WAITS} AS waits
    FROM (
        SELECT *, toUnixTimestamp64Milli(picked_up_at) AS begun,
               toInt64(unseen_ms + queued_ms + throttled_ms + lock_ms + volume_ms) AS most
        FROM {DATABASE}.workflow_live FINAL WHERE {_PLACE}
    )
"""
"""Those that have not finished too; a row of an earlier release says by its time of waiting when it began."""
FLOW = f"""
    SELECT in_step, kind, count(), quantilesExact(0.5, 0.95, 0.99)(latency), count(latency) FROM ({_WORKFLOWS})
    ARRAY JOIN ['{ARRIVAL}', '{START}', outcome] AS kind, [arrived, began, ended] AS at
    WHERE at >= {{begin:Int64}} AND at < {{end:Int64}}
    GROUP BY arrayJoin([{WHOLE}, intDiv(at, {{step:Int64}})]) AS in_step, kind
"""
OF_TEMPLATES = f"""
    SELECT template, countIf({_within("ended")}) AS runs, countIf({_within("ended")} AND outcome = 'succeeded'),
           countIf(waits) AS waiting, quantileExactIf(0.95)(latency, {_within("began")}) AS p95,
           countIf(latency, {_within("began")}) AS begun
    FROM ({_WORKFLOWS}) GROUP BY template HAVING runs + waiting + begun > 0
    ORDER BY runs + waiting DESC, template LIMIT {TEMPLATES}
"""
WAITING = f"""
    SELECT uid, name, template, toUnixTimestamp64Milli(created_at), waiting_reason, toUnixTimestamp64Milli(waiting_since),
           waiting_on, waiting_words
    FROM {DATABASE}.workflow_live FINAL WHERE {_PLACE} AND {_WAITS}
    ORDER BY created_at, uid LIMIT {LONGEST}
"""

EVER_RUN = f"""
    SELECT 1 FROM {DATABASE}.workflow_run WHERE {_PLACE} LIMIT 1
    UNION ALL SELECT 1 FROM {DATABASE}.workflow_live WHERE {_PLACE} LIMIT 1
"""
EVER = f"""
    SELECT 1 FROM {DATABASE}.queue_sample WHERE {_PLACE} LIMIT 1
    UNION ALL {EVER_RUN}
"""

Parameters = dict[str, Any]
UNKNOWN = QueueLatencies()


def read_queue(query: Query, place: QueuePlace, steps: StepsOfTime, *, of_all: bool = True) -> StoredQueue | None:
    """
    Reads a queue over a period; None: the store never held anything of it.

    `of_all`: whether all departments' workflows are read. Samples count them together, so that without it no depth is known.
    """
    known: Parameters = {
        "cluster": place.cluster,
        "namespace": place.namespace,
        "queue": place.queue,
        "begin": steps.begin,
        "end": steps.end,
        "step": steps.step_ms,
    }
    if not query(EVER if of_all else EVER_RUN, known):
        return None
    unseen = _unseen(query, known, steps) if of_all else [UnseenDepth(steps.begin, steps.end, "")]
    flow = _flow(query(FLOW, known), steps)
    return StoredQueue(
        steps=steps,
        unseen=unseen,
        depths=_depths(query, known, steps, unseen) if of_all else [],
        whole=flow.pop(WHOLE, QueueStep()),
        flow=flow,
        waiting=[LongWaiting(*row) for row in query(WAITING, known)],
        templates=[
            QueueTemplate(template, runs, succeeded, waiting, round(p95) if begun else None)
            for template, runs, succeeded, waiting, p95, begun in query(OF_TEMPLATES, known)
        ],
    )


def _unseen(query: Query, known: Parameters, steps: StepsOfTime) -> list[UnseenDepth]:
    """The times without observation, within the period."""
    gaps = [
        UnseenDepth(max(begin, steps.begin), min(end, steps.end), cause) for begin, end, cause in query(GAPS, known)
    ]
    return [*gaps, *(UnseenDepth(begin, end, "") for begin, end in query(HOLES, known))]


def _depths(query: Query, known: Parameters, steps: StepsOfTime, unseen: Sequence[UnseenDepth]) -> list[DepthInStep]:
    """The depths of the seen samples, averaged over the seen part of each step."""
    cells = steps.step_ms // SAMPLE_MS
    gaps = {"gaps_from": [one.begin for one in unseen], "gaps_to": [one.end for one in unseen]}
    rows = query(DEPTHS, known | gaps | {"cells": cells})
    seen = {at // steps.step_ms: _seen_samples(at, steps, unseen) for at in steps.starts}
    return [
        DepthInStep(step * steps.step_ms, reason, waited / max(seen.get(step, 1), 1), peak)
        for step, reason, waited, peak in rows
    ]


def _seen_samples(at: Instant, steps: StepsOfTime, unseen: Sequence[UnseenDepth]) -> int:
    """How many samples of a step are not in a gap and not in the future."""
    samples = range(at, min(at + steps.step_ms, steps.end), SAMPLE_MS)
    return sum(not any(one.begin <= sample < one.end for one in unseen) for sample in samples)


def _flow(rows: Sequence[Sequence[Any]], steps: StepsOfTime) -> dict[Instant, QueueStep]:
    """What happened by the begin of the step; by WHOLE what happened in all of them."""
    found: dict[int, dict[str, tuple[int, QueueLatencies]]] = {}
    for step, kind, number, quantiles, known in rows:
        latency = QueueLatencies(*map(round, quantiles)) if known else UNKNOWN
        found.setdefault(step, {})[kind] = (number, latency)
    return {(WHOLE if step == WHOLE else step * steps.step_ms): _step(kinds) for step, kinds in found.items()}


def _step(kinds: dict[str, tuple[int, QueueLatencies]]) -> QueueStep:
    arrivals, _ = kinds.pop(ARRIVAL, (0, UNKNOWN))
    starts, latency = kinds.pop(START, (0, UNKNOWN))
    return QueueStep(arrivals, starts, latency, {outcome: number for outcome, (number, _) in kinds.items()})
