"""
Watch gaps that a list is about to close, and how long an object that vanished in one was known to exist.
"""

from collector.core.messages import Observation
from collector.core.model import Instant


class Gaps:
    """Since when each kind was not observed, while its gap is open."""

    def __init__(self) -> None:
        self._since: dict[str, Instant] = {}

    def start(self, kind: str, since: Instant) -> None:
        """A gap that could not be replayed began."""
        self._since[kind] = since

    def end(self, kind: str) -> None:
        """The list that closes the gap is complete."""
        self._since.pop(kind, None)

    def last_alive(self, seen: Observation, *signs: Instant | None) -> Instant:
        """When a vanished object was last known to exist: at the beginning of the gap, or at a later sign of its own."""
        since = self._since.get(seen.kind, seen.at)
        return min(seen.at, max(since, *(sign or 0 for sign in signs)))
