"""
How long workflows queued and what they waited for, and how they ended, over a period.

The figures are those of finished attempts; the present queue is on the live page. Latencies are exact, from each row of
workflow_run, since the digests of workflow_hourly are not; outcomes are counted there where it has the asked columns.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from collector.catalog.rollups import WORKFLOW_HOURLY
from collector.core.model import OUTCOMES, WAITING_REASONS
from collector.core.workflow.outcome import platform_success_rate, success_rate
from collector.reports.cost import completeness
from collector.reports.report import BEGIN, END, Query, Report, Span, columns_by
from collector.reports.rollup_source import of_whole_hours, rolled

COLUMNS = {
    name: name
    for name in (
        "cluster", "namespace", "queue", "department", "project", "template", "template_version", "creator", "reason",
    )
}  # fmt: skip
NOTHING = "—"
"""What a table shows where nothing was counted: neither 0 nor unknown."""

LATENCIES = (("", "queue_latency_ms"), ("start ", "start_latency_ms"))
MEANS = ("unseen", "throttled", "lock", "running")
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
TOP, MOST = 20, 100
FINISHED = f"finished_at >= {BEGIN} AND finished_at < {END}"


def queue(query: Query, span: Span, by: str) -> Report:
    """Queue and start latency quantiles in ms, the mean ms in some reasons; then every reason, and the locks."""
    names = columns_by(by, COLUMNS)
    quantiles = ", ".join(_quantile(level, column) for _, column in LATENCIES for _, level in QUANTILES)
    sql = f"""
        SELECT {_lead(names)}count() AS attempts, {quantiles},
               {", ".join(f"intDiv(sum({reason}_ms), nullIf(count(), 0))" for reason in MEANS)}
        FROM workflow_run FINAL
        WHERE created_at >= {BEGIN} AND created_at < {END}
        {_grouped(names)}
    """
    latencies = (f"{what}{quantile} ms" for what, _ in LATENCIES for quantile, _ in QUANTILES)
    columns = (*names, "runs", *latencies, *MEANS)
    rows = [tuple(row) for row in query(sql, span.parameters())]
    parts = [_reasons(query, span, names), _locks(query, span)]
    return Report(f"Queue latency, {span}", columns, rows, [completeness(query, span)], NOTHING, parts)


def _reasons(query: Query, span: Span, names: list[str]) -> Report:
    """What waiting time went to, the most first; `runs` are the attempts that met the reason at all."""
    lead = _lead(names)
    reasons = ", ".join(f"'{name}'" for name in WAITING_REASONS)
    times = ", ".join(f"{name}_ms" for name in WAITING_REASONS)
    sql = f"""
        SELECT {lead}waited_for, count(), toInt64(sum(ms)) AS total, toInt64(avg(ms)),
               toInt64(quantileExact(0.95)(ms)), toInt64(max(ms))
        FROM (SELECT * FROM workflow_run FINAL WHERE created_at >= {BEGIN} AND created_at < {END})
        ARRAY JOIN [{reasons}] AS waited_for, [{times}] AS ms
        WHERE ms > 0
        GROUP BY {lead}waited_for
        ORDER BY total DESC, {lead}waited_for
        LIMIT {MOST}
    """
    rows = [tuple(row) for row in query(sql, span.parameters())]
    columns = (*names, "waiting reason", "runs", "total ms", "mean ms", "p95 ms", "longest ms")
    return Report("Time by waiting reason", columns, rows, nothing=NOTHING)


def _locks(query: Query, span: Span) -> Report:
    """The locks that steps of finished attempts waited for, and those that are waited for now."""
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
        LIMIT {TOP}
    """
    rows = [tuple(row) for row in query(sql, span.parameters())]
    columns = ("cluster", "lock", "steps that waited", "total ms", "longest ms", "workflows waiting now")
    return Report("Locks waited for", columns, rows, nothing=NOTHING)


def success(query: Query, span: Span, by: str) -> Report:
    """Outcomes and both success rates; the platform's leaves the users' own failures out. Then what failed most."""
    names = columns_by(by, COLUMNS)
    source, asked, one = f"(SELECT * FROM workflow_run FINAL WHERE {FINISHED})", span.parameters(), "1"
    if of_whole_hours(span) and {COLUMNS[name] for name in names} <= set(WORKFLOW_HOURLY.order_by):
        hours, keys = f"hour >= {BEGIN} AND hour < {END}", [*dict.fromkeys(COLUMNS[name] for name in names), "outcome"]
        source, asked = rolled(query, WORKFLOW_HOURLY, span, hours, FINISHED, keys, ["runs"])
        one = "sum_runs"
    counts = ", ".join(f"sumIf({one}, outcome = '{outcome}')" for outcome in OUTCOMES)
    sql = f"SELECT {_lead(names)}sum({one}) AS attempts, {counts} FROM {source} {_grouped(names)}"
    columns = (*names, "runs", *OUTCOMES, "success %", "platform success %")
    rows = [_with_rates(row) for row in query(sql, asked)]
    return Report(f"Outcomes, {span}", columns, rows, [completeness(query, span)], NOTHING, [_causes(query, span)])


def _with_rates(row: Sequence[Any]) -> tuple[Any, ...]:
    """The row and both of its rates in percent."""
    runs = dict(zip(OUTCOMES, row[-len(OUTCOMES) :], strict=True))
    return (*row, _percent(success_rate(runs)), _percent(platform_success_rate(runs)))


def _percent(rate: Fraction | None) -> Decimal | None:
    """To two places, cut and not rounded: 99.999 is no 100."""
    return None if rate is None else (Decimal(int(rate * 10_000)) / 100).quantize(Decimal("0.01"))


def _causes(query: Query, span: Span) -> Report:
    """Why attempts did not succeed: the reason, and the step that decided it."""
    sql = f"""
        SELECT outcome, reason, template, deciding_step, count() AS runs,
               argMax(name, (finished_at, cluster, name)), argMax(cluster, (finished_at, cluster, name))
        FROM workflow_run FINAL
        WHERE {FINISHED} AND outcome != 'succeeded'
        GROUP BY outcome, reason, template, deciding_step
        ORDER BY runs DESC, outcome, reason, template, deciding_step
        LIMIT {TOP}
    """
    rows = [tuple(row) for row in query(sql, span.parameters())]
    columns = ("outcome", "reason", "template", "deciding step", "runs", "latest", "in cluster")
    return Report("What did not succeed, most often first", columns, rows, nothing=NOTHING)


def _lead(names: list[str]) -> str:
    """The asked columns, to stand before others."""
    return "".join(f"`{COLUMNS[name]}`, " for name in names)


def _grouped(names: list[str]) -> str:
    keys = _lead(names).rstrip(", ")
    return f"GROUP BY {keys} ORDER BY attempts DESC, {keys}" if keys else ""


def _quantile(level: float, column: str) -> str:
    # ifNull: quantile over no row is NaN, which is no number of milliseconds.
    return f"if(count({column}) = 0, NULL, toInt64(quantileExact({level})({column})))"
