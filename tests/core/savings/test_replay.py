"""Pods on a fixed pool: exact closed forms, a slow simulator, and the known distribution of M/D/c."""

import math
import random
from itertools import accumulate

import pytest

from collector.core.savings.replay import Need, PastPods, PoolRun, replay
from tests.core.savings.fleets import GIB, LARGE, NODE, SMALL, VCPU, a_fleet, past, slowly

FLEETS = 1000


def same(one: PoolRun, other: PoolRun) -> bool:
    return (list(one.waits), one.last_end) == (list(other.waits), other.last_end)


@pytest.mark.parametrize("part", range(10))
def test_a_replay_is_that_of_a_slow_simulator(part: int) -> None:
    """Waits and end of 1,000 random fleets of all sizes, with and without GPUs, are the same to the millisecond."""
    for seed in range(part * FLEETS // 10, (part + 1) * FLEETS // 10):
        pods, node, nodes = a_fleet(seed)
        assert same(replay(pods, node, nodes), slowly(pods, node, nodes)), seed


@pytest.mark.parametrize("part", range(4))
def test_on_the_largest_pool_no_pod_waits(part: int) -> None:
    """The pool without a limit has as many nodes as it takes, and no more: on them no pod waits, on fewer one does."""
    for seed in range(part * 50, part * 50 + 50):
        pods, node, _ = a_fleet(seed)
        found = replay(pods, node)
        again = replay(pods, node, found.nodes)

        assert not any(found.waits)
        assert same(found, again)
        assert found.nodes == 1 or any(replay(pods, node, found.nodes - 1).waits)


@pytest.mark.parametrize(("servers", "every", "run"), [(1, 10, 7), (1, 10, 10), (3, 10, 30), (1, 7, 10), (4, 5, 23)])
def test_equal_pods_at_equal_distances_wait_as_in_the_closed_form(servers: int, every: int, run: int) -> None:
    """D/D/c: pod k starts after those of its server, so it waits max(0, (k // c) * run - (k // c) * c * every)."""
    count = 500
    pods = past([(1000 + k * every, run, NODE) for k in range(count)])
    waits = [max(0, (k // servers) * (run - servers * every)) for k in range(count)]

    found = replay(pods, NODE, servers)

    assert list(found.waits) == sorted(waits)
    assert found.last_end == max(1000 + k * every + wait + run for k, wait in enumerate(waits))


def test_all_at_once_are_done_in_rounds() -> None:
    """c x m equal pods at one instant on c nodes of two places each: 2c pods a round, the last ends after m / 2 rounds."""
    found = replay(past([(0, 60, LARGE)] * 12), NODE, 2)

    assert list(found.waits) == [0] * 4 + [60] * 4 + [120] * 4
    assert (found.last_end, found.wait(0.5), found.wait(0.95)) == (180, 60, 120)


def test_no_pod_overtakes() -> None:
    """A small pod waits behind a large one, although there is room for it."""
    found = replay(past([(0, 100, SMALL), (1, 10, NODE), (2, 10, SMALL)]), NODE, 1)

    assert list(found.waits) == [0, 99, 108]


def test_who_ends_makes_room_at_once() -> None:
    """A pod starts in the millisecond in which another ends."""
    assert list(replay(past([(0, 5, NODE), (5, 5, NODE)]), NODE, 1).waits) == [0, 0]


def test_each_resource_can_be_the_one_that_lacks() -> None:
    """vCPU, memory and GPU are each enough to wait for."""
    node = Need(2 * VCPU, 2 * GIB, VCPU)
    for need in (Need(2 * VCPU, 0), Need(0, 2 * GIB), Need(0, 0, VCPU)):
        assert list(replay(past([(0, 9, need), (0, 9, need)]), node, 1).waits) == [0, 9]
    assert list(replay(past([(0, 9, Need(2 * VCPU, 0)), (0, 9, Need(0, 2 * GIB))]), node, 1).waits) == [0, 0]


def test_without_pods_there_is_nothing_to_wait_for() -> None:
    """No pods: no nodes, no end."""
    found = replay(past([]), NODE)

    assert (found.nodes, list(found.waits), found.last_end) == (0, [], 0)


def poisson(mean: float, count: int) -> list[float]:
    return [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count)]


def queue_lengths(load: float, servers: int, longest: int = 400) -> list[float]:
    """
    How likely each number of pods is in a stationary M/D/c system, with a run time of 1.

    By Crommelin (1932): who is served now is gone after one run time, so the number then is what waits now and who arrived
    meanwhile. Iterated until it no longer changes.
    """
    arrived = poisson(load, longest)
    likely = [1.0] + [0.0] * (longest - 1)
    for _ in range(2000):
        left = [sum(likely[: servers + 1]), *likely[servers + 1 :]]
        after = [0.0] * longest
        for waiting, chance in enumerate(left):
            if chance > 1e-18:
                for more in range(longest - waiting):
                    after[waiting + more] += chance * arrived[more]
        change = sum(abs(a - b) for a, b in zip(after, likely, strict=True))
        likely = after
        if change < 1e-10:
            break
    return likely


def waits_at_most(x: float, load: float, servers: int, likely: list[float]) -> float:
    """
    How likely a wait of at most x run times is.

    By G. J. Franx, "A simple solution for the M/D/c waiting time distribution", Operations Research Letters 29 (2001).
    """
    waiting = [sum(likely[: servers + 1]), *likely[servers + 1 :]]
    at_most = list(accumulate(waiting))
    k = math.floor(x) + 1
    arrived = poisson(load * (k - x), k * servers)
    return sum(at_most[k * servers - 1 - j] * arrived[j] for j in range(k * servers))


RUN = 1_000_000


def random_arrivals(load: float, count: int, seed: int) -> PastPods:
    chance = random.Random(seed)
    at = accumulate(chance.expovariate(load / RUN) for _ in range(count))
    return past([(round(one), RUN, NODE) for one in at])


@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (3, 2.4), (8, 7.0)])
def test_random_arrivals_wait_as_the_theory_of_m_d_c_states(servers: int, load: float) -> None:
    """
    The part of 60,000 seeded pods that waits at most 0, 1/4, 1 and 2 run times is that of the exact distribution.

    Waits of neighbours depend on each other, so the error of a part is taken from 30 stretches of the run.
    """
    count, stretches = 60_000, 30
    likely = queue_lengths(load, servers, 120)
    pods = random_arrivals(load, count, seed=7 + servers)
    found = replay(pods, NODE, servers)
    in_order = waits_in_order(pods, servers)
    assert sorted(in_order) == list(found.waits)
    for x in (0, 0.25, 1, 2):
        parts = []
        for i in range(stretches):
            stretch = in_order[i * count // stretches : (i + 1) * count // stretches]
            parts.append(sum(wait <= x * RUN for wait in stretch) / len(stretch))
        mean = sum(parts) / stretches
        error = math.sqrt(sum((part - mean) ** 2 for part in parts) / (stretches - 1) / stretches)
        assert abs(mean - waits_at_most(x, load, servers, likely)) < 3.5 * error + 0.002


def waits_in_order(pods: PastPods, servers: int) -> list[int]:
    """Waits by arrival, by Kiefer and Wolfowitz's recursion over the times at which servers are free."""
    free = [0] * servers
    waits = []
    for at, run in zip(pods.arrivals, pods.runs, strict=True):
        start = max(at, free[0])
        waits.append(start - at)
        free = sorted([start + run, *free[1:]])
    return waits


def test_the_known_distribution_of_one_server() -> None:
    """For c = 1 the distribution is that of Erlang (1909): (1 - load) x the sum of (-load (x - k))^k / k! e^(load (x - k))."""
    load = 0.6
    likely = queue_lengths(load, 1, 120)
    for x in (0, 0.5, 1, 1.7, 3):
        terms = (
            (-load * (x - k)) ** k / math.factorial(k) * math.exp(load * (x - k)) for k in range(math.floor(x) + 1)
        )
        assert waits_at_most(x, load, 1, likely) == pytest.approx((1 - load) * sum(terms), abs=1e-8)
