"""
What was spent, by whoever asks: department, project, template, cluster, day, class.

Sums come from cost_current, one row a charge of each month's active pricing run, and are exact: unpriced pods are
counted beside the sum, never added as 0.
"""

from collector.reports.shape import BEGIN, END, Query, Report, Span, amount, columns_by

COLUMNS = {
    name: name
    for name in (
        "day", "department", "project", "creator", "cluster", "namespace", "template", "workflow_name", "product",
        "purchase", "class", "region",
    )
}  # fmt: skip


def cost(query: Query, span: Span, by: str) -> Report:
    """Cost of a period by the asked columns, dearest first; one row a currency."""
    names = columns_by(by, COLUMNS)
    keys = ", ".join(f"`{COLUMNS[name]}`" for name in names)
    lead = f"{keys}, " if keys else ""
    sql = f"""
        SELECT {lead}sum(cost) AS total, sum(cost_pending), currency, uniqExact(workflow_uid),
               uniqExact(pod_uid), countIf(cost IS NULL)
        FROM cost_current
        WHERE day >= {{begin:Date}} AND day < {{end:Date}}
        GROUP BY {lead}currency
        ORDER BY total DESC NULLS LAST, {lead}currency
    """
    rows = [tuple(row) for row in query(sql, span.parameters())]
    columns = (*names, "cost", "of which pending", "currency", "workflows", "pods", "unpriced pods")
    return Report(f"Cost, {span}", columns, rows, _notes(query, span))


def _notes(query: Query, span: Span) -> list[str]:
    """Totals by currency, running pods, and whether the period was watched without a break."""
    totals = query(
        "SELECT currency, sum(cost), countIf(status = 'accruing'), countIf(cost IS NULL) FROM cost_current "
        "WHERE day >= {begin:Date} AND day < {end:Date} GROUP BY currency ORDER BY currency",
        span.parameters(),
    )
    notes = [f"total {amount(total)} {currency}" for currency, total, _, _ in totals if total is not None]
    accruing, unpriced = sum(row[2] for row in totals), sum(row[3] for row in totals)
    if accruing:
        notes.append(f"{accruing} charges still accrue: their pods run")
    if unpriced:
        notes.append(f"{unpriced} charges have no known price and are in no sum; `--by product,purchase` shows which")
    return [*notes, completeness(query, span)]


def completeness(query: Query, span: Span) -> str:
    """Whether every cluster was watched through the whole period, in words."""
    gaps = query(
        f"SELECT cluster, count() FROM watch_gap FINAL WHERE to_at >= {BEGIN} AND from_at < {END} "
        "AND kind IN ('workflows', 'pods') GROUP BY cluster ORDER BY cluster",
        span.parameters(),
    )
    if not gaps:
        return "complete: no gap in any watch"
    return "not complete: gaps in " + ", ".join(f"{cluster} ({count})" for cluster, count in gaps)
