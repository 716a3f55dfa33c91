"""
The live view: what is known at an instant, computed for each request. `/metrics`, `/readyz` and the live page show it alone.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from collector.core.access_health import AccessHealth
from collector.core.cost.budget import BudgetUse
from collector.core.cost.unusual_cost import UnusualCost
from collector.core.delivery_health import DeliveryHealth
from collector.core.facts.watches import WatchGap
from collector.core.messages import ControllerMetrics
from collector.core.model import Instant, WaitReason

FlowState = Literal["empty", "draining", "growing", "not_draining"]
LimitSource = Literal["", "namespace_label", "configmap"]
LockKind = Literal["semaphore", "mutex", "database"]
AloneCause = Literal["", "off", "store", "outside", "refused"]
"""Why a replica uses no Leases: switched off, no common store, outside a cluster, or no right."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Live workflows of one queue that wait for one reason, or run (reason `running`)."""

    cluster: str
    namespace: str
    queue: str
    reason: WaitReason
    count: int
    since: Instant
    """Begin of the longest wait: the creation before work began, the begin of the reason after it."""
    begun: bool
    """Whether work has begun; workflows whose work has not are the queue depth."""


class QueueFlow(msgspec.Struct, frozen=True, gc=False):
    """The flow of one queue over a window that ends now."""

    cluster: str
    namespace: str
    queue: str
    depth: int
    window_s: float
    """The observed part of the window; rates over less than a minute mean little."""
    arrivals: int
    starts: int
    drain_s: float | None
    """Depth / starts per second; None: the queue is empty or not draining, see `state`."""
    state: FlowState
    """`empty`, `draining`, `growing` (drains, but more arrive than start, and still do), `not_draining` (nothing started)."""


class ManagedQueue(msgspec.Struct, frozen=True, gc=False):
    """A queue of a queue manager, and the manager's own number of what waits in it."""

    cluster: str
    manager: str
    """`kueue`, `kube-queue` (ack-kube-queue and koord-queue) or `volcano`."""
    namespace: str
    """Empty: the queue is of the whole cluster."""
    queue: str
    pending: int
    """Workflows of kube-queue, Workloads of Kueue (one a pod, or a group of pods), PodGroups of Volcano."""
    borrowed: str = ""
    """What it uses beyond its own quota, in words."""


class SlotUse(msgspec.Struct, frozen=True, gc=False):
    """A parallelism limit of the controller, and the workflows that fill it."""

    cluster: str
    namespace: str
    """Empty: the limit of the whole installation."""
    limit: int | None
    """0: unlimited. None: not known."""
    source: LimitSource
    """`namespace_label`, `configmap`, or empty."""
    running: int
    """Workflows that began and have not finished, without suspended ones."""
    suspended: int
    """Suspended workflows, which occupy a slot too."""
    lock_waiting: int
    """Workflows that wait for a lock and occupy a slot meanwhile."""
    throttled: int
    """Workflows that wait for a slot."""


class LockUse(msgspec.Struct, frozen=True, gc=False):
    """A semaphore or mutex, as the status of workflows shows it."""

    cluster: str
    name: str
    """`namespace/ConfigMap/name/key`, `namespace/Mutex/name` or `namespace/Database/name`."""
    kind: LockKind
    """`semaphore`, `mutex`, or `database` for a lock in a database that is not held: it may be either."""
    limit: int | None
    held: int
    waiting: int
    oldest_since: Instant | None
    holders: tuple[str, ...] = ()
    """A few holders, `namespace/workflow[/node]`."""
    idle: int = 0
    """Holders whose workflow runs no pod: it is suspended, or waits for a lock."""
    held_since: Instant | None = None
    """When the oldest of the present holds was first seen; None: none is."""


