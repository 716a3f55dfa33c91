"""
The answers of the API, type by type; the OpenAPI document is made from these models.

Ages instead of instants: a browser counts on from an age without trusting its own clock. Money is text.
"""

from typing import Any, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict

from collector.core.model import Instant


def age(at: Instant, since: Instant) -> int:
    """Milliseconds between the two, at least 0: an object may be stamped by a clock ahead of ours."""
    return max(0, at - since)


def age_or_none(at: Instant, since: Instant | None) -> int | None:
    """The same for an instant that may be unknown."""
    return None if since is None else age(at, since)


class ApiModel(BaseModel):
    """A type of the API; the text under a field is its description in the OpenAPI document."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    @classmethod
    def of(cls, row: msgspec.Struct, **computed: Any) -> Self:
        """Converts a row of the live view: its fields by name, and those that it does not have."""
        return cls.model_validate(msgspec.structs.asdict(row) | computed)


class Problem(ApiModel):
    """One thing that is not as it should be."""

    subject: Literal["cluster", "watch", "store", "collector"]
    cluster: str | None = None
    kind: str | None = None
    cause: str
    """The same in one word, the label of the metric `lynceus_not_ready`."""
    reason: str
    """What is wrong, in words."""
    remedy: str
    """What to do about it."""
    blocking: bool = True
    """False: the collector is ready nonetheless, something optional is missing."""
    optional: bool = False
    """True: nobody need act; a right that was left out, and what is not known without it."""


class Ready(ApiModel):
    """The answer of /readyz."""

    ready: bool
    problems: list[Problem]


class Place(ApiModel):
    """Where a workflow is."""

    cluster: str
    namespace: str
    queue: str


class ReasonCount(ApiModel):
    """Live workflows that wait for one reason."""

    reason: str
    workflows: int
    oldest_age_ms: int


class Begun(ReasonCount):
    """Workflows that began and run no main container, of the whole fleet, for one reason."""

    oldest_in: Place


class Flow(ApiModel):
    """How a queue moved in the last minutes, and when it will be empty if it goes on so."""

    state: str
    """draining; growing: it drains, but more arrive than start; not_draining; unsettled: not watched for long enough."""
    arrivals: int
    starts: int
    window_ms: int
    """How much of the last 5 minutes has been watched."""
    drain_ms: int | None
    """Until what waits now has started; null where nothing started."""


class Queue(Place):
    """One queue that is not empty."""

    depth: int
    """Workflows whose work has not begun."""
    oldest_age_ms: int
    reasons: list[ReasonCount]
    flow: Flow | None
    """Null where nothing has been counted yet."""


class Slots(ApiModel):
    """A parallelism limit and what fills it."""

    cluster: str
    namespace: str
    """Empty: the limit of the whole installation."""
    limit: int | None
    """Null: workflows are throttled here by a limit that could not be read."""
    source: str
    running: int
    suspended: int
    """Suspended workflows; they occupy a slot too."""
    lock_waiting: int
    """Workflows that wait for a lock, and occupy a slot meanwhile."""
    throttled: int
    """Workflows that wait for a slot."""
    used: int
    """Slots in use, by whatever of the three."""
    share: float | None
    """Slots in use of the limit; above 1 when the limit was lowered."""


class Lock(ApiModel):
    """A semaphore or mutex that somebody waits for."""

    cluster: str
    name: str
    kind: str
    limit: int | None
    held: int
    waiting: int
    """Workflows and steps."""
    oldest_age_ms: int | None
    holders: list[str]
    """A few of them."""


class Stuck(ApiModel):
    """A workflow that began and does not move."""

    cluster: str
    namespace: str
    name: str
    uid: str
    cause: str
    words: str
    """What the scheduler, kubelet, cloud or controller says of it."""
    advice: str
    """What to look at."""
    age_ms: int


class Cron(ApiModel):
    """A cron workflow."""

    cluster: str
    namespace: str
    name: str
    schedule: str
    timezone: str
    suspended: bool
    problem: str
    missed: int
    """Due runs that did not start and that nothing forbade."""
    skipped: int
    """Due runs that its own policy forbade."""
    active: int
    last_age_ms: int | None
    """Since its last run was due."""
    due_in_ms: int | None
    """Until its next run; below 0 when that is overdue, null when there is none."""


class Controller(ApiModel):
    """One controller pod."""

    namespace: str
    pod: str
    ready: bool
    leader: bool | None
    """Null: neither a Lease nor its metrics say."""
    restarts: int
    crash_loop: bool
    memory_bytes: int | None
    memory_limit_bytes: int | None
    """Null: it has none."""
    memory_share: float | None
    detail: str
    """Why its own metrics are not read."""


class CurrencyTotal(ApiModel):
    """All departments' money of one currency; text, since a float loses cents."""

    currency: str
    cost: str | None
    """Null when not one pod could be priced."""
    accruing: bool
    """Pods behind it still run."""
    unpriced_pods: int


