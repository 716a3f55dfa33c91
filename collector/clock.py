"""The wall clock. core/ has no clock: "now" is an argument of its functions."""

import time

from collector.core.model import Instant


def now_ms() -> Instant:
    """The present time."""
    return time.time_ns() // 1_000_000
