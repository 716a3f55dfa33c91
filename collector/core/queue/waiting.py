"""
Why a workflow waits, one reason at a time, and how deep the queues are.

The words of the controller that tell the reasons apart are facts of Argo 3.4 to 4.1 (field notes, lifecycle table):
throttling and locks share the phase Pending and differ in the message only. Nothing here keeps state.
A workflow that was throttled first and then admitted suspended keeps the phase and the words of the throttle, and no
field tells the two apart: it counts as throttled until it is resumed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Protocol

import msgspec

from collector.core.live_view import Waiting
from collector.core.model import AFTER_WORK, Instant, WaitReason
from collector.core.objects import kubernetes
from collector.core.objects.status_nodes import Node

POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
"""One text for the global and the namespace limit, written once and never refreshed."""
LOCK_MESSAGES = ("Waiting for ", "Failed to get semaphore limit", "Waiting to acquire", "failed to lock")
VOLUME_MESSAGE = "Waiting for a PVC to be created"
QUOTA_MESSAGE = "exceeded quota"
STOCK = "stock"
"""In NoStock, StockExhaust, StockClose and "out of stock": messages of a cloud that has no machine left."""
HOLD_SIGNS = (b'"Suspend"', b'"waiting"', QUOTA_MESSAGE.encode())
"""Bytes of which one is in status.nodes wherever a step is held."""
WORDS_LIMIT = 500
HELD_STEPS_LIMIT = 1000
HOLDERS_SHOWN = 5

_LOCK_STATUS = re.compile(
    r"Waiting for (?P<lock>.+?) lock(?P<key> \(.*?\))?\. Lock status: (?P<first>-?\d{1,9})/(?P<limit>\d{1,9})"
)
"""In-memory locks print what is available before the slash; database locks, which have a key, print what is held."""
_LOCK_NAMED = re.compile(r"(?:Failed to get semaphore limit for|failed to initialize semaphore) (\S+)")
_QUOTA_NAME = re.compile(r"(?:exceeded quota: |quotaName: |ElasticQuota (?!used )(?=\S+ is ))([^\s,]+)")
"""As the API server, Koordinator's and the scheduler plugins' elastic quotas put it."""
_CLAIM_NAME = re.compile(r'persistentvolumeclaims? "([^"]+)"')


class Reason(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a workflow waits for."""

    name: WaitReason
    on: str = ""
    """The thing: lock, quota, image, claim, suspended step. Rows are grouped by it."""
    words: str = ""
    """What the controller, the scheduler, the kubelet or the cloud said; for a lock its limit and its holders."""


