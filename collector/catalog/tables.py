"""
Every table as data: the one place where a table's columns, key and meaning are declared.

The migrations are checked against this list, the inserter, the reports and the documentation are driven by it.
A table's columns are its fact's fields in order, then `inserted_at`. No SQL statement is composed here.
"""

from dataclasses import dataclass

from collector.catalog.columns import (
    CLUSTER,
    CREATOR,
    DEPARTMENT,
    EXIT_CODE,
    FIRST_SEEN_AT,
    INSERTED_AT,
    LABELS,
    METERS,
    NAMESPACE,
    PACKED_VERSION,
    PHASE,
    PRIORITY,
    PROJECT,
    QUEUE,
    REASON,
    REGION,
    STEP,
    TEMPLATE,
    TEMPLATE_VERSION,
    VERSION,
    WORKFLOW_NAME,
    WORKFLOW_UID,
    Column,
    at,
    big,
    count,
    low,
    money,
    paid,
    quantity,
    reason_times,
    text,
)
from collector.core import model
from collector.core.model import Fact

DATABASE = "lynceus"


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
    shard_by: tuple[str, ...] = ("cluster",)
    """Columns of the key by which a sharded store keeps rows together; none: every server has all rows."""
    ranges: tuple[str, ...] = ()
    """Columns with a minmax skip index: those by which rollup.py finds what is new."""

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


WORKFLOW_RUN = Table(
    "workflow_run", model.WorkflowRun, "A finished attempt of a workflow",
    order_by=("cluster", "namespace", "created_at", "uid", "attempt"), partition="toYYYYMM(created_at)", bloom=("uid",),
    ranges=("inserted_at",), shard_by=("cluster", "uid"),
    columns=(
        CLUSTER, NAMESPACE,
        at("created_at", "The workflow's creationTimestamp"),
        text("uid", "The workflow's uid"),
        count("attempt", "1, and one more for each `argo retry`"),
        VERSION,
        text("name", "The workflow's name"),
        TEMPLATE, QUEUE, PRIORITY,
        Column("labels", LABELS, "Allow-listed labels; `annotation:` and the `namespace:`'s that rules read", codec="ZSTD(1)"),
        DEPARTMENT, PROJECT, CREATOR, FIRST_SEEN_AT,
        at("picked_up_at", "First evidence that work began; NULL: it never did", observed=True, optional=True),
        at("first_pod_at", "When its first pod was seen or created; NULL: it had none", observed=True, optional=True),
        at("started_at", "status.startedAt", optional=True),
        at("finished_at", "status.finishedAt; NULL: it vanished while nobody watched", optional=True),
        PHASE,
        low("outcome", "succeeded, failed, platform, cancelled, invalid, unknown"),
        REASON,
        Column("message", "String", "The message that decided the outcome", codec="ZSTD(3)"),
        Column("queue_latency_ms", "Nullable(UInt64)", "First seen to work begins; NULL: no honest figure exists",
               observed=True, codec="ZSTD(1)"),
        low("latency_source", "`watch`: our clock, ms. `object`: the object's times, 1 s. Empty: none", observed=True),
        *reason_times(),
        count("pods", "Pods of the attempt"),
        count("failed_pods", "Pods that failed"),
        count("retries", "Children of Retry nodes beyond the first of each"),
        Column("complete", "Bool", "False: a gap or a restart left something unseen", observed=True),
        Column("start_latency_ms", "Nullable(UInt64)", "First seen to first main container running", True, "ZSTD(1)"),
        low("start_latency_source", "As `latency_source`", observed=True),
        Column("completion_delay_ms", "Nullable(UInt64)", "Last container finished to workflow finished, in whole seconds",
               codec="ZSTD(1)"),
        text("deciding_node", "Node id of the step that decided the outcome; empty: none did"),
        text("deciding_step", "Its display name"),
        low("node_status", "How its steps were told: plain, packed, offloaded, unreadable; empty: none"),
        Column("waited_on", LABELS, "By waiting reason the lock, quota, image or claim it waited for last", True, "ZSTD(1)"),
        low("service_account", "The workflow's service account"),
        TEMPLATE_VERSION,
        INSERTED_AT,
    ),
)  # fmt: skip

