"""
Live workflows counted by queue and reason, as they change.

A fleet has hundreds of thousands of waiting workflows: a walk over all of them for each scrape and each open page would hold
the event loop for a quarter of a second.
"""

import msgspec

from collector.core.live_view import Waiting
from collector.core.model import Instant, WaitReason
from collector.core.queue.oldest import Instants
from collector.core.queue.waiting import Queued, waited_since

Key = tuple[str, str, WaitReason, bool]
"""Namespace, queue and reason, and whether work has begun."""


class _Group:
    __slots__ = ("count", "key", "since")

    def __init__(self, key: Key) -> None:
        self.key, self.count, self.since = key, 0, Instants()


class _Counted(msgspec.Struct, gc=False):
    """Where a workflow is counted, and since when it waits there."""

    group: _Group
    since: Instant


class WaitingCounts:
    """Numbers of live workflows by namespace, queue and reason, each with the begin of the oldest wait."""

    def __init__(self) -> None:
        self._groups: dict[Key, _Group] = {}
        """None is empty."""
        self._counted: dict[str, _Counted] = {}

    def update(self, uid: str, state: Queued) -> None:
        """Counts a workflow as it is now, a finished one not at all."""
        attempt, before = state.attempt, self._counted.get(uid)
        if attempt.finished:
            if before is not None:
                del self._counted[uid]
                self._take_away(before)
            return
        key = (state.namespace, state.queue, attempt.reason, attempt.picked_up_at is not None)
        since = waited_since(state.created_at, attempt)
        if before is None:
            self._counted[uid] = _Counted(self._put(key, since), since)
        elif before.since != since or before.group.key != key:
            self._take_away(before)
            before.group, before.since = self._put(key, since), since

    def rows(self, cluster: str) -> list[Waiting]:
        """The groups, in the order of namespace, queue and reason."""
        found = ((*key, group.count, group.since.oldest) for key, group in sorted(self._groups.items()))
        return [
            Waiting(
                cluster=cluster, namespace=namespace, queue=queue, reason=reason, count=count, since=at, begun=begun
            )
            for namespace, queue, reason, begun, count, at in found
        ]

    def _put(self, key: Key, since: Instant) -> _Group:
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(key)
        group.count += 1
        group.since.add(since)
        return group

    def _take_away(self, counted: _Counted) -> None:
        group = counted.group
        group.count -= 1
        if group.count:
            group.since.remove(counted.since)
        else:
            del self._groups[group.key]
