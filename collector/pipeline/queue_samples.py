"""
Queue depths over time: rows on a grid of 15 seconds of the wall clock, only where something changed.

A row bears the instant at which the queue was like that. On the grid it is the grid's own, equal in every collector; a
sample that was taken late bears the instant at which it was taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from collector.core.cluster.state import Cluster
from collector.core.facts.workflows import QueueSample
from collector.core.model import Instant, WaitReason
from collector.core.units import MINUTE_MS

SAMPLE_MS = 15_000
ON_TIME_MS = 250
"""A sample that is taken no later than this after an instant of the grid counts as taken at that instant."""
RESAMPLE_MS = 5 * MINUTE_MS - SAMPLE_MS // 2
"""An unchanged queue is sampled every five minutes all the same, so that a chart has no holes; a late sample delays none."""

Key = tuple[str, str, WaitReason]
"""Namespace, queue and reason."""


@dataclass(slots=True)
class QueueSampler:
    """Samples queues; remembers the last sample of each queue that was not empty."""

    _sampled: dict[str, dict[Key, tuple[int, Instant]]] = field(default_factory=dict)
    """By cluster."""

    def sample(self, cluster: Cluster, now: Instant) -> Iterator[QueueSample]:
        """Yields a row for each queue that changed, one zero after a queue emptied, and every queue every 5 minutes."""
        late_ms = now % SAMPLE_MS
        at = now if late_ms > ON_TIME_MS else now - late_ms
        depths: dict[Key, tuple[int, int]] = {
            (w.namespace, w.queue, w.reason): (w.count, max(0, at - w.since)) for w in cluster.waiting() if not w.begun
        }
        sampled = self._sampled.setdefault(cluster.name, {})
        for key in depths.keys() | sampled.keys():
            depth, age_ms = depths.get(key, (0, 0))
            before = sampled.get(key)
            # By distance: the clock may have been set back.
            if before is None or before[0] != depth or abs(at - before[1]) >= RESAMPLE_MS:
                if depth:
                    sampled[key] = (depth, at)
                else:
                    sampled.pop(key, None)
                yield _row(cluster.name, key, at, depth, age_ms)

    def forget_cluster(self, cluster: str) -> None:
        """Samples a cluster no more. It gets no zeros: its queues are not empty but unknown."""
        self._sampled.pop(cluster, None)


def _row(cluster: str, key: Key, at: Instant, depth: int, age_ms: int) -> QueueSample:
    namespace, queue, reason = key
    return QueueSample(
        cluster=cluster,
        namespace=namespace,
        queue=queue,
        reason=reason,
        at=at,
        version=1,
        depth=depth,
        oldest_age_ms=age_ms,
    )