WORKFLOW_LIVE = Table(
    "workflow_live", model.WorkflowLive, "The newest state of a workflow that has not finished",
    order_by=("cluster", "uid"), engine_args=("version", "is_deleted"), shard_by=("cluster", "uid"),
    # Every row ages, not only deleted ones: a marker that expired before the row it hides would bring that row back.
    ttl="toDateTime(inserted_at) + toIntervalDay(90)",
    columns=(
        CLUSTER,
        text("uid", "The workflow's uid"),
        VERSION,
        Column("is_deleted", "UInt8", "1: finished or gone, FINAL hides the row"),
        NAMESPACE,
        text("name", "The workflow's name"),
        at("created_at", "The workflow's creationTimestamp"),
        count("attempt", "1, and one more for each `argo retry`"),
        TEMPLATE, QUEUE, DEPARTMENT, PHASE,
        low("waiting_reason", "What it waits for now, or `running`"),
        at("waiting_since", "Since when this reason holds", observed=True),
        text("waiting_on", "Which lock, quota or volume"),
        FIRST_SEEN_AT,
        *reason_times(),
        text("waiting_words", "The reason in the words of who said it; for a lock its limit and holders"),
        text("progress", "Steps done of steps known, as Argo counts them"),
        at("moved_at", "When progress, phase or pods last changed", observed=True, optional=True),
        INSERTED_AT,
    ),
)  # fmt: skip

STEP_RUN = Table(
    "step_run", model.StepRun, "A finished step attempt of a finished workflow attempt",
    order_by=("cluster", "namespace", "workflow_created_at", "workflow_uid", "attempt", "node_id"),
    partition="toYYYYMM(workflow_created_at)", bloom=("workflow_uid",), shard_by=("cluster", "workflow_uid"),
    columns=(
        CLUSTER, NAMESPACE,
        at("workflow_created_at", "The workflow's creationTimestamp"),
        WORKFLOW_UID,
        count("attempt", "The workflow's attempt"),
        text("node_id", "Argo's node id"),
        VERSION, WORKFLOW_NAME, STEP, TEMPLATE,
        low("type", "Pod, Container, Steps, StepGroup, DAG, TaskGroup, Retry, Skipped, Suspend, HTTP, Plugin"),
        PHASE,
        at("started_at", "When the controller made its record, before its pod", optional=True),
        at("finished_at", "When it finished; NULL: not said", optional=True),
        text("pod_uid", "Its pod; empty: it had none"),
        Column("message", "String", "Argo's message", codec="ZSTD(3)"),
        text("boundary_id", "The DAG or Steps node it runs in"),
        count("try_number", "1, and one more for each retry of the step"),
        Column("retried", "Bool", "A later try took its place"),
        Column("hook", "Bool", "An exit handler's or a lifecycle hook's"),
        Column("memoized", "Bool", "Its result came from a cache: no pod"),
        EXIT_CODE,
        Column("critical", "Bool", "On the path that made the workflow as long as it was"),
        big("critical_ms", "How much of the workflow's length this step alone accounts for"),
        low("waiting_reason", "What it waited for longest without a pod: step_lock, quota, suspended", observed=True),
        Column("waiting_on", "String", "Which lock or quota", observed=True, codec="ZSTD(1)"),
        big("waiting_ms", "For how long, milliseconds", observed=True),
        INSERTED_AT,
    ),
)  # fmt: skip

