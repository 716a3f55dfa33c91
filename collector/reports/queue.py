"""
How long workflows queued, and how they ended, over a period.

The figures are those of finished attempts (workflow_run); the present queue is on the live page.
"""

from collector.reports.cost import completeness
from collector.reports.shape import BEGIN, END, Query, Report, Span, columns_by

COLUMNS = {
    name: name for name in ("cluster", "namespace", "queue", "department", "project", "template", "creator", "reason")
}
SUCCESS = "countIf(outcome = 'succeeded')"
DECIDED = "countIf(outcome IN ('succeeded', 'failed', 'platform'))"


def queue(query: Query, span: Span, by: str) -> Report:
    """Queue latency quantiles in ms, and the mean ms in each reason that keeps work from beginning."""
    names = columns_by(by, COLUMNS)
    lead = "".join(f"`{COLUMNS[name]}`, " for name in names)
    sql = f"""
        SELECT {lead}count() AS runs, {_quantile(0.5)}, {_quantile(0.95)}, {_quantile(0.99)},
               toInt64(avg(unseen_ms)), toInt64(avg(throttled_ms)), toInt64(avg(lock_ms)), toInt64(avg(running_ms))
        FROM workflow_run FINAL
        WHERE created_at >= {BEGIN} AND created_at < {END}
        {f"GROUP BY {lead.rstrip(', ')}" if names else ""}
        ORDER BY runs DESC
    """
    columns = (*names, "runs", "p50 ms", "p95 ms", "p99 ms", "unseen", "throttled", "lock", "running")
    rows = [tuple(row) for row in query(sql, span.parameters())]
    return Report(f"Queue latency, {span}", columns, rows, [completeness(query, span)])


def success(query: Query, span: Span, by: str) -> Report:
    """Outcomes and both success rates; the platform's leaves the users' own failures out."""
    names = columns_by(by, COLUMNS)
    lead = "".join(f"`{COLUMNS[name]}`, " for name in names)
    sql = f"""
        SELECT {lead}count() AS runs, {SUCCESS}, countIf(outcome = 'failed'), countIf(outcome = 'platform'),
               countIf(outcome IN ('cancelled', 'invalid', 'unknown')),
               if({DECIDED} = 0, NULL, toDecimal64(100 * {SUCCESS} / {DECIDED}, 2)),
               if({DECIDED} = 0, NULL, toDecimal64(100 * (1 - countIf(outcome = 'platform') / {DECIDED}), 2))
        FROM workflow_run FINAL
        WHERE finished_at >= {BEGIN} AND finished_at < {END}
        {f"GROUP BY {lead.rstrip(', ')}" if names else ""}
        ORDER BY runs DESC
    """
    columns = (*names, "runs", "succeeded", "failed", "platform", "other", "success %", "platform success %")
    rows = [tuple(row) for row in query(sql, span.parameters())]
    return Report(f"Outcomes, {span}", columns, rows, [completeness(query, span)])


def _quantile(level: float) -> str:
    # ifNull: quantile over no row is NaN, which is no number of milliseconds.
    return f"if(count(queue_latency_ms) = 0, NULL, toInt64(quantileExact({level})(queue_latency_ms)))"
