"""
The answers of the API, type by type; the OpenAPI document is made from these models.
"""

from typing import Literal

from collector.web.api_model import ApiModel
from collector.web.api_money import MoneyNow


class Problem(ApiModel):
    """One thing that is wrong or missing."""

    subject: Literal["cluster", "watch", "store", "collector"]
    """What the problem is about."""
    cluster: str | None = None
    """Name of the cluster; null if the problem is not about one."""
    kind: str | None = None
    """Kind of the watch; null if the problem is not about one."""
    cause: str
    """The cause in one word, as in the metric `lynceus_not_ready`."""
    reason: str
    """What is wrong."""
    remedy: str
    """What to do about it."""
    blocking: bool = True
    """False: the collector is ready although something optional is missing."""
    optional: bool = False
    """True: no action is needed; an optional right is missing, and the reason says what is then unknown."""


class Ready(ApiModel):
    """The answer of /readyz."""

    ready: bool
    """True when no problem is blocking."""
    problems: list[Problem]
    """Problems, blocking or not."""
    replica: str = ""
    """Which shards this replica watches, and which replicas watch the others."""


class Place(ApiModel):
    """The cluster, namespace and queue of a workflow."""

    cluster: str
    """Name of the cluster."""
    namespace: str
    """Namespace of the workflow."""
    queue: str
    """Queue of the workflow."""


class ReasonCount(ApiModel):
    """Live workflows that wait for the same reason."""

    reason: str
    """The waiting reason."""
    workflows: int
    """Workflows with this reason."""
    oldest_age_ms: int
    """Longest wait among them."""


class Begun(ReasonCount):
    """Workflows of the fleet that began and run no main container, by reason."""

    oldest_in: Place
    """Queue of the workflow that has waited longest."""


class Flow(ApiModel):
    """Arrivals and starts of a queue in the last minutes, and when the waiting workflows will have started."""

    state: str
    """draining; growing: it drains, but more arrive than start; not_draining; unsettled: not watched for long enough."""
    arrivals: int
    """Workflows that arrived in the window."""
    starts: int
    """Workflows that started in the window."""
    window_ms: int
    """Watched part of the last 5 minutes."""
    drain_ms: int | None
    """Time until the waiting workflows have started; null: no workflow started."""


class Queue(Place):
    """One queue that is not empty."""

    depth: int
    """Workflows whose work has not begun."""
    oldest_age_ms: int
    """Longest wait in the queue."""
    reasons: list[ReasonCount]
    """Its workflows by waiting reason."""
    flow: Flow | None
    """Null: no arrival or start has been counted yet."""


class Slots(ApiModel):
    """A parallelism limit and what fills it."""

    cluster: str
    """Name of the cluster."""
    namespace: str
    """Empty: the limit of the whole installation."""
    limit: int | None
    """Null: workflows are throttled by a limit that could not be read."""
    source: str
    """Where the limit was read."""
    running: int
    """Workflows that run and occupy a slot."""
    suspended: int
    """Suspended workflows, which occupy a slot too."""
    lock_waiting: int
    """Workflows that wait for a lock and occupy a slot."""
    throttled: int
    """Workflows that wait for a slot."""
    used: int
    """Slots in use: the three together."""
    share: float | None
    """Used slots divided by the limit; above 1 after the limit was lowered."""


class Lock(ApiModel):
    """A semaphore or mutex that workflows wait for."""

    cluster: str
    """Name of the cluster."""
    name: str
    """Name of the lock."""
    kind: str
    """Type of the lock."""
    limit: int | None
    """Holders that it admits at once; null: not known."""
    held: int
    """Holders of the lock."""
    waiting: int
    """Workflows and steps."""
    oldest_age_ms: int | None
    """Longest wait for the lock."""
    holders: list[str]
    """Some of the holders."""
    idle: int
    """Holders whose workflow runs no pod: it is suspended, or waits for a lock itself."""
    held_age_ms: int | None
    """Oldest of the present holds, since it was first seen; null: none is known."""


class Stuck(ApiModel):
    """A workflow that began and makes no progress."""

    cluster: str
    """Name of the cluster."""
    namespace: str
    """Namespace of the workflow."""
    name: str
    """Name of the workflow."""
    uid: str
    """Uid of the workflow."""
    cause: str
    """Likely cause, as in the metric `lynceus_workflows_stuck`."""
    words: str
    """Message of the scheduler, kubelet, cloud or controller."""
    advice: str
    """What to check."""
    age_ms: int
    """Time without progress."""


