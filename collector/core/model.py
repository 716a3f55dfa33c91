"""
The values that flow through the collector; every other module speaks in these.

An instant is an int: Unix milliseconds, UTC. It cannot be naive, it costs nothing to compare, and it is what ClickHouse's
DateTime64(3) stores; zones matter in billing only, which names its own. Money and quantities are Decimal, floats lose cents.
A fact is a frozen struct whose fields are, in this order, the columns of its table (catalog/tables.py binds the two).
No I/O happens here, and nothing here imports another module of this project.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

Instant = int
"""Unix milliseconds, UTC."""

BEFORE_WORK = ("unseen", "throttled", "lock", "volume")
"""Waiting reasons of a workflow whose work has not begun; only these count as queue depth."""

AFTER_WORK = ("suspended", "quota", "unschedulable", "image", "volume", "step_lock", "starting", "advancing")
"""Waiting reasons of a workflow that began but runs no main container, the first that holds wins."""

WAITING_REASONS = (*BEFORE_WORK, *(r for r in AFTER_WORK if r not in BEFORE_WORK))
REASONS = (*WAITING_REASONS, "running")
"""One millisecond column each; they sum to finished - created within the clock's resolution."""

OUTCOMES = ("succeeded", "failed", "platform", "cancelled", "invalid", "unknown")
"""How an attempt ended. `unknown`: the object vanished while nobody watched."""

TERMINAL_PHASES = frozenset({"Succeeded", "Failed", "Error"})

Kind = Literal["workflows", "pods", "nodes", "namespaces"]
Change = Literal["listed", "added", "modified", "deleted", "vanished"]
"""`listed`: seen by a LIST. `vanished`: known before a relist and absent from it; the object is its last known one or None."""


def version_of(epoch: int, resource_version: int, revision: int = 0) -> int:
    """The version column of a fact; grows with the object, with a restored cluster, and with our own re-derivation."""
    return epoch << 56 | resource_version << 8 | revision


