"""
Movement of queues: arrivals and starts of the last five minutes, and the expected time until the present queue is empty.

Counts are kept in slots of 15 seconds of the arrival clock, so that memory is bounded by queues and not by workflows.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from collector.core.live_view import FlowState, QueueFlow, Waiting
from collector.core.model import Instant

SLOT_MS = 15_000
SLOTS = 20
"""Five minutes: the present, incomplete slot and the nineteen before it."""
REACH_MS = (SLOTS - 1) * SLOT_MS
"""How long ago something may have happened to be counted still: then its slot is within the window."""
RECENT = 5
"""The last minute: the present slot and four before it. An old burst must not make a draining queue look growing."""
QUEUES_LIMIT = 10_000
"""Queues counted in one slot; a label with a different value for each workflow would make a queue of each."""

Queue = tuple[str, str]
"""Namespace and name of a queue."""


@dataclass(slots=True)
class Movement:
    """Sums of one queue over the window."""

    arrivals: int = 0
    starts: int = 0
    grew_recently: int = 0
    """Arrivals minus starts of the last minute."""


class Flows:
    """Arrivals and starts by namespace and queue, over a window that moves with the clock."""

    def __init__(self, queues_limit: int = QUEUES_LIMIT) -> None:
        self.since: Instant | None = None
        """Begin of counting; until the window is full, rates cover the time since then."""
        self._slots: dict[int, dict[Queue, list[int]]] = {}
        self._queues_limit = queues_limit
        self._overflow = -SLOTS
        """Last slot in which the limit of queues left a queue uncounted."""

    def count_arrival(self, namespace: str, queue: str, at: Instant) -> None:
        """Count an attempt that was first seen."""
        self._count((namespace, queue), at, 0)

    def count_start(self, namespace: str, queue: str, at: Instant) -> None:
        """Count an attempt whose work began."""
        self._count((namespace, queue), at, 1)

    def flow(self, cluster: str, waiting: Iterable[Waiting], now: Instant) -> list[QueueFlow]:
        """Movement of each queue that is not empty, or was not empty within the window."""
        self._begin_window(now)
        newest = now // SLOT_MS
        from_at = max(self.since or now, (newest - SLOTS + 1) * SLOT_MS)
        moved: dict[Queue, Movement] = defaultdict(Movement)
        for number, slot in self._slots.items():
            if newest - SLOTS < number <= newest:
                for queue, (arrivals, starts) in slot.items():
                    movement = moved[queue]
                    movement.arrivals += arrivals
                    movement.starts += starts
                    movement.grew_recently += (arrivals - starts) * (number > newest - RECENT)
        depths = dict.fromkeys(moved, 0)
        for row in waiting:
            key = (row.namespace, row.queue)
            # A queue whose movement was not counted must not be reported as not draining.
            if not row.begun and (key in depths or self._overflow <= newest - SLOTS):
                depths[key] = depths.get(key, 0) + row.count
        window_s = (now - from_at) / 1000
        return [_flow(cluster, key, depth, window_s, moved[key]) for key, depth in sorted(depths.items())]

    def _begin_window(self, at: Instant) -> None:
        # If the clock is set back, the window begins again; otherwise its length would be negative.
        self.since = at if self.since is None else min(self.since, at)

    def _count(self, queue: Queue, at: Instant, position: int) -> None:
        self._begin_window(at)
        number = at // SLOT_MS
        slot = self._slots.get(number)
        if slot is None:
            # By distance, since the clock may also have been set back.
            self._slots = {n: slot for n, slot in self._slots.items() if abs(n - number) < SLOTS}
            slot = self._slots[number] = {}
        counts = slot.get(queue)
        if counts is None:
            if len(slot) >= self._queues_limit:
                self._overflow = number
                return
            counts = slot[queue] = [0, 0]
        counts[position] += 1


def _flow(cluster: str, queue: Queue, depth: int, window_s: float, movement: Movement) -> QueueFlow:
    """Row of one queue; a drain time is given whenever something starts, even while more arrives."""
    state: FlowState
    drain_s: float | None = None
    if not depth:
        state = "empty"
    elif not movement.starts:
        state = "not_draining"
    else:
        # Both over the window and recently: neither a past burst nor a short peak is a trend.
        state = "growing" if movement.arrivals > movement.starts and movement.grew_recently > 0 else "draining"
        drain_s = depth * max(window_s, 1.0) / movement.starts
    namespace, name = queue
    return QueueFlow(
        cluster=cluster,
        namespace=namespace,
        queue=name,
        depth=depth,
        window_s=window_s,
        arrivals=movement.arrivals,
        starts=movement.starts,
        drain_s=drain_s,
        state=state,
    )
