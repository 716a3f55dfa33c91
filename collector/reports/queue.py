"""
Queue report: how long workflows waited before they started, and for what.

The figures are of the attempts that were created in the period and have finished; the live page shows the present queue.
Latencies are exact: they come from the rows of workflow_run, because the digests of workflow_hourly are approximate.
"""

from collections.abc import Sequence

from collector.core.model import WAITING_REASONS
from collector.reports.completeness import completeness
from collector.reports.filters import Chosen, Filter, condition, named
from collector.reports.report import NO_VALUE, Query, Report, Span, columns_by
from collector.reports.sources import BEGIN, CREATED_ATTEMPTS, END, column_list, group_by, limit

COLUMNS = {
    name: name
    for name in (
        "cluster", "namespace", "queue", "department", "project", "template", "template_version", "creator", "reason",
        "outcome",
    )
}  # fmt: skip
"""Grouping columns of attempts: the name after `--by`, and the column of workflow_run."""

LATENCIES = (("", "queue_latency_ms"), ("start ", "start_latency_ms"))
MEANS = ("unseen", "queued", "throttled", "lock", "running")
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
TOP_LOCKS, TOP_REASONS = 20, 100


def queue(query: Query, span: Span, by: str, filters: Sequence[Filter] = (), most: int = 0) -> Report:
    """Reports queue and start latency quantiles and mean times in ms; then all waiting reasons, and the locks."""
    names = columns_by(by, COLUMNS)
    columns = [COLUMNS[name] for name in names]
    chosen = condition(filters, COLUMNS.__getitem__)
    quantiles = ", ".join(_quantile(level, column) for _, column in LATENCIES for _, level in QUANTILES)
    sql = f"""
        SELECT {column_list(columns)}count() AS attempts, {quantiles},
               {", ".join(f"intDiv(sum({reason}_ms), nullIf(count(), 0))" for reason in MEANS)}
        FROM {CREATED_ATTEMPTS} WHERE {chosen.sql}
        {group_by(columns, "attempts DESC")}{limit(most)}
    """
    latencies = (f"{prefix}{quantile} ms" for prefix, _ in LATENCIES for quantile, _ in QUANTILES)
    return Report(
        title=f"Queue latency, {span}",
        columns=(*names, "runs", *latencies, *MEANS),
        rows=[named(row, len(names)) for row in query(sql, span.parameters() | chosen.parameters)],
        notes=[completeness(query, span)],
        nothing=NO_VALUE,
        parts=[_reasons(query, span, names, chosen), *([] if filters else [_locks(query, span)])],
        keys=max(1, len(names)),
    )


def _reasons(query: Query, span: Span, names: list[str], chosen: Chosen) -> Report:
    """Reports the time in each waiting reason, longest first; `runs` counts only attempts that met the reason."""
    lead = column_list([COLUMNS[name] for name in names])
    reasons = ", ".join(f"'{name}'" for name in WAITING_REASONS)
    times = ", ".join(f"{name}_ms" for name in WAITING_REASONS)
    sql = f"""
        SELECT {lead}waited_for, count(), toInt64(sum(ms)) AS total, toInt64(avg(ms)),
               toInt64(quantileExact(0.95)(ms)), toInt64(max(ms))
        FROM {CREATED_ATTEMPTS}
        ARRAY JOIN [{reasons}] AS waited_for, [{times}] AS ms
        WHERE ms > 0 AND {chosen.sql}
        GROUP BY {lead}waited_for
        ORDER BY total DESC, {lead}waited_for
        LIMIT {TOP_REASONS}
    """
    rows = [named(row, len(names)) for row in query(sql, span.parameters() | chosen.parameters)]
    columns = (*names, "waiting reason", "runs", "total ms", "mean ms", "p95 ms", "longest ms")
    return Report("Time by waiting reason", columns, rows, nothing=NO_VALUE, keys=len(names) + 1)


def _locks(query: Query, span: Span) -> Report:
    """Reports the locks that steps of finished attempts waited for, and how many workflows wait for each now."""
    sql = f"""
        SELECT cluster, waiting_on, sum(steps), sum(ms) AS total, max(longest), sum(now) AS waiting
        FROM (
            SELECT cluster, waiting_on, toInt64(count()) AS steps, toInt64(sum(waiting_ms)) AS ms,
                   toInt64(max(waiting_ms)) AS longest, toInt64(0) AS now
            FROM step_run FINAL
            WHERE workflow_created_at >= {BEGIN} AND workflow_created_at < {END} AND waiting_reason = 'step_lock'
            GROUP BY cluster, waiting_on
            UNION ALL
            SELECT cluster, waiting_on, toInt64(0), toInt64(0), toInt64(0), toInt64(count())
            FROM workflow_live FINAL
            WHERE waiting_reason IN ('lock', 'step_lock')
            GROUP BY cluster, waiting_on
        )
        GROUP BY cluster, waiting_on
        ORDER BY total DESC, waiting DESC, cluster, waiting_on
        LIMIT {TOP_LOCKS}
    """
    rows = [tuple(row) for row in query(sql, span.parameters())]
    columns = ("cluster", "lock", "steps that waited", "total ms", "longest ms", "workflows waiting now")
    return Report("Locks waited for", columns, rows, nothing=NO_VALUE)


def _quantile(level: float, column: str) -> str:
    # Over no row quantileExact returns NaN, which is not a number of milliseconds.
    return f"if(count({column}) = 0, NULL, toInt64(quantileExact({level})({column})))"
