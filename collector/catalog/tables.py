"""
Every table as data: the one place where a table's columns, key and meaning are declared.

The migrations are checked against this list, the inserter, the reports and the documentation are driven by it.
A table's columns are its fact's fields in order, then `inserted_at`. No SQL statement is composed here.

*Observed* columns depend on when and where somebody looked: replaying the same objects may change them and no others.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from collector.core import model
from collector.core.model import Fact

DATABASE = "lynceus"

_LOW = "LowCardinality(String)"
_AT = "DateTime64(3, 'UTC')"
_MONEY = "Decimal(38, 18)"
_QUANTITY = "Decimal(18, 9)"
_LABELS = "Map(LowCardinality(String), String)"
_METERS = f"Array(Tuple(meter String, quantity {_MONEY}, unit String, unit_price {_MONEY}, cost {_MONEY}))"


@dataclass(frozen=True, slots=True)
class Column:
    """One column as it stands in the store."""

    name: str
    type: str
    meaning: str
    observed: bool = False
    codec: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: whose facts it keeps, and under which key they replace one another."""

    name: str
    fact: type[Fact]
    meaning: str
    order_by: tuple[str, ...]
    columns: tuple[Column, ...]
    engine: str = "ReplacingMergeTree"
    engine_args: tuple[str, ...] = ("version",)
    partition: str = ""
    ttl: str = ""
    bloom: tuple[str, ...] = ()
    """Columns with a bloom-filter skip index: uids somebody asks for without knowing the rest of the key."""

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns an insert names; the store fills the others."""
        return tuple(column for column in self.columns if column is not INSERTED_AT)


@dataclass(frozen=True, slots=True)
class View:
    """A named query with the columns of a table."""

    name: str
    of: Table
    meaning: str


def _low(name: str, meaning: str, observed: bool = False) -> Column:
    return Column(name, _LOW, meaning, observed)


def _text(name: str, meaning: str) -> Column:
    return Column(name, "String", meaning, codec="ZSTD(1)")


def _at(name: str, meaning: str, observed: bool = False, optional: bool = False) -> Column:
    return Column(name, f"Nullable({_AT})" if optional else _AT, meaning, observed, "Delta(8), ZSTD(1)")


def _count(name: str, meaning: str, observed: bool = False) -> Column:
    return Column(name, "UInt32", meaning, observed, "T64, ZSTD(1)")


def _big(name: str, meaning: str, observed: bool = False) -> Column:
    return Column(name, "UInt64", meaning, observed, "T64, ZSTD(1)")


def _quantity(name: str, meaning: str) -> Column:
    return Column(name, _QUANTITY, meaning, codec="ZSTD(1)")


def _money(name: str, meaning: str) -> Column:
    return Column(name, f"Nullable({_MONEY})", meaning, codec="ZSTD(1)")


def _reason_times() -> Iterable[Column]:
    """One column for each reason to wait, and for running; their names are the model's."""
    for reason in model.REASONS:
        what = "Time with a main container running" if reason == "running" else f"Time waited for reason `{reason}`"
        yield _big(f"{reason}_ms", f"{what}, milliseconds", observed=True)


CLUSTER = _low("cluster", "The cluster's name in the settings")
NAMESPACE = _low("namespace", "Kubernetes namespace")
VERSION = Column("version", "UInt64", "Epoch x 2^56 + resourceVersion x 2^8 + revision; the higher one stays")
INSERTED_AT = Column("inserted_at", _AT, "When the store took the row", observed=True, codec="Delta(8), ZSTD(1)")
TEMPLATE = _low("template", "Workflow template, or the pod's template inside it")
QUEUE = _low("queue", "Where a workflow waits: the label named in the settings, else the namespace")
PRIORITY = Column("priority", "Int32", "The workflow's priority", codec="ZSTD(1)")
DEPARTMENT = _low("department", "Who pays, by the first attribution rule that matched, else `unallocated`")
PROJECT = _low("project", "Project, by the same rules")
CREATOR = _low("creator", "Who submitted it, by the same rules")
WORKFLOW_UID = _text("workflow_uid", "The workflow's uid; empty: the pod belongs to none that is known")
WORKFLOW_NAME = _text("workflow_name", "The workflow's name")
STEP = _text("step", "The step's display name")
FIRST_SEEN_AT = _at("first_seen_at", "When this collector or one before it first saw the workflow", observed=True)
PHASE = _low("phase", "Phase as Kubernetes or Argo says it")
REASON = _low("reason", "Why it ended so, in one word; empty: it succeeded")
REGION = _low("region", "Cloud region")
EXIT_CODE = Column("exit_code", "Nullable(Int32)", "Of the main container; NULL: not known", codec="ZSTD(1)")

