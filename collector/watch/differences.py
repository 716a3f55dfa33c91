"""
The differences between a list and the watch of the same collection. None is expected.

Both change while they are compared. The watch must have observed everything up to the list's version; a later version in
the watch is not a difference.
"""

from collections.abc import Container, Mapping

import msgspec


class Differences(msgspec.Struct, frozen=True):
    """Uids by kind of difference."""

    missing: frozenset[str] = frozenset()
    """In the list, and not observed."""
    stale: frozenset[str] = frozenset()
    """Known in an older version than in the list."""
    phantom: frozenset[str] = frozenset()
    """Known, and missing from the list."""


def differences(
    listed: Mapping[str, int], listed_at: int, known: Mapping[str, int], departed: Container[str]
) -> Differences:
    """
    Compares a list with the watch, which has been observed at least up to the list's version.

    `listed` and `known` are versions by uid, `listed_at` is the collection's version. `departed` holds the uids whose deletion
    was observed since before the list was requested.
    """
    missing = {uid for uid in listed if uid not in known and uid not in departed}
    stale = {uid for uid, version in listed.items() if known.get(uid, version) < version}
    # An object with a version above the list's was created after the list; otherwise the list would show it.
    phantom = {uid for uid, version in known.items() if uid not in listed and version <= listed_at}
    return Differences(frozenset(missing), frozenset(stale), frozenset(phantom))
