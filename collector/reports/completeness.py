"""
States below each report whether the watches missed anything in its period.
"""

from collector.core.messages import WORKLOAD_KINDS
from collector.reports.report import Query, Span
from collector.reports.sources import BEGIN, END

NEVER = "1970-01-01"
"""Date of the empty maximum: the cluster had no first start in the period."""
KINDS = ", ".join(f"'{kind}'" for kind in WORKLOAD_KINDS)
GAPS = f"""
    SELECT cluster, countIf(from_at > toDateTime64(0, 3)), toString(maxIf(to_at, from_at = toDateTime64(0, 3)))
    FROM watch_gap FINAL WHERE to_at >= {BEGIN} AND from_at < {END} AND kind IN ({KINDS})
    GROUP BY cluster ORDER BY cluster
"""
"""A gap that begins in 1970 is the time before a cluster's first watch."""


def completeness(query: Query, span: Span) -> str:
    """Returns a sentence that names the clusters with gaps, and those first watched within the period."""
    rows = query(GAPS, span.parameters())
    gaps = ", ".join(f"{cluster} ({count})" for cluster, count, _ in rows if count)
    since = ", ".join(f"{cluster} {at[:16]}" for cluster, _, at in rows if not at.startswith(NEVER))
    problems = [*([f"gaps in {gaps}"] if gaps else []), *([f"first watched (UTC): {since}"] if since else [])]
    return f"not complete: {'; '.join(problems)}" if problems else "complete: no gap in any watch"
