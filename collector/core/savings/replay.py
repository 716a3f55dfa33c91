"""
Replays pods on a fixed pool of equal nodes: how long each would have waited there, and when the last would have ended.

The model: pods start in the order of their arrival, so that none overtakes another. Each starts on the first node, by
number, that has room for its vCPU, memory and GPU; where none has, it waits for the next end of a pod. It runs as long as
it ran. Pods that end at an instant leave before one starts at that instant. So the same pods always give the same result.

Each node's free room is one integer with a field for each resource. A guard bit above each field stays set while the
field is not negative, so one subtraction shows whether all three fit. The nodes that a size of pod does not fit on are
remembered: only those below `low` on which a pod has ended since then are looked at again.
"""

from array import array
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from math import ceil, gcd
from typing import NamedTuple

import msgspec

from collector.core.model import Instant


class Need(NamedTuple):
    """What a pod requests, or what a node has, in whole units: 1e-9 vCPU, bytes, 1e-9 GPU."""

    vcpu: int
    memory: int
    gpu: int = 0

    def fits(self, node: "Need") -> bool:
        """Whether an empty node has room for it."""
        return all(amount <= room for amount, room in zip(self, node, strict=True))


class PastPods(msgspec.Struct, frozen=True):
    """Pods as they were, by arrival: three columns of the same length, and the sizes that the third one counts."""

    arrivals: "array[int]"
    """Unix milliseconds, ascending."""
    runs: "array[int]"
    """How long each ran, in milliseconds."""
    sizes: "array[int]"
    """Position in `needs`."""
    needs: Sequence[Need]


class PoolRun(msgspec.Struct, frozen=True):
    """What became of the pods on a pool."""

    nodes: int
    waits: "array[int]"
    """Milliseconds from arrival to start, ascending."""
    last_end: Instant

    def wait(self, part: float) -> int:
        """The least wait that a part of all pods did not exceed: of 0.95, that of the pod at rank 95 of 100."""
        return self.waits[max(0, ceil(part * len(self.waits)) - 1)]


class Room(NamedTuple):
    """Sizes as integers of three fields, with guard bits."""

    full: int
    """A node without pods."""
    guard: int
    needs: list[int]


def room(node: Need, needs: Sequence[Need]) -> Room:
    """
    Packs a node and the sizes of pods into integers.

    Amounts are counted in their common divisor: all sums of pods are multiples of it, and integers stay small.
    """
    unit = [gcd(*amounts) or 1 for amounts in zip(*needs, strict=True)] or [1, 1, 1]
    fields = [amount // one for amount, one in zip(node, unit, strict=True)]
    bits = [field.bit_length() for field in fields]
    places = [0, bits[0] + 1, bits[0] + bits[1] + 2]
    guard = sum(1 << (place + bit) for place, bit in zip(places, bits, strict=True))

    def packed(amounts: Iterable[int]) -> int:
        return sum(amount << place for amount, place in zip(amounts, places, strict=True))

    parts = ([amount // one for amount, one in zip(need, unit, strict=True)] for need in needs)
    return Room(packed(fields) + guard, guard, [packed(part) for part in parts])


class _Nodes:
    """The free room of each node, and where to look for room for each size of pod."""

    __slots__ = ("free", "freed", "guard", "hints", "low", "seen")

    def __init__(self, nodes: int, packed: Room) -> None:
        self.free = [packed.full] * nodes
        self.guard = packed.guard
        self.low = [0] * len(packed.needs)
        """By size: no node below has room, unless a pod ended there since the size was last looked for."""
        self.hints: list[list[int]] = [[] for _ in packed.needs]
        """By size: a heap of the nodes below `low` that had room when a pod ended there."""
        self.freed: list[int] = []
        """Nodes on which pods ended, in that order."""
        self.seen = [0] * len(packed.needs)
        """By size: how much of `freed` was looked at."""

    def first_fit(self, size: int, need: int) -> int:
        """Finds the first node that has room for a pod; without any, the number of nodes."""
        free, guard, hints = self.free, self.guard, self.hints[size]
        if self.seen[size] < len(self.freed):
            self._look_at_freed(size, need)
        while hints and (free[hints[0]] - need) & guard != guard:
            heappop(hints)
        if hints:
            return hints[0]
        at, nodes = self.low[size], len(free)
        while at < nodes and (free[at] - need) & guard != guard:
            at += 1
        self.low[size] = at
        return at

    def _look_at_freed(self, size: int, need: int) -> None:
        free, guard, low, hints = self.free, self.guard, self.low[size], self.hints[size]
        for at in set(self.freed[self.seen[size] :]):
            if at < low and (free[at] - need) & guard == guard:
                heappush(hints, at)
        self.seen[size] = len(self.freed)
        if len(hints) > 4 * len(free):
            hints[:] = sorted(set(hints))  # a sorted list is a heap


def replay(pods: PastPods, node: Need, nodes: int | None = None) -> PoolRun:
    """
    Replays pods on a number of nodes; None: on as many as it takes for no pod to wait.

    Each pod must fit on an empty node.
    """
    packed = room(node, pods.needs)
    needs, sizes, runs, count = packed.needs, pods.sizes, pods.runs, len(pods.runs)
    pool = _Nodes(nodes or 0, packed)
    free, bits = pool.free, count.bit_length()
    ends: list[int] = []  # a heap of end << bits | pod
    on, waits = array("q", bytes(8 * count)), array("q", bytes(8 * count))
    begin = pods.arrivals[0] if count else 0
    now = last_end = 0  # since begin
    for pod, arrived in enumerate(pods.arrivals):
        arrival, size = arrived - begin, sizes[pod]
        need = needs[size]
        now = max(now, arrival)
        while True:
            while ends and ends[0] >> bits <= now:
                ended = heappop(ends) & ((1 << bits) - 1)
                free[on[ended]] += needs[sizes[ended]]
                pool.freed.append(on[ended])
            at = pool.first_fit(size, need)
            if at < len(free):
                break
            if nodes is None:
                free.append(packed.full)
                break
            now = ends[0] >> bits
        free[at] -= need
        on[pod], waits[pod] = at, now - arrival
        heappush(ends, now + runs[pod] << bits | pod)
        last_end = max(last_end, now + runs[pod])
    return PoolRun(len(free), array("q", sorted(waits)), begin + last_end)
