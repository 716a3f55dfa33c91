"""
The meaning of each waiting reason, as a clause.

The names of the reasons are those of core, so that a name on a page can be used in a query.
"""

from dataclasses import dataclass

from collector.core.model import AFTER_WORK, BEFORE_WORK


@dataclass(frozen=True, slots=True)
class ReasonText:
    """A reason and its meaning."""

    reason: str
    meaning: str


MEANINGS = {
    "unseen": "the controller has not looked at it yet",
    "queued": "a queue manager (Kueue, ack-kube-queue, Volcano) has not let it in",
    "throttled": "a parallelism limit of controller or namespace is reached",
    "lock": "another workflow holds the mutex or semaphore it needs",
    "volume": "a volume claim is being created",
    "suspended": "a suspend step waits until a person resumes it",
    "quota": "a resource quota or an elastic quota is used up",
    "stock": "the cloud has no machine of this size left",
    "unschedulable": "no node fits its pods",
    "image": "an image is being pulled, or the pull fails",
    "step_lock": "one of its steps waits for a mutex or semaphore",
    "starting": "its pods exist, but no main container runs yet",
    "advancing": "between steps: no pod of it exists",
}

WAITING_TEXTS = tuple(ReasonText(reason, MEANINGS[reason]) for reason in BEFORE_WORK)
BEGUN_TEXTS = tuple(ReasonText(reason, MEANINGS[reason]) for reason in AFTER_WORK)
