"""
The collector's own process.
"""

from collector.catalog.metrics.metric import HOLD_BUCKETS, INSERT_BUCKETS, Metric

NOT_READY = Metric(
    "lynceus_not_ready",
    "gauge",
    ("subject", "cluster", "cause"),
    "Reasons why the collector is not ready, by cause as in /readyz; no series: the collector is ready.",
)
SHARD_HELD = Metric(
    "lynceus_shard_held",
    "gauge",
    ("shard",),
    "1 where this replica watches the clusters of a shard; 0 where it stands by.",
)
SINGLE_MODE = Metric(
    "lynceus_single_mode",
    "gauge",
    (),
    "1 when this replica uses no Leases and watches every cluster, as /readyz says.",
)
TOKEN_EXPIRY = Metric(
    "lynceus_access_token_expiry_timestamp_seconds",
    "gauge",
    ("token",),
    "When the token of a name ends, of several the last; absent if one of them does not end.",
)
LABEL_OVERFLOW = Metric(
    "lynceus_label_overflow_total",
    "counter",
    ("family",),
    "Updates counted under `_other` because a family reached its bound of series and none of these was idle; of a gauge the "
    "scrapes.",
)
BUILD_INFO = Metric("lynceus_build_info", "gauge", ("version",), "Constant 1.")
LOOP_LAG = Metric(
    "lynceus_loop_lag_seconds",
    "histogram",
    (),
    "How late the event loop woke a timer.",
    INSERT_BUCKETS,
)
LOOP_HOLD = Metric(
    "lynceus_loop_hold_seconds",
    "histogram",
    (),
    "How long each pass of the event loop took, while all else waited. The rate of its sum is the loop's busy share.",
    HOLD_BUCKETS,
)
AUDIT_DROPPED = Metric(
    "lynceus_audit_dropped_total",
    "counter",
    (),
    "Entries of the audit log that are lost: too many waited for the store, or the collector ended before it took them.",
)
PROCESS_CPU = Metric("process_cpu_seconds_total", "counter", (), "CPU time of the collector, user and system.")
PROCESS_MEMORY = Metric("process_resident_memory_bytes", "gauge", (), "Resident memory of the collector.")
PROCESS_VIRTUAL_MEMORY = Metric("process_virtual_memory_bytes", "gauge", (), "Virtual memory of the collector.")
PROCESS_OPEN_FDS = Metric("process_open_fds", "gauge", (), "Open file descriptors of the collector.")
PROCESS_MAX_FDS = Metric("process_max_fds", "gauge", (), "File descriptors that the collector may have open at once.")
PROCESS_START = Metric("process_start_time_seconds", "gauge", (), "When the collector's process started.")
GC_COLLECTIONS = Metric(
    "python_gc_collections_total", "counter", ("generation",), "Runs of Python's garbage collector by generation."
)
GC_COLLECTED = Metric(
    "python_gc_objects_collected_total", "counter", ("generation",), "Objects that Python's garbage collector freed."
)
GC_UNCOLLECTABLE = Metric(
    "python_gc_objects_uncollectable_total",
    "counter",
    ("generation",),
    "Objects that Python's garbage collector could not free.",
)

OF_THE_PROCESS = (
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_VIRTUAL_MEMORY,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
    PROCESS_START,
    GC_COLLECTIONS,
    GC_COLLECTED,
    GC_UNCOLLECTABLE,
)
"""Read by prometheus-client, under the names that every program of Prometheus has them by."""
