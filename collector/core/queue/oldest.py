"""
The oldest of many instants that come and go one by one.
"""

from heapq import heapify, heappop, heappush

from collector.core.model import Instant

SPARE = 64
STALE_SHARE = 8
"""A heap holds at most an eighth more than it needs, so that no removal has much to clear away at once."""


class Instants:
    """
    Instants, equal ones as often as they were added. The oldest costs nothing to read.

    A removed instant stays in the heap until it is the oldest: taking it out of the middle would cost a search.
    """

    __slots__ = ("_heap", "_numbers", "_stale")

    def __init__(self) -> None:
        self._numbers: dict[Instant, int] = {}
        """How often each is there; 0: it is only in the heap."""
        self._heap: list[Instant] = []
        """Each key of `_numbers` once, the smallest first."""
        self._stale = 0
        """Keys with the number 0."""

    def __bool__(self) -> bool:
        return bool(self._heap)

    def add(self, at: Instant) -> None:
        """Adds an instant."""
        number = self._numbers.get(at)
        if number is None:
            heappush(self._heap, at)
        elif not number:
            self._stale -= 1
        self._numbers[at] = (number or 0) + 1

    def remove(self, at: Instant) -> None:
        """Takes away an instant that was added."""
        self._numbers[at] -= 1
        if self._numbers[at]:
            return
        self._stale += 1
        while self._heap and not self._numbers[self._heap[0]]:
            del self._numbers[heappop(self._heap)]
            self._stale -= 1
        if self._stale > len(self._heap) // STALE_SHARE + SPARE:
            self._numbers = {at: number for at, number in self._numbers.items() if number}
            self._heap = [*self._numbers]
            heapify(self._heap)
            self._stale = 0

    @property
    def oldest(self) -> Instant:
        """The smallest instant; IndexError if there is none."""
        return self._heap[0]
