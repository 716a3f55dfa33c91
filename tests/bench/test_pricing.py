"""Short pods: what they are charged against what samplers make of them, and that pricing is fast enough."""

from fractions import Fraction

import pytest

from tests.bench import pricing
from tests.bench.pricing import SAMPLERS_S, by_lynceus, by_sampler, compare, kinds
from tests.core.cost.charged import charge

KINDS = kinds(10_000)


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_pod_is_charged_what_it_costs(kind: str) -> None:
    """No error at all against the provider's formula in fractions, pod by pod."""
    assert compare(by_lynceus, KINDS[kind]) == pricing.Compared(Fraction(1), Fraction(0), Fraction(0))


@pytest.mark.parametrize("every", SAMPLERS_S)
def test_a_sampler_misses_short_pods_or_charges_them_too_much(every: int) -> None:
    """A pod of 10 s is charged nothing, or as long as the sampler sleeps."""
    ten, random = (compare(by_sampler(every), KINDS[kind]) for kind in ("10 s", "10,000 random"))

    assert ten.error > Fraction(1, 2)
    assert random.error > Fraction(1, 20)
    assert {by_sampler(every)(begin, 10_000 // 1000) for begin in range(0, 600_000, 1000)} == {
        Fraction(0), every * pricing.A_SECOND,
    }  # fmt: skip


def test_pods_of_all_kinds_are_priced() -> None:
    """The throughput is not that of pods without a price."""
    runs = pricing.pods(500)
    charges = [c for run in runs for c in charge(run, zone="Asia/Shanghai")]

    assert all(c.cost for c in charges)
    assert len(charges) > len(runs)
    assert pricing.priced_a_second(runs, rounds=1) > 0