class StuckWorkflow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A workflow that began and does not move, and the likely cause."""

    cluster: str
    namespace: str
    name: str
    uid: str
    reason: str
    cause: str
    """One word, see core/workflow/stuck.py."""
    words: str
    since: Instant


class CronHealth(msgspec.Struct, frozen=True, gc=False):
    """The present state of a cron workflow."""

    cluster: str
    namespace: str
    name: str
    schedule: str
    timezone: str
    suspended: bool
    concurrency_policy: str
    last_at: Instant | None
    """Due time of the last run."""
    next_at: Instant | None
    """None: the cron is suspended or stopped, or its schedule is invalid, see `problem`."""
    missed: int
    skipped: int
    active: int
    problem: str = ""
    succeeded_at: Instant | None = None
    """Due time of the last run that succeeded; None: none was observed."""
    period_ms: int | None = None
    """Longest time between two of the last and the next due times; None: nothing is due."""


class ControllerHealth(msgspec.Struct, frozen=True, gc=False):
    """The present state of one controller pod."""

    cluster: str
    namespace: str
    pod: str
    container: str
    ready: bool
    leader: bool | None
    """None: there is no Lease, and the metrics do not show the leader."""
    restarts: int
    crash_loop: bool
    memory_bytes: int | None
    memory_limit_bytes: int
    """0: no limit."""
    metrics: ControllerMetrics | None
    detail: str
    """Why the pod's own metrics are not read."""
    version: str = ""
    """Release by its own metrics, else by the tag of its image; empty: not known."""
    image: str = ""


class LeaseHealth(msgspec.Struct, frozen=True, gc=False):
    """The Lease of one cluster's controllers at its last reading."""

    cluster: str
    renewed_at: Instant | None
    """By the cluster's clock; None: never."""


WatchState = Literal["starting", "listing", "watching", "retrying", "refused", "absent"]
"""`absent`: an optional kind that the cluster does not serve. `refused`: a right is missing."""


class WatchHealth(msgspec.Struct, frozen=True, gc=False):
    """The present state of one watch of one cluster."""

    cluster: str
    kind: str
    state: WatchState
    detail: str
    """Why the kind is not watched, as a message for an operator; empty if it is."""
    synced: bool
    last_event_at: Instant | None
    objects: int
    needed: bool = True
    """False: the cluster is ready without this watch, and `detail` names what is unknown then."""


class StoreHealth(msgspec.Struct, frozen=True, gc=False):
    """The present state of the way from spool to store."""

    reachable: bool
    detail: str
    spooled_rows: int
    spooled_bytes: int
    last_insert_at: Instant | None
    cause: str = ""
    """Why the store takes no rows, in one word; empty: it takes rows, or was not asked yet."""
    spool_detail: str = ""
    """Why the spool takes no rows; empty: it takes rows."""
    rolled_up_at: dict[str, Instant] = {}
    """Up to when each rollup is complete, by the last answer of the store."""
    spool_limit_bytes: int = 0
    """Size at which the spool takes no more rows; 0: not known."""
    readers: str = ""
    """Why the embedded store does not answer readers: `stuck …` or `busy …`; empty: it does, or the store is a server."""


class Clock(msgspec.Struct, frozen=True, gc=False):
    """Difference between the clock of an API server, or of the store, and the collector's clock."""

    subject: str
    """`cluster` or `store`."""
    cluster: str
    """Name of the cluster; empty: the store."""
    skew_ms: int
    """The other clock minus the collector's."""


class ClusterHealth(msgspec.Struct, frozen=True, gc=False):
    """The present state of one cluster: whether it may be watched at all, and each of its watches."""

    name: str
    ready: bool
    detail: str
    watches: list[WatchHealth]
    gaps: list[WatchGap] = []
    """The last gap of each kind since the start of this collector."""
    refused: bool = False
    """Whether its watches are closed, because its name or its identity belongs to another cluster."""


class ClusterInfo(msgspec.Struct, frozen=True, gc=False):
    """What the settings say of a cluster."""

    name: str
    argo_ui: str
    """Address of Argo's UI, without a slash at its end; empty: the settings name none."""
    region: str
    product: str


