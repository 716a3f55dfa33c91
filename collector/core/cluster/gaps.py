"""
Watch gaps that a list is about to close: how long an object that vanished in one was known to exist, and what is news.

A list at the first start shows a past that counters leave alone. Any other list closes a gap, in which what it shows for
the first time has happened: counters take it as news, or they would disagree with one another and with the rows for ever.
"""

from collections.abc import Iterable

from collector.core.messages import Observation
from collector.core.model import Instant

NEVER = 1 << 62
"""An instant that no object reaches."""


class Gaps:
    """Since when each kind was not observed, while its gap is open, and from when on its lists show news."""

    def __init__(self) -> None:
        self._since: dict[str, Instant] = {}
        self._news_from: dict[str, Instant] = {}

    def resume(self, kind: str) -> None:
        """An earlier process watched this kind, and its state is known: what is not in it is news."""
        self._news_from[kind] = 0

    def drop_state(self, kinds: Iterable[str], since: Instant) -> None:
        """An earlier process watched these kinds and counted what happened until `since`, but its state is lost."""
        self._news_from.update(dict.fromkeys(kinds, since))

    def news_from(self, kind: str) -> Instant:
        """What a list of this kind shows for the first time is news if it happened at this instant or later."""
        return self._news_from.get(kind, NEVER)

    def start(self, kind: str, since: Instant) -> None:
        """A gap that could not be replayed began."""
        self._since[kind] = since

    def end(self, kind: str) -> None:
        """The list that closes the gap is complete."""
        self._since.pop(kind, None)
        self._news_from[kind] = 0

    def last_alive(self, seen: Observation, *signs: Instant | None) -> Instant:
        """When a vanished object was last known to exist: at the beginning of the gap, or at a later sign of its own."""
        since = self._since.get(seen.kind, seen.at)
        return min(seen.at, max(since, *(sign or 0 for sign in signs)))
