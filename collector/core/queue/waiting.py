"""
Reason for which a workflow waits, one at a time, and depth of the queues.

The controller's messages that distinguish the reasons are those of Argo 3.4 to 4.1 (field notes, lifecycle table):
throttling and locks share the phase Pending and differ only in the message. Nothing here keeps state.
A workflow that was throttled and then admitted suspended keeps the phase and the message of the throttle, and no field
differs between the two: it counts as throttled until it is resumed.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal, Protocol

import msgspec

from collector.core.model import AFTER_WORK, Instant, WaitReason
from collector.core.objects import kubernetes
from collector.core.objects.status_nodes import Node

POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
"""Message for the global and the namespace limit; Argo writes it once and never updates it."""
LOCK_MESSAGES = ("Waiting for ", "Failed to get semaphore limit", "Waiting to acquire", "failed to lock")
VOLUME_MESSAGE = "Waiting for a PVC to be created"
QUOTA_MESSAGE = "exceeded quota"
HOLD_SIGNS = (b'"Suspend"', b'"waiting"', QUOTA_MESSAGE.encode())
"""Byte strings; status.nodes contains at least one of them if a step is held."""
WORDS_LIMIT = 500
HELD_STEPS_LIMIT = 1000
HOLDERS_SHOWN = 5

_LOCK_STATUS = re.compile(
    r"Waiting for (?P<lock>.+?) lock(?P<key> \(.*?\))?\. Lock status: (?P<first>-?\d{1,9})/(?P<limit>\d{1,9})"
)
"""Before the slash, in-memory locks print the available number; database locks, which have a key, print the held one."""
_LOCK_NAMED = re.compile(r"(?:Failed to get semaphore limit for|failed to initialize semaphore) (\S+)")
_QUOTA_NAME = re.compile(r"(?:exceeded quota: |quotaName: |ElasticQuota (?!used )(?=\S+ is ))([^\s,]+)")
"""Forms of the API server, of Koordinator's quotas and of the scheduler plugins' elastic quotas."""
_CLAIM_NAME = re.compile(r'persistentvolumeclaims? "([^"]+)"')


class Reason(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Reason for which a workflow waits."""

    name: WaitReason
    on: str = ""
    """Name of the awaited lock, quota, image, claim or suspended step. Rows are grouped by it."""
    words: str = ""
    """Message of the controller, the scheduler, the kubelet or the cloud; for a lock its limit and its holders."""


