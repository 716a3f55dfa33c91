"""Tables of money: the evidence of pods and nodes, the charges computed from it, and the months that add charges up."""

from collector.catalog import columns as c
from collector.catalog.schema import Table, View
from collector.core.cost.statement import SHARED_KINDS
from collector.core.facts import bills

POD_RUN = Table(
    "pod_run",
    bills.PodRun,
    "A finished pod, as evidence: what was observed, without conclusions",
    order_by=("cluster", "namespace", "created_at", "uid"),
    partition="toYYYYMM(created_at)",
    bloom=("uid", "workflow_uid"),
    shard_by=("cluster", "uid"),
    columns=(
        c.CLUSTER,
        c.NAMESPACE,
        c.instant("created_at", "creationTimestamp of the pod"),
        c.text("uid", "uid of the pod"),
        c.PACKED_VERSION,
        c.text("name", "Name of the pod"),
        c.WORKFLOW_UID,
        c.WORKFLOW_NAME,
        c.count("attempt", "Number of the workflow's attempt, from 1"),
        c.STEP,
        c.text("node_id", "Argo's node id of the step's attempt"),
        c.TEMPLATE,
        c.low("owner_kind", "Kind of the owner: Workflow, or the Job, Ray or Spark object in between"),
        c.low("service_account", "Service account of the pod"),
        c.text("node_name", "Name of the node that the pod was bound to"),
        c.REGION,
        c.low("zone", "Zone of the node"),
        c.quantity("cpu", "Requested CPU, cores"),
        c.big("memory_bytes", "Requested memory, bytes"),
        c.quantity("gpu", "Requested GPUs, as devices; how large a device is, `pricing` says"),
        c.big("ephemeral_bytes", "Requested ephemeral storage, bytes"),
        c.Column(
            "pricing",
            c.LABELS,
            "Labels and annotations that decide the price; those of the node begin with `node:`; `requests:gpu` is what "
            "containers request of GPUs",
            codec="ZSTD(1)",
        ),
        c.instant("scheduled_at", "Time of condition PodScheduled; NULL: never scheduled", optional=True),
        c.instant("instance_created_at", "Start of the cloud's instance; NULL: not reported", optional=True),
        c.instant("main_started_at", "Start of the main container; NULL: it never ran", optional=True),
        c.instant("finished_at", "End of the last container; NULL: not known", optional=True),
        c.PHASE,
        c.REASON,
        c.EXIT_CODE,
        c.Column(
            "start_latency_ms",
            "Nullable(UInt64)",
            "Time from the pod's creation to its main container running, milliseconds",
            observed=True,
            codec="ZSTD(1)",
        ),
        c.low(
            "start_latency_source",
            "Source of start_latency_ms: `watch` (our clock, exact to 1 ms), `object` (exact to 1 s), empty: no value",
            observed=True,
        ),
        c.Column(
            "hint",
            "String",
            "Last Kubernetes event about the pod; never evidence on its own",
            observed=True,
            codec="ZSTD(1)",
        ),
        c.low(
            "disruption",
            "Reason of the condition DisruptionTarget, if it ended the pod; empty: the pod ended by itself",
        ),
        c.INSERTED_AT,
    ),
)

NODE_RUN = Table(
    "node_run",
    bills.NodeRun,
    "The time that a plain node was in a cluster, as evidence",
    order_by=("cluster", "name", "created_at", "uid"),
    partition="toYYYYMM(created_at)",
    columns=(
        c.CLUSTER,
        c.text("name", "Name of the node"),
        c.instant("created_at", "creationTimestamp of the node"),
        c.text("uid", "uid of the node"),
        c.VERSION,
        c.instant("first_seen_at", "When a collector first saw the node", observed=True),
        c.instant("last_seen_at", "Last time the node is known to have existed; updated hourly", observed=True),
        c.instant("gone_at", "When the node disappeared; NULL: it still exists", observed=True, optional=True),
        c.low("instance_type", "Instance type"),
        c.REGION,
        c.low("zone", "Zone of the node"),
        c.quantity("cpu", "CPU capacity of the node, cores"),
        c.big("memory_bytes", "Memory capacity of the node, bytes"),
        c.quantity("gpu", "GPUs of the node: cards, not slices"),
        c.Column(
            "pricing",
            c.LABELS,
            "Labels that decide the price, and what the node says of its GPUs, with the prefix `node:`",
            codec="ZSTD(1)",
        ),
        c.INSERTED_AT,
    ),
)

