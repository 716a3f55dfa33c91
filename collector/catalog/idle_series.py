"""
Series that have not changed for some minutes: a full family forgets the one that has been idle for longest.

Namespaces are made and deleted, and a series of each would fill the family for good. Nothing is noted when a counter moves:
a look every 15 seconds compares the values of large families with those of the look before.
"""

from collections.abc import Mapping

LOOKS = 20
"""Looks in which a series has not changed before it may be forgotten: five minutes, so every scraper has its last value."""

Labels = tuple[str, ...]


class IdleSeries:
    """The unchanged series of large families."""

    def __init__(self) -> None:
        self._look = 0
        self._unchanged: dict[str, dict[Labels, tuple[object, int]]] = {}
        """By family and series the last value, and the first look that found it."""
        self._idle: dict[str, list[Labels]] = {}
        """By family the series that may be forgotten, the one that has been idle for longest at the end."""

    def begin_look(self) -> None:
        """Begins a look at all families."""
        self._look += 1

    def look(self, family: str, values: Mapping[Labels, object]) -> None:
        """Compares a large family with the look before."""
        before = self._unchanged.get(family, {})
        now = {key: (value, self._look) for key, value in values.items()}
        now |= {key: found for key, found in before.items() if key in now and now[key][0] == found[0]}
        self._unchanged[family] = now
        idle = [key for key, (_, since) in now.items() if self._look - since >= LOOKS]
        self._idle[family] = sorted(idle, key=lambda key: -now[key][1])

    def skip(self, family: str) -> None:
        """A small family needs no look."""
        self._unchanged.pop(family, None)
        self._idle.pop(family, None)

    def take(self, family: str) -> tuple[Labels, object] | None:
        """Takes the series that has been idle for longest, and its value at the last look; None: there is none."""
        idle = self._idle.get(family)
        if not idle:
            return None
        key = idle.pop()
        return key, self._unchanged[family].pop(key)[0]
