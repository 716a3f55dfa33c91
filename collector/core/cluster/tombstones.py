"""
Objects that are gone and still needed: each kind is watched on a connection of its own, and one may be minutes behind another.

What is gone is kept until the other kind has been observed as far as the version at which it went.
"""

from collections.abc import Iterator

AT_MOST = 100_000
"""Kept for one kind; beyond it the oldest are let go early, and what they would have added to is told without them."""


class Tombstones:
    """Uids that wait for one kind to come as far, the longest waiting first."""

    def __init__(self, at_most: int = AT_MOST) -> None:
        self.at_most = at_most
        self._until: dict[str, int] = {}

    def __contains__(self, uid: str) -> bool:
        return uid in self._until

    def keep(self, uid: str, version: int) -> Iterator[str]:
        """Keep an object; yields the one that must go for it, if there are too many."""
        self._until.pop(uid, None)  # what is kept anew waits at the end, for versions only rise
        self._until[uid] = version
        if len(self._until) > self.at_most:
            yield self._oldest()

    def reached(self, version: int) -> Iterator[str]:
        """Yields those that have waited long enough, and lets them go."""
        while self._until and next(iter(self._until.values())) <= version:
            yield self._oldest()

    def _oldest(self) -> str:
        uid = next(iter(self._until))
        del self._until[uid]
        return uid
