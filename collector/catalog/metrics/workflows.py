"""
Workflows and pods whose work has begun, how they end, and cron workflows.
"""

from collector.catalog.metrics.metric import LATENCY_BUCKETS, WHOLE_SECOND_BUCKETS, Metric

WORKFLOWS = Metric(
    "lynceus_workflows",
    "gauge",
    ("cluster", "namespace", "reason"),
    "Unfinished workflows whose work has begun, by their current state or waiting reason.",
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
    WHOLE_SECOND_BUCKETS,
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
    "Finished attempts with an annotation in `attribution.units` that is not a number; that unit is unknown.",
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
DURATION = Metric(
    "lynceus_workflow_duration_seconds",
    "histogram",
    ("cluster", "template", "outcome"),
    "Time from the begin of work to the end of the attempt.",
    LATENCY_BUCKETS,
)
PODS = Metric("lynceus_pods", "gauge", ("cluster", "namespace", "phase"), "Pods of workflows that exist, by phase.")
CRON_LAST_SUCCESS = Metric(
    "lynceus_cron_last_success_timestamp_seconds",
    "gauge",
    ("cluster", "namespace", "cron"),
    "Due time of a cron workflow's last run that succeeded; absent until one was seen.",
)
CRON_PERIOD = Metric(
    "lynceus_cron_period_seconds",
    "gauge",
    ("cluster", "namespace", "cron"),
    "Longest time between two of a cron workflow's last three and next two due times; absent while it is suspended.",
)
