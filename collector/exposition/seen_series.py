"""
Gauges that count say 0 for what was seen within a day: what leaves the live view would leave a hole in its series.

`min_over_time`, `avg_over_time` and `deriv` skip holes, so a queue that is empty most of the time would look full. Only
clusters whose watches are up get zeros: of another cluster nothing is known, and unknown is absent. One process remembers;
after a restart the counters of submitted workflows name the queues.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from msgspec.structs import replace

from collector.catalog.counters import Counters, is_merged
from collector.catalog.metrics import SUBMITTED
from collector.catalog.metrics.metric import MAX_SERIES
from collector.core.live_view import LiveView, LockKind, LockUse, Waiting
from collector.core.model import BEFORE_WORK, Instant, WaitReason
from collector.core.units import DAY_MS

V = TypeVar("V")
Key = tuple[str, ...]
"""Labels, the cluster first."""
Queue = tuple[str, str, str]
"""Cluster, namespace and queue."""
AT_FIRST: frozenset[WaitReason] = frozenset({"unseen"})
"""Every workflow waits for it first, if only between two scrapes."""


@dataclass(slots=True)
class _Seen(Generic[V]):
    """What was seen within a day, the latest at the end; of too many the earliest is forgotten."""

    _known: dict[Key, tuple[Instant, V]] = field(default_factory=dict)

    def see(self, found: Iterable[tuple[Key, V]], at: Instant) -> None:
        for key, value in found:
            self._known.pop(key, None)
            self._known[key] = (at, value)
        while self._known:
            oldest = next(iter(self._known))
            if at - self._known[oldest][0] <= DAY_MS and len(self._known) <= MAX_SERIES["gauge"]:
                break
            del self._known[oldest]

    def get(self, key: Key, default: V) -> V:
        return self._known.get(key, (0, default))[1]

    def of(self, clusters: Iterable[str]) -> Iterator[tuple[Key, V]]:
        """What was seen of these clusters."""
        wanted = {*clusters}
        return ((key, value) for key, (_, value) in self._known.items() if key[0] in wanted)


@dataclass(slots=True)
class SeenSeries:
    """The series that scrapes have shown, and their zeros."""

    _queues: _Seen[frozenset[WaitReason]] = field(default_factory=_Seen)
    """With every reason that was seen of each."""
    _workflows: _Seen[WaitReason] = field(default_factory=_Seen)
    _locks: _Seen[tuple[LockKind, int | None]] = field(default_factory=_Seen)
    """With kind and limit: what kind a lock in a database is may turn out later."""
    _stuck: _Seen[None] = field(default_factory=_Seen)
    _pods: _Seen[None] = field(default_factory=_Seen)
    _counted: set[str] = field(default_factory=set)
    """The clusters whose counters were asked for queues."""

    def with_zeros(self, view: LiveView, counters: Counters) -> LiveView:
        """Returns the view for a scrape, with rows of 0 after the others and only where a family has room for them."""
        up = {cluster.name for cluster in view.clusters if cluster.ready}
        self._counted &= {cluster.name for cluster in view.clusters}  # one that comes back is asked again
        self._see_counted(up - self._counted, counters, view.at)
        self._see(view)
        room = max(0, MAX_SERIES["gauge"] - len(view.queues))
        zeros = (*islice(self._empty_queues(view, up), room), *islice(self._idle_workflows(view, up), room))
        return replace(
            view,
            queues=[*view.queues, *zeros],
            locks=[*view.locks, *self._free_locks(view, up)],
            stuck_counts=view.stuck_counts | _zeros(self._stuck, view.stuck_counts, up),
            pods=view.pods | _zeros(self._pods, view.pods, up),
        )

    def _see_counted(self, clusters: set[str], counters: Counters, at: Instant) -> None:
        """Takes queues from the counters of clusters that are up for the first time; their reasons are not known."""
        self._counted |= clusters
        submitted = counters.series.get(SUBMITTED.name, {})
        named = (key for key, value in submitted.items() if value and key[0] in clusters and not is_merged(key))
        self._queues.see(((key, frozenset(BEFORE_WORK)) for key in named if len(key) == len(SUBMITTED.labels)), at)

    def _see(self, view: LiveView) -> None:
        reasons: dict[Queue, frozenset[WaitReason]] = {}
        for row in view.queues:
            queue = row.cluster, row.namespace, row.queue
            known = reasons.get(queue) or self._queues.get(queue, AT_FIRST)
            reasons[queue] = known if row.begun or row.reason in known else known | {row.reason}
        self._queues.see(reasons.items(), view.at)
        self._workflows.see(
            (((row.cluster, row.namespace, row.reason), row.reason) for row in view.queues if row.begun), view.at
        )
        self._locks.see((((lock.cluster, lock.name), (lock.kind, lock.limit)) for lock in view.locks), view.at)
        self._stuck.see(((key, None) for key in view.stuck_counts), view.at)
        self._pods.see(((key, None) for key in view.pods), view.at)

    def _empty_queues(self, view: LiveView, up: set[str]) -> Iterator[Waiting]:
        present = {(row.cluster, row.namespace, row.queue, row.reason) for row in view.queues if not row.begun}
        for (cluster, namespace, queue), reasons in self._queues.of(up):
            for reason in reasons:
                if (cluster, namespace, queue, reason) not in present:
                    yield Waiting(cluster, namespace, queue, reason, count=0, since=view.at, begun=False)

    def _idle_workflows(self, view: LiveView, up: set[str]) -> Iterator[Waiting]:
        present = {(row.cluster, row.namespace, row.reason) for row in view.queues if row.begun}
        for key, reason in self._workflows.of(up):
            if key not in present:
                yield Waiting(key[0], key[1], "", reason, count=0, since=view.at, begun=True)

    def _free_locks(self, view: LiveView, up: set[str]) -> Iterator[LockUse]:
        present = {(lock.cluster, lock.name) for lock in view.locks}
        for (cluster, name), (kind, limit) in self._locks.of(up):
            if (cluster, name) not in present:
                yield LockUse(cluster, name, kind, limit, held=0, waiting=0, oldest_since=None)


def _zeros(seen: _Seen[None], present: Iterable[Key], up: set[str]) -> dict[tuple[str, str, str], int]:
    there = {*present}
    return {(key[0], key[1], key[2]): 0 for key, _ in seen.of(up) if key not in there}