POD_RUN = Table(
    "pod_run", model.PodRun, "A finished pod, as evidence: what was seen, nothing concluded",
    order_by=("cluster", "namespace", "created_at", "uid"), partition="toYYYYMM(created_at)",
    bloom=("uid", "workflow_uid"), shard_by=("cluster", "uid"),
    columns=(
        CLUSTER, NAMESPACE,
        at("created_at", "The pod's creationTimestamp"),
        text("uid", "The pod's uid"),
        PACKED_VERSION,
        text("name", "The pod's name"),
        WORKFLOW_UID, WORKFLOW_NAME,
        count("attempt", "The workflow's attempt"),
        STEP,
        text("node_id", "Argo's node id of the step's attempt"),
        TEMPLATE,
        low("owner_kind", "Workflow, or the Job, Ray or Spark object between"),
        low("service_account", "Service account"),
        text("node_name", "The node it was bound to"),
        REGION,
        low("zone", "Zone of the node"),
        quantity("cpu", "Cores requested"),
        big("memory_bytes", "Memory requested, bytes"),
        quantity("gpu", "GPUs requested"),
        big("ephemeral_bytes", "Ephemeral storage requested, bytes"),
        Column("pricing", LABELS, "What decides the price; the node's own start with `node:`", codec="ZSTD(1)"),
        at("scheduled_at", "Condition PodScheduled; NULL: it never was", optional=True),
        at("instance_created_at", "When the cloud's instance began; NULL: not said", optional=True),
        at("main_started_at", "Main container's start; NULL: it never ran", optional=True),
        at("finished_at", "Last container's end; NULL: not known", optional=True),
        PHASE, REASON, EXIT_CODE,
        Column("start_latency_ms", "Nullable(UInt64)", "Created to main running", observed=True, codec="ZSTD(1)"),
        low("start_latency_source", "`watch`: our clock, ms. `object`: whole seconds. Empty: none", observed=True),
        Column("hint", "String", "What a Kubernetes event said of it last; no evidence", observed=True, codec="ZSTD(1)"),
        INSERTED_AT,
    ),
)  # fmt: skip

POD_COST = Table(
    "pod_cost", model.PodCost, "A charge: one pod, pricing run, billing day and entry",
    order_by=("cluster", "namespace", "created_at", "pod_uid", "run", "day", "entry"), partition="toYYYYMM(created_at)",
    bloom=("pod_uid", "workflow_uid"), ranges=("day", "inserted_at"), shard_by=("cluster", "pod_uid"),
    columns=(
        CLUSTER, NAMESPACE,
        at("created_at", "The pod's creationTimestamp"),
        text("pod_uid", "The pod's uid"),
        count("run", "The pricing run that computed it"),
        Column("day", "Date", "Billing day, in the billing time zone", codec="Delta(2), ZSTD(1)"),
        count("entry", "0, or the number of a correction booked after the month was locked"),
        PACKED_VERSION, WORKFLOW_UID, WORKFLOW_NAME,
        count("attempt", "The workflow's attempt"),
        STEP, TEMPLATE, DEPARTMENT, PROJECT, CREATOR,
        low("product", "Product of the price book"),
        REGION,
        low("purchase", "on_demand, spot, best_effort, reserved"),
        low("class", "useful, failed, cancelled, retried, reclaimed"),
        low("currency", "Currency of every amount of the row"),
        money("cost", "What it costs; NULL: no price is known"),
        money("cost_pending", "The part before main started"),
        money("list_cost", "Before discounts"),
        money("rounded_cost", "As the bill rounds it"),
        at("billed_from", "Begin of the billed interval of that day"),
        at("billed_to", "End of it"),
        big("billed_seconds", "Seconds billed, after the product's rounding"),
        quantity("billed_vcpu", "vCPU billed, after the product's rounding"),
        quantity("billed_memory_gib", "GiB billed, after the product's rounding"),
        low("instance_type", "Instance type, where that is what is billed"),
        quantity("gpu", "GPUs billed"),
        Column("meters", METERS, "The lines of the charge: quantity x unit price", codec="ZSTD(1)"),
        low("price_book", "Price book and its version"),
        low("rule", "Rule of the book that applied, or why none did"),
        low("spec_source", "Where the billed size was read from"),
        low("confidence", "high, low, unpriced"),
        low("status", "`accruing` while the pod runs, then `final`"),
        Column("corrects", "Date", "The day of a locked month that a correction is of; 1970-01-01: it is none",
               codec="ZSTD(1)"),
        low("price_class", "The product's own class of prices"),
        money("covered_cost", "Of list_cost, what commitments cover; NULL: nothing, or not asked yet"),
        money("committed_cost", "Of cost, what the commitments' hourly amounts pay"),
        TEMPLATE_VERSION,
        low("node_name", "The plain node that it is a share of; empty: of none"),
        INSERTED_AT,
    ),
)  # fmt: skip