class Fact(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """A row to be: packs as an array in column order, so that the spool and the insert need no code of their own a table."""


class WorkflowRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A finished attempt of a workflow."""

    cluster: str
    namespace: str
    created_at: Instant
    uid: str
    attempt: int
    version: int
    name: str
    template: str
    queue: str
    priority: int
    labels: dict[str, str]
    department: str
    project: str
    creator: str
    first_seen_at: Instant
    picked_up_at: Instant | None
    """First evidence that work began, on the arrival clock when live, else the object's own."""
    first_pod_at: Instant | None
    started_at: Instant | None
    finished_at: Instant | None
    phase: str
    outcome: str
    reason: str
    message: str
    queue_latency_ms: int | None
    latency_source: str
    """`watch`: both ends live on our clock. `object`: startedAt - creationTimestamp, whole seconds. Empty: none."""
    unseen_ms: int
    throttled_ms: int
    lock_ms: int
    volume_ms: int
    suspended_ms: int
    quota_ms: int
    unschedulable_ms: int
    image_ms: int
    step_lock_ms: int
    starting_ms: int
    advancing_ms: int
    running_ms: int
    pods: int
    failed_pods: int
    retries: int
    complete: bool
    """False when a gap, a restart without state or a vanished object left something unseen."""


class WorkflowLive(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """The newest state of a workflow that has not finished; `is_deleted` takes the row away."""

    cluster: str
    uid: str
    version: int
    is_deleted: int
    namespace: str
    name: str
    created_at: Instant
    attempt: int
    template: str
    queue: str
    department: str
    phase: str
    waiting_reason: str
    waiting_since: Instant
    waiting_on: str
    first_seen_at: Instant
    unseen_ms: int
    throttled_ms: int
    lock_ms: int
    volume_ms: int
    suspended_ms: int
    quota_ms: int
    unschedulable_ms: int
    image_ms: int
    step_lock_ms: int
    starting_ms: int
    advancing_ms: int
    running_ms: int


class PodRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A finished pod, as evidence: what was seen, nothing concluded."""

    cluster: str
    namespace: str
    created_at: Instant
    uid: str
    version: int
    name: str
    workflow_uid: str
    workflow_name: str
    attempt: int
    step: str
    node_id: str
    template: str
    owner_kind: str
    service_account: str
    node_name: str
    region: str
    zone: str
    cpu: Decimal
    """Cores requested by the long-running containers together, or by the largest init container if that is more."""
    memory_bytes: int
    gpu: Decimal
    ephemeral_bytes: int
    pricing: dict[str, str]
    """Allow-listed labels and annotations that decide the price, and the node's, prefixed `node:`."""
    scheduled_at: Instant | None
    instance_created_at: Instant | None
    main_started_at: Instant | None
    finished_at: Instant | None
    phase: str
    reason: str
    exit_code: int | None


class Meter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of a charge: quantity x unit price, quantised once."""

    meter: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    cost: Decimal


class PodCost(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A charge: one pod, pricing run, billing day and entry. Amounts are None when no price is known, never 0."""

    cluster: str
    namespace: str
    created_at: Instant
    pod_uid: str
    run: int
    day: int
    """Days since 1970-01-01 of the billing day, in the billing time zone."""
    entry: int
    version: int
    workflow_uid: str
    workflow_name: str
    attempt: int
    step: str
    template: str
    department: str
    project: str
    creator: str
    product: str
    region: str
    purchase: str
    class_: str
    currency: str
    cost: Decimal | None
    cost_pending: Decimal | None
    list_cost: Decimal | None
    rounded_cost: Decimal | None
    billed_from: Instant
    billed_to: Instant
    billed_seconds: int
    billed_vcpu: Decimal
    billed_memory_gib: Decimal
    instance_type: str
    gpu: Decimal
    meters: tuple[Meter, ...]
    price_book: str
    rule: str
    spec_source: str
    confidence: str
    """`high`: the provider's own spec. `low`: a fallback. `unpriced`: no price, see `rule` for why."""
    status: str
    """`accruing` while the pod runs, then `final`."""


class PricingRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A set of price books and rules under which charges were computed."""

    run: int
    version: int
    created_at: Instant
    books: list[str]
    rules: str


class Period(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A month's active pricing run and its state: open, reconciled, locked."""

    month: int
    """Days since 1970-01-01 of the month's first day."""
    version: int
    active_run: int
    state: str
    total: Decimal | None
    hash: str


class QueueSample(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """The depth of one queue for one reason at an instant of the 15 s grid."""

    cluster: str
    namespace: str
    queue: str
    reason: str
    at: Instant
    version: int
    depth: int
    oldest_age_ms: int


class ControllerIncident(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """An OOM kill or restart of an Argo controller, once each."""

    cluster: str
    pod_uid: str
    container: str
    at: Instant
    version: int
    namespace: str
    pod: str
    kind: str
    reason: str
    exit_code: int | None
    memory_limit_bytes: int


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


class Observation(msgspec.Struct, frozen=True, gc=False):
    """One object as the API server showed it, after the version guard."""

    kind: Kind
    change: Change
    uid: str
    object: object
    """The typed object of core/decode.py; None for `vanished`."""
    version: int
    at: Instant
    live: bool
    """True when the change happened after this watch opened, so that its arrival instant means something."""


class Synced(msgspec.Struct, frozen=True):
    """A LIST is complete: everything that existed at this position has been observed."""

    kind: Kind
    resource_version: str


class Position(msgspec.Struct, frozen=True):
    """Everything up to this resource version has been observed; the next watch may resume from here."""

    kind: Kind
    resource_version: str
    epoch: int


Outcome = Observation | Synced | Position | WatchGap | Quarantine
"""What a watch tells the pipeline, in order."""


class Cursor(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """How far one watch has come, durable together with the facts that led there."""

    cluster: str
    kind: str
    resource_version: str
    epoch: int
    cluster_uid: str
    at: Instant
    totals: dict[str, str]
    """The cluster's counters, on the workflows' cursor only."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one live object, as its owner packed it, and its row in workflow_live if it has one."""

    cluster: str
    kind: str
    uid: str
    state: bytes
    live: WorkflowLive | None = None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """An object that needs no state any more; `live` is its last row, with is_deleted = 1."""

    cluster: str
    kind: str
    uid: str
    live: WorkflowLive | None = None


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What one spool transaction makes durable, all or nothing."""

    at: Instant
    facts: Sequence[Fact] = ()
    cursors: Sequence[Cursor] = ()
    upserts: Sequence[Checkpoint] = ()
    deletes: Sequence[Gone] = ()


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Live workflows of one queue that wait for one reason (or run: reason `running`)."""

    cluster: str
    namespace: str
    queue: str
    reason: str
    count: int
    since: Instant
    """Since when the oldest of them has waited: creation before work began, the start of the reason after."""
    begun: bool
    """False: these count as queue depth."""


class WatchHealth(msgspec.Struct, frozen=True, gc=False):
    """One watch of one cluster as it is now."""

    cluster: str
    kind: str
    state: str
    """`starting`, `listing`, `watching`, `retrying`, `refused`."""
    detail: str
    """Why it is not watching, in words for an operator; empty when it is."""
    synced: bool
    last_event_at: Instant | None
    objects: int


class StoreHealth(msgspec.Struct, frozen=True, gc=False):
    """The way from spool to store as it is now."""

    reachable: bool
    detail: str
    spooled_rows: int
    spooled_bytes: int
    last_insert_at: Instant | None


class ClusterHealth(msgspec.Struct, frozen=True, gc=False):
    """One cluster as it is now: whether it may be watched at all, and how each watch of it does."""

    name: str
    ready: bool
    detail: str
    watches: list[WatchHealth]


class LiveView(msgspec.Struct, frozen=True, gc=False):
    """What the collector knows at an instant; `/metrics`, `/readyz` and the live page are drawn from it."""

    at: Instant
    clusters: list[ClusterHealth]
    queues: list[Waiting]
    store: StoreHealth
