"""Facts of watching itself: positions and states, gaps, comparisons, and objects that were set aside."""

from typing import Literal

from collector.core.model import Fact, Instant

SetAside = Literal["not_json", "not_an_object", "oversized", "event_type", "no_version", "no_uid", "unforeseen"]
"""Why an object was set aside; a row that the store refuses has the store's own words."""


class WatchCursor(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A watch position; the store has acknowledged all facts up to it."""

    cluster: str
    kind: str
    version: int
    resource_version: str
    cluster_uid: str
    at: Instant
    totals: dict[str, str]


class WatchGap(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A period in which a watch missed changes that could not be replayed."""

    cluster: str
    kind: str
    from_at: Instant
    version: int
    to_at: Instant
    cause: str
    objects_unknown: int


class LiveState(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A copy of one saved state in the spool, or of one position (kind `cursor`); `is_deleted` removes it."""

    cluster: str
    snapshot: str
    """Name of the copy: one spool's, for about a day. Copies never mix: two collectors on one store do not harm each other."""
    kind: str
    uid: str
    version: int
    """The round that wrote the row; a position holds for the states of its round and of earlier rounds."""
    is_deleted: int
    state: bytes


class Reconciled(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A comparison of a list with what the watch had observed."""

    cluster: str
    kind: str
    at: Instant
    version: int
    objects: int
    missing: int
    stale: int
    phantom: int
    repaired: int
    duration_ms: int


class Backfill(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A period whose missed workflows were read from Argo's archive."""

    cluster: str
    from_at: Instant
    to_at: Instant
    """Exclusive."""
    version: int
    at: Instant
    """When the archive was read."""
    found: int
    """Workflows in the archive that finished in the period."""
    taken: int
    """Workflows that became rows, since there were none."""
    absent: int
    """Workflows that ended unobserved in the period and are not in the archive."""
    failed: int
    """Workflows that the archive did not return, or that could not be read."""


class Quarantine(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """An object or a row that could not be processed, and why."""

    cluster: str
    kind: str
    uid: str
    at: Instant
    version: int
    reason: str
    sample: str
    """An excerpt, redacted and shortened."""