POD_COST = Table(
    "pod_cost",
    bills.PodCost,
    "A charge: one pod, pricing run, billing day and entry",
    order_by=("cluster", "namespace", "created_at", "pod_uid", "run", "day", "entry"),
    partition="toYYYYMM(created_at)",
    bloom=("pod_uid", "workflow_uid"),
    ranges=("day", "inserted_at"),
    shard_by=("cluster", "pod_uid"),
    columns=(
        c.CLUSTER,
        c.NAMESPACE,
        c.instant("created_at", "creationTimestamp of the pod"),
        c.text("pod_uid", "uid of the pod"),
        c.count("run", "Number of the pricing run that computed the charge"),
        c.Column("day", "Date", "Billing day, in the billing time zone", codec="Delta(2), ZSTD(1)"),
        c.count("entry", "0, or the number of a correction that was booked after the month was locked"),
        c.PACKED_VERSION,
        c.WORKFLOW_UID,
        c.WORKFLOW_NAME,
        c.count("attempt", "Number of the workflow's attempt, from 1"),
        c.STEP,
        c.TEMPLATE,
        c.DEPARTMENT,
        c.PROJECT,
        c.CREATOR,
        c.low("product", "Product of the price book"),
        c.REGION,
        c.low("purchase", "Purchase option: on_demand, spot, best_effort, reserved"),
        c.low(
            "class",
            "Use of the money: useful, failed, cancelled, retried, reclaimed; unknown: no end was observed",
        ),
        c.low("currency", "Currency of all amounts in the row"),
        c.money("cost", "Cost of the day; NULL: no price is known"),
        c.money("cost_pending", "Part of cost before the main container started"),
        c.money("list_cost", "Cost before discounts"),
        c.money("rounded_cost", "Cost as the provider's bill rounds it"),
        c.instant("billed_from", "Begin of the billed interval on this day"),
        c.instant("billed_to", "End of the billed interval on this day, exclusive"),
        c.big("billed_seconds", "Billed time after the product's rounding, seconds"),
        c.quantity("billed_vcpu", "Billed vCPUs after the product's rounding"),
        c.quantity("billed_memory_gib", "Billed memory after the product's rounding, GiB"),
        c.low("instance_type", "Instance type, where the instance is what is billed"),
        c.quantity("gpu", "Billed GPUs"),
        c.Column("meters", c.METERS, "Lines of the charge: quantity * unit price = cost", codec="ZSTD(1)"),
        c.low("price_book", "Price book and its version"),
        c.low("rule", "Rule of the price book that applied, or the reason why none applied"),
        c.low("spec_source", "Source of the billed size"),
        c.low(
            "confidence",
            "high (the provider's own size, a confirmed price), low (a fallback), unpriced (no price, see rule)",
        ),
        c.low("status", "accruing while the pod runs, then final"),
        c.Column(
            "corrects",
            "Date",
            "Day of the locked month that this correction changes; 1970-01-01: not a correction",
            codec="ZSTD(1)",
        ),
        c.low("price_class", "Price class of the product; price books and commitments select by it"),
        c.money("covered_cost", "Part of list_cost that commitments cover; NULL: none, or not computed yet"),
        c.money("committed_cost", "Part of cost that the hourly amounts of commitments pay"),
        c.TEMPLATE_VERSION,
        c.low("node_name", "Plain node whose cost this charge is a share of; empty: of no node"),
        c.INSERTED_AT,
    ),
)

COMMITMENT_HOUR = Table(
    "commitment_hour",
    bills.CommitmentHour,
    "An hour of a savings plan under a pricing run: the amounts paid, used and unused",
    order_by=("run", "at", "book", "commitment"),
    partition="toYYYYMM(at)",
    shard_by=(),
    columns=(
        c.count("run", "Number of the pricing run that applied the commitment"),
        c.instant("at", "Begin of the hour, in the billing time zone's hours"),
        c.low("book", "Price book and its version"),
        c.low("commitment", "Id of the commitment in the price book"),
        c.VERSION,
        c.Column("day", "Date", "Billing day of the hour", codec="Delta(2), ZSTD(1)"),
        c.low("currency", "Currency of all amounts in the row"),
        c.paid("committed", "Amount that the hour costs, used or unused"),
        c.paid("listed", "Eligible usage at list price that earlier commitments left uncovered"),
        c.paid("covered", "Part of listed that this commitment covers"),
        c.paid("used", "Part of committed that covered usage consumes"),
        c.paid("unused", "Part of committed that nothing consumes"),
        c.INSERTED_AT,
    ),
)