NODE_RUN = Table(
    "node_run", model.NodeRun, "A plain node's stay in a cluster, as evidence",
    order_by=("cluster", "name", "created_at", "uid"), partition="toYYYYMM(created_at)",
    columns=(
        CLUSTER,
        text("name", "The node's name"),
        at("created_at", "The node's creationTimestamp"),
        text("uid", "The node's uid"),
        VERSION,
        at("first_seen_at", "When this collector or one before it first saw it", observed=True),
        at("last_seen_at", "Until when it is known to have been there; rewritten hourly", observed=True),
        at("gone_at", "When it went; NULL: it is still there", observed=True, optional=True),
        low("instance_type", "Instance type"),
        REGION,
        low("zone", "Zone"),
        quantity("cpu", "Cores, all that it has"),
        big("memory_bytes", "Memory, bytes"),
        quantity("gpu", "GPUs"),
        Column("pricing", LABELS, "Labels that decide its price, with `node:` before them as in pod_run", codec="ZSTD(1)"),
        INSERTED_AT,
    ),
)  # fmt: skip

COMMITMENT_HOUR = Table(
    "commitment_hour", model.CommitmentHour, "An hour of a savings plan under a pricing run: paid for, used, unused",
    order_by=("run", "at", "book", "commitment"), partition="toYYYYMM(at)", shard_by=(),
    columns=(
        count("run", "The pricing run that applied it"),
        at("at", "When the hour begins, by the clocks of the billing time zone"),
        low("book", "Price book and its version"),
        low("commitment", "Its id in the book"),
        VERSION,
        Column("day", "Date", "Billing day of the hour", codec="Delta(2), ZSTD(1)"),
        low("currency", "Currency of every amount of the row"),
        paid("committed", "What the hour costs, used or not"),
        paid("listed", "Eligible usage at list price that commitments before it left"),
        paid("covered", "What of that it covers"),
        paid("used", "What of the committed amount that uses"),
        paid("unused", "The rest: paid for nothing"),
        INSERTED_AT,
    ),
)  # fmt: skip

PRICING_RUN = Table(
    "pricing_run", model.PricingRun, "A set of price books and rules under which charges were computed",
    order_by=("run",), shard_by=(),
    columns=(
        count("run", "Number of the run; the first is 1"),
        VERSION,
        at("created_at", "When it was made"),
        Column("books", "Array(String)", "Price books with their hashes"),
        text("rules", "Hash of the attribution and billing rules"),
        low("state", "`preparing`, `late` (what arrives for a locked month), or empty: complete"),
        Column("from_day", "Date", "First day it was made for"),
        Column("to_day", "Date", "Last day, exclusive"),
        INSERTED_AT,
    ),
)  # fmt: skip

PERIOD = Table(
    "period", model.Period, "A month's active pricing run and its state", order_by=("month",), shard_by=(),
    columns=(
        Column("month", "Date", "First day of the month, in the billing time zone"),
        VERSION,
        count("active_run", "The pricing run whose charges count"),
        low("state", "open, reconciled, locked"),
        money("total", "Sum at the time of locking; NULL while open"),
        text("hash", "Hash of the charges at the time of locking"),
        Column("totals", "Map(String, String)", "Sums by currency at the time of locking", codec="ZSTD(1)"),
        count("late_run", "Under which pricing run charges are kept that arrive after the locking; 0: it was never locked"),
        Column("billed", "Map(String, String)", "What the provider billed, by product; under an empty name the whole",
               codec="ZSTD(1)"),
        INSERTED_AT,
    ),
)  # fmt: skip

