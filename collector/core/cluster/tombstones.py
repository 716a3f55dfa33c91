"""
Tombstones: deleted objects that are kept until the watch of the other kind has caught up, which may be minutes behind.
"""

from collections.abc import Iterator

AT_MOST = 100_000
"""Tombstones of one kind; beyond that the oldest are released early, and later observations do without them."""


class Tombstones:
    """Uids and the version that each waits for, the longest waiting first."""

    def __init__(self, at_most: int = AT_MOST) -> None:
        self.at_most = at_most
        self._until: dict[str, int] = {}

    def __contains__(self, uid: str) -> bool:
        return uid in self._until

    def add(self, uid: str, version: int) -> Iterator[str]:
        """Keeps an object until a version; yields the oldest one, released, if there are too many."""
        self._until.pop(uid, None)  # an object that is added again waits at the end, since versions only rise
        self._until[uid] = version
        if len(self._until) > self.at_most:
            yield self._release_oldest()

    def release_until(self, version: int) -> Iterator[str]:
        """Releases and yields all objects that waited for this version or an earlier one."""
        while self._until and next(iter(self._until.values())) <= version:
            yield self._release_oldest()

    def _release_oldest(self) -> str:
        uid = next(iter(self._until))
        del self._until[uid]
        return uid
