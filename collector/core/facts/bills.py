"""Facts of money: the evidence of pods and nodes, charges, and the months and runs they are told in."""

from decimal import Decimal

import msgspec

from collector.core.model import Fact, Instant, LatencySource


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
    start_latency_source: LatencySource = ""
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
    totals: dict[str, str] = msgspec.field(default_factory=dict)
    """The sums at the time of locking by currency, exact, as text; `total` is the only one where there is but one."""
    late_run: int = 0
    """The pricing run under which charges are kept that arrive after the month was locked."""
    billed: dict[str, str] = msgspec.field(default_factory=dict)
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
