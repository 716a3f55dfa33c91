"""The oldest of instants that come and go."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from collector.core.queue.oldest import SPARE, STALE_SHARE, Instants

FEW = st.integers(0, 30)


@given(st.lists(st.tuples(FEW, st.booleans(), st.integers(1, 40)), max_size=60))
def test_it_is_the_smallest_of_those_that_are_there(steps: list[tuple[int, bool, int]]) -> None:
    """However often each was added and removed."""
    instants, there = Instants(), Counter[int]()
    for at, adds, times in steps:
        for _ in range(times):
            if adds:
                instants.add(at)
                there[at] += 1
            elif there[at]:
                instants.remove(at)
                there[at] -= 1
            left = +there
            assert bool(instants) == bool(left)
            assert not left or instants.oldest == min(left)


def test_removed_instants_take_no_room_for_long() -> None:
    """While the oldest waits for days, millions of others come and go behind it."""
    instants = Instants()
    instants.add(0)
    for at in range(1, 20_000):
        instants.add(at)
        if at > 100:
            instants.remove(at - 100)

    assert instants.oldest == 0
    assert len(instants._heap) <= 101 * (STALE_SHARE + 1) / STALE_SHARE + SPARE + 1
    assert sorted(instants._heap) == sorted(instants._numbers)
