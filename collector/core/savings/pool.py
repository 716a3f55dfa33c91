"""
What a fixed pool of nodes would have cost for the pods of some time, and how long they would have waited on it.

The pool is paid for the whole time, used or not. Sizes go from the median of what the pods needed at once to the size on
which none of them waits. A pool that is not done when the pods were done in reality is never a saving.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

import msgspec

from collector.core.cost.meters import CONTEXT, PLACES
from collector.core.model import Instant
from collector.core.savings.replay import Need, PastPods, PoolRun, replay
from collector.core.units import HOUR_MS

SIZES = 8
"""Sizes of a curve, beside that of the bill."""


class PoolNode(msgspec.Struct, frozen=True, kw_only=True):
    """The node that a pool has many of."""

    type: str
    need: Need
    """What it has."""
    hourly: Fraction
    """Its price for an hour, in the currency of the bill."""
    source: str = ""
    """Where size and price are from."""


class PoolWindow(msgspec.Struct, frozen=True):
    """The time for which a pool is paid."""

    begin: Instant
    end: Instant
    """Exclusive."""

    @property
    def hours(self) -> Fraction:
        return Fraction(self.end - self.begin, HOUR_MS)


class PoolPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One size of the pool: its cost and its waits."""

    nodes: int
    cost: Decimal
    p50_ms: int
    p95_ms: int
    makespan_ms: int
    """From the first arrival to the last end."""
    used: Fraction
    """The part of the pool's scarcest resource that the pods used, from the window's begin until the pool was done."""
    done: bool
    """Whether the work was done by the end of the window, or when it was done in reality."""


class PoolCurve(msgspec.Struct, frozen=True, kw_only=True):
    """A pool of any size, against the bill of the same pods."""

    bill: Decimal
    points: list[PoolPoint]
    break_even: Fraction | None
    """The utilisation from which on a pool costs less than the bill; above 1 no pool does. None: there is no bill."""

    def cheaper(self, point: PoolPoint) -> bool:
        """Whether a pool would have done the same work for less."""
        return point.done and point.cost < self.bill

    def saved(self, point: PoolPoint) -> Decimal:
        """What a pool would have saved: 0 if it costs more or is not done. Never more than the bill."""
        return CONTEXT.subtract(self.bill, point.cost) if self.cheaper(point) else Decimal(0)

    def smallest(self, longest_ms: int) -> PoolPoint | None:
        """The smallest pool that is done and whose p95 wait is at most so long; None: there are no pods."""
        return next((point for point in self.points if point.done and point.p95_ms <= longest_ms), None)


def pool_cost(nodes: int, hourly: Fraction, window: PoolWindow) -> Decimal:
    """Nodes x price x hours, to 18 places."""
    cost = nodes * hourly * window.hours
    return CONTEXT.quantize(CONTEXT.divide(Decimal(cost.numerator), Decimal(cost.denominator)), PLACES)


def curve(pods: PastPods, node: PoolNode, window: PoolWindow, bill: Decimal) -> PoolCurve:
    """Replays pods on pools of several sizes; each pod must fit on an empty node."""
    if not pods.runs:
        return PoolCurve(bill=bill, points=[], break_even=None)
    work = node_time(pods, node.need)
    largest = replay(pods, node.need)
    affordable = Fraction(bill) / node.hourly // window.hours
    sizes = pool_sizes(median_nodes(pods, node.need, window), largest.nodes, int(affordable))
    runs = [largest if nodes == largest.nodes else replay(pods, node.need, nodes) for nodes in sizes]
    return PoolCurve(
        bill=bill,
        points=[_point(run, node, window, (pods.arrivals[0], largest.last_end, work)) for run in runs],
        break_even=work / HOUR_MS * node.hourly / Fraction(bill) if bill else None,
    )


def _point(run: PoolRun, node: PoolNode, window: PoolWindow, facts: tuple[Instant, Instant, Fraction]) -> PoolPoint:
    first, ended, work = facts
    return PoolPoint(
        nodes=run.nodes,
        cost=pool_cost(run.nodes, node.hourly, window),
        p50_ms=run.wait(0.5),
        p95_ms=run.wait(0.95),
        makespan_ms=run.last_end - first,
        used=work / run.nodes / (max(window.end, run.last_end) - window.begin),
        done=run.last_end <= max(window.end, ended),
    )


def node_time(pods: PastPods, node: Need) -> Fraction:
    """Milliseconds that one node, always full, takes for all pods: by the resource that takes longest."""
    run_of = Counter[int]()
    for size, run in zip(pods.sizes, pods.runs, strict=True):
        run_of[size] += run
    sums = [sum(need[of] * run_of[size] for size, need in enumerate(pods.needs)) for of in range(len(node))]
    return max(Fraction(total, has) for total, has in zip(sums, node, strict=True) if has)


def median_nodes(pods: PastPods, node: Need, window: PoolWindow) -> int:
    """The nodes that suffice for half of a window's time for what the pods needed at once, if none waits."""
    time_of = Counter[int]()
    before, needed = window.begin, 0
    for at, now in _needed(pods, node):
        until = min(max(at, window.begin), window.end)
        time_of[needed] += until - before
        before, needed = until, now
    left = window.end - window.begin - sum(time_of.values())
    time_of[needed] += left
    passed = accumulate(time for _, time in sorted(time_of.items()))
    half = Fraction(window.end - window.begin, 2)
    return next(nodes for nodes, time in zip(sorted(time_of), passed, strict=True) if time >= half)


def _needed(pods: PastPods, node: Need) -> Iterator[tuple[Instant, int]]:
    """Yields each change of what the pods need at once, in nodes: the resource that needs most of them."""
    bits = len(pods.runs).bit_length() + 1
    begins = (arrival << bits | pod << 1 | 1 for pod, arrival in enumerate(pods.arrivals))
    ends = (at + run << bits | pod << 1 for pod, (at, run) in enumerate(zip(pods.arrivals, pods.runs, strict=True)))
    vcpu = memory = gpu = 0
    has = [amount or 1 for amount in node]  # no pod needs what a node does not have
    for event in sorted([*begins, *ends]):
        sign = 1 if event & 1 else -1
        need = pods.needs[pods.sizes[(event & (1 << bits) - 1) >> 1]]
        vcpu += sign * need.vcpu
        memory += sign * need.memory
        gpu += sign * need.gpu
        yield event >> bits, -min(-vcpu // has[0], -memory // has[1], -gpu // has[2])


def pool_sizes(median: int, peak: int, affordable: int) -> Sequence[int]:
    """
    Sizes from the median to the peak, each larger than the one before by the same factor.

    The largest size that costs no more than the bill is one of them, if it is within.
    """
    least = max(1, min(median, peak))
    steps = {round(least * (peak / least) ** (step / (SIZES - 1))) for step in range(SIZES)}
    return sorted(steps | {peak} | ({affordable} if least <= affordable <= peak else set()))