WORKFLOW_RUN = Table(
    "workflow_run", model.WorkflowRun, "A finished attempt of a workflow",
    order_by=("cluster", "namespace", "created_at", "uid", "attempt"), partition="toYYYYMM(created_at)", bloom=("uid",),
    columns=(
        CLUSTER, NAMESPACE,
        _at("created_at", "The workflow's creationTimestamp"),
        _text("uid", "The workflow's uid"),
        _count("attempt", "1, and one more for each `argo retry`"),
        VERSION,
        _text("name", "The workflow's name"),
        TEMPLATE, QUEUE, PRIORITY,
        Column("labels", _LABELS, "Allow-listed labels; `annotation:` and the `namespace:`'s that rules read", codec="ZSTD(1)"),
        DEPARTMENT, PROJECT, CREATOR, FIRST_SEEN_AT,
        _at("picked_up_at", "First evidence that work began; NULL: it never did", observed=True, optional=True),
        _at("first_pod_at", "When its first pod was seen or created; NULL: it had none", observed=True, optional=True),
        _at("started_at", "status.startedAt", optional=True),
        _at("finished_at", "status.finishedAt; NULL: it vanished while nobody watched", optional=True),
        PHASE,
        _low("outcome", "succeeded, failed, platform, cancelled, invalid, unknown"),
        REASON,
        Column("message", "String", "The message that decided the outcome", codec="ZSTD(3)"),
        Column("queue_latency_ms", "Nullable(UInt64)", "First seen to work begins; NULL: no honest figure exists",
               observed=True, codec="ZSTD(1)"),
        _low("latency_source", "`watch`: our clock, ms. `object`: the object's times, 1 s. Empty: none", observed=True),
        *_reason_times(),
        _count("pods", "Pods of the attempt"),
        _count("failed_pods", "Pods that failed"),
        _count("retries", "Children of Retry nodes beyond the first of each"),
        Column("complete", "Bool", "False: a gap or a restart left something unseen", observed=True),
        Column("start_latency_ms", "Nullable(UInt64)", "First seen to first main container running", True, "ZSTD(1)"),
        _low("start_latency_source", "As `latency_source`", observed=True),
        Column("completion_delay_ms", "Nullable(UInt64)", "Last container finished to workflow finished, in whole seconds",
               codec="ZSTD(1)"),
        _text("deciding_node", "Node id of the step that decided the outcome; empty: none did"),
        _text("deciding_step", "Its display name"),
        _low("node_status", "How its steps were told: plain, packed, offloaded, unreadable; empty: none"),
        Column("waited_on", _LABELS, "By waiting reason the lock, quota, image or claim it waited for last", True, "ZSTD(1)"),
        _low("service_account", "The workflow's service account"),
        INSERTED_AT,
    ),
)  # fmt: skip

WORKFLOW_LIVE = Table(
    "workflow_live", model.WorkflowLive, "The newest state of a workflow that has not finished",
    order_by=("cluster", "uid"), engine_args=("version", "is_deleted"),
    # Every row ages, not only deleted ones: a marker that expired before the row it hides would bring that row back.
    ttl="toDateTime(inserted_at) + toIntervalDay(90)",
    columns=(
        CLUSTER,
        _text("uid", "The workflow's uid"),
        VERSION,
        Column("is_deleted", "UInt8", "1: finished or gone, FINAL hides the row"),
        NAMESPACE,
        _text("name", "The workflow's name"),
        _at("created_at", "The workflow's creationTimestamp"),
        _count("attempt", "1, and one more for each `argo retry`"),
        TEMPLATE, QUEUE, DEPARTMENT, PHASE,
        _low("waiting_reason", "What it waits for now, or `running`"),
        _at("waiting_since", "Since when this reason holds", observed=True),
        _text("waiting_on", "Which lock, quota or volume"),
        FIRST_SEEN_AT,
        *_reason_times(),
        _text("waiting_words", "The reason in the words of who said it; for a lock its limit and holders"),
        _text("progress", "Steps done of steps known, as Argo counts them"),
        _at("moved_at", "When progress, phase or pods last changed", observed=True, optional=True),
        INSERTED_AT,
    ),
)  # fmt: skip

