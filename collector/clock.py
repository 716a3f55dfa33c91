"""The wall clock, and whether it was set. core/ has no clock: "now" is an argument of its functions."""

import time
from collections.abc import Callable

from collector.core.model import Instant

STEP_NS = 500_000_000
"""By how much the wall clock must leave the monotonic one to count as set. NTP slews both alike, and steps only the first."""


def now_ms() -> Instant:
    """The present time."""
    return time.time_ns() // 1_000_000


class WallClockSteps:
    """Notices that the wall clock was set, or that the machine slept: then it leaves the monotonic clock."""

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._ahead = wall() - monotonic()

    def step_ms(self) -> int:
        """By how much the wall clock was set since the last call; 0: it was not."""
        if abs(self._wall() - self._monotonic() - self._ahead) <= STEP_NS:
            return 0
        # Again: the process may have been held up between the two readings.
        ahead = self._wall() - self._monotonic()
        step = ahead - self._ahead
        if abs(step) <= STEP_NS:
            return 0
        self._ahead = ahead
        return step // 1_000_000