class HourlyCost(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The hourly cost of the pods of one cluster and product that are billed now."""

    cluster: str
    product: str
    currency: str
    per_hour: Decimal | None
    """None: no pod has a price."""
    pods: int
    unpriced_pods: int
    """Pods without a price, which the amount does not include."""


class PriceBook(msgspec.Struct, frozen=True, gc=False):
    """How old a loaded file of prices is."""

    name: str
    """As charges cite it: `id@version`."""
    read_at: Instant | None
    """When the source of its oldest row in use was read; None: the file does not say."""
    valid_until: Instant | None
    """When its last row ends; None: no end is foreseen."""


class Disk(msgspec.Struct, frozen=True, gc=False):
    """The space of a disk that the collector needs."""

    name: str
    """`data`: it holds the spool. `store`: it holds the tables."""
    free_bytes: int
    """What the process may still write."""
    size_bytes: int


class BackupState(msgspec.Struct, frozen=True, gc=False):
    """The scheduled backups of the store."""

    every_s: int
    """Time from one backup to the next."""
    last_at: Instant | None
    """When the newest complete backup began; None: there is none."""


class DepartmentCost(msgspec.Struct, frozen=True, gc=False):
    """What a department has cost this month until now, in one currency."""

    department: str
    currency: str
    cost: Decimal


class SourceProblem(msgspec.Struct, frozen=True, gc=False):
    """A place that should name clusters to watch and does not: a file, a key of the settings, or two that contradict."""

    places: tuple[str, ...]
    """`settings`, `clusters[2]`, or the path of a file."""
    reason: str
    remedy: str
    cluster: str = ""
    """The cluster that the places name; empty: that is not known."""
    blocking: bool = True
    """False: all clusters that were watched before still are."""


class SettingsRead(msgspec.Struct, frozen=True, gc=False):
    """The last reading of the settings file."""

    valid: bool
    at: Instant
    """When it was last valid and read because it had changed."""


class RemovedCluster(msgspec.Struct, frozen=True, gc=False):
    """A cluster that was watched and that no place names any more."""

    name: str
    at: Instant
    """When its watches ended."""


class ShardHolder(msgspec.Struct, frozen=True, gc=False):
    """A shard, as this replica sees it."""

    shard: int
    held: bool
    """Whether this replica watches the shard's clusters."""
    holder: str
    """Which replica's Lease it is, as far as is known; empty: it is free, or not known yet."""


class ReplicaHealth(msgspec.Struct, frozen=True, gc=False):
    """This replica among those of one collector."""

    identity: str
    alone: AloneCause
    """Why it uses no Leases and watches every cluster; empty: it uses them."""
    detail: str
    """The same in words; with Leases why the last request for one failed."""
    shards: list[ShardHolder]


class LiveView(msgspec.Struct, frozen=True, gc=False):
    """What the collector knows at an instant."""

    at: Instant
    clusters: list[ClusterHealth]
    queues: list[Waiting]
    store: StoreHealth
    flows: list[QueueFlow] = []
    slots: list[SlotUse] = []
    locks: list[LockUse] = []
    stuck: list[StuckWorkflow] = []
    """The workflows that are stuck for longest."""
    stuck_counts: dict[tuple[str, str, str], int] = {}
    """Numbers of all stuck workflows, by cluster, namespace and cause."""
    pods: dict[tuple[str, str, str], int] = {}
    """Numbers of the pods that exist, by cluster, namespace and phase, at the last tick."""
    crons: list[CronHealth] = []
    controllers: list[ControllerHealth] = []
    leases: list[LeaseHealth] = []
    """Of the clusters whose Lease was read a short time ago."""
    burning: list[HourlyCost] = []
    clocks: list[Clock] = []
    books: list[PriceBook] = []
    disks: list[Disk] = []
    budgets: list[BudgetUse] = []
    """Empty: none is set, or the store has not answered for some time."""
    departments: list[DepartmentCost] = []
    """Empty: the store has not answered for some time."""
    unusual: list[UnusualCost] = []
    credentials: dict[str, Instant] = {}
    """When the credentials of each cluster expire, where they do and nothing renews them in time."""
    infos: list[ClusterInfo] = []
    managed: list[ManagedQueue] = []
    not_ready: dict[tuple[str, str, str], int] = {}
    """What blocks readiness, by subject, cluster and cause; web/readiness.py fills it in."""
    removed: list[RemovedCluster] = []
    """Of the last day."""
    source_problems: list[SourceProblem] = []
    backup: BackupState | None = None
    """None: the settings ask for no backups."""
    replica: ReplicaHealth | None = None
    settings_read: SettingsRead | None = None
    """None: the collector was started without a settings file."""
    audit_dropped: int = 0
    """Entries of the audit log that are lost, since this process began."""
    access: AccessHealth = AccessHealth()
    deliveries: list[DeliveryHealth] = []
