"""
Subqueries that read a rollup and are never older than the rows below the rollup.

A stale day is computed from the rows, by the rollup's own declaration, in the same statement that reads the other days
from the rollup. A rollup that was never built only makes a report slower.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from collector.catalog.rollups import Rollup
from collector.reports.report import Query, Span


def rollup_source(
    query: Query,
    rollup: Rollup,
    span: Span,
    *,
    in_rollup: str,
    in_rows: str,
    keys: Sequence[str],
    sums: Sequence[str],
    stale: Sequence[Any] | None = None,
) -> tuple[str, dict[str, Any]]:
    """
    Returns a subquery with some keys and sums of a rollup, and its parameters; the sum of `cost` is named `sum_cost`.

    The period is given twice: as a condition on the rollup's rows, and as a condition on the rows below. `stale` has the
    stale days where they are known already.
    """
    parameters = span.parameters()
    stale = stale_days(query, rollup, span) if stale is None else stale
    if not stale:
        return f"({rollup.stored(in_rollup, keys, sums)})", parameters
    stored = rollup.stored(f"{in_rollup} AND {rollup.day} NOT IN {{stale:Array(Date)}}", keys, sums)
    fresh = rollup.summed(f"{rollup.day_of} IN {{stale:Array(Date)}} AND {in_rows}", keys, sums)
    return f"({stored} UNION ALL {fresh})", parameters | {"stale": list(stale)}


def stale_days(query: Query, rollup: Rollup, span: Span) -> list[Any]:
    """Returns the days that must be computed from rows."""
    return [day for day, *_ in query(rollup.stale(), span.parameters())]


def has_whole_hours(span: Span) -> bool:
    """Returns whether a period begins and ends at full hours of UTC; a period of India does not."""
    ends = (datetime.combine(day, time(), ZoneInfo(span.zone)).astimezone(UTC) for day in (span.begin, span.end))
    return all(end.minute == 0 for end in ends)
