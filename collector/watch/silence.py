"""
When a stream has been silent for too long.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Silence:
    """
    Calls back after so many seconds without a read, for as long as its block lasts.

    One timer that looks at the time of the last read: a read only notes its time, since a timer for each would cost a
    twentieth of a busy stream's CPU.
    """

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self.received_at = self.now()
        """Set by the reader."""
        self._seconds, self._call = seconds, call
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        """Starts the timer."""
        self._look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops it."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        due = self.received_at + self._seconds
        if self.now() >= due:
            self._timer = None
            self._call()
        else:
            self._timer = self._loop.call_at(due, self._look)
