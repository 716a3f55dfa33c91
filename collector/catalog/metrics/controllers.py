"""
The Argo controller: whether it lives, leads, has memory left and keeps up.
"""

from collector.catalog.metrics.metric import Metric

CONTROLLER_OOM_KILLS = Metric(
    "lynceus_controller_oom_kills_total",
    "counter",
    ("cluster", "container"),
    "OOM kills of the Argo controller, from its pod's status; each is counted once.",
)
CONTROLLER_RESTARTS = Metric(
    "lynceus_controller_restarts_total",
    "counter",
    ("cluster", "container", "reason"),
    "Terminations of the Argo controller's container by reason: oom, error, completed, evicted, other, unknown.",
    labels_before=("cluster", "container"),
)
CONTROLLER_READY = Metric(
    "lynceus_controller_ready", "gauge", ("cluster", "pod"), "1 when the Argo controller's container is ready."
)
CONTROLLER_LEADER = Metric(
    "lynceus_controller_leader",
    "gauge",
    ("cluster", "pod"),
    "1 for the leader, by the Lease, else by the controller's own metrics; 0 for a pod that does not run; "
    "absent if neither is known.",
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
CONTROLLER_LEADER_CHANGES = Metric(
    "lynceus_controller_leader_changes_total",
    "counter",
    ("cluster",),
    "Times the Lease of the Argo controller went to another holder.",
)
CONTROLLER_LEASE_RENEWED = Metric(
    "lynceus_controller_lease_renewed_timestamp_seconds",
    "gauge",
    ("cluster",),
    "When the leader last renewed the Lease of the Argo controller, by the cluster's clock.",
)
CONTROLLER_ERRORS = Metric(
    "lynceus_controller_errors_total",
    "counter",
    ("cluster", "cause"),
    "Errors of the Argo controller by cause, by its own metrics.",
)
CONTROLLER_WORKERS_BUSY = Metric(
    "lynceus_controller_workers_busy",
    "gauge",
    ("cluster", "pod", "worker_type"),
    "Busy workers of the Argo controller, by its own metrics.",
)
CONTROLLER_INFO = Metric(
    "lynceus_controller_info",
    "gauge",
    ("cluster", "pod", "version", "image"),
    "Constant 1: the version and the image of each Argo controller.",
)
CONTROLLER_API_REQUESTS = Metric(
    "lynceus_controller_api_requests_total",
    "counter",
    ("cluster", "code"),
    "Requests of the Argo controller to the API server by status code, by its own metrics.",
)
CONTROLLER_API_WAIT = Metric(
    "lynceus_controller_api_wait_seconds_total",
    "counter",
    ("cluster",),
    "Time that requests of the Argo controller waited for its own rate limit (--qps), by its own metrics.",
)
