"""
Success report: how finished attempts ended, the success rates, and the most frequent causes of failure.

Outcomes are counted from workflow_hourly where it has the requested columns, otherwise from the rows of workflow_run.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from collector.catalog.rollups import WORKFLOW_HOURLY
from collector.core.model import OUTCOMES
from collector.core.workflow.outcome import platform_success_rate, success_rate
from collector.reports.completeness import completeness
from collector.reports.cost_columns import named_step
from collector.reports.filters import Chosen, Filter, condition, named
from collector.reports.queue import COLUMNS
from collector.reports.report import NO_VALUE, Query, Report, Span, columns_by
from collector.reports.rollup_source import has_whole_hours, rollup_source
from collector.reports.sources import BEGIN, END, FINISHED, FINISHED_ATTEMPTS, column_list, group_by, limit

TOP_CAUSES = 20
DECIDER = named_step("deciding_step", "name", "template")
HOUR_IN_PERIOD = f"hour >= {BEGIN} AND hour < {END}"


def success(query: Query, span: Span, by: str, filters: Sequence[Filter] = (), most: int = 0) -> Report:
    """Reports outcomes and two success rates: of all runs, and without failures caused by users. Then the causes."""
    names = columns_by(by, COLUMNS)
    columns = [COLUMNS[name] for name in names]
    chosen = condition(filters, COLUMNS.__getitem__)
    source, parameters, runs = FINISHED_ATTEMPTS, span.parameters(), "1"
    read = {*columns, *(COLUMNS[one.column] for one in filters)}
    if has_whole_hours(span) and read <= set(WORKFLOW_HOURLY.order_by):
        source, parameters = rollup_source(
            query,
            WORKFLOW_HOURLY,
            span,
            in_rollup=HOUR_IN_PERIOD,
            in_rows=FINISHED,
            keys=sorted({*read, "outcome"}),
            sums=["runs"],
        )
        runs = "sum_runs"
    counts = ", ".join(f"sumIf({runs}, outcome = '{outcome}')" for outcome in OUTCOMES)
    sql = f"""
        SELECT {column_list(columns)}sum({runs}) AS attempts, {counts} FROM {source} WHERE {chosen.sql}
        {group_by(columns, "attempts DESC")}{limit(most)}
    """
    return Report(
        title=f"Outcomes, {span}",
        columns=(*names, "runs", *OUTCOMES, "success %", "platform success %"),
        rows=[named(_with_rates(row), len(names)) for row in query(sql, parameters | chosen.parameters)],
        notes=[completeness(query, span)],
        nothing=NO_VALUE,
        parts=[_causes(query, span, chosen)],
        keys=max(1, len(names)),
    )


def _with_rates(row: Sequence[Any]) -> tuple[Any, ...]:
    """Adds both rates, in percent, to a row that ends with the counts of outcomes."""
    runs = dict(zip(OUTCOMES, row[-len(OUTCOMES) :], strict=True))
    return (*row, _percent(success_rate(runs)), _percent(platform_success_rate(runs)))


def _percent(rate: Fraction | None) -> Decimal | None:
    """Converts a rate to percent, cut to two decimals: 99.999 must not become 100."""
    return None if rate is None else (Decimal(int(rate * 10_000)) / 100).quantize(Decimal("0.01"))


def _causes(query: Query, span: Span, chosen: Chosen) -> Report:
    """Reports why attempts did not succeed: the reason, and the step that decided the outcome."""
    sql = f"""
        SELECT outcome, reason, template, {DECIDER} AS decider, count() AS runs,
               argMax(name, (finished_at, cluster, name)), argMax(cluster, (finished_at, cluster, name))
        FROM {FINISHED_ATTEMPTS}
        WHERE outcome != 'succeeded' AND {chosen.sql}
        GROUP BY outcome, reason, template, decider
        ORDER BY runs DESC, outcome, reason, template, decider
        LIMIT {TOP_CAUSES}
    """
    rows = [tuple(row) for row in query(sql, span.parameters() | chosen.parameters)]
    columns = ("outcome", "reason", "template", "deciding step", "runs", "latest", "in cluster")
    return Report("Causes of runs that did not succeed, most frequent first", columns, rows, nothing=NO_VALUE)