STEP_RUN = Table(
    "step_run", model.StepRun, "A finished step attempt of a finished workflow attempt",
    order_by=("cluster", "namespace", "workflow_created_at", "workflow_uid", "attempt", "node_id"),
    partition="toYYYYMM(workflow_created_at)", bloom=("workflow_uid",),
    columns=(
        CLUSTER, NAMESPACE,
        _at("workflow_created_at", "The workflow's creationTimestamp"),
        WORKFLOW_UID,
        _count("attempt", "The workflow's attempt"),
        _text("node_id", "Argo's node id"),
        VERSION, WORKFLOW_NAME, STEP, TEMPLATE,
        _low("type", "Pod, Container, Steps, StepGroup, DAG, TaskGroup, Retry, Skipped, Suspend, HTTP, Plugin"),
        PHASE,
        _at("started_at", "When the controller made its record, before its pod", optional=True),
        _at("finished_at", "When it finished; NULL: not said", optional=True),
        _text("pod_uid", "Its pod; empty: it had none"),
        Column("message", "String", "Argo's message", codec="ZSTD(3)"),
        _text("boundary_id", "The DAG or Steps node it runs in"),
        _count("try_number", "1, and one more for each retry of the step"),
        Column("retried", "Bool", "A later try took its place"),
        Column("hook", "Bool", "An exit handler's or a lifecycle hook's"),
        Column("memoized", "Bool", "Its result came from a cache: no pod"),
        EXIT_CODE,
        Column("critical", "Bool", "On the path that made the workflow as long as it was"),
        _big("critical_ms", "How much of the workflow's length this step alone accounts for"),
        _low("waiting_reason", "What it waited for longest without a pod: step_lock, quota, suspended", observed=True),
        Column("waiting_on", "String", "Which lock or quota", observed=True, codec="ZSTD(1)"),
        _big("waiting_ms", "For how long, milliseconds", observed=True),
        INSERTED_AT,
    ),
)  # fmt: skip

POD_RUN = Table(
    "pod_run", model.PodRun, "A finished pod, as evidence: what was seen, nothing concluded",
    order_by=("cluster", "namespace", "created_at", "uid"), partition="toYYYYMM(created_at)",
    bloom=("uid", "workflow_uid"),
    columns=(
        CLUSTER, NAMESPACE,
        _at("created_at", "The pod's creationTimestamp"),
        _text("uid", "The pod's uid"),
        VERSION,
        _text("name", "The pod's name"),
        WORKFLOW_UID, WORKFLOW_NAME,
        _count("attempt", "The workflow's attempt"),
        STEP,
        _text("node_id", "Argo's node id of the step's attempt"),
        TEMPLATE,
        _low("owner_kind", "Workflow, or the Job, Ray or Spark object between"),
        _low("service_account", "Service account"),
        _text("node_name", "The node it was bound to"),
        REGION,
        _low("zone", "Zone of the node"),
        _quantity("cpu", "Cores requested"),
        _big("memory_bytes", "Memory requested, bytes"),
        _quantity("gpu", "GPUs requested"),
        _big("ephemeral_bytes", "Ephemeral storage requested, bytes"),
        Column("pricing", _LABELS, "What decides the price; the node's own start with `node:`", codec="ZSTD(1)"),
        _at("scheduled_at", "Condition PodScheduled; NULL: it never was", optional=True),
        _at("instance_created_at", "When the cloud's instance began; NULL: not said", optional=True),
        _at("main_started_at", "Main container's start; NULL: it never ran", optional=True),
        _at("finished_at", "Last container's end; NULL: not known", optional=True),
        PHASE, REASON, EXIT_CODE,
        Column("start_latency_ms", "Nullable(UInt64)", "Created to main running", observed=True, codec="ZSTD(1)"),
        _low("start_latency_source", "`watch`: our clock, ms. `object`: whole seconds. Empty: none", observed=True),
        Column("hint", "String", "What a Kubernetes event said of it last; no evidence", observed=True, codec="ZSTD(1)"),
        INSERTED_AT,
    ),
)  # fmt: skip

