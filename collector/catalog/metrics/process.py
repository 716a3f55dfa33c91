"""
The collector's own process.
"""

from collector.catalog.metrics.metric import INSERT_BUCKETS, Metric

NOT_READY = Metric(
    "lynceus_not_ready",
    "gauge",
    ("subject", "cluster", "cause"),
    "Reasons why the collector is not ready, by cause as in /readyz; no series: the collector is ready.",
)
LABEL_OVERFLOW = Metric(
    "lynceus_label_overflow_total",
    "counter",
    ("family",),
    "Updates counted under `_other` because a family reached its bound of series and none of these was idle.",
)
BUILD_INFO = Metric("lynceus_build_info", "gauge", ("version",), "Constant 1.")
LOOP_LAG = Metric(
    "lynceus_loop_lag_seconds",
    "histogram",
    (),
    "How late the event loop woke a timer.",
    INSERT_BUCKETS,
)
