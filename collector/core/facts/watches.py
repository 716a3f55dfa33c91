"""Facts of watching itself: positions and states, gaps, comparisons, and what was set aside."""

from collector.core.model import Fact, Instant


class WatchCursor(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """The watch position whose facts the store has acknowledged."""

    cluster: str
    kind: str
    version: int
    resource_version: str
    cluster_uid: str
    at: Instant
    totals: dict[str, str]


class WatchGap(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A break in a watch that could not be replayed."""

    cluster: str
    kind: str
    from_at: Instant
    version: int
    to_at: Instant
    cause: str
    objects_unknown: int


class LiveState(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A copy of what the spool keeps of one object, or of one position (kind `cursor`); `is_deleted` takes it away."""

    cluster: str
    snapshot: str
    """Whose copy: one spool's, for about a day. Copies never mix, so two collectors on one store cannot spoil each other's."""
    kind: str
    uid: str
    version: int
    """The round that wrote it; a position is only as good as the states of its round and of those before."""
    is_deleted: int
    state: bytes


class Reconciled(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A list that was compared with what the watch had told."""

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
    """A period for which Argo's archive was asked what nobody had watched."""

    cluster: str
    from_at: Instant
    to_at: Instant
    """Exclusive."""
    version: int
    at: Instant
    """When it was asked."""
    found: int
    """Workflows in the archive that finished in the period."""
    taken: int
    """Those that became rows, for there were none."""
    absent: int
    """Workflows that ended unseen in the period and are not in the archive."""
    failed: int
    """Those that the archive did not give, or that could not be read."""


class Quarantine(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """An object or a row that could not be taken, and why."""

    cluster: str
    kind: str
    uid: str
    at: Instant
    version: int
    reason: str
    sample: str
    """Redacted and capped."""
