"""The wall clock; core/ knows none and is told the time."""

import time

from collector.core.model import Instant


def now_ms() -> Instant:
    """The present instant."""
    return time.time_ns() // 1_000_000
