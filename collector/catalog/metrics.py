"""
Every Prometheus metric as data: the one place where a metric's name, kind, labels and meaning are declared.

Rules, dashboards and docs/reference/metrics.md are made from this list or checked against it. Base units: seconds, bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family as it is exposed."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()

    def label_values(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Label values in the declared order; a label that is missing or not declared is an error of the caller."""
        if tuple(labels) == self.labels:  # most callers name labels in this order, and counters are on the hot path
            return tuple(labels.values())
        if labels.keys() != set(self.labels):
            raise TypeError(f"{self.name} has the labels {', '.join(self.labels)}; given: {', '.join(labels)}")
        return tuple(labels[name] for name in self.labels)


LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
"""From 10 ms, since an idle controller picks a workflow up in 43-100 ms, to the 6 hours of an overloaded night."""

INSERT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

QUEUE_DEPTH = Metric(
    "lynceus_queue_depth",
    "gauge",
    ("cluster", "namespace", "queue", "reason"),
    "Workflows whose work has not begun, by waiting reason.",
)
QUEUE_OLDEST_AGE = Metric(
    "lynceus_queue_oldest_age_seconds",
    "gauge",
    ("cluster", "namespace", "queue"),
    "Age of the oldest workflow whose work has not begun.",
)
QUEUE_LATENCY = Metric(
    "lynceus_queue_latency_seconds",
    "histogram",
    ("cluster", "queue"),
    "Time from the first appearance in the API until work begins, both observed live.",
    LATENCY_BUCKETS,
)
QUEUE_DRAIN = Metric(
    "lynceus_queue_drain_seconds",
    "gauge",
    ("cluster", "namespace", "queue"),
    "Time until all waiting workflows have started, at the rate of starts of the last 5 minutes; +Inf: none started.",
)
START_LATENCY = Metric(
    "lynceus_workflow_start_latency_seconds",
    "histogram",
    ("cluster", "queue"),
    "Time from the first appearance in the API to the first main container running, both observed live.",
    LATENCY_BUCKETS,
)
POD_START_LATENCY = Metric(
    "lynceus_pod_start_latency_seconds",
    "histogram",
    ("cluster", "namespace"),
    "Time from a pod's first appearance to its main container running, both observed live.",
    LATENCY_BUCKETS,
)
COMPLETION_DELAY = Metric(
    "lynceus_workflow_completion_delay_seconds",
    "histogram",
    ("cluster",),
    "Time from the end of the last container to the end of the workflow, by the cluster's clock, exact to 1 s.",
    (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800),
)
PARALLELISM_LIMIT = Metric(
    "lynceus_parallelism_limit",
    "gauge",
    ("cluster", "namespace"),
    "Workflows that may run at once; namespace `` is the whole installation, 0 means unlimited.",
)
PARALLELISM_SLOTS = Metric(
    "lynceus_parallelism_slots",
    "gauge",
    ("cluster", "namespace", "by"),
    "Parallelism slots in use, by what occupies the slot: running, suspended, lock.",
)
LOCK_LIMIT = Metric("lynceus_lock_limit", "gauge", ("cluster", "lock", "type"), "Holders that a lock admits at once.")
LOCK_HELD = Metric("lynceus_lock_held", "gauge", ("cluster", "lock", "type"), "Holders of a lock.")
LOCK_WAITING = Metric(
    "lynceus_lock_waiting", "gauge", ("cluster", "lock", "type"), "Workflows and steps that wait for a lock."
)
WORKFLOWS = Metric(
    "lynceus_workflows",
    "gauge",
    ("cluster", "namespace", "reason"),
    "Unfinished workflows whose work has begun, by their current state or waiting reason.",
)
SUBMITTED = Metric(
    "lynceus_workflows_submitted_total", "counter", ("cluster", "namespace", "queue"), "Workflow attempts first seen."
)
STARTED = Metric(
    "lynceus_workflows_started_total",
    "counter",
    ("cluster", "namespace", "queue"),
    "Workflow attempts whose work began.",
)
FINISHED = Metric(
    "lynceus_workflows_finished_total",
    "counter",
    ("cluster", "namespace", "outcome"),
    "Finished workflow attempts by outcome.",
)
PLATFORM_FAILURES = Metric(
    "lynceus_workflow_platform_failures_total",
    "counter",
    ("cluster", "namespace", "reason"),
    "Finished attempts that the platform made fail, by cause.",
)
RETRIES = Metric(
    "lynceus_workflow_retries_total",
    "counter",
    ("cluster", "namespace"),
    "Tries of steps beyond the first try of each step.",
)
UNREADABLE_UNITS = Metric(
    "lynceus_workflow_units_unreadable_total",
    "counter",
    ("cluster", "namespace"),
    "Finished attempts whose annotation `attribution.units` is not a number; their units are unknown.",
)
STUCK = Metric(
    "lynceus_workflows_stuck",
    "gauge",
    ("cluster", "namespace", "cause"),
    "Workflows without progress for longer than `stuck_after_minutes` after work began, by likely cause.",
)
CLOCK_CLAMPS = Metric(
    "lynceus_clock_clamped_total",
    "counter",
    ("cluster", "figure"),
    "Durations that were negative because two clocks or two watches differ, and were set to 0.",
)
CRON_LAST_RUN = Metric(
    "lynceus_cron_last_run_timestamp_seconds",
    "gauge",
    ("cluster", "namespace", "cron"),
    "Due time of a cron workflow's last run.",
)
CRON_NEXT_DUE = Metric(
    "lynceus_cron_next_due_timestamp_seconds",
    "gauge",
    ("cluster", "namespace", "cron"),
    "When a cron workflow is due next; absent while it is suspended.",
)
CRON_MISSED = Metric(
    "lynceus_cron_missed_total",
    "counter",
    ("cluster", "namespace", "cron"),
    "Due runs that did not start although no policy forbade them.",
)
CRON_SKIPPED = Metric(
    "lynceus_cron_skipped_total",
    "counter",
    ("cluster", "namespace", "cron", "reason"),
    "Due runs that the policy of the cron workflow forbade.",
)
COST = Metric(
    "lynceus_cost_total",
    "counter",
    ("cluster", "namespace", "product", "currency"),
    "Cost of finished pods at the active price books, each by what was known at its end: it rises with later evidence, but "
    "never falls, so bills are made from the tables.",
)
UNPRICED_PODS = Metric(
    "lynceus_cost_unpriced_pods_total",
    "counter",
    ("cluster", "reason"),
    "Finished pods without a price, or with a guessed price, by reason.",
)
RUNNING_COST = Metric(
    "lynceus_cost_running_per_hour",
    "gauge",
    ("cluster", "product", "currency"),
    "Cost per hour of the pods that are billed now, at the active price books; pods without a price are not included.",
)
CONTROLLER_OOM_KILLS = Metric(
    "lynceus_controller_oom_kills_total",
    "counter",
    ("cluster", "container"),
    "OOM kills of the Argo controller, from its pod's status; each is counted once.",
)
CONTROLLER_RESTARTS = Metric(
    "lynceus_controller_restarts_total",
    "counter",
    ("cluster", "container"),
    "Terminations of the Argo controller's container, OOM kills included.",
)
CONTROLLER_READY = Metric(
    "lynceus_controller_ready", "gauge", ("cluster", "pod"), "1 when the Argo controller's container is ready."
)
CONTROLLER_LEADER = Metric(
    "lynceus_controller_leader",
    "gauge",
    ("cluster", "pod"),
    "1 for the leader, by the Lease, else by the controller's own metrics; absent if neither is known.",
)
CONTROLLER_CRASH_LOOP = Metric(
    "lynceus_controller_crash_loop",
    "gauge",
    ("cluster", "pod"),
    "1 while the kubelet delays the restart of the Argo controller (CrashLoopBackOff).",
)
CONTROLLER_MEMORY = Metric(
    "lynceus_controller_memory_bytes",
    "gauge",
    ("cluster", "pod"),
    "Memory of the Argo controller: working set by the metrics API, else resident by its own metrics.",
)
CONTROLLER_MEMORY_LIMIT = Metric(
    "lynceus_controller_memory_limit_bytes",
    "gauge",
    ("cluster", "pod"),
    "Memory limit of the Argo controller; absent if there is none.",
)
CONTROLLER_WORK_QUEUE = Metric(
    "lynceus_controller_work_queue_depth",
    "gauge",
    ("cluster", "pod", "work_queue"),
    "Keys that are ready in the controller's internal work queues, by its own metrics; these are not queues of workflows.",
)
CLUSTER_UP = Metric(
    "lynceus_cluster_up",
    "gauge",
    ("cluster",),
    "1 when all required watches of the cluster have synced and are open or reopening.",
)
WATCH_EVENTS = Metric("lynceus_watch_events_total", "counter", ("cluster", "kind"), "Objects observed.")
WATCH_LAST_EVENT = Metric(
    "lynceus_watch_last_event_timestamp_seconds",
    "gauge",
    ("cluster", "kind"),
    "When the watch last received anything, bookmarks included.",
)
WATCH_RESTARTS = Metric(
    "lynceus_watch_restarts_total",
    "counter",
    ("cluster", "kind", "cause"),
    "Times a watch had to be opened again, by cause.",
)
WATCH_GAPS = Metric(
    "lynceus_watch_gaps_total", "counter", ("cluster", "kind"), "Breaks of a watch that could not be replayed."
)
RECONCILE_DIFFERENCES = Metric(
    "lynceus_reconcile_differences_total",
    "counter",
    ("cluster", "kind", "difference"),
    "Differences between a list and what the watch reported: missing, stale, phantom. 0 is expected.",
)
BACKFILLED = Metric(
    "lynceus_backfilled_workflows_total", "counter", ("cluster",), "Workflows imported from Argo's archive after a gap."
)
BACKFILL_FAILURES = Metric(
    "lynceus_backfill_failures_total",
    "counter",
    ("cluster", "reason"),
    "Failed reads of Argo's archive, by reason.",
)
DECODE_FALLBACKS = Metric(
    "lynceus_decode_fallbacks_total",
    "counter",
    ("cluster", "kind"),
    "Objects that only the untyped second attempt could decode.",
)
QUARANTINED = Metric(
    "lynceus_quarantined_total", "counter", ("cluster", "kind", "reason"), "Objects and rows set aside."
)
STORE_UP = Metric("lynceus_store_up", "gauge", (), "1 when the store answered the last request.")
STORE_INSERT_SECONDS = Metric(
    "lynceus_store_insert_duration_seconds",
    "histogram",
    ("table",),
    "Duration of acknowledged inserts.",
    INSERT_BUCKETS,
)
STORE_INSERT_ERRORS = Metric("lynceus_store_insert_errors_total", "counter", ("table",), "Inserts that failed.")
STORE_INSERTED_ROWS = Metric("lynceus_store_inserted_rows_total", "counter", ("table",), "Rows acknowledged.")
STORE_LAST_INSERT = Metric(
    "lynceus_store_last_insert_timestamp_seconds", "gauge", (), "When the last insert was acknowledged."
)
SPOOL_ROWS = Metric(
    "lynceus_store_spool_rows", "gauge", (), "Rows in the spool that the store has not acknowledged yet."
)
SPOOL_BYTES = Metric("lynceus_store_spool_bytes", "gauge", (), "Size of the spool file.")
SPOOL_LIMIT = Metric(
    "lynceus_store_spool_limit_bytes", "gauge", (), "Size at which the spool accepts no more rows: spool.max_bytes."
)
CLOCK_SKEW = Metric(
    "lynceus_clock_skew_seconds",
    "gauge",
    ("subject", "cluster"),
    "Clock of an API server (subject `cluster`) or of the store, minus the collector's clock; 0 within a second.",
)
NOT_READY = Metric(
    "lynceus_not_ready",
    "gauge",
    ("subject", "cluster", "cause"),
    "Reasons why the collector is not ready, by cause as in /readyz; no series: the collector is ready.",
)
ROLLED_UP = Metric(
    "lynceus_rollup_last_success_timestamp_seconds",
    "gauge",
    ("rollup",),
    "Until when a rollup holds all rows; reports read newer rows from the rollup's source.",
)
ROLLED_UP_DAYS = Metric("lynceus_rollup_days_total", "counter", ("rollup",), "Days of a rollup that were rebuilt.")
ROLLUP_ERRORS = Metric("lynceus_rollup_errors_total", "counter", ("rollup",), "Failed updates of a rollup.")
LABEL_OVERFLOW = Metric(
    "lynceus_label_overflow_total",
    "counter",
    ("family",),
    "Updates counted under `_other` because a family reached its bound of series and none of these was idle.",
)
BUILD_INFO = Metric("lynceus_build_info", "gauge", ("version",), "Constant 1.")