class HeldPods(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Number of a workflow's pods that wait for one reason, and the latest message about it."""

    count: int
    on: str = ""
    words: str = ""


UNSEEN, RUNNING, STARTING, ADVANCING = Reason("unseen"), Reason("running"), Reason("starting"), Reason("advancing")
THROTTLED = Reason("throttled", "", POSTPONED)


class LockMessage(msgspec.Struct, frozen=True):
    """Contents of the message about an awaited lock; None: not in the message."""

    lock: str = ""
    limit: int | None = None
    held: int | None = None


def one_line(text: str | None) -> str:
    """Put a message on one line and cut it to the longest length that is kept."""
    return " ".join(text[: 4 * WORDS_LIMIT].split())[:WORDS_LIMIT] if text else ""


def quota_name(words: str) -> str:
    """Quota that a message of the API server or a scheduler names; empty: none."""
    match = _QUOTA_NAME.search(words)
    return match[1] if match else ""


def claim_name(words: str) -> str:
    """Volume claim that a message of the controller or a scheduler names; empty: none."""
    match = _CLAIM_NAME.search(words)
    return match[1] if match else ""


@lru_cache(maxsize=4096)
def parse_lock_message(message: str) -> LockMessage:
    """Parse a message about an awaited lock; cached, since thousands of workflows wait with the same message."""
    status = _LOCK_STATUS.search(message)
    if status is None:
        named = _LOCK_NAMED.search(message)
        return LockMessage(named[1].rstrip(".,:;") if named else "")
    first, limit = int(status["first"]), int(status["limit"])
    return LockMessage(status["lock"], limit, first if status["key"] else max(0, limit - first))


def before_work(phase: str, message: str, locks: kubernetes.Synchronization | None) -> Reason:
    """Reason why work has not begun; a lock entry, which may be stale, counts only while the phase is Pending."""
    if phase != "Pending":
        return UNSEEN
    if message == POSTPONED:
        return THROTTLED
    if message.startswith(VOLUME_MESSAGE):
        return Reason("volume", claim_name(message), one_line(message))
    lock = first_awaited_lock(locks)
    if lock or message.startswith(LOCK_MESSAGES):
        words = one_line(message)
        return _lock_reason("lock", parse_lock_message(words).lock or lock, words, locks)
    return Reason("throttled", "", one_line(message)) if message else UNSEEN


HeldLockKind = Literal["semaphore", "mutex"]
LockEntry = tuple[str, HeldLockKind, list[str]]
"""Name, kind and holders of a lock; an entry of a waiting workflow names the holders too."""


def lock_entries(
    semaphores: list[kubernetes.SemaphoreLock] | None, mutexes: list[kubernetes.MutexLock] | None
) -> Iterator[LockEntry]:
    """Entries with a lock's name of one side of status.synchronization, holding or waiting."""
    for semaphore in semaphores or ():
        if semaphore.semaphore:
            yield semaphore.semaphore, "semaphore", semaphore.holders or []
    for mutex in mutexes or ():
        if mutex.mutex:
            yield mutex.mutex, "mutex", [mutex.holder] if mutex.holder else []


def held_locks(locks: kubernetes.Synchronization) -> Iterator[LockEntry]:
    """Locks that a workflow holds."""
    semaphore, mutex = locks.semaphore or kubernetes.Semaphores(), locks.mutex or kubernetes.Mutexes()
    return lock_entries(semaphore.holding, mutex.holding)


def awaited_locks(locks: kubernetes.Synchronization) -> Iterator[LockEntry]:
    """Locks that a workflow waits for, or waited for earlier: entries outlive the wait."""
    semaphore, mutex = locks.semaphore or kubernetes.Semaphores(), locks.mutex or kubernetes.Mutexes()
    return lock_entries(semaphore.waiting, mutex.waiting)


def first_awaited_lock(locks: kubernetes.Synchronization | None) -> str:
    """First lock that a workflow waits for and does not hold; empty: none."""
    if locks is None:
        return ""
    held = {lock for lock, _, holders in held_locks(locks) if holders}
    return next((lock for lock, _, _ in awaited_locks(locks) if lock not in held), "")


def _lock_reason(name: WaitReason, lock: str, words: str, locks: kubernetes.Synchronization | None) -> Reason:
    """Wait for a lock, with its limit from the message and its holders from the entry, if known."""
    message = parse_lock_message(words)
    holders = next((names for other, _, names in awaited_locks(locks) if other == lock), []) if locks else []
    if message.limit is None and words:
        return Reason(name, lock, words)  # an error while locking explains more than the holders
    count = len(holders) or message.held
    parts: list[str] = []
    if message.limit is not None:
        parts.append(f"limit {message.limit}")
    if count is not None:
        shown = ": " + ", ".join(holders[:HOLDERS_SHOWN]) if holders else ""
        more = f" and {len(holders) - HOLDERS_SHOWN} more" if len(holders) > HOLDERS_SHOWN else ""
        parts.append(f"held by {count}{shown}{more}")
    return Reason(name, lock, one_line(", ".join(parts)))


def after_work(running_pods: int, starting_pods: int, holds: Mapping[WaitReason, Reason]) -> Reason:
    """State of a workflow after its work began: the first that applies, by its pods and its steps."""
    if running_pods:
        return RUNNING
    for name in AFTER_WORK if holds else ():
        if name in holds:
            return holds[name]
    return STARTING if starting_pods else ADVANCING


def waits_by_reason(
    nodes: Mapping[str, Node], locks: kubernetes.Synchronization | None = None
) -> dict[WaitReason, Reason]:
    """Waits of steps without a pod (suspended, quota, lock): for each reason that of the first step."""
    holds: dict[WaitReason, Reason] = {}
    for node in nodes.values():
        name = _reason_name(node)
        if name and name not in holds:
            holds[name] = _step_reason(name, node, locks)
    return holds


def waits_by_step(nodes: Mapping[str, Node], locks: kubernetes.Synchronization | None = None) -> dict[str, Reason]:
    """Waits of steps without a pod by node id, up to a bound."""
    holds: dict[str, Reason] = {}
    for node_id, node in nodes.items():
        if name := _reason_name(node):
            holds[node_id] = _step_reason(name, node, locks)
            if len(holds) == HELD_STEPS_LIMIT:
                break
    return holds


def _reason_name(node: Node) -> WaitReason | None:
    """Reason for which a step waits before it has a pod; None: it does not wait."""
    # A step's lock entry outlives the wait, as a workflow's entry does, so it counts only while the step is pending.
    if node.type == "Suspend" and node.phase == "Running":
        return "suspended"
    if node.phase != "Pending":
        return None
    if node.synchronizationStatus and node.synchronizationStatus.waiting:
        return "step_lock"
    return "quota" if QUOTA_MESSAGE in (node.message or "") else None


def _step_reason(name: WaitReason, node: Node, locks: kubernetes.Synchronization | None) -> Reason:
    words = one_line(node.message)
    if name == "step_lock" and node.synchronizationStatus:
        return _lock_reason(name, node.synchronizationStatus.waiting or "", words, locks)
    return Reason(name, quota_name(words) if name == "quota" else node.displayName or "", words)


class QueuedAttempt(Protocol):
    """Present attempt of a workflow, as far as queues need it."""

    @property
    def number(self) -> int: ...
    @property
    def reason(self) -> WaitReason: ...
    @property
    def reason_since(self) -> Instant: ...
    @property
    def first_seen_at(self) -> Instant: ...
    @property
    def picked_up_at(self) -> Instant | None: ...
    @property
    def finished(self) -> bool: ...


class Queued(Protocol):
    """Live workflow, as far as queues need it."""

    @property
    def namespace(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def created_at(self) -> Instant: ...
    @property
    def attempt(self) -> QueuedAttempt: ...


def waited_since(created_at: Instant, attempt: QueuedAttempt) -> Instant:
    """Before work begins the wait counts from the creation, or from the reopening; after it from the reason's beginning."""
    if attempt.picked_up_at is not None:
        return attempt.reason_since
    return created_at if attempt.number == 1 else attempt.first_seen_at
