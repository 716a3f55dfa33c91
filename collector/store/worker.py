"""
One thread and its queue, for things that block and want to be used from one thread only: SQLite, a store's connection.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """Runs calls one after another in a thread of its own."""

    def __init__(self, name: str):
        self._thread = ThreadPoolExecutor(1, name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Let the thread end after the call under way, which is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
