"""
Locks with their holders and waiting workflows, counted as the workflows change.

Tens of thousands of workflows may wait for one lock, or hold one: no walk over them for each scrape.
"""

from itertools import islice

import msgspec

from collector.core.live_view import LockKind, LockUse
from collector.core.model import Instant
from collector.core.queue.locks import LockHold, LockingAttempt, LockUser, hold_key, remember_limit
from collector.core.queue.oldest import Instants
from collector.core.queue.waiting import HOLDERS_SHOWN, Reason

IDLE = frozenset({"lock", "step_lock", "suspended"})
"""Reasons of a workflow that runs no pod and releases nothing until another one acts."""


class _Hold(msgspec.Struct, frozen=True, gc=False):
    """A lock that a workflow holds."""

    held: LockHold
    is_idle: bool
    since: Instant | None
    """First sight of the oldest of its holds; None: none was timed."""


class _Use(msgspec.Struct, frozen=True, gc=False):
    """What a workflow has to do with locks."""

    holds: tuple[_Hold, ...]
    waits: tuple[tuple[str, Instant], ...]
    """For which lock, and since when; one for each step."""


NOTHING = _Use((), ())


class _Lock:
    """The uses of one lock."""

    __slots__ = ("held", "holders", "holds", "idle", "waiting", "waits")

    def __init__(self) -> None:
        self.held = self.idle = self.waiting = 0
        self.holders: dict[tuple[str, LockKind], LockUser] = {}
        """By uid and kind, in the order in which they began to hold it."""
        self.holds, self.waits = Instants(), Instants()
        """Since when."""

    def hold(self, hold: _Hold) -> None:
        self.held += hold.held.count
        self.idle += hold.held.count * hold.is_idle
        if hold.since is not None:
            self.holds.add(hold.since)

    def release(self, hold: _Hold) -> None:
        self.held -= hold.held.count
        self.idle -= hold.held.count * hold.is_idle
        if hold.since is not None:
            self.holds.remove(hold.since)


class LockUses:
    """The locks of one cluster that are held or waited for."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}
        """None is unused."""
        self._uses: dict[str, _Use] = {}
        """By uid, of the workflows that use a lock."""
        self._limits: dict[str, int] = {}
        """As the last message about each lock stated it."""

    def update(self, uid: str, user: LockUser) -> None:
        """Counts a workflow's locks as they are now; a finished workflow has none."""
        before, attempt = self._uses.get(uid, NOTHING), user.attempt
        if before is NOTHING and not (attempt.held_locks or attempt.step_holds or attempt.reason == "lock"):
            return  # as most
        if not attempt.finished:
            remember_limit(self._limits, (attempt.holds or {}).get("step_lock") or _reason(attempt))
        now = NOTHING if attempt.finished else _use(user)
        if now == before:
            return
        if now == NOTHING:
            del self._uses[uid]
        else:
            self._uses[uid] = now
        self._add(uid, user, now)
        self._take_away(uid, before, now)

    def rows(self, cluster: str) -> list[LockUse]:
        """All locks with holders or waiting workflows, by name."""
        return [_row(cluster, name, self._locks[name], self._limits.get(name)) for name in sorted(self._locks)]

    def _add(self, uid: str, user: LockUser, use: _Use) -> None:
        for hold in use.holds:
            lock = self._lock(hold.held.lock)
            lock.hold(hold)
            lock.holders[uid, hold.held.kind] = user
        for name, since in use.waits:
            lock = self._lock(name)
            lock.waiting += 1
            lock.waits.add(since)

    def _take_away(self, uid: str, use: _Use, now: _Use) -> None:
        """Takes away what a workflow had to do with locks before `now`."""
        kept = {(hold.held.lock, hold.held.kind) for hold in now.holds}
        for hold in use.holds:
            name, kind = hold.held.lock, hold.held.kind
            lock = self._locks[name]
            lock.release(hold)
            if (name, kind) not in kept:
                del lock.holders[uid, kind]
            self._forget_unused(name)
        for name, since in use.waits:
            lock = self._locks[name]
            lock.waiting -= 1
            lock.waits.remove(since)
            self._forget_unused(name)

    def _lock(self, name: str) -> _Lock:
        return self._locks.setdefault(name, _Lock())

    def _forget_unused(self, name: str) -> None:
        lock = self._locks[name]
        if not (lock.holders or lock.waiting):
            del self._locks[name]


def _reason(attempt: LockingAttempt) -> Reason:
    return Reason(attempt.reason, attempt.reason_on, attempt.reason_words)


def _use(user: LockUser) -> _Use:
    attempt = user.attempt
    is_idle = attempt.reason in IDLE and not user.starting_pods
    waits = [(attempt.reason_on, attempt.reason_since)] if attempt.reason == "lock" and attempt.reason_on else []
    steps = attempt.step_holds.values() if attempt.step_holds else ()
    waits += [(step.on, step.since) for step in steps if step.reason == "step_lock" and step.on and step.since]
    return _Use(tuple(_Hold(held, is_idle, _held_since(held, attempt)) for held in attempt.held_locks), tuple(waits))


def _held_since(held: LockHold, attempt: LockingAttempt) -> Instant | None:
    begin = hold_key(held.lock, "")
    return min((at for key, at in (attempt.held_since or {}).items() if key.startswith(begin)), default=None)


def _row(cluster: str, name: str, lock: _Lock, limit: int | None) -> LockUse:
    # The name of a database lock does not show its kind.
    kind = next(reversed(lock.holders))[1] if lock.holders else _kind(name)
    shown = islice(lock.holders.values(), HOLDERS_SHOWN)
    return LockUse(
        cluster=cluster,
        name=name,
        kind=kind,
        limit=1 if kind == "mutex" else limit,
        held=lock.held,
        waiting=lock.waiting,
        oldest_since=lock.waits.oldest if lock.waits else None,
        holders=tuple(f"{user.namespace}/{user.name}" for user in shown),
        idle=lock.idle,
        held_since=lock.holds.oldest if lock.holds else None,
    )


def _kind(lock: str) -> LockKind:
    """Kind of a lock by its name; the name of a database lock is the same for both kinds until a workflow holds it."""
    return "mutex" if "/Mutex/" in lock else "database" if "/Database/" in lock else "semaphore"
