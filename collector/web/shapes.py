"""
What /api/v1/live answers, type by type; the OpenAPI document is made from these.

Ages instead of instants, since a browser can tick on from an age without trusting its own clock. Money is text.
"""

from collector.web.ready import Problem, Shape


class Place(Shape):
    """Where a workflow is."""

    cluster: str
    namespace: str
    queue: str


class ReasonCount(Shape):
    """Live workflows that wait for one reason."""

    reason: str
    workflows: int
    oldest_age_ms: int


class Begun(ReasonCount):
    """Workflows that began and run no main container, of the whole fleet, for one reason."""

    oldest_in: Place


class Queue(Place):
    """One queue that is not empty."""

    depth: int
    """Workflows whose work has not begun."""
    oldest_age_ms: int
    reasons: list[ReasonCount]


class CurrencyTotal(Shape):
    """All departments' money of one currency; text, since a float loses cents."""

    currency: str
    cost: str | None
    """Null when not one pod could be priced."""
    accruing: bool
    """Pods behind it still run."""
    unpriced_pods: int


class DepartmentMoney(Shape):
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


class MoneyNow(Shape):
    """Today's money by department."""

    known: bool
    detail: str
    """Why it is not known, or what it lacks."""
    day: str | None = None
    age_ms: int | None = None
    totals: tuple[CurrencyTotal, ...] = ()
    departments: tuple[DepartmentMoney, ...] = ()


class Totals(Shape):
    """The fleet in five figures; spent is in `money`."""

    waiting: int
    running: int
    begun: int
    """Begun, and no main container runs."""
    queues: int
    oldest_age_ms: int | None
    oldest_in: Place | None
    reasons: list[ReasonCount]


class Watch(Shape):
    """One watch as it is now."""

    kind: str
    state: str
    detail: str
    synced: bool
    last_event_age_ms: int | None
    objects: int


class Cluster(Shape):
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
    watches: list[Watch]


class Store(Shape):
    """The way to the store as it is now."""

    reachable: bool
    detail: str
    spooled_rows: int
    spooled_bytes: int
    last_insert_age_ms: int | None


class Live(Shape):
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
    money: MoneyNow | None
    """Null where this server shows no money."""
    store: Store
