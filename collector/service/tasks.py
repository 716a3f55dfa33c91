"""
How background work runs: a task for as long as a block lasts, a job every so often, a thread with a store of its own.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from collector.core.slices import Slices
from collector.store.clickhouse import Store
from collector.store.worker import Worker

log = logging.getLogger(__name__)

T = TypeVar("T")

SLICE_S = 0.005
"""A quarter of what the event loop may be held: a few such jobs may run at once."""

Job = Callable[[], Awaitable[float | None]]
"""Runs once. It may return the seconds until its next run, when that is not the regular one."""


@asynccontextmanager
async def background_task(work: Any, name: str, patience_s: float = 2.0) -> AsyncIterator[asyncio.Task[Any]]:
    """Runs a coroutine as a task for as long as the block lasts."""
    task = asyncio.create_task(work, name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=patience_s)


async def every(seconds: float, job: Job, *, first_s: float | None = None) -> None:
    """
    Runs a job every so many seconds until cancelled, first after `first_s`; by default after the regular pause.

    Runs keep to a grid, however long each takes; runs that are overdue are made up by one. An unexpected error is logged, and
    the next run goes on.
    """
    clock = asyncio.get_running_loop().time
    due = clock() + (seconds if first_s is None else first_s)
    while True:
        await asyncio.sleep(due - clock())
        pause = await _try(job)
        due = max(due + seconds, clock()) if pause is None else clock() + pause


async def in_slices(slices: Slices[T], slice_s: float = SLICE_S) -> T:
    """Runs slices to their result; after each few milliseconds of them all else that is due goes first."""
    clock = asyncio.get_running_loop().time
    until = clock() + slice_s
    while True:
        try:
            next(slices)
        except StopIteration as end:
            result: T = end.value
            return result
        if clock() >= until:
            await asyncio.sleep(0)
            until = clock() + slice_s


def pause_after(took_s: float, share: float, least_s: float, most_s: float) -> float:
    """Returns the pause after a run that takes a share of the time with it, within bounds; in seconds."""
    return max(least_s, min(took_s / share - took_s, most_s))


async def on_wall_clock(seconds: int, job: Job) -> None:
    """Runs a job at each multiple of so many seconds of the wall clock until cancelled, late only if something held it up."""
    before = time.time() // seconds
    while True:
        await asyncio.sleep(seconds - time.time() % seconds)
        # A timer may fire some microseconds early, and the clock may have been set meanwhile.
        if (now := time.time() // seconds) != before:
            before = now
            await _try(job)


async def _try(job: Job) -> float | None:
    """Runs a job once; an unexpected error is logged."""
    try:
        return await job()
    except Exception:
        log.exception("unexpected error in a periodic job, which continues", extra={"job": _name(job)})
        return None


def _name(job: Job) -> str:
    return getattr(job, "__qualname__", repr(job))


@contextmanager
def own_thread(name: str, store: Store) -> Iterator[Worker]:
    """A thread for the calls of one job to its store; closes both at the end of the block."""
    worker = Worker(name)
    try:
        yield worker
    finally:
        worker.close()
        store.close()