POD_COST = Table(
    "pod_cost", model.PodCost, "A charge: one pod, pricing run, billing day and entry",
    order_by=("cluster", "namespace", "created_at", "pod_uid", "run", "day", "entry"), partition="toYYYYMM(created_at)",
    bloom=("pod_uid", "workflow_uid"),
    columns=(
        CLUSTER, NAMESPACE,
        _at("created_at", "The pod's creationTimestamp"),
        _text("pod_uid", "The pod's uid"),
        _count("run", "The pricing run that computed it"),
        Column("day", "Date", "Billing day, in the billing time zone", codec="Delta(2), ZSTD(1)"),
        _count("entry", "0, or the number of a correction booked after the month was locked"),
        VERSION, WORKFLOW_UID, WORKFLOW_NAME,
        _count("attempt", "The workflow's attempt"),
        STEP, TEMPLATE, DEPARTMENT, PROJECT, CREATOR,
        _low("product", "Product of the price book"),
        REGION,
        _low("purchase", "on_demand, spot, best_effort, reserved"),
        _low("class", "useful, failed, cancelled, retried, reclaimed"),
        _low("currency", "Currency of every amount of the row"),
        _money("cost", "What it costs; NULL: no price is known"),
        _money("cost_pending", "The part before main started"),
        _money("list_cost", "Before discounts"),
        _money("rounded_cost", "As the bill rounds it"),
        _at("billed_from", "Begin of the billed interval of that day"),
        _at("billed_to", "End of it"),
        _big("billed_seconds", "Seconds billed, after the product's rounding"),
        _quantity("billed_vcpu", "vCPU billed, after the product's rounding"),
        _quantity("billed_memory_gib", "GiB billed, after the product's rounding"),
        _low("instance_type", "Instance type, where that is what is billed"),
        _quantity("gpu", "GPUs billed"),
        Column("meters", _METERS, "The lines of the charge: quantity x unit price", codec="ZSTD(1)"),
        _low("price_book", "Price book and its version"),
        _low("rule", "Rule of the book that applied, or why none did"),
        _low("spec_source", "Where the billed size was read from"),
        _low("confidence", "high, low, unpriced"),
        _low("status", "`accruing` while the pod runs, then `final`"),
        Column("corrects", "Date", "The day of a locked month that a correction is of; 1970-01-01: it is none",
               codec="ZSTD(1)"),
        INSERTED_AT,
    ),
)  # fmt: skip

PRICING_RUN = Table(
    "pricing_run", model.PricingRun, "A set of price books and rules under which charges were computed",
    order_by=("run",),
    columns=(
        _count("run", "Number of the run; the first is 1"),
        VERSION,
        _at("created_at", "When it was made"),
        Column("books", "Array(String)", "Price books with their hashes"),
        _text("rules", "Hash of the attribution and billing rules"),
        _low("state", "`preparing`, `late` (what arrives for a locked month), or empty: complete"),
        Column("from_day", "Date", "First day it was made for"),
        Column("to_day", "Date", "Last day, exclusive"),
        INSERTED_AT,
    ),
)  # fmt: skip

PERIOD = Table(
    "period", model.Period, "A month's active pricing run and its state", order_by=("month",),
    columns=(
        Column("month", "Date", "First day of the month, in the billing time zone"),
        VERSION,
        _count("active_run", "The pricing run whose charges count"),
        _low("state", "open, reconciled, locked"),
        _money("total", "Sum at the time of locking; NULL while open"),
        _text("hash", "Hash of the charges at the time of locking"),
        Column("totals", "Map(String, String)", "Sums by currency at the time of locking", codec="ZSTD(1)"),
        _count("late_run", "Under which pricing run charges are kept that arrive after the locking; 0: it was never locked"),
        INSERTED_AT,
    ),
)  # fmt: skip

QUEUE_SAMPLE = Table(
    "queue_sample", model.QueueSample, "The depth of one queue for one reason at an instant of the 15 s grid",
    order_by=("cluster", "namespace", "queue", "reason", "at"), partition="toYYYYMM(at)",
    columns=(
        CLUSTER, NAMESPACE, QUEUE,
        _low("reason", "Waiting reason of a workflow whose work has not begun"),
        _at("at", "Instant of the grid"),
        VERSION,
        _count("depth", "Workflows that wait", observed=True),
        _big("oldest_age_ms", "Age of the oldest of them, milliseconds", observed=True),
        INSERTED_AT,
    ),
)  # fmt: skip

