"""
What counts that are kept as things change must equal: a walk over all that is there.

Simple, slow, and written apart from the counts.
"""

from collections.abc import Iterable
from typing import NamedTuple

from collector.core.live_view import Waiting
from collector.core.model import Instant, WaitReason
from collector.core.queue.locks import LockUser, hold_key
from collector.core.queue.waiting import Queued, waited_since


def waiting_rows(cluster: str, states: Iterable[Queued]) -> list[Waiting]:
    """Live workflows by namespace, queue and reason, each with the begin of the oldest wait."""
    groups: dict[tuple[str, str, WaitReason, bool], list[Instant]] = {}
    for state in states:
        attempt = state.attempt
        if not attempt.finished:
            key = (state.namespace, state.queue, attempt.reason, attempt.picked_up_at is not None)
            groups.setdefault(key, []).append(waited_since(state.created_at, attempt))
    return [
        Waiting(
            cluster=cluster, namespace=namespace, queue=queue, reason=reason, count=len(begins), since=min(begins),
            begun=begun,
        )
        for (namespace, queue, reason, begun), begins in sorted(groups.items())
    ]  # fmt: skip


class Lock(NamedTuple):
    """A lock; who holds it is compared as a set, since a row names a few of them."""

    held: int
    idle: int
    held_since: Instant | None
    waiting: int
    oldest_since: Instant | None
    holders: frozenset[str]


def locks(users: Iterable[LockUser]) -> dict[str, Lock]:
    """All locks that are held or waited for, by name."""
    holds: dict[str, list[tuple[LockUser, int]]] = {}
    waits: dict[str, list[Instant]] = {}
    for user in users:
        attempt = user.attempt
        if attempt.finished:
            continue
        for held in attempt.held_locks:
            holds.setdefault(held.lock, []).append((user, held.count))
        if attempt.reason == "lock" and attempt.reason_on:
            waits.setdefault(attempt.reason_on, []).append(attempt.reason_since)
        for step in (attempt.step_holds or {}).values():
            if step.reason == "step_lock" and step.on and step.since:
                waits.setdefault(step.on, []).append(step.since)
    return {name: _lock(name, holds.get(name, []), waits.get(name, [])) for name in {*holds, *waits}}


def _lock(name: str, holds: list[tuple[LockUser, int]], waits: list[Instant]) -> Lock:
    since = [
        at
        for user, _ in holds
        for key, at in (user.attempt.held_since or {}).items()
        if key.startswith(hold_key(name, ""))
    ]
    idle = ("lock", "step_lock", "suspended")
    return Lock(
        held=sum(count for _, count in holds),
        idle=sum(count for user, count in holds if user.attempt.reason in idle and not user.starting_pods),
        held_since=min(since, default=None),
        waiting=len(waits),
        oldest_since=min(waits, default=None),
        holders=frozenset(f"{user.namespace}/{user.name}" for user, _ in holds),
    )
