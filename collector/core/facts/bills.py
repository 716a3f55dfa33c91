"""Facts of money: evidence of pods and nodes, charges, and the months and pricing runs that charges belong to."""

from decimal import Decimal

import msgspec

from collector.core.model import Fact, Instant, LatencySource


class PodRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A finished pod as evidence: what was observed, without any conclusion."""

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
    """Cores that the long-running containers request together, or the largest init container if that is more."""
    memory_bytes: int
    gpu: Decimal
    ephemeral_bytes: int
    pricing: dict[str, str]
    """Allow-listed labels and annotations that decide the price; those of the node have the prefix `node:`."""
    scheduled_at: Instant | None
    instance_created_at: Instant | None
    main_started_at: Instant | None
    finished_at: Instant | None
    phase: str
    reason: str
    exit_code: int | None
    start_latency_ms: int | None = None
    """Creation to main running: by the arrival clock if both were live, otherwise in the object's whole seconds."""
    start_latency_source: LatencySource = ""
    hint: str = ""
    """The message of the last Kubernetes event about the pod: never evidence by itself."""
    disruption: str = ""
    """Who took the pod away, by the condition DisruptionTarget: a key of objects/pod_ends.py; empty: it ended by itself."""


class NodeRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A plain node's stay in a cluster as evidence; virtual nodes have none, since they cost nothing."""

    cluster: str
    name: str
    created_at: Instant
    uid: str
    version: int
    first_seen_at: Instant
    last_seen_at: Instant
    """When the node was last known to exist; updated hourly while it exists."""
    gone_at: Instant | None
    """None: as far as known the node still exists."""
    instance_type: str
    region: str
    zone: str
    cpu: Decimal
    """Capacity in cores, not what pods may request."""
    memory_bytes: int
    gpu: Decimal
    pricing: dict[str, str]
    """Allow-listed labels that decide the price, with the prefix `node:` as in the rows of pods."""


class Meter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of a charge: quantity x unit price, rounded once."""

    meter: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    cost: Decimal


class PodCost(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A charge of one pod, pricing run, billing day and entry. An amount is None if no price is known, never 0."""

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
    """The day of a locked month that an entry above 0 corrects; 0 if the row corrects nothing."""
    price_class: str = ""
    """The product's own class, by which price books and commitments select."""
    covered_cost: Decimal | None = None
    """The part of `list_cost` that commitments cover; None: none, or not computed yet."""
    committed_cost: Decimal | None = None
    """The part of `cost` that the hourly amounts of commitments pay."""
    template_version: str = ""
    node_name: str = ""
    """The plain node whose price the charge is a share of; empty: it is not a share of one."""


class PricingRun(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A set of price books and rules under which charges were computed."""

    run: int
    version: int
    created_at: Instant
    books: list[str]
    rules: str
    state: str = ""
    """`preparing`: being written, not active yet. `late`: takes charges that arrive for a locked month. Empty: complete."""
    from_day: int = 0
    """The first day of the run; collectors write charges of the run too while it is prepared."""
    to_day: int = 0
    """Exclusive."""


class Period(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A month: its active pricing run and its state, one of open, reconciled and locked."""

    month: int
    """Days since 1970-01-01 of the month's first day."""
    version: int
    active_run: int
    state: str
    total: Decimal | None
    hash: str
    totals: dict[str, str] = msgspec.field(default_factory=dict)
    """Sums by currency when the month was locked, exact, as text; `total` is set if there is only one currency."""
    late_run: int = 0
    """The pricing run that takes charges which arrive after the month was locked."""
    billed: dict[str, str] = msgspec.field(default_factory=dict)
    """What the provider billed by product, exact, as text; the empty name has the total."""
    statement_hash: str = ""
    """Of the statement's lines when the month was locked; empty: locked by a release without statements, or not locked."""
    accepted: dict[str, str] = msgspec.field(default_factory=dict)
    """What would have refused the lock and was accepted, each with the reason given."""


class CommitmentHour(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """An hour of a commitment under a pricing run: the amount paid, and how much of it was used."""

    run: int
    at: Instant
    """Begin of the hour."""
    book: str
    commitment: str
    version: int
    day: int
    """The billing day of the hour."""
    currency: str
    committed: Decimal
    listed: Decimal
    """Eligible usage at list price that earlier commitments did not cover."""
    covered: Decimal
    used: Decimal
    unused: Decimal


class MonthStatement(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """A month's statement under a pricing run: what its lines were computed from, and what they lack."""

    month: int
    """Days since 1970-01-01 of the month's first day."""
    run: int
    version: int
    """Time of the computation, Unix milliseconds."""
    complete_until: Instant
    """Rows that the store had received by then are counted."""
    books: list[str]
    """Price books with their hashes, from which fees and idle capacity were computed."""
    rules: str
    unpriced: int
    """Charges without a price; they are in no line."""
    accruing: int
    """Charges of pods that still run."""
    notes: list[str]
    """What is in no line, and why: one sentence each."""


class StatementLine(Fact, frozen=True, array_like=True, kw_only=True, gc=False):
    """
    One line of what a department pays for a month.

    All lines sum to what is to pay; those of other kinds than `rounding` sum to the exact cost.
    """

    month: int
    run: int
    currency: str
    department: str
    kind: str
    """usage, correction, rounding, fee, idle, commitment, bill."""
    what: str
    """The product, the fee, the commitment, or the item of the provider's bill."""
    book: str
    """The price book, or the imported bill, that states the price."""
    cluster: str
    """Of the usage that bears the line; empty: the department used nothing that the line is shared by."""
    product: str
    version: int
    basis: str
    """How the whole was shared; empty: it is the department's own."""
    weight: Decimal
    """The department's part of the weights by which the whole was shared: a cost, pods or seconds; of usage: its seconds."""
    whole: Decimal
    """The amount that was shared among departments; of usage: the line's own amount."""
    amount: Decimal
    """0: a former version of the statement had the line."""
    rule: str
    """The rule of the book or of the bill that made the line."""
