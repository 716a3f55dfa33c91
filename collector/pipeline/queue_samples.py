"""
Queue depths over time: rows on a grid of 15 seconds, only where something changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from collector.core.cluster.state import Cluster
from collector.core.facts.workflows import QueueSample
from collector.core.model import Instant, WaitReason
from collector.core.units import MINUTE_MS

SAMPLE_MS = 15_000
RESAMPLE_MS = 5 * MINUTE_MS
"""An unchanged queue is sampled this often all the same, so that a chart has no holes."""

Key = tuple[str, str, str, WaitReason]
"""Cluster, namespace, queue and reason."""


@dataclass(slots=True)
class QueueSampler:
    """Samples queues; remembers the last sample of each queue that was not empty."""

    _sampled: dict[Key, tuple[int, Instant]] = field(default_factory=dict)

    def sample(self, clusters: Iterable[Cluster], now: Instant) -> Iterator[QueueSample]:
        """Yields a row for each queue that changed, one zero after a queue emptied, and every queue every 5 minutes."""
        at = now - now % SAMPLE_MS
        depths: dict[Key, tuple[int, int]] = {
            (w.cluster, w.namespace, w.queue, w.reason): (w.count, max(0, at - w.since))
            for cluster in clusters
            for w in cluster.waiting()
            if not w.begun
        }
        for key in depths.keys() | self._sampled.keys():
            depth, age_ms = depths.get(key, (0, 0))
            before = self._sampled.get(key)
            if before is None or before[0] != depth or at - before[1] >= RESAMPLE_MS:
                self._remember(key, depth, at)
                yield _row(key, at, depth, age_ms)

    def _remember(self, key: Key, depth: int, at: Instant) -> None:
        if depth:
            self._sampled[key] = (depth, at)
        else:
            self._sampled.pop(key, None)


def _row(key: Key, at: Instant, depth: int, age_ms: int) -> QueueSample:
    cluster, namespace, queue, reason = key
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
