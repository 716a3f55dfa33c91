"""
Semaphores and mutexes: holders and waiting workflows, from the workflows' own status.

ConfigMaps and databases are never read. A semaphore's limit is known once a workflow waits for it, since the message of
the wait contains the limit; the last message counts. An entry alone is never trusted: a waiting entry names the holders
and outlives the wait, and a holding entry may be empty after a release.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice
from sys import intern
from typing import Protocol

import msgspec

from collector.core.model import Instant, WaitReason
from collector.core.objects import kubernetes
from collector.core.queue import waiting as queueing
from collector.core.queue.waiting import HeldLockKind, Reason

LOCKS_LIMIT = 10_000
"""Locks whose limit is remembered; the least recently updated ones are forgotten first."""
HOLDERS_TIMED = 1000
"""Holders of one workflow whose holds are timed."""
_LIMIT = re.compile(r"limit (\d+)")


class LockHold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A lock that a workflow or its steps hold."""

    lock: str
    kind: HeldLockKind
    count: int
    """Number of holders: each step is one."""


class StepWait(Protocol):
    """Wait of a held step."""

    @property
    def reason(self) -> str: ...
    @property
    def on(self) -> str: ...
    @property
    def since(self) -> Instant:
        """0: the step no longer waits."""


class LockingAttempt(Protocol):
    """Present attempt of a workflow, as far as locks need it."""

    @property
    def finished(self) -> bool: ...
    @property
    def reason(self) -> WaitReason: ...
    @property
    def reason_on(self) -> str: ...
    @property
    def reason_words(self) -> str: ...
    @property
    def reason_since(self) -> Instant: ...
    @property
    def holds(self) -> Mapping[WaitReason, Reason] | None: ...
    @property
    def held_locks(self) -> Iterable[LockHold]: ...
    @property
    def held_since(self) -> Mapping[str, Instant] | None: ...
    @property
    def step_holds(self) -> Mapping[str, StepWait] | None: ...


class LockUser(Protocol):
    """Live workflow, as far as locks need it."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def starting_pods(self) -> int: ...
    @property
    def attempt(self) -> LockingAttempt: ...


def lock_holds(synchronization: kubernetes.Synchronization | None) -> tuple[LockHold, ...]:
    """Locks that a workflow holds; equal results are one object, since thousands of workflows hold the same locks."""
    if synchronization is None:
        return ()
    counts: dict[tuple[str, HeldLockKind], int] = {}
    for lock, kind, holders in queueing.held_locks(synchronization):
        counts[lock, kind] = counts.get((lock, kind), 0) + len(holders)
    return shared_holds(tuple(LockHold(intern(lock), kind, count) for (lock, kind), count in counts.items() if count))


def held_since(
    before: Mapping[str, Instant] | None, synchronization: kubernetes.Synchronization | None, at: Instant
) -> dict[str, Instant] | None:
    """
    Since when each holder of a lock has been seen to hold it, by lock and holder; None: the workflow holds none.

    The status has no instants, so a hold that a first list shows seems to begin with the list.
    """
    if synchronization is None:
        return None
    keys = (hold_key(lock, name) for lock, _, names in queueing.held_locks(synchronization) for name in names)
    known = before or {}
    return {key: known.get(key, at) for key in islice(keys, HOLDERS_TIMED)} or None


def hold_key(lock: str, holder: str) -> str:
    """The key of a hold in `held_since`; with an empty holder what the keys of all holds of a lock begin with."""
    return f"{lock}\n{holder}"


@lru_cache(maxsize=10_000)
def shared_holds(held: tuple[LockHold, ...]) -> tuple[LockHold, ...]:
    """Return one shared object for all equal holds, including those from a checkpoint."""
    return held


def remember_limit(limits: dict[str, int], waits: Reason) -> None:
    """Remember the limit in the message of a wait for a lock; the last message counts, since limits change."""
    limit = _LIMIT.match(waits.words)
    if limit is None or not waits.on or waits.name not in ("lock", "step_lock"):
        return
    limits.pop(waits.on, None)
    limits[waits.on] = int(limit[1])
    if len(limits) > LOCKS_LIMIT:
        del limits[next(iter(limits))]
