"""
Workflows that began and do not move, and the likely cause of each.

Those that wait on purpose are left out: a suspended one waits for a person. So are those whose work has not begun: they
are queue depth, also when no controller will ever take them up.
"""

from collections.abc import Iterable
from heapq import nsmallest
from typing import Protocol

import msgspec

from collector.core.live_view import Stuck
from collector.core.model import Instant
from collector.core.queue.waiting import STOCK

OLDEST_SHOWN = 200

REMEDIES = {
    "no_pod_task_result": "Its steps are done but a result never came: see who may write WorkflowTaskResults, then stop it.",
    "no_pod_controller": "No pod exists and nobody says why: see if the controller keeps up, and its own parallelism.",
    "quota": "A ResourceQuota or an elastic quota is used up: raise it, or wait for others to finish.",
    "no_stock": "The cloud has no machine of this size left: allow other zones, sizes or purchase options.",
    "unschedulable": "No node takes its pod: compare the pod's requests, selectors and tolerations with the nodes.",
    "image": "Its image cannot be pulled: check the name, the tag, the pull secret and the registry.",
    "volume": "Its volume claim is not bound or cannot be mounted: look at the claim and its storage class.",
    "lock": "A step waits for a lock that is not let go: look at the holders and at the lock's limit.",
    "starting": "Its pod exists and no container starts: the pod's events tell of volumes, networks and secrets.",
}  # fmt: skip
"""By cause, what to do, one sentence each."""

_CAUSES = {name: name for name in ("quota", "unschedulable", "image", "volume", "starting")} | {
    "step_lock": "lock", "advancing": "no_pod_controller"
}  # fmt: skip
"""By the reason that a workflow waits for; those that are in here can be stuck."""


class Moving(Protocol):
    """What must be known of a live workflow to say that it does not move."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> str: ...
    @property
    def finished(self) -> bool: ...
    @property
    def picked_up_at(self) -> Instant | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def reason_on(self) -> str: ...
    @property
    def reason_words(self) -> str: ...
    @property
    def reason_since(self) -> Instant: ...
    @property
    def moved_at(self) -> Instant | None: ...
    @property
    def awaits_results(self) -> bool: ...


class Found(msgspec.Struct, frozen=True):
    """What is stuck in a cluster."""

    oldest: list[Stuck]
    """At most OLDEST_SHOWN, the oldest first."""
    counts: dict[tuple[str, str], int]
    """All of them, by namespace and cause."""


def stuck(cluster: str, lives: Iterable[Moving], now: Instant, after_ms: int) -> Found:
    """Workflows whose reason, progress and pods have not changed for longer than `after_ms`."""
    found: list[tuple[Instant, str, Moving]] = []
    counts: dict[tuple[str, str], int] = {}
    for life in lives:
        # Most are throttled or run: they are told by the first of these.
        if life.reason not in _CAUSES or life.picked_up_at is None or life.finished:
            continue
        since = max(life.reason_since, life.moved_at or 0)
        if now - since > after_ms:
            cause = _cause(life)
            counts[life.namespace, cause] = counts.get((life.namespace, cause), 0) + 1
            found.append((since, cause, life))
    oldest = nsmallest(OLDEST_SHOWN, found, key=lambda one: (one[0], one[2].uid))
    return Found([_stuck(cluster, life, cause, since) for since, cause, life in oldest], counts)


def _cause(life: Moving) -> str:
    if life.reason == "advancing" and life.awaits_results:
        return "no_pod_task_result"
    if life.reason == "quota" and life.reason_on == STOCK:
        return "no_stock"
    return _CAUSES[life.reason]


def _stuck(cluster: str, life: Moving, cause: str, since: Instant) -> Stuck:
    # A lock's words do not name it, a scheduler's name the claim they are about.
    named = life.reason_on if life.reason_on not in life.reason_words else ""
    words = ": ".join(part for part in (named, life.reason_words) if part)
    return Stuck(cluster, life.namespace, life.name, life.uid, life.reason, cause, words, since)
