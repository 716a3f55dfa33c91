"""
What keeps workflows from running although nothing is broken: parallelism slots that are full, and locks that are held.
"""

from collections.abc import Iterable

from collector.core import live_view
from collector.core.model import Instant
from collector.web import api_models

LOCKS_SHOWN = 100


def slots(rows: Iterable[live_view.Slots]) -> list[api_models.Slots]:
    """Every limit that is in force, the fullest first, and after them those that throttle unseen."""
    known = list(rows)
    limited = {row.cluster for row in known if row.limit}
    # A cluster that throttles must have a limit somewhere; where it could not be read, its one row says so.
    unread = [r for r in known if r.limit is None and r.throttled and not r.namespace and r.cluster not in limited]
    shown = [_slots(row) for row in [*(r for r in known if r.limit), *unread]]
    return sorted(shown, key=lambda s: (s.share is None, -(s.share or 0), s.cluster, s.namespace))


def _slots(row: live_view.Slots) -> api_models.Slots:
    used = row.running + row.suspended + row.lock_waiting
    return api_models.Slots(
        cluster=row.cluster,
        namespace=row.namespace,
        limit=row.limit,
        source=row.source,
        running=row.running,
        suspended=row.suspended,
        lock_waiting=row.lock_waiting,
        throttled=row.throttled,
        used=used,
        share=used / row.limit if row.limit else None,
    )


def locks(rows: Iterable[live_view.Lock], at: Instant) -> list[api_models.Lock]:
    """The locks that somebody waits for, the longest queue first."""
    waited = sorted((r for r in rows if r.waiting), key=lambda r: (-r.waiting, r.oldest_since or at, r.cluster, r.name))
    return [
        api_models.Lock(
            cluster=row.cluster,
            name=row.name,
            kind=row.kind,
            limit=row.limit,
            held=row.held,
            waiting=row.waiting,
            oldest_age_ms=None if row.oldest_since is None else max(0, at - row.oldest_since),
            holders=list(row.holders),
        )
        for row in waited[:LOCKS_SHOWN]
    ]
