"""Small fleets of past pods, and a simulator that is slow and plain: what the quick one is compared with."""

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from collector.core.savings.replay import Need, PastPods, PoolRun

VCPU, GIB = 10**9, 2**30
SMALL, LARGE = Need(VCPU, 2 * GIB), Need(2 * VCPU, 4 * GIB)
NODE = Need(4 * VCPU, 8 * GIB)


def past(pods: Sequence[tuple[int, int, Need]]) -> PastPods:
    """Pods by arrival, run time and size."""
    needs = list(dict.fromkeys(need for _, _, need in pods))
    columns = zip(
        *((at, run, needs.index(need)) for at, run, need in sorted(pods, key=lambda pod: pod[0])), strict=True
    )
    arrivals, runs, sizes = columns if pods else ((), (), ())
    return PastPods(array("q", arrivals), array("q", runs), array("q", sizes), needs)


def a_fleet(seed: int) -> tuple[PastPods, Need, int]:
    """A random fleet of up to 40 pods, or of 200 short ones, a node on which each fits, and a number of nodes."""
    chance = random.Random(seed)
    node = Need(chance.randint(4, 9) * VCPU // 2, chance.randint(4, 9) * GIB, chance.choice((0, 2)))
    sizes = [
        Need(
            *(
                chance.randint(0, amount // one) * one
                for amount, one in zip(node, (VCPU // 4, GIB // 2, 1), strict=True)
            )
        )
        for _ in range(chance.randint(1, 6))
    ]
    width, longest, most = chance.choice(((5, 3, 40), (20, 9, 40), (100, 60, 40), (400, 9, 200), (400, 30, 200)))
    pods = [
        (1000 + chance.randint(0, width), chance.randint(0, longest), chance.choice(sizes))
        for _ in range(chance.randint(1, most))
    ]
    return past(pods), node, chance.randint(1, 6)


@dataclass
class _Busy:
    node: int
    end: int
    need: Need


def slowly(pods: PastPods, node: Need, nodes: int) -> PoolRun:
    """
    The same model without any trick: millisecond after millisecond, all nodes summed up again.

    Who has ended leaves; then those who arrived start in their order, each on the first node with room, until one has none.
    """
    queue = [(at, run, pods.needs[size]) for at, run, size in zip(pods.arrivals, pods.runs, pods.sizes, strict=True)]
    busy: list[_Busy] = []
    waits, last_end, now = [], 0, 0

    def has_room(number: int, need: Need) -> bool:
        held = [one.need for one in busy if one.node == number]
        return all(sum(one[of] for one in held) + need[of] <= node[of] for of in range(3))

    while queue:
        busy = [one for one in busy if one.end > now]
        while queue and queue[0][0] <= now:
            at, run, need = queue[0]
            number = next((n for n in range(nodes) if has_room(n, need)), None)
            if number is None:
                break
            del queue[0]
            waits.append(now - at)
            last_end = max(last_end, now + run)
            busy = [*busy, _Busy(number, now + run, need)] if run else busy
        now += 1
    return PoolRun(nodes, array("q", sorted(waits)), last_end)
