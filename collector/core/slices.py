"""
Long work in slices, so that its caller can do what else is due in between.

A generator pauses wherever its data may change without harm. What it returns is the figure that its walk computed: each object
counts once, as it was in its slice. Nothing here knows a clock or an event loop: the caller decides when to go on.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

Slices = Generator[None, None, T]

BATCH = 200
"""Objects that are counted in one slice, at a microsecond or two each."""


def freed(objects: Sequence[object]) -> Slices[None]:
    """Empties a list that is not read any more. To free 100,000 objects at once takes as long as to make them."""
    while objects and isinstance(objects, list):
        del objects[-BATCH:]
        yield


def in_batches(objects: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """The objects in groups of so many, the last one smaller."""
    return (objects[at : at + size] for at in range(0, len(objects), size))