CONTROLLER_INCIDENT = Table(
    "controller_incident", model.ControllerIncident, "What happened to an Argo controller, once each",
    order_by=("cluster", "pod_uid", "container", "at"), partition="toYYYYMM(at)",
    columns=(
        CLUSTER,
        _text("pod_uid", "The controller pod's uid"),
        _low("container", "Its container"),
        _at("at", "When the container ended"),
        VERSION, NAMESPACE,
        _text("pod", "The pod's name"),
        _low("kind", "oom_kill, restart, crash_loop, leader_change"),
        _low("reason", "Kubernetes' reason"),
        EXIT_CODE,
        _big("memory_limit_bytes", "Its memory limit; 0: none"),
        INSERTED_AT,
    ),
)  # fmt: skip

CRON_RUN = Table(
    "cron_run", model.CronRun, "A due time of a cron workflow, and what became of it",
    order_by=("cluster", "namespace", "cron", "due_at"), partition="toYYYYMM(due_at)",
    columns=(
        CLUSTER, NAMESPACE,
        _low("cron", "The cron workflow's name"),
        _at("due_at", "When a run was due by its schedule"),
        VERSION,
        _low("outcome", "started, missed, skipped"),
        _low("reason", "Why it was skipped: forbid, suspended, stopped, when"),
        WORKFLOW_NAME,
        _at("started_at", "When the run it led to was created", optional=True),
        _low("schedule", "The schedule it follows"),
        _low("concurrency_policy", "Allow, Forbid, Replace"),
        INSERTED_AT,
    ),
)  # fmt: skip

WATCH_GAP = Table(
    "watch_gap", model.WatchGap, "A break in a watch that could not be replayed",
    order_by=("cluster", "kind", "from_at"), partition="toYYYYMM(from_at)",
    columns=(
        CLUSTER,
        _low("kind", "What was watched"),
        _at("from_at", "Last instant known to be complete"),
        VERSION,
        _at("to_at", "First instant complete again", observed=True),
        _low("cause", "Why it could not be replayed"),
        _big("objects_unknown", "Objects that vanished meanwhile with an unknown end"),
        INSERTED_AT,
    ),
)  # fmt: skip

WATCH_CURSOR = Table(
    "watch_cursor", model.WatchCursor, "The watch position whose facts the store has acknowledged",
    order_by=("cluster", "kind"),
    columns=(
        CLUSTER,
        _low("kind", "What is watched"),
        VERSION,
        _text("resource_version", "Where a watch may resume"),
        _text("cluster_uid", "uid of the cluster's kube-system namespace"),
        _at("at", "When the position was reached", observed=True),
        Column("totals", "Map(String, String)", "Counters at that position, see catalog/tally.py", True, "ZSTD(1)"),
        INSERTED_AT,
    ),
)  # fmt: skip

QUARANTINE = Table(
    "quarantine", model.Quarantine, "An object or a row that could not be taken, and why",
    order_by=("cluster", "kind", "uid", "at"), partition="toYYYYMM(at)",
    columns=(
        CLUSTER,
        _low("kind", "Kind of the object, or the table the row was meant for"),
        _text("uid", "Its uid, as far as it could be read"),
        _at("at", "When it was set aside"),
        VERSION,
        _text("reason", "Why"),
        Column("sample", "String", "What it looked like, redacted and capped", codec="ZSTD(3)"),
        INSERTED_AT,
    ),
)  # fmt: skip

TABLES: tuple[Table, ...] = (
    WORKFLOW_RUN, WORKFLOW_LIVE, STEP_RUN, POD_RUN, POD_COST, PRICING_RUN, PERIOD, QUEUE_SAMPLE, CONTROLLER_INCIDENT,
    CRON_RUN, WATCH_GAP, WATCH_CURSOR, QUARANTINE,
)  # fmt: skip

COST_CURRENT = View(
    "cost_current", POD_COST,
    "Charges of each month's active pricing run (run 1 where no period says otherwise), one row a key",
)  # fmt: skip

TABLE_OF: dict[type[Fact], Table] = {table.fact: table for table in TABLES}
TABLE_NAMED: dict[str, Table] = {table.name: table for table in TABLES}
