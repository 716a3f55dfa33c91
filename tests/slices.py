"""Work in slices, run as a test needs it."""

from typing import TypeVar

from collector.core.slices import Slices

T = TypeVar("T")


def whole(slices: Slices[T]) -> T:
    """All slices at once; returns their result."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: T = end.value
            return result