PRICING_RUN = Table(
    "pricing_run",
    bills.PricingRun,
    "A set of price books and rules under which charges were computed",
    order_by=("run",),
    shard_by=(),
    columns=(
        c.count("run", "Number of the pricing run, from 1"),
        c.VERSION,
        c.instant("created_at", "When the pricing run was created"),
        c.Column("books", "Array(String)", "Price books with their hashes"),
        c.text("rules", "Hash of the attribution and billing rules"),
        c.low("state", "preparing (not active yet), late (charges that arrive for a locked month), empty: complete"),
        c.Column("from_day", "Date", "First billing day of the pricing run"),
        c.Column("to_day", "Date", "Last billing day of the pricing run, exclusive"),
        c.INSERTED_AT,
    ),
)

PERIOD = Table(
    "period",
    bills.Period,
    "A month's active pricing run and state",
    order_by=("month",),
    shard_by=(),
    columns=(
        c.Column("month", "Date", "First day of the month, in the billing time zone"),
        c.VERSION,
        c.count("active_run", "Number of the pricing run whose charges count"),
        c.low("state", "open, reconciled, locked"),
        c.money("total", "Sum of the charges at the time of locking; NULL while open, or with several currencies"),
        c.text("hash", "Hash of the charges at the time of locking"),
        c.Column("totals", "Map(String, String)", "Sums by currency at the time of locking", codec="ZSTD(1)"),
        c.count("late_run", "Pricing run of charges that arrive after the locking; 0: never locked"),
        c.Column(
            "billed",
            "Map(String, String)",
            "Amount on the provider's bill by product; the empty name holds the whole",
            codec="ZSTD(1)",
        ),
        c.text("statement_hash", "Hash of the statement's lines at the time of locking; empty: not known"),
        c.Column(
            "accepted",
            "Map(String, String)",
            "What would have refused the lock and was accepted, each with the reason given",
            codec="ZSTD(1)",
        ),
        c.INSERTED_AT,
    ),
)

COST_CURRENT = View(
    "cost_current",
    POD_COST,
    "Charges of each month's active pricing run (run 1 where period has no row), one row per key",
)

_MONTH = c.Column("month", "Date", "First day of the month, in the billing time zone", codec="Delta(2), ZSTD(1)")
_COMPUTED = c.Column(
    "version", "UInt64", "Time of the computation, Unix milliseconds; the highest counts", codec="ZSTD(1)"
)

MONTH_STATEMENT = Table(
    "month_statement",
    bills.MonthStatement,
    "A month's statement under a pricing run: what its lines were computed from, and what they lack",
    order_by=("month", "run"),
    shard_by=(),
    columns=(
        _MONTH,
        c.count("run", "Number of the pricing run"),
        _COMPUTED,
        c.instant("complete_until", "Rows that the store had received by then are counted"),
        c.Column("books", "Array(String)", "Price books with their hashes, from which shared costs were computed"),
        c.text("rules", "Hash of the attribution and billing rules"),
        c.big("unpriced", "Charges without a known price; they are in no line"),
        c.big("accruing", "Charges of pods that still run"),
        c.Column("notes", "Array(String)", "What is in no line, and why: one sentence each", codec="ZSTD(1)"),
        c.INSERTED_AT,
    ),
)

STATEMENT_LINE = Table(
    "statement_line",
    bills.StatementLine,
    "A line of what a department pays for a month under a pricing run; statement_current has those that count",
    order_by=("month", "run", "currency", "department", "kind", "what", "book", "cluster", "product"),
    shard_by=(),
    columns=(
        _MONTH,
        c.count("run", "Number of the pricing run"),
        c.low("currency", "Currency of all amounts in the row"),
        c.DEPARTMENT,
        c.low("kind", "usage, correction, rounding, fee, idle, commitment, bill (an item of the provider's bill)"),
        c.low("what", "The product, the fee, the commitment, or the item of the provider's bill"),
        c.low("book", "Price book and its version, or the imported bill"),
        c.low("cluster", "Cluster whose usage bears the line; empty: the department used nothing that it is shared by"),
        c.low("product", "Product whose usage bears the line; empty: as with cluster"),
        _COMPUTED,
        c.low("basis", "How the whole was shared: proportional, even, fixed, pods, seconds; empty: not shared"),
        c.paid("weight", "The department's part of the weights of the sharing; of usage: its billed seconds"),
        c.paid("whole", "Amount that was shared among departments; of usage: the line's own amount"),
        c.paid("amount", "Amount to pay; without the lines of kind rounding: the exact cost"),
        c.low("rule", "Rule of the price book or of the bill that made the line"),
        c.INSERTED_AT,
    ),
)

IS_SHARED = "kind IN ({})".format(", ".join(f"'{kind}'" for kind in SHARED_KINDS))
"""Condition: no pod causes the line."""

STATEMENT_CURRENT = View(
    "statement_current",
    STATEMENT_LINE,
    "Lines of the statement of each month's active pricing run (run 1 where period has no row)",
)
