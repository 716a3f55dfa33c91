"""
A list against what the watch told of the same collection: what differs although nothing should.

Both move while they are compared. Everything up to the list's version must have been observed by then; what the watch tells
beyond that version is no difference but news.
"""

from collections.abc import Container, Mapping

import msgspec


class Differences(msgspec.Struct, frozen=True):
    """Uids by what is wrong with them; none of any is expected."""

    missing: frozenset[str] = frozenset()
    """In the list, and never told."""
    stale: frozenset[str] = frozenset()
    """Known in an older version than the list's."""
    phantom: frozenset[str] = frozenset()
    """Known, and not in the list that should show it."""


def differences(
    listed: Mapping[str, int], listed_at: int, known: Mapping[str, int], departed: Container[str]
) -> Differences:
    """
    What a list shows otherwise than the watch, which has been observed up to the list's version, or further.

    `listed` and `known` are versions by uid, `listed_at` the collection's; `departed` holds the uids whose deletion the watch
    told since before the list was asked for.
    """
    missing = {uid for uid in listed if uid not in known and uid not in departed}
    stale = {uid for uid, version in listed.items() if known.get(uid, version) < version}
    # A version above the list's was made after it: so was the object, or the list would show it.
    phantom = {uid for uid, version in known.items() if uid not in listed and version <= listed_at}
    return Differences(frozenset(missing), frozenset(stale), frozenset(phantom))
