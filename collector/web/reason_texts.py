"""
The meaning of each waiting reason, as a clause in the catalogues.

The names of the reasons are those of core, so that a name on a page can be used in a query.
"""

from dataclasses import dataclass

from collector.core.model import AFTER_WORK, BEFORE_WORK
from collector.language.language import in_catalog


@dataclass(frozen=True, slots=True)
class ReasonText:
    """A reason and its meaning."""

    reason: str
    meaning: str


MEANINGS = {
    "unseen": in_catalog("the controller has not looked at it yet"),
    "queued": in_catalog("a queue manager (Kueue, ack-kube-queue, Volcano) has not let it in"),
    "throttled": in_catalog("a parallelism limit of controller or namespace is reached"),
    "lock": in_catalog("another workflow holds the mutex or semaphore it needs"),
    "volume": in_catalog("a volume claim is being created"),
    "suspended": in_catalog("a suspend step waits until a person resumes it"),
    "quota": in_catalog("a resource quota or an elastic quota is used up"),
    "stock": in_catalog("the cloud has no machine of this size left"),
    "unschedulable": in_catalog("no node fits its pods"),
    "image": in_catalog("an image is being pulled, or the pull fails"),
    "step_lock": in_catalog("one of its steps waits for a mutex or semaphore"),
    "starting": in_catalog("its pods exist, but no main container runs yet"),
    "advancing": in_catalog("between steps: no pod of it exists"),
}

WAITING_TEXTS = tuple(ReasonText(reason, MEANINGS[reason]) for reason in BEFORE_WORK)
BEGUN_TEXTS = tuple(ReasonText(reason, MEANINGS[reason]) for reason in AFTER_WORK)
