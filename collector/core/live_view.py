"""
What is known at an instant, as values: `/metrics`, `/readyz` and the live page are drawn from these and from nothing else.

Made anew each time it is asked for; nothing here is stored.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.facts.watches import WatchGap
from collector.core.messages import ControllerMetrics
from collector.core.model import Instant, WaitReason

FlowState = Literal["empty", "draining", "growing", "not_draining"]
LimitSource = Literal["", "namespace_label", "configmap"]
LockKind = Literal["semaphore", "mutex", "database"]


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Live workflows of one queue that wait for one reason (or run: reason `running`)."""

    cluster: str
    namespace: str
    queue: str
    reason: WaitReason
    count: int
    since: Instant
    """Since when the oldest of them has waited: creation before work began, the start of the reason after."""
    begun: bool
    """False: these count as queue depth."""


class Flow(msgspec.Struct, frozen=True, gc=False):
    """How one queue moves, over a window that ends now."""

    cluster: str
    namespace: str
    queue: str
    depth: int
    window_s: float
    """How much of the window has been seen; rates over less than a minute mean little."""
    arrivals: int
    starts: int
    drain_s: float | None
    """Depth / starts per second; None: it is empty or does not drain, see `state`."""
    state: FlowState
    """`empty`, `draining`, `growing` (drains, but more arrive than start, and still do), `not_draining` (nothing started)."""


class Slots(msgspec.Struct, frozen=True, gc=False):
    """A parallelism limit of the controller and what fills it."""

    cluster: str
    namespace: str
    """Empty: the limit of the whole installation."""
    limit: int | None
    """0: unlimited. None: not known."""
    source: LimitSource
    """`namespace_label`, `configmap`, or empty."""
    running: int
    """Began and not finished, suspended ones left out."""
    suspended: int
    """Suspended ones: they occupy a slot too."""
    lock_waiting: int
    """Wait for a lock, and occupy a slot meanwhile."""
    throttled: int
    """Wait for a slot."""


class Lock(msgspec.Struct, frozen=True, gc=False):
    """A semaphore or mutex as the workflows' own status tells it."""

    cluster: str
    name: str
    """`namespace/ConfigMap/name/key`, `namespace/Mutex/name` or `namespace/Database/name`."""
    kind: LockKind
    """`semaphore`, `mutex`, or `database` while nobody holds one that may be either."""
    limit: int | None
    held: int
    waiting: int
    oldest_since: Instant | None
    holders: tuple[str, ...] = ()
    """A few of them, `namespace/workflow[/node]`."""


class Stuck(msgspec.Struct, frozen=True, gc=False):
    """A workflow that began and does not move, and the likely cause."""

    cluster: str
    namespace: str
    name: str
    uid: str
    reason: str
    cause: str
    """One word, see core/stuck.py."""
    words: str
    since: Instant


class Cron(msgspec.Struct, frozen=True, gc=False):
    """A cron workflow as it is now."""

    cluster: str
    namespace: str
    name: str
    schedule: str
    timezone: str
    suspended: bool
    concurrency_policy: str
    last_at: Instant | None
    """The due time of its last run."""
    next_at: Instant | None
    """None: it is suspended or stopped, or its schedule cannot be read: see `problem`."""
    missed: int
    skipped: int
    active: int
    problem: str = ""


class ControllerHealth(msgspec.Struct, frozen=True, gc=False):
    """One controller pod as it is now."""

    cluster: str
    namespace: str
    pod: str
    container: str
    ready: bool
    leader: bool | None
    """None: there is no Lease and its metrics do not say."""
    restarts: int
    crash_loop: bool
    memory_bytes: int | None
    memory_limit_bytes: int
    """0: none."""
    metrics: ControllerMetrics | None
    detail: str
    """Why its own metrics are not read."""


WatchState = Literal["starting", "listing", "watching", "retrying", "refused", "absent"]
"""`absent`: an optional kind that the cluster does not serve. `refused`: a right is missing."""


class WatchHealth(msgspec.Struct, frozen=True, gc=False):
    """One watch of one cluster as it is now."""

    cluster: str
    kind: str
    state: WatchState
    detail: str
    """Why it is not watching, in words for an operator; empty when it is."""
    synced: bool
    last_event_at: Instant | None
    objects: int
    needed: bool = True
    """False: the cluster is ready without it, and `detail` says what is then not known."""


class StoreHealth(msgspec.Struct, frozen=True, gc=False):
    """The way from spool to store as it is now."""

    reachable: bool
    detail: str
    spooled_rows: int
    spooled_bytes: int
    last_insert_at: Instant | None
    cause: str = ""
    """Why it takes no rows, in one word; empty: it does, or was not asked yet."""
    spool_detail: str = ""
    """Why the spool takes none; empty: it does."""
    rolled_up_at: dict[str, Instant] = {}
    """Until when each rollup holds everything, as the store said last."""
    spool_limit_bytes: int = 0
    """Size at which the spool takes no more; 0: not known."""


class Clock(msgspec.Struct, frozen=True, gc=False):
    """How far the clock of an API server, or of the store, is from ours."""

    subject: str
    """`cluster` or `store`."""
    cluster: str
    """Its name; empty: the store."""
    skew_ms: int
    """Theirs minus ours."""


class ClusterHealth(msgspec.Struct, frozen=True, gc=False):
    """One cluster as it is now: whether it may be watched at all, and how each watch of it does."""

    name: str
    ready: bool
    detail: str
    watches: list[WatchHealth]
    gaps: list[WatchGap] = []
    """The last break of each kind that was not replayed, since this collector started."""


class HourlyCost(msgspec.Struct, frozen=True, gc=False):
    """What the pods of one cluster and product that are billed now cost an hour."""

    cluster: str
    product: str
    currency: str
    per_hour: Decimal | None
    """None: not one of them has a price."""
    pods: int
    unpriced_pods: int
    """Of these, those that the amount lacks."""


class LiveView(msgspec.Struct, frozen=True, gc=False):
    """What the collector knows at an instant; `/metrics`, `/readyz` and the live page are drawn from it."""

    at: Instant
    clusters: list[ClusterHealth]
    queues: list[Waiting]
    store: StoreHealth
    flows: list[Flow] = []
    slots: list[Slots] = []
    locks: list[Lock] = []
    stuck: list[Stuck] = []
    """The oldest of them."""
    stuck_counts: dict[tuple[str, str, str], int] = {}
    """All of them, by cluster, namespace and cause."""
    crons: list[Cron] = []
    controllers: list[ControllerHealth] = []
    burning: list[HourlyCost] = []
    clocks: list[Clock] = []
    not_ready: dict[tuple[str, str, str], int] = {}
    """What blocks readiness, by subject, cluster and cause; filled in by whoever judges it."""