class Cron(ApiModel):
    """A cron workflow."""

    cluster: str
    """Name of the cluster."""
    namespace: str
    """Namespace of the cron workflow."""
    name: str
    """Name of the cron workflow."""
    schedule: str
    """Its schedules."""
    timezone: str
    """Its time zone."""
    suspended: bool
    """True while it is suspended."""
    problem: str
    """What is wrong with it; empty: nothing."""
    missed: int
    """Due runs that did not start although no policy forbade them."""
    skipped: int
    """Due runs that its concurrency policy forbade."""
    active: int
    """Runs that are active."""
    last_age_ms: int | None
    """Time since its last run was due."""
    due_in_ms: int | None
    """Time until its next run; negative if the run is overdue, null if there is none."""


class Controller(ApiModel):
    """One controller pod."""

    namespace: str
    """Namespace of the pod."""
    pod: str
    """Name of the pod."""
    ready: bool
    """True when its container is ready."""
    leader: bool | None
    """Null: neither a Lease nor its own metrics show the leader."""
    restarts: int
    """Terminations of its container, OOM kills included."""
    crash_loop: bool
    """True while the kubelet delays its restart."""
    memory_bytes: int | None
    """Memory in use; null: not known."""
    memory_limit_bytes: int | None
    """Null: no limit."""
    memory_share: float | None
    """Memory in use of its limit; null: one of them is not known."""
    detail: str
    """Why its metrics are not read."""


class Totals(ApiModel):
    """The fleet in a few figures; the cost is in `money`."""

    waiting: int
    """Workflows whose work has not begun."""
    running: int
    """Workflows with a running main container."""
    begun: int
    """Workflows whose work began, without a running main container."""
    queues: int
    """Queues with waiting workflows."""
    stuck: int
    """Workflows that are stuck."""
    locks: int
    """Locks that are held or have waiters."""
    crons: int
    """Cron workflows."""
    oldest_age_ms: int | None
    """Longest wait of the fleet; null: no workflow waits."""
    oldest_in: Place | None
    """Queue of that workflow."""
    reasons: list[ReasonCount]
    """Waiting workflows by reason."""


class WatchStatus(ApiModel):
    """The state of a watch."""

    kind: str
    """Kind of the objects."""
    state: str
    """State of the watch."""
    detail: str
    """Why it is in this state, or what is missing without it."""
    synced: bool
    """True after the first complete list."""
    needed: bool
    """False: the cluster is ready without this watch, and `detail` says what is then unknown."""
    last_event_age_ms: int | None
    """Time since the last message, bookmarks included."""
    objects: int
    """Objects that are known."""


class ClusterStatus(ApiModel):
    """The state of a cluster."""

    name: str
    """Name of the cluster."""
    ready: bool
    """True when every needed watch has synced."""
    detail: str
    """Why the cluster is refused; empty: it is not."""
    waiting: int
    """Workflows whose work has not begun."""
    running: int
    """Workflows with a running main container."""
    begun: int
    """Workflows whose work began, without a running main container."""
    oldest_age_ms: int | None
    """Longest wait; null: no workflow waits."""
    reasons: list[ReasonCount]
    """Waiting workflows by reason."""
    controller_oom_kills: int | None
    """OOM kills of the controller. Null while no controller was seen."""
    controller_restarts: int | None
    """Terminations of the controller, OOM kills included. Null while no controller was seen."""
    controllers: list[Controller]
    """The leader first."""
    watches: list[WatchStatus]
    """Its watches."""


class StoreStatus(ApiModel):
    """The state of the spool and the store."""

    reachable: bool
    """True when the store answered the last request."""
    detail: str
    """Why the store does not answer."""
    spooled_rows: int
    """Rows that wait in the spool."""
    spooled_bytes: int
    """Size of the spool file."""
    last_insert_age_ms: int | None
    """Time since the last acknowledged insert; null: there was none."""


class Live(ApiModel):
    """Everything the live page shows."""

    at_ms: int
    """Time of the view, Unix milliseconds."""
    ready: bool
    """As in `/readyz`."""
    problems: list[Problem]
    """As in `/readyz`."""
    totals: Totals
    """The fleet in a few figures."""
    clusters: list[ClusterStatus]
    """Every cluster."""
    queues: list[Queue]
    """The longest wait first."""
    begun: list[Begun]
    """Workflows that began and run no main container, by reason."""
    slots: list[Slots]
    """The fullest first; only clusters and namespaces with a limit."""
    locks: list[Lock]
    """Locks that workflows wait for, the longest queue first; at most 100."""
    stuck: list[Stuck]
    """The longest first; at most 100, `totals.stuck` counts all."""
    crons: list[Cron]
    """Cron workflows with missed runs first, then those with a problem; at most 100, `totals.crons` counts all."""
    money: MoneyNow | None
    """Null: this server shows no money."""
    store: StoreStatus
    """The way to the store."""
    replica: str = ""
    """Which replicas watch what this one does not; empty: this one watches every cluster."""
