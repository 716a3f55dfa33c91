"""What holds the event loop does not grow with the fleet. Counted in calls: a time on a busy machine proves nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.bench.holds import GROWING, WORK, build, longest

FEW, FACTOR, AT_MOST = 1_200, 4, 2.0
"""A slice may do up to twice as much: in the small fleet a batch is not full."""
SPARE = 150
"""Calls by which two runs of the same work may differ: what is computed once is in a cache for the next."""


@contextmanager
def calls() -> Iterator[list[int]]:
    """Counts the calls of functions, Python's and C's, as long as the block lasts."""
    number = [0]

    def count(_frame: Any, event: str, _arg: Any) -> None:
        number[0] += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        yield number
    finally:
        sys.setprofile(None)


def of_the_longest_slices(workflows: int) -> dict[str, int]:
    """The calls of the longest slice of each kind of work."""
    fleet, found = build(workflows), dict[str, int]()
    for name, work in WORK.items():
        slices = work(fleet)
        with calls() as number:
            most, _ = longest(slices, clock=lambda: float(number[0]))
        found[name] = int(most)
    return found


@pytest.fixture(scope="module")
def compared() -> tuple[dict[str, int], dict[str, int]]:
    """The same of a fleet and of one that is four times as large, with as many clusters and queues."""
    return of_the_longest_slices(FEW), of_the_longest_slices(FACTOR * FEW)


@pytest.mark.parametrize("work", [name for name in WORK if name not in GROWING])
def test_a_slice_of_a_larger_fleet_does_no_more(work: str, compared: tuple[dict[str, int], dict[str, int]]) -> None:
    """Four times the workflows and pods are more slices, not longer ones."""
    few, many = compared

    assert many[work] <= AT_MOST * few[work] + SPARE


def test_what_grows_is_known(compared: tuple[dict[str, int], dict[str, int]]) -> None:
    """These walk over one cluster at once. The list has none that no longer does."""
    few, many = compared

    assert {name for name in GROWING if many[name] > few[name] + SPARE} == GROWING
