"""
The facts, one for each table of the store, and the words they are told in; what carries them is in stream.py.

An instant is an int: Unix milliseconds, UTC. It cannot be naive, it costs nothing to compare, and it is what ClickHouse's
DateTime64(3) stores; zones matter in billing only, which names its own. Money and quantities are Decimal, floats lose cents.
A fact is a frozen struct whose fields are, in this order, the columns of its table (catalog/ binds the two).
A field that a later release adds stands at the end and has a default, so that what an older one spooled is still read.
No I/O happens here, and nothing here imports another module of this project.
"""

from decimal import Decimal

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
    start_latency_ms: int | None = None
    """First seen to the first main container running, by the rule of `queue_latency_ms`."""
    start_latency_source: str = ""
    completion_delay_ms: int | None = None
    """Last container finished to workflow finished, both in the cluster's whole seconds."""
    deciding_node: str = ""
    """Node id of the step that decided the outcome; empty: it succeeded, or no step decided it."""
    deciding_step: str = ""
    node_status: str = ""
    """How its steps were told: `plain`, `packed`, `offloaded` (in Argo's database only), `unreadable`, or none at all."""
    waited_on: dict[str, str] = {}
    """By waiting reason what it waited for last: which lock, quota, image or claim."""
    service_account: str = ""
    """What its pods run as unless a template says otherwise."""
    template_version: str = ""
    """As a label says, or a hash of the templates that Argo stored; empty: it was made from no template."""


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
    waiting_words: str = ""
    """The reason in the words of who said it: scheduler, kubelet, cloud or controller; for a lock its limit and holders."""
    progress: str = ""
    """Steps done of steps known, as Argo counts them."""
    moved_at: Instant | None = None
    """When its progress, phase or pods last changed."""


class StepRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A finished step attempt of a finished workflow attempt: one entry of status.nodes."""

    cluster: str
    namespace: str
    workflow_created_at: Instant
    workflow_uid: str
    attempt: int
    node_id: str
    version: int
    workflow_name: str
    step: str
    """Its display name."""
    template: str
    type: str
    """Argo's word: Pod, Container, Steps, StepGroup, DAG, TaskGroup, Retry, Skipped, Suspend, HTTP, Plugin."""
    phase: str
    started_at: Instant | None
    """When the controller made the node's record, which is before its pod and its container."""
    finished_at: Instant | None
    pod_uid: str
    """Empty: it never had a pod, or the pod was never seen."""
    message: str
    boundary_id: str
    """The DAG or Steps node it runs in."""
    try_number: int
    """1 for the first try of a step, 2 for its first retry."""
    retried: bool
    """A later try took its place."""
    hook: bool
    """An exit handler's or a lifecycle hook's."""
    memoized: bool
    """Its result came from a cache: no pod."""
    exit_code: int | None
    critical: bool
    """On the path that made the workflow as long as it was."""
    critical_ms: int
    """How much of the workflow's length this step alone accounts for; the path's parts sum to its length at most."""
    waiting_reason: str
    """What a step without a pod waited for longest: step_lock, quota, suspended."""
    waiting_on: str
    waiting_ms: int


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
    start_latency_ms: int | None = None
    """Created to main running: our clock where both were live, else the object's whole seconds."""
    start_latency_source: str = ""
    hint: str = ""
    """What a Kubernetes event said of it last: never evidence by itself."""


class NodeRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A plain node's stay in a cluster, as evidence; virtual nodes, which nobody pays for, have none."""

    cluster: str
    name: str
    created_at: Instant
    uid: str
    version: int
    first_seen_at: Instant
    last_seen_at: Instant
    """Until when it is known to have been there: hourly, while it is."""
    gone_at: Instant | None
    """None: it is still there, as far as anybody knows."""
    instance_type: str
    region: str
    zone: str
    cpu: Decimal
    """Its capacity in cores, not what pods may ask of it."""
    memory_bytes: int
    gpu: Decimal
    pricing: dict[str, str]
    """Allow-listed labels that decide its price, as its pods keep them: prefixed `node:`."""


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
    corrects: int = 0
    """Of an entry above 0 the day of the locked month that it corrects; 0: it is no correction."""
    price_class: str = ""
    """The product's own class, as books and commitments choose by it."""
    covered_cost: Decimal | None = None
    """Of `list_cost`, what commitments cover; None: nothing, or it was not asked yet."""
    committed_cost: Decimal | None = None
    """Of `cost`, what the commitments' hourly amounts pay."""
    template_version: str = ""
    node_name: str = ""
    """The plain node that it is a share of; empty: it is a share of none."""


class PricingRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A set of price books and rules under which charges were computed."""

    run: int
    version: int
    created_at: Instant
    books: list[str]
    rules: str
    state: str = ""
    """`preparing`: being written, active nowhere yet. `late`: what arrives for a locked month. Empty: complete."""
    from_day: int = 0
    """The first day it was made for; a collector writes it as well while it is prepared."""
    to_day: int = 0
    """Exclusive."""


class Period(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A month's active pricing run and its state: open, reconciled, locked."""

    month: int
    """Days since 1970-01-01 of the month's first day."""
    version: int
    active_run: int
    state: str
    total: Decimal | None
    hash: str
    totals: dict[str, str] = {}
    """The sums at the time of locking by currency, exact, as text; `total` is the only one where there is but one."""
    late_run: int = 0
    """The pricing run under which charges are kept that arrive after the month was locked."""
    billed: dict[str, str] = {}
    """What the provider billed, by product, exact, as text; under an empty name the whole."""


class CommitmentHour(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """An hour of a commitment under a pricing run: what was paid for it, and what of that was used."""

    run: int
    at: Instant
    """When the hour begins."""
    book: str
    commitment: str
    version: int
    day: int
    """The billing day of the hour."""
    currency: str
    committed: Decimal
    listed: Decimal
    """Eligible usage at list price that commitments before it left."""
    covered: Decimal
    used: Decimal
    unused: Decimal


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
    """Something that happened to an Argo controller, once each: oom_kill, restart, crash_loop, leader_change."""

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


class CronRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A due time of a cron workflow, and what became of it."""

    cluster: str
    namespace: str
    cron: str
    due_at: Instant
    version: int
    outcome: str
    """`started`, `missed` (nothing ran and nothing forbade it), `skipped` (its own policy forbade it)."""
    reason: str
    """Why it was skipped: forbid, suspended, stopped, when; or missed: submission_error."""
    workflow_name: str
    started_at: Instant | None
    """When the run it led to was created."""
    schedule: str
    concurrency_policy: str
    message: str = ""
    """What Argo said when it could not submit the run."""


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
