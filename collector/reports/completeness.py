"""
States below each report whether the watches missed anything in its period.
"""

from typing import NamedTuple

from collector.core.messages import WORKLOAD_KINDS
from collector.reports.report import Query, Span
from collector.reports.sources import BEGIN, END

NEVER = "1970-01-01"
"""Date of the empty maximum: the cluster had no first start in the period."""
KINDS = ", ".join(f"'{kind}'" for kind in WORKLOAD_KINDS)
GAPS = f"""
    SELECT cluster, countIf(from_at > toDateTime64(0, 3)), toString(maxIf(to_at, from_at = toDateTime64(0, 3))),
           countIf(from_at = toDateTime64(0, 3) AND to_at < {END}) > 0
    FROM watch_gap FINAL WHERE to_at > {BEGIN} AND from_at < {END} AND kind IN ({KINDS})
    GROUP BY cluster ORDER BY cluster
"""
"""Selects the fields of ClusterGaps. A gap that begins in 1970 is the time before a cluster's first watch."""


class ClusterGaps(NamedTuple):
    """What the watches of a cluster missed of a period; clusters that were watched throughout have none."""

    cluster: str
    gaps: int
    first_watched: str
    """In UTC; 1970: before the period."""
    began_within: bool
    """Whether the first watch began in the period, and not after it."""


def gaps_of(query: Query, span: Span) -> list[ClusterGaps]:
    """Reads what the watches missed of a period."""
    return [ClusterGaps(*row) for row in query(GAPS, span.parameters())]


def completeness(query: Query, span: Span) -> str:
    """Returns a sentence that names the clusters with gaps, and those first watched within the period."""
    found = gaps_of(query, span)
    gaps = ", ".join(f"{one.cluster} ({one.gaps})" for one in found if one.gaps)
    since = ", ".join(
        f"{one.cluster} {one.first_watched[:16]}" for one in found if not one.first_watched.startswith(NEVER)
    )
    problems = [*([f"gaps in {gaps}"] if gaps else []), *([f"first watched (UTC): {since}"] if since else [])]
    return f"not complete: {'; '.join(problems)}" if problems else "complete: no gap in any watch"