QUEUE_SAMPLE = Table(
    "queue_sample", model.QueueSample, "The depth of one queue for one reason at an instant of the 15 s grid",
    order_by=("cluster", "namespace", "queue", "reason", "at"), partition="toYYYYMM(at)",
    columns=(
        CLUSTER, NAMESPACE, QUEUE,
        low("reason", "Waiting reason of a workflow whose work has not begun"),
        at("at", "Instant of the grid"),
        VERSION,
        count("depth", "Workflows that wait", observed=True),
        big("oldest_age_ms", "Age of the oldest of them, milliseconds", observed=True),
        INSERTED_AT,
    ),
)  # fmt: skip

CONTROLLER_INCIDENT = Table(
    "controller_incident", model.ControllerIncident, "What happened to an Argo controller, once each",
    order_by=("cluster", "pod_uid", "container", "at"), partition="toYYYYMM(at)",
    columns=(
        CLUSTER,
        text("pod_uid", "The controller pod's uid"),
        low("container", "Its container"),
        at("at", "When the container ended"),
        VERSION, NAMESPACE,
        text("pod", "The pod's name"),
        low("kind", "oom_kill, restart, crash_loop, leader_change"),
        low("reason", "Kubernetes' reason"),
        EXIT_CODE,
        big("memory_limit_bytes", "Its memory limit; 0: none"),
        INSERTED_AT,
    ),
)  # fmt: skip

CRON_RUN = Table(
    "cron_run", model.CronRun, "A due time of a cron workflow, and what became of it",
    order_by=("cluster", "namespace", "cron", "due_at"), partition="toYYYYMM(due_at)",
    columns=(
        CLUSTER, NAMESPACE,
        low("cron", "The cron workflow's name"),
        at("due_at", "When a run was due by its schedule"),
        VERSION,
        low("outcome", "started, missed, skipped"),
        low("reason", "Why it was skipped: forbid, suspended, stopped, when; or missed: submission_error"),
        WORKFLOW_NAME,
        at("started_at", "When the run it led to was created", optional=True),
        low("schedule", "The schedule it follows"),
        low("concurrency_policy", "Allow, Forbid, Replace"),
        Column("message", "String", "What Argo said when it could not submit the run", codec="ZSTD(3)"),
        INSERTED_AT,
    ),
)  # fmt: skip

WATCH_GAP = Table(
    "watch_gap", model.WatchGap, "A break in a watch that could not be replayed",
    order_by=("cluster", "kind", "from_at"), partition="toYYYYMM(from_at)",
    columns=(
        CLUSTER,
        low("kind", "What was watched"),
        at("from_at", "Last instant known to be complete"),
        VERSION,
        at("to_at", "First instant complete again", observed=True),
        low("cause", "Why it could not be replayed"),
        big("objects_unknown", "Objects that vanished meanwhile with an unknown end"),
        INSERTED_AT,
    ),
)  # fmt: skip

WATCH_CURSOR = Table(
    "watch_cursor", model.WatchCursor, "The watch position whose facts the store has acknowledged",
    order_by=("cluster", "kind"),
    columns=(
        CLUSTER,
        low("kind", "What is watched"),
        VERSION,
        text("resource_version", "Where a watch may resume"),
        text("cluster_uid", "uid of the cluster's kube-system namespace"),
        at("at", "When the position was reached", observed=True),
        Column("totals", "Map(String, String)", "Counters at that position, see catalog/tally.py", True, "ZSTD(1)"),
        INSERTED_AT,
    ),
)  # fmt: skip

