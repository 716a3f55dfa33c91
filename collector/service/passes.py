"""
How long the event loop is held, measured at each of its passes and not by samples.

A pass is what the loop does between two looks at its sockets and timers: whatever is due meanwhile waits until its end.
"""

import asyncio
import selectors
import time
from collections.abc import Callable


def unobserved(_: float) -> None:
    """Discards a measurement, until a collector counts them."""


class TimedSelector(selectors.DefaultSelector):
    """The system's selector, which gives `observe` the seconds between two looks. It costs two reads of a clock a pass."""

    def __init__(self) -> None:
        super().__init__()
        self.observe: Callable[[float], object] = unobserved
        self._looked_at = time.perf_counter()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Looks, and waits if nothing is ready; the wait is in no pass."""
        self.observe(time.perf_counter() - self._looked_at)
        ready = super().select(timeout)
        self._looked_at = time.perf_counter()
        return ready

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """An event loop on this selector."""
        return asyncio.SelectorEventLoop(self)
