"""
Queues of workflows: depth, waits, flow, limits and locks.
"""

from collector.catalog.metrics.metric import LATENCY_BUCKETS, Metric

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
QUEUE_MANAGER_PENDING = Metric(
    "lynceus_queue_manager_pending",
    "gauge",
    ("cluster", "manager", "namespace", "queue"),
    "Number that waits in a queue, by the queue manager's own count: workflows of kube-queue, Workloads of kueue (one a pod or "
    "a group of pods), PodGroups of volcano. Namespace `` is a queue of the whole cluster.",
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
PARALLELISM_LIMIT = Metric(
    "lynceus_parallelism_limit",
    "gauge",
    ("cluster", "namespace"),
    "Workflows that may run at once; namespace `` is the whole installation. Absent while unlimited or not known.",
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
LOCK_HOLDER_AGE = Metric(
    "lynceus_lock_holder_age_seconds",
    "gauge",
    ("cluster", "lock", "type"),
    "Age of the oldest hold of a lock, since it was first seen; 0: not held.",
)
LOCK_OLDEST_WAIT = Metric(
    "lynceus_lock_oldest_wait_seconds",
    "gauge",
    ("cluster", "lock", "type"),
    "Age of the longest wait for a lock; 0: none waits.",
)
LOCK_HOLDERS_IDLE = Metric(
    "lynceus_lock_holders_idle",
    "gauge",
    ("cluster", "lock", "type"),
    "Holders of a lock whose workflow runs no pod: it is suspended, or waits for a lock itself. "
    "A lock is dead while some wait for it and all holders are idle, also when no workflow that exists holds it.",
)
