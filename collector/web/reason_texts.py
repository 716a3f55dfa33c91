"""
The waiting reasons explained to people, a clause each.

The reasons' own names stay as core has them, so that what is read on a page can be typed into a query.
"""

from dataclasses import dataclass

from collector.core.model import AFTER_WORK, BEFORE_WORK


@dataclass(frozen=True, slots=True)
class Words:
    """A reason and what it means."""

    reason: str
    meaning: str


MEANINGS = {
    "unseen": "the controller has not looked at it yet",
    "throttled": "too many workflows run already: a global or namespace parallelism limit",
    "lock": "another workflow holds the mutex or semaphore it needs",
    "volume": "a volume claim is being made",
    "suspended": "a suspend step waits for someone to resume it",
    "quota": "a resource quota, or the cloud's stock, leaves no room for its pods",
    "unschedulable": "no node fits its pods",
    "image": "an image is being pulled, or cannot be",
    "step_lock": "one of its steps waits for a mutex or semaphore",
    "starting": "its pods exist and no main container runs yet",
    "advancing": "between steps: no pod of it exists",
}

WAITING_WORDS = tuple(Words(reason, MEANINGS[reason]) for reason in BEFORE_WORK)
BEGUN_WORDS = tuple(Words(reason, MEANINGS[reason]) for reason in AFTER_WORK)