class DepartmentMoney(ApiModel):
    """What one department has spent today in one currency."""

    department: str
    currency: str
    cost: str | None
    """Null when none of its pods could be priced."""
    share: float | None
    """Of the currency's total; null where either is unknown or the total is 0."""
    accruing: bool
    """Pods behind it still run."""
    unpriced_pods: int


class MoneyPerHour(ApiModel):
    """What the pods that are billed now cost an hour, in one currency."""

    currency: str
    per_hour: str | None
    """Null when none of them has a price."""
    pods: int
    unpriced_pods: int


class MoneyNow(ApiModel):
    """Today's money by department."""

    known: bool
    detail: str
    """Why it is not known, or what it lacks."""
    day: str | None = None
    age_ms: int | None = None
    totals: tuple[CurrencyTotal, ...] = ()
    departments: tuple[DepartmentMoney, ...] = ()
    running: tuple[MoneyPerHour, ...] = ()
    """Known whether or not the store answers."""


class Totals(ApiModel):
    """The fleet in a few figures; spent is in `money`."""

    waiting: int
    running: int
    begun: int
    """Begun, and no main container runs."""
    queues: int
    stuck: int
    locks: int
    """Locks that are held or waited for."""
    crons: int
    oldest_age_ms: int | None
    oldest_in: Place | None
    reasons: list[ReasonCount]


class Watch(ApiModel):
    """One watch as it is now."""

    kind: str
    state: str
    detail: str
    synced: bool
    needed: bool
    """False: its cluster is ready without it, and `detail` says what is then not known."""
    last_event_age_ms: int | None
    objects: int


class Cluster(ApiModel):
    """One cluster as it is now."""

    name: str
    ready: bool
    detail: str
    waiting: int
    running: int
    begun: int
    oldest_age_ms: int | None
    reasons: list[ReasonCount]
    controller_oom_kills: int | None
    """Null while no controller was seen."""
    controller_restarts: int | None
    controllers: list[Controller]
    """The leader first."""
    watches: list[Watch]


class Store(ApiModel):
    """The way to the store as it is now."""

    reachable: bool
    detail: str
    spooled_rows: int
    spooled_bytes: int
    last_insert_age_ms: int | None


class Live(ApiModel):
    """Everything the live page shows."""

    at_ms: int
    """When the view was drawn, Unix milliseconds."""
    ready: bool
    problems: list[Problem]
    totals: Totals
    clusters: list[Cluster]
    queues: list[Queue]
    """The one that has waited longest first."""
    begun: list[Begun]
    slots: list[Slots]
    """The fullest first; only where there is a limit."""
    locks: list[Lock]
    """Those that are waited for, the longest queue first; at most 100."""
    stuck: list[Stuck]
    """The longest first; at most 100, `totals.stuck` counts all."""
    crons: list[Cron]
    """Those that missed runs first, then those with a problem; at most 100, `totals.crons` counts all."""
    money: MoneyNow | None
    """Null where this server shows no money."""
    store: Store
