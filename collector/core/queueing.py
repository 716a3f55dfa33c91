"""
Why a workflow waits, one reason at a time, and how deep the queues are.

The words of the controller that tell the reasons apart are facts of Argo 3.4 to 4.1 (field notes, lifecycle table):
throttling and locks share the phase Pending and differ in the message only. Nothing here keeps state.
"""

from collections.abc import Iterable

import msgspec

from collector.core import decode
from collector.core.model import BEFORE_WORK, Instant, Waiting

POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
"""One text for the global and the namespace limit, written once and never refreshed."""
LOCK_MESSAGES = ("Waiting for ", "Failed to get semaphore limit", "Waiting to acquire", "failed to lock")
VOLUME_MESSAGE = "Waiting for a PVC to be created"


class Reason(msgspec.Struct, frozen=True):
    """What a workflow waits for, and on what."""

    name: str
    on: str = ""


UNSEEN = Reason("unseen")
RUNNING = Reason("running")


def before_work(phase: str, message: str, locks: decode.Synchronization | None) -> Reason:
    """Why work has not begun; a stale lock entry is believed only while the phase is Pending."""
    if phase != "Pending":
        return UNSEEN
    if message.startswith(VOLUME_MESSAGE):
        return Reason("volume", message)
    if message == POSTPONED:
        return Reason("throttled")
    lock = awaited_lock(locks)
    if lock or message.startswith(LOCK_MESSAGES):
        return Reason("lock", lock or message)
    return Reason("throttled") if message else UNSEEN


def awaited_lock(locks: decode.Synchronization | None) -> str:
    """The name of the first lock that a workflow waits for, or nothing."""
    if locks is None:
        return ""
    for semaphore in (locks.semaphore.waiting if locks.semaphore else None) or ():
        if semaphore.semaphore:
            return semaphore.semaphore
    for mutex in (locks.mutex.waiting if locks.mutex else None) or ():
        if mutex.mutex:
            return mutex.mutex
    return ""


def after_work(running_pods: int, starting_pods: int, suspended: bool) -> Reason:
    """What a workflow does once its work began: the first that holds."""
    if running_pods:
        return RUNNING
    if suspended:
        return Reason("suspended")
    return Reason("starting") if starting_pods else Reason("advancing")


class Queued(msgspec.Struct, frozen=True, gc=False):
    """One live workflow as a queue sees it."""

    namespace: str
    queue: str
    reason: str
    since: Instant


def waiting(cluster: str, queued: Iterable[Queued]) -> list[Waiting]:
    """Live workflows counted by namespace, queue and reason, with the instant since which the oldest has waited."""
    groups: dict[tuple[str, str, str], tuple[int, Instant]] = {}
    for q in queued:
        key = (q.namespace, q.queue, q.reason)
        count, since = groups.get(key, (0, q.since))
        groups[key] = (count + 1, min(since, q.since))
    return [
        Waiting(cluster, namespace, queue, reason, count, since, reason not in BEFORE_WORK)
        for (namespace, queue, reason), (count, since) in sorted(groups.items())
    ]
