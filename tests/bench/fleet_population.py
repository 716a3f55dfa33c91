"""
What changes in one cluster of a simulated fleet: workflows that wait, run and end, their pods, and a truth log of the ends.

As many objects come as go, so that the fleet keeps its size. The clock is an argument; the same calls give the same objects.
"""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from tests.bench.fleet_objects import FINISHED, OF_A_CLUSTER, PODS, WORKFLOWS, Thing

REPLAYED = 20_000
"""Changes of a cluster that a watch may still ask for; older ones are answered with 410."""
SHARE_OF_PODS = 0.78
"""Of the events of a fleet that was measured."""
AGE_S = 6 * 3600
"""The objects of the beginning are as old as this at most."""
KEPT = 0.02
"""Share of the running workflows and of the pods that are over and not yet deleted."""


class Changed(NamedTuple):
    """A change of one object."""

    change: str
    thing: Thing


class FleetCluster:
    """The objects of one cluster, and the next change of them."""

    def __init__(self, index: int, *, running: int, pending: int, pods: int, now: int) -> None:
        self.objects: dict[str, dict[int, Thing]] = {WORKFLOWS: {}, PODS: {}}
        self.version = 1_000_000
        self.log: deque[Changed] = deque(maxlen=REPLAYED)
        self.finished: dict[str, list[tuple[int, int]]] = {WORKFLOWS: [], PODS: []}
        """Numbers that ended since the beginning, and when, in ms; the truth that a store is compared with."""
        self.sent = {WORKFLOWS: 0, PODS: 0}
        self._now = now
        self._next = index * OF_A_CLUSTER
        self._running = deque(self._begin(WORKFLOWS, running, lambda n, of: 3 if 2 * n < of else 2))
        self._pending = deque(self._begin(WORKFLOWS, pending, lambda n, of: 1))
        self._pods = deque(self._begin(PODS, pods, lambda n, of: 2))
        self._keep = {WORKFLOWS: 2 + int(running * KEPT), PODS: 2 + int(pods * KEPT)}
        self._over: dict[str, deque[int]] = {WORKFLOWS: deque(), PODS: deque()}
        self._lives = {WORKFLOWS: self._workflow_changes(), PODS: self._pod_changes()}
        self._due = 0.0

    def change(self, now_ms: int) -> Changed:
        """The next change, which happens now."""
        self._now = now_ms // 1000
        self._due += SHARE_OF_PODS
        kind = PODS if self._due >= 1 else WORKFLOWS
        self._due -= kind == PODS
        changed = next(self._lives[kind])
        self.log.append(changed)
        self.sent[kind] += 1
        if changed.change == "MODIFIED" and changed.thing.stage == FINISHED[kind]:
            self.finished[kind].append((changed.thing.number, now_ms))
        return changed

    def since(self, kind: str, version: int) -> list[Changed] | None:
        """The changes after a version; None if they are no longer known."""
        if version < self.version and (not self.log or version < self.log[0].thing.version - 1):
            return None
        return [c for c in self.log if c.thing.kind == kind and c.thing.version > version]

    def _begin(self, kind: str, count: int, stage: Callable[[int, int], int]) -> Iterator[int]:
        for n in range(count):
            second = self._now - AGE_S + AGE_S * n // count
            self._add(kind, stage(n, count), (second,) * 5)
            yield self._next

    def _add(self, kind: str, stage: int, times: tuple[int, ...]) -> Changed:
        self._next += 1
        self.version += 1
        owner = self._owner() if kind == PODS else self._next
        thing = Thing(kind, self._next, owner, stage=stage, times=times, version=self.version)
        self.objects[kind][thing.number] = thing
        return Changed("ADDED", thing)

    def _owner(self) -> int:
        """One of the later half of the running workflows, which end after the pod does."""
        half = len(self._running) // 2
        return self._running[half + self._next % max(1, len(self._running) - half)] if self._running else self._next

    def _advance(self, kind: str, number: int, stage: int) -> Changed:
        self.version += 1
        thing = self.objects[kind][number].at_stage(stage, self._now, self.version)
        self.objects[kind][number] = thing
        return Changed("MODIFIED", thing)

    def _delete(self, kind: str) -> Iterator[Changed]:
        while len(self._over[kind]) > self._keep[kind]:
            self.version += 1
            gone = self.objects[kind].pop(self._over[kind].popleft())
            yield Changed("DELETED", gone._replace(version=self.version))

    def _workflow_changes(self) -> Iterator[Changed]:
        while True:
            yield (added := self._add(WORKFLOWS, 0, (self._now,) * 5))
            self._pending.append(added.thing.number)
            yield self._advance(WORKFLOWS, added.thing.number, 1)
            self._running.append(self._pending.popleft())
            yield self._advance(WORKFLOWS, self._running[-1], 2)
            yield self._advance(WORKFLOWS, self._running[len(self._running) // 2], 3)
            ended = self._running.popleft()
            yield self._advance(WORKFLOWS, ended, 4)
            self._over[WORKFLOWS].append(ended)
            yield from self._delete(WORKFLOWS)

    def _pod_changes(self) -> Iterator[Changed]:
        while True:
            yield (added := self._add(PODS, 0, (self._now,) * 5))
            self._pods.append(added.thing.number)
            yield self._advance(PODS, added.thing.number, 1)
            yield self._advance(PODS, self._pods[-min(5, len(self._pods))], 2)
            ended = self._pods.popleft()
            yield self._advance(PODS, ended, 3)
            yield self._advance(PODS, ended, 4)
            self._over[PODS].append(ended)
            yield from self._delete(PODS)

    def listed(self, kind: str) -> list[Thing]:
        """All objects of a kind, for a list whose pages show one instant."""
        return list(self.objects[kind].values())


def split(total: int, parts: int) -> Iterator[int]:
    """A number in parts that differ by one at most."""
    return chain((total // parts + 1,) * (total % parts), (total // parts,) * (parts - total % parts))