class HeldPods(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many pods of a workflow wait for one reason, and what was last said of it."""

    count: int
    on: str = ""
    words: str = ""


UNSEEN, RUNNING, STARTING, ADVANCING = Reason("unseen"), Reason("running"), Reason("starting"), Reason("advancing")
THROTTLED = Reason("throttled", "", POSTPONED)


class LockMessage(msgspec.Struct, frozen=True):
    """What the waiter for a lock was told of it; None: the message does not say."""

    lock: str = ""
    limit: int | None = None
    held: int | None = None


def one_line(text: str | None) -> str:
    """Somebody's words on one line, cut to the longest that is kept."""
    return " ".join(text[: 4 * WORDS_LIMIT].split())[:WORDS_LIMIT] if text else ""


def quota_name(words: str) -> str:
    """The quota that words of the API server or a scheduler name; empty: none."""
    found = _QUOTA_NAME.search(words)
    return found[1] if found else ""


def claim_name(words: str) -> str:
    """The volume claim that words of the controller or a scheduler name; empty: none."""
    found = _CLAIM_NAME.search(words)
    return found[1] if found else ""


@lru_cache(maxsize=4096)
def parse_lock_message(message: str) -> LockMessage:
    """What a message says of the lock that is waited for; thousands wait with the same one."""
    found = _LOCK_STATUS.search(message)
    if found is None:
        named = _LOCK_NAMED.search(message)
        return LockMessage(named[1].rstrip(".,:;") if named else "")
    first, limit = int(found["first"]), int(found["limit"])
    return LockMessage(found["lock"], limit, first if found["key"] else max(0, limit - first))


def before_work(phase: str, message: str, locks: kubernetes.Synchronization | None) -> Reason:
    """Why work has not begun; a stale lock entry is believed only while the phase is Pending."""
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


LockEntry = tuple[str, str, list[str]]
"""A lock, its kind (`semaphore`, `mutex`), and who holds it, also where it is waited for."""


def lock_entries(
    semaphores: list[kubernetes.SemaphoreLock] | None, mutexes: list[kubernetes.MutexLock] | None
) -> Iterator[LockEntry]:
    """The entries of one side of status.synchronization, held or waited for, that name a lock."""
    for semaphore in semaphores or ():
        if semaphore.semaphore:
            yield semaphore.semaphore, "semaphore", semaphore.holders or []
    for mutex in mutexes or ():
        if mutex.mutex:
            yield mutex.mutex, "mutex", [mutex.holder] if mutex.holder else []


def held_locks(locks: kubernetes.Synchronization) -> Iterator[LockEntry]:
    """The locks that a workflow holds."""
    semaphore, mutex = locks.semaphore or kubernetes.Semaphores(), locks.mutex or kubernetes.Mutexes()
    return lock_entries(semaphore.holding, mutex.holding)


def awaited_locks(locks: kubernetes.Synchronization) -> Iterator[LockEntry]:
    """The locks that a workflow waits for or once waited for: such entries outlive the wait."""
    semaphore, mutex = locks.semaphore or kubernetes.Semaphores(), locks.mutex or kubernetes.Mutexes()
    return lock_entries(semaphore.waiting, mutex.waiting)


def first_awaited_lock(locks: kubernetes.Synchronization | None) -> str:
    """The first lock that a workflow waits for and does not hold by now; empty: none."""
    if locks is None:
        return ""
    mine = {lock for lock, _, holders in held_locks(locks) if holders}
    return next((lock for lock, _, _ in awaited_locks(locks) if lock not in mine), "")


def _lock_reason(name: WaitReason, lock: str, words: str, locks: kubernetes.Synchronization | None) -> Reason:
    """A wait for a lock, with its limit by the message and its holders by the entry, as far as either says."""
    told = parse_lock_message(words)
    holders = next((who for other, _, who in awaited_locks(locks) if other == lock), []) if locks else []
    if told.limit is None and words:
        return Reason(name, lock, words)  # an error on the way to the lock says more than who holds it
    count = len(holders) or told.held
    shown = ": " + ", ".join(holders[:HOLDERS_SHOWN]) if holders else ""
    more = f" and {len(holders) - HOLDERS_SHOWN} more" if len(holders) > HOLDERS_SHOWN else ""
    parts = (told.limit is not None and f"limit {told.limit}", count is not None and f"held by {count}{shown}{more}")
    return Reason(name, lock, one_line(", ".join(part for part in parts if part)))


def after_work(running_pods: int, starting_pods: int, holds: Mapping[WaitReason, Reason]) -> Reason:
    """What a workflow does once its work began: the first that holds of what its pods and its steps say."""
    if running_pods:
        return RUNNING
    for name in AFTER_WORK if holds else ():
        if name in holds:
            return holds[name]
    return STARTING if starting_pods else ADVANCING


def waits_by_reason(
    nodes: Mapping[str, Node], locks: kubernetes.Synchronization | None = None
) -> dict[WaitReason, Reason]:
    """What steps without a pod wait for: someone to resume them, a quota, a lock; by reason, the first step's."""
    holds: dict[WaitReason, Reason] = {}
    for node in nodes.values():
        name = _reason_name(node)
        if name and name not in holds:
            holds[name] = _step_reason(name, node, locks)
    return holds


def waits_by_step(nodes: Mapping[str, Node], locks: kubernetes.Synchronization | None = None) -> dict[str, Reason]:
    """The same by node id, of every held step up to a bound."""
    holds: dict[str, Reason] = {}
    for node_id, node in nodes.items():
        if name := _reason_name(node):
            holds[node_id] = _step_reason(name, node, locks)
            if len(holds) == HELD_STEPS_LIMIT:
                break
    return holds


def _reason_name(node: Node) -> WaitReason | None:
    """The reason that holds a step back before it has a pod; None: nothing does."""
    # A step's lock entry outlives the wait, as a workflow's does: it counts only while the step is pending.
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
    """What a queue must know of the present attempt."""

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
    """What a queue must know of a live workflow."""

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


def waiting_rows(cluster: str, states: Iterable[Queued]) -> list[Waiting]:
    """Live workflows counted by namespace, queue and reason, with the instant since which the oldest has waited."""
    groups: dict[tuple[str, str, WaitReason, bool], list[int]] = {}
    # Every scrape passes every live workflow through here: no object is made for each.
    for state in states:
        attempt = state.attempt
        if attempt.finished:
            continue
        since = waited_since(state.created_at, attempt)
        key = (state.namespace, state.queue, attempt.reason, attempt.picked_up_at is not None)
        group = groups.get(key)
        if group is None:
            groups[key] = [1, since]
            continue
        group[0] += 1
        group[1] = min(group[1], since)
    return [
        Waiting(cluster, namespace, queue, reason, count, since, begun)
        for (namespace, queue, reason, begun), (count, since) in sorted(groups.items())
    ]
