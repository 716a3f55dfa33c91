"""
Where a held workflow stands in the queue of its manager.
"""

import msgspec


class QueuePosition(msgspec.Struct, frozen=True, gc=False):
    """Where a held workflow stands in its manager's queue."""

    manager: str
    queue: str
    position: int
    """From 1. kube-queue writes its own every 15 s, and it may be out of date."""
    waiting: int
    """All that wait in the queue."""
    borrowed: str = ""
