"""
Rollups as reports read them: never older than the rows they are made of.

Days that the rollup does not hold as they are now are computed from their rows by the rollup's own declaration, in the
same statement that reads the others from it; a rollup that was never built only makes a report slow.
"""

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from collector.catalog.rollups import Rollup
from collector.catalog.schema import DATABASE
from collector.reports.shape import Query, Span


def rolled(query: Query, rollup: Rollup, span: Span, held: str, rows: str) -> tuple[str, dict[str, Any]]:
    """
    What stands after FROM, with the rollup's columns, and the parameters it needs.

    The period is told as a condition twice: on the rollup (`held`) and on its source (`rows`).
    """
    asked = span.parameters()
    stale = [day for day, *_ in query(rollup.stale(), asked)]
    kept = f"SELECT {rollup.names} FROM {DATABASE}.{rollup.name} WHERE {held}"
    if not stale:
        return f"({kept})", asked
    fresh = rollup.computed(f"{rollup.day_of} IN {{stale:Array(Date)}} AND {rows}")
    return f"({kept} AND {rollup.day} NOT IN {{stale:Array(Date)}} UNION ALL {fresh})", asked | {"stale": stale}


def of_whole_hours(span: Span) -> bool:
    """Whether a period begins and ends at full hours of UTC; it does not in India."""
    ends = (datetime.combine(day, time(), ZoneInfo(span.zone)).astimezone(UTC) for day in (span.begin, span.end))
    return all(end.minute == 0 for end in ends)
