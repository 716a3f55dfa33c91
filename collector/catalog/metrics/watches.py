"""
Watches of clusters: whether all is seen, and how late.
"""

from collector.catalog.metrics.metric import WHOLE_SECOND_BUCKETS, Metric

CLUSTER_UP = Metric(
    "lynceus_cluster_up",
    "gauge",
    ("cluster",),
    "1 when all required watches of the cluster have synced and are open or reopening.",
)
CLUSTERS = Metric(
    "lynceus_clusters",
    "gauge",
    ("state",),
    "Clusters by state: watched, not_ready, refused, or removed within a day.",
)
SETTINGS_RELOADED = Metric(
    "lynceus_settings_last_reload_successful",
    "gauge",
    (),
    "Whether the settings file is valid; 0: the last valid one stays in force. Absent without a file.",
)
SETTINGS_RELOADED_AT = Metric(
    "lynceus_settings_last_reload_success_timestamp_seconds",
    "gauge",
    (),
    "When the settings file was last read with a change, and was valid.",
)
CLUSTER_INFO = Metric(
    "lynceus_cluster_info",
    "gauge",
    ("cluster", "argo_ui", "region", "product"),
    "Constant 1: what the settings say of the cluster; an empty label is not set. Links of dashboards take argo_ui from it.",
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
CLOCK_SKEW = Metric(
    "lynceus_clock_skew_seconds",
    "gauge",
    ("subject", "cluster"),
    "Clock of an API server (subject `cluster`) or of the store, minus the collector's clock; 0 within a second.",
)
WATCH_LAG = Metric(
    "lynceus_watch_lag_seconds",
    "histogram",
    ("cluster",),
    "Time from an end that an object bears until the collector took it, by the cluster's clock, exact to 1 s.",
    WHOLE_SECOND_BUCKETS,
)
CREDENTIALS_EXPIRE = Metric(
    "lynceus_cluster_credentials_expire_timestamp_seconds",
    "gauge",
    ("cluster",),
    "When the credentials of a cluster expire: its client certificate, authority or token; absent if they do not, or if "
    "something renews them in time.",
)
