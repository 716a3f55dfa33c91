"""
Rollups as reports read them: never older than the rows they are made of.

Days that the rollup does not hold as they are now are computed from their rows by the rollup's own declaration, in the
same statement that reads the others from it; a rollup that was never built only makes a report slow.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from collector.catalog.rollups import Rollup
from collector.reports.report import Query, Span


def rolled(
    query: Query, rollup: Rollup, span: Span, held: str, rows: str, keys: Sequence[str], sums: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    """
    What stands after FROM, with some of the rollup's keys and `sum_cost` for its `cost`, and the parameters it needs.

    The period is told as a condition twice: on the rollup (`held`) and on its source (`rows`).
    """
    asked = span.parameters()
    stale = [day for day, *_ in query(rollup.stale(), asked)]
    if not stale:
        return f"({rollup.kept(held, keys, sums)})", asked
    kept = rollup.kept(f"{held} AND {rollup.day} NOT IN {{stale:Array(Date)}}", keys, sums)
    fresh = rollup.summed(f"{rollup.day_of} IN {{stale:Array(Date)}} AND {rows}", keys, sums)
    return f"({kept} UNION ALL {fresh})", asked | {"stale": stale}


def of_whole_hours(span: Span) -> bool:
    """Whether a period begins and ends at full hours of UTC; it does not in India."""
    ends = (datetime.combine(day, time(), ZoneInfo(span.zone)).astimezone(UTC) for day in (span.begin, span.end))
    return all(end.minute == 0 for end in ends)
