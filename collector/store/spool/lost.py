"""
Rows of the spool that can no longer be read, as facts: what is lost is on record where reports look for it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from collector.catalog.bills import NODE_RUN, POD_COST, POD_RUN
from collector.catalog.watches import LIVE_STATE, WATCH_CURSOR
from collector.catalog.workflows import WORKFLOW_LIVE
from collector.core.facts.watches import Quarantine, WatchGap
from collector.core.model import Instant
from collector.core.units import MINUTE_MS

CAUSE = "spool damaged"

BEFORE_MS = MINUTE_MS
"""Facts of a commit are of the seconds before it. The gap begins this long before, so that a backfill finds them."""

COPIES = frozenset({LIVE_STATE.name, WATCH_CURSOR.name})
"""Tables of copies: the spool itself has their originals."""
SENT_AGAIN = COPIES | {WORKFLOW_LIVE.name}
"""Tables whose rows are sent again with a new copy."""

_OF_PODS = frozenset({POD_RUN.name, POD_COST.name, NODE_RUN.name})


class Lost(NamedTuple):
    """Rows of one table that can no longer be read."""

    table: str
    """Empty: not known."""
    rows: int
    from_at: Instant
    """When the first of them was committed, or the nearest earlier instant that is known."""
    to_at: Instant
    """When the last of them was committed, or the nearest later instant that is known."""


def facts_of(lost: Lost, clusters: Iterable[str], why: str) -> Iterator[Quarantine | WatchGap]:
    """A quarantine row for lost rows, and a gap of each cluster whose rows they may have been."""
    identity = f"{lost.table} {lost.rows} {lost.from_at} {lost.to_at} {why}"
    yield Quarantine(
        cluster="",
        kind=lost.table,
        uid=hashlib.sha256(identity.encode()).hexdigest()[:16],
        at=lost.to_at,
        version=1,
        reason=f"{lost.rows} rows: {why}",
        sample="",
    )
    if lost.table in SENT_AGAIN:
        return
    for cluster in clusters:
        yield WatchGap(
            cluster=cluster,
            kind="pods" if lost.table in _OF_PODS else "workflows",
            from_at=lost.from_at - BEFORE_MS,
            version=lost.to_at,
            to_at=lost.to_at,
            cause=CAUSE,
            objects_unknown=0,
        )
