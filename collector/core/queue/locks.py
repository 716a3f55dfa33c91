"""
Semaphores and mutexes: who holds them and who waits, by what the workflows' own status says.

ConfigMaps and databases are never read: a semaphore's limit is known once somebody was told to wait for it, and stays the
one last told. Nothing here may trust an entry alone: those for waiting name the holders and outlive the wait, those for
holding may be empty after a release.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from sys import intern
from typing import Protocol

import msgspec

from collector.core.live_view import Lock
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.queue import waiting as queueing
from collector.core.queue.waiting import Reason

LOCKS_LIMIT = 10_000
"""Locks whose limit is remembered; the ones heard of longest ago are forgotten first."""
HOLDERS_SHOWN = 5
_LIMIT = re.compile(r"limit (\d+)")


class LockHold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A lock that a workflow holds, by itself or by its steps."""

    lock: str
    kind: str
    """`semaphore` or `mutex`."""
    count: int
    """Its holders: steps hold each for itself."""


class StepWait(Protocol):
    """What a held step says of its wait."""

    @property
    def reason(self) -> str: ...
    @property
    def on(self) -> str: ...
    @property
    def since(self) -> Instant:
        """0: it no longer waits."""


class LockingAttempt(Protocol):
    """What a lock must know of the present attempt."""

    @property
    def finished(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def reason_on(self) -> str: ...
    @property
    def reason_since(self) -> Instant: ...
    @property
    def held_locks(self) -> Iterable[LockHold]: ...
    @property
    def step_holds(self) -> Mapping[str, StepWait] | None: ...


class LockUser(Protocol):
    """What a lock must know of a live workflow."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def attempt(self) -> LockingAttempt: ...


def lock_holds(synchronization: kubernetes.Synchronization | None) -> tuple[LockHold, ...]:
    """The locks that a workflow holds; equal ones are one value, since thousands hold the same."""
    if synchronization is None:
        return ()
    counts: dict[tuple[str, str], int] = {}
    for lock, kind, holders in queueing.held_locks(synchronization):
        counts[lock, kind] = counts.get((lock, kind), 0) + len(holders)
    return shared_holds(tuple(LockHold(intern(lock), kind, count) for (lock, kind), count in counts.items() if count))


@lru_cache(maxsize=10_000)
def shared_holds(held: tuple[LockHold, ...]) -> tuple[LockHold, ...]:
    """The one value of all equal ones, for what is taken up from a checkpoint too."""
    return held


def remember_limit(limits: dict[str, int], waits: Reason) -> None:
    """Keep the limit that a workflow or step was told which waits for a lock; the last word wins, for limits change."""
    said = _LIMIT.match(waits.words)
    if said is None or not waits.on or waits.name not in ("lock", "step_lock"):
        return
    limits.pop(waits.on, None)
    limits[waits.on] = int(said[1])
    if len(limits) > LOCKS_LIMIT:
        del limits[next(iter(limits))]


class _LockUse(msgspec.Struct):
    kind: str
    held: int = 0
    waiting: int = 0
    oldest: Instant | None = None
    holders: list[str] = []

    def wait(self, since: Instant) -> None:
        self.waiting += 1
        self.oldest = since if self.oldest is None else min(self.oldest, since)


def locks(cluster: str, users: Iterable[LockUser], limits: Mapping[str, int]) -> list[Lock]:
    """Every lock that somebody holds or waits for, by name; only workflows that use locks need be given."""
    uses: dict[str, _LockUse] = {}
    for user in users:
        attempt = user.attempt
        if attempt.finished:
            continue
        for held in attempt.held_locks:
            use = uses.setdefault(held.lock, _LockUse(held.kind))
            use.kind = held.kind  # a database lock's name alone does not say which
            use.held += held.count
            if len(use.holders) < HOLDERS_SHOWN:
                use.holders.append(f"{user.namespace}/{user.name}")
        if attempt.reason == "lock" and attempt.reason_on:
            uses.setdefault(attempt.reason_on, _LockUse(_kind(attempt.reason_on))).wait(attempt.reason_since)
        for step in attempt.step_holds.values() if attempt.step_holds else ():
            if step.reason == "step_lock" and step.on and step.since:
                uses.setdefault(step.on, _LockUse(_kind(step.on))).wait(step.since)
    return [
        Lock(cluster, lock, use.kind, 1 if use.kind == "mutex" else limits.get(lock), use.held, use.waiting, use.oldest,
             tuple(use.holders))
        for lock, use in sorted(uses.items())
    ]  # fmt: skip


def _kind(lock: str) -> str:
    """By its name; that of a database lock is the same for both, and tells no more until somebody holds it."""
    return "mutex" if "/Mutex/" in lock else "database" if "/Database/" in lock else "semaphore"
