"""
What keeps workflows waiting although nothing is broken: full parallelism limits and locks in use.
"""

from collections.abc import Iterable

from collector.core import live_view
from collector.core.model import Instant
from collector.web.api_model import age_or_none
from collector.web.api_models import Lock, Slots

LOCKS_SHOWN = 100


def slots(rows: Iterable[live_view.SlotUse]) -> list[Slots]:
    """Every limit in force, the fullest first; after them the limits that throttle and could not be read."""
    known = list(rows)
    limited = {row.cluster for row in known if row.limit}
    # A cluster that throttles must have a limit somewhere; if the limit could not be read, its one row shows that.
    unread = [r for r in known if r.limit is None and r.throttled and not r.namespace and r.cluster not in limited]
    shown = [_slots(row) for row in [*(r for r in known if r.limit), *unread]]
    return sorted(shown, key=lambda s: (s.share is None, -(s.share or 0), s.cluster, s.namespace))


def _slots(row: live_view.SlotUse) -> Slots:
    used = row.running + row.suspended + row.lock_waiting
    return Slots.of(row, used=used, share=used / row.limit if row.limit else None)


def locks(rows: Iterable[live_view.LockUse], at: Instant) -> list[Lock]:
    """The locks that workflows wait for, the longest queue first."""
    waited = sorted((r for r in rows if r.waiting), key=lambda r: (-r.waiting, r.oldest_since or at, r.cluster, r.name))
    return [
        Lock.of(
            row,
            oldest_age_ms=age_or_none(at, row.oldest_since),
            held_age_ms=age_or_none(at, row.held_since),
        )
        for row in waited[:LOCKS_SHOWN]
    ]