METRICS: tuple[Metric, ...] = (
    QUEUE_DEPTH, QUEUE_OLDEST_AGE, QUEUE_LATENCY, QUEUE_DRAIN, START_LATENCY, POD_START_LATENCY, COMPLETION_DELAY,
    PARALLELISM_LIMIT, PARALLELISM_SLOTS, LOCK_LIMIT, LOCK_HELD, LOCK_WAITING, WORKFLOWS, SUBMITTED, STARTED, FINISHED,
    PLATFORM_FAILURES, RETRIES, UNREADABLE_UNITS, STUCK, CLOCK_CLAMPS, CRON_LAST_RUN, CRON_NEXT_DUE, CRON_MISSED, CRON_SKIPPED,
    COST, UNPRICED_PODS, RUNNING_COST,
    CONTROLLER_OOM_KILLS, CONTROLLER_RESTARTS, CONTROLLER_READY, CONTROLLER_LEADER, CONTROLLER_CRASH_LOOP,
    CONTROLLER_MEMORY, CONTROLLER_MEMORY_LIMIT, CONTROLLER_WORK_QUEUE, CLUSTER_UP, WATCH_EVENTS, WATCH_LAST_EVENT,
    WATCH_RESTARTS, WATCH_GAPS, RECONCILE_DIFFERENCES, BACKFILLED, BACKFILL_FAILURES,
    DECODE_FALLBACKS, QUARANTINED, STORE_UP, STORE_INSERT_SECONDS, STORE_INSERT_ERRORS,
    STORE_INSERTED_ROWS, STORE_LAST_INSERT, SPOOL_ROWS, SPOOL_BYTES, SPOOL_LIMIT, ROLLED_UP, ROLLED_UP_DAYS,
    ROLLUP_ERRORS, CLOCK_SKEW, NOT_READY, LABEL_OVERFLOW, BUILD_INFO,
)  # fmt: skip
