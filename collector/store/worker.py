"""
One thread and its queue, for blocking objects that only one thread may use: SQLite, a connection to the store.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """Runs calls one after another in its own thread."""

    def __init__(self, name: str):
        self._thread = ThreadPoolExecutor(1, name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a call in the thread; returns or raises what the call does."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Ends the thread after the current call, without waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)
