"""What Prometheus makes of our buckets: quantiles near the exact ones."""

import random
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import inf, log

import pytest

from collector.catalog.metrics.metric import LATENCY_BUCKETS, WHOLE_SECOND_BUCKETS


def histogram_quantile(q: float, bounds: Sequence[float], values: Sequence[float]) -> float:
    """As Prometheus' function of that name computes it: a straight line within the bucket (promql/quantile.go)."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    rank, below = q * len(values), [0, *accumulate(counts)]
    place = next(i for i, count in enumerate(below[1:]) if count >= rank)
    if place == len(bounds):
        return bounds[-1]
    low = bounds[place - 1] if place else 0
    return low + (bounds[place] - low) * (rank - below[place]) / counts[place]


def waits(median_s: float, p95_s: float, number: int = 20_000) -> list[float]:
    """Log-normal: most start soon, and some wait for long."""
    chance = random.Random(1)
    return sorted(chance.lognormvariate(log(median_s), log(p95_s / median_s) / 1.645) for _ in range(number))


@pytest.mark.parametrize(("median_s", "p95_s"), [(15, 66), (20, 90), (40, 160)])
@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_quantiles_of_latencies_are_within_a_tenth(median_s: float, p95_s: float, q: float) -> None:
    """Of a busy fleet, whose median is 15 to 40 s; bounds of 30, 60, 120 and 300 s made a p95 of 66 s read as 78."""
    values = waits(median_s, p95_s)
    exact = values[int(q * len(values))]

    assert histogram_quantile(q, LATENCY_BUCKETS, values) == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_quantiles_of_whole_seconds_are_those_seconds(q: float) -> None:
    """A median of exactly 1 s reads as 1 s, since bounds lie between the seconds."""
    values = [1.0] * 90 + [2.0] * 10
    exact = values[int(q * len(values))]

    assert histogram_quantile(q, WHOLE_SECOND_BUCKETS, values) == pytest.approx(exact, abs=0.5)
    assert histogram_quantile(0.45, WHOLE_SECOND_BUCKETS, values) == pytest.approx(1)
    assert all(bound % 1 == 0.5 for bound in WHOLE_SECOND_BUCKETS)


def test_promises_lie_on_a_bound() -> None:
    """`le="300.0"` counts what is in time exactly; from 10 s to 2 h no bound is more than twice the one before."""
    assert 300 in LATENCY_BUCKETS
    assert all(high <= 2 * low for low, high in pairwise(LATENCY_BUCKETS) if 10 <= low < 7200)
    assert LATENCY_BUCKETS[-1] < inf