LIVE_STATE = Table(
    "live_state", model.LiveState, "What a collector goes on from when its disk is gone: states and positions, packed",
    order_by=("cluster", "snapshot", "kind", "uid"), engine_args=("version", "is_deleted"),
    # A collector begins a new copy each day and the old one is dropped whole: a marker of a deletion is in one copy only.
    ttl="toDateTime(inserted_at) + toIntervalDay(7)",
    columns=(
        CLUSTER,
        low("snapshot", "Whose copy, begun when; a new one holds everything again"),
        low("kind", "Kind of the object; `cursor`: a watch position"),
        text("uid", "The object's uid; of a position the kind that is watched"),
        Column("version", "UInt64", "The round that wrote it, in Unix milliseconds; the higher one stays"),
        Column("is_deleted", "UInt8", "1: no state is needed any more, FINAL hides the row"),
        Column("state", "String", "Packed by checkpoints.py, for the same release to read", codec="ZSTD(1)"),
        INSERTED_AT,
    ),
)  # fmt: skip

RECONCILE = Table(
    "reconcile", model.Reconciled, "A list that was compared with what the watch had told; 0 differences are expected",
    order_by=("cluster", "kind", "at"), partition="toYYYYMM(at)",
    columns=(
        CLUSTER,
        low("kind", "What was listed"),
        at("at", "When the two were compared"),
        VERSION,
        count("objects", "Objects in the list"),
        count("missing", "In the list, and never told by the watch"),
        count("stale", "Known in an older version than the list's"),
        count("phantom", "Known, and gone from two lists"),
        count("repaired", "Of these, how many were put right"),
        big("duration_ms", "From the first page to the comparison, milliseconds"),
        INSERTED_AT,
    ),
)  # fmt: skip

BACKFILL = Table(
    "backfill", model.Backfill, "A period for which Argo's archive was asked what nobody had watched",
    order_by=("cluster", "from_at", "to_at"), partition="toYYYYMM(to_at)",
    columns=(
        CLUSTER,
        at("from_at", "Begin of the period"),
        at("to_at", "End of it, exclusive"),
        VERSION,
        at("at", "When the archive was asked", observed=True),
        count("found", "Workflows in the archive that finished in the period", observed=True),
        count("taken", "Those that became rows, for there were none", observed=True),
        count("absent", "Workflows that ended unseen in the period and are not in the archive", observed=True),
        count("failed", "Those that the archive did not give, or that could not be read", observed=True),
        INSERTED_AT,
    ),
)  # fmt: skip

QUARANTINE = Table(
    "quarantine", model.Quarantine, "An object or a row that could not be taken, and why",
    order_by=("cluster", "kind", "uid", "at"), partition="toYYYYMM(at)",
    columns=(
        CLUSTER,
        low("kind", "Kind of the object, or the table the row was meant for"),
        text("uid", "Its uid, as far as it could be read"),
        at("at", "When it was set aside"),
        VERSION,
        text("reason", "Why"),
        Column("sample", "String", "What it looked like, redacted and capped", codec="ZSTD(3)"),
        INSERTED_AT,
    ),
)  # fmt: skip

TABLES: tuple[Table, ...] = (
    WORKFLOW_RUN, WORKFLOW_LIVE, STEP_RUN, POD_RUN, POD_COST, NODE_RUN, COMMITMENT_HOUR, PRICING_RUN, PERIOD, QUEUE_SAMPLE,
    CONTROLLER_INCIDENT, CRON_RUN, WATCH_GAP, WATCH_CURSOR, LIVE_STATE, RECONCILE, BACKFILL, QUARANTINE,
)  # fmt: skip

COST_CURRENT = View(
    "cost_current", POD_COST,
    "Charges of each month's active pricing run (run 1 where no period says otherwise), one row a key",
)  # fmt: skip

TABLE_OF: dict[type[Fact], Table] = {table.fact: table for table in TABLES}
TABLE_NAMED: dict[str, Table] = {table.name: table for table in TABLES}
