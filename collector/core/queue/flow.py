"""
How queues move: arrivals and starts of the last five minutes, and how long what waits now will take to start.

Counted in slots of 15 seconds on the arrival clock, so that memory is bounded by queues and not by workflows.
"""

from collections.abc import Iterable

from collector.core.live_view import Flow, Waiting
from collector.core.model import Instant

SLOT_MS = 15_000
SLOTS = 20
"""Five minutes: the present slot, which is not over, and the nineteen before it."""
RECENT = 5
"""The last minute, the present slot and four before it: a burst long past makes no queue grow that drains now."""
QUEUES_LIMIT = 10_000
"""Queues counted in one slot; a label that differs with every workflow makes a queue of each."""

Queue = tuple[str, str]


class Flows:
    """Arrivals and starts by namespace and queue, over a window that moves with the clock."""

    def __init__(self, queues_limit: int = QUEUES_LIMIT) -> None:
        self.since: Instant | None = None
        """When counting began; until the window is full, rates are over what was seen."""
        self._slots: dict[int, dict[Queue, list[int]]] = {}
        self._queues_limit = queues_limit
        self._overflow = -SLOTS
        """The last slot in which a queue was not counted for want of room."""

    def arrived(self, namespace: str, queue: str, at: Instant) -> None:
        """An attempt was first seen."""
        self._count((namespace, queue), at, 0)

    def started(self, namespace: str, queue: str, at: Instant) -> None:
        """Work on an attempt began."""
        self._count((namespace, queue), at, 1)

    def flow(self, cluster: str, waiting: Iterable[Waiting], now: Instant) -> list[Flow]:
        """How each queue moves that holds something or held something within the window."""
        self._began(now)
        newest = now // SLOT_MS
        from_at = max(self.since or now, (newest - SLOTS + 1) * SLOT_MS)
        moved: dict[Queue, list[int]] = {}
        for number, slot in self._slots.items():
            if newest - SLOTS < number <= newest:
                for queue, (arrivals, starts) in slot.items():
                    sums = moved.setdefault(queue, [0, 0, 0])
                    sums[0] += arrivals
                    sums[1] += starts
                    sums[2] += (arrivals - starts) * (number > newest - RECENT)
        depths = dict.fromkeys(moved, 0)
        for row in waiting:
            key = (row.namespace, row.queue)
            # A queue that was not counted must not be said to stand still.
            if not row.begun and (key in depths or self._overflow <= newest - SLOTS):
                depths[key] = depths.get(key, 0) + row.count
        window_s = (now - from_at) / 1000
        return [
            _flow(cluster, key, depth, window_s, *moved.get(key, (0, 0, 0))) for key, depth in sorted(depths.items())
        ]

    def _began(self, at: Instant) -> None:
        # A clock that is set back begins anew, else the window would be negative.
        self.since = at if self.since is None else min(self.since, at)

    def _count(self, queue: Queue, at: Instant, what: int) -> None:
        self._began(at)
        number = at // SLOT_MS
        slot = self._slots.get(number)
        if slot is None:
            # By distance, for a clock may have been set back as well.
            self._slots = {n: kept for n, kept in self._slots.items() if abs(n - number) < SLOTS}
            slot = self._slots[number] = {}
        counts = slot.get(queue)
        if counts is None:
            if len(slot) >= self._queues_limit:
                self._overflow = number
                return
            counts = slot[queue] = [0, 0]
        counts[what] += 1


def _flow(
    cluster: str, queue: Queue, depth: int, window_s: float, arrivals: int, starts: int, grew_lately: int
) -> Flow:
    """One queue's row; the time to drain is told wherever something starts, also while more arrives."""
    if not depth:
        state, drain_s = "empty", None
    elif not starts:
        state, drain_s = "not_draining", None
    else:
        # Over the window, and still: neither a burst that is over nor a moment's luck is a trend.
        grows = arrivals > starts and grew_lately > 0
        state, drain_s = "growing" if grows else "draining", depth * max(window_s, 1.0) / starts
    return Flow(cluster, *queue, depth, window_s, arrivals, starts, drain_s, state)
