"""
Why a workflow waits, one reason at a time, and how deep the queues are.

The words of the controller that tell the reasons apart are facts of Argo 3.4 to 4.1 (field notes, lifecycle table):
throttling and locks share the phase Pending and differ in the message only. Nothing here keeps state.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from collector.core import decode
from collector.core.model import AFTER_WORK, Instant
from collector.core.nodes import Node
from collector.core.view import Waiting

POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
"""One text for the global and the namespace limit, written once and never refreshed."""
LOCK_MESSAGES = ("Waiting for ", "Failed to get semaphore limit", "Waiting to acquire", "failed to lock")
VOLUME_MESSAGE = "Waiting for a PVC to be created"
QUOTA_MESSAGE = "exceeded quota"
HOLD_SIGNS = (b'"Suspend"', b'"waiting"', QUOTA_MESSAGE.encode())
"""Bytes of which one is in status.nodes wherever a step is held."""


class Reason(msgspec.Struct, frozen=True):
    """What a workflow waits for, and on what."""

    name: str
    on: str = ""


UNSEEN, RUNNING, STARTING, ADVANCING = (Reason(name) for name in ("unseen", "running", "starting", "advancing"))


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


def after_work(running_pods: int, starting_pods: int, holds: Mapping[str, str]) -> Reason:
    """What a workflow does once its work began: the first that holds of what its pods and its steps say."""
    if running_pods:
        return RUNNING
    for name in AFTER_WORK:
        if name in holds:
            return Reason(name, holds[name])
    return STARTING if starting_pods else ADVANCING


def held_steps(nodes: Mapping[str, Node]) -> dict[str, str]:
    """What steps without a pod wait for: someone to resume them, a quota, a lock; each with which one."""
    holds: dict[str, str] = {}
    for node in nodes.values():
        if node.type == "Suspend" and node.phase == "Running":
            holds["suspended"] = ""
        elif node.phase == "Pending" and QUOTA_MESSAGE in (node.message or ""):
            holds["quota"] = node.message or ""
        elif node.synchronizationStatus and node.synchronizationStatus.waiting:
            holds["step_lock"] = node.synchronizationStatus.waiting
    return holds


class Queued(Protocol):
    """What a queue must know of a live workflow."""

    namespace: str
    queue: str
    reason: str
    reason_since: Instant
    created_at: Instant
    first_seen_at: Instant
    picked_up_at: Instant | None
    attempt: int
    finished: bool


def waited_since(life: Queued) -> Instant:
    """Before work begins it has waited since its creation, or since it was reopened; after, since the reason began."""
    if life.picked_up_at is not None:
        return life.reason_since
    return life.created_at if life.attempt == 1 else life.first_seen_at


def waiting(cluster: str, lives: Iterable[Queued]) -> list[Waiting]:
    """Live workflows counted by namespace, queue and reason, with the instant since which the oldest has waited."""
    groups: dict[tuple[str, str, str, bool], list[int]] = {}
    # Every scrape comes through here with every live workflow: no value is made for each.
    for life in lives:
        if life.finished:
            continue
        since = waited_since(life)
        key = (life.namespace, life.queue, life.reason, life.picked_up_at is not None)
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
