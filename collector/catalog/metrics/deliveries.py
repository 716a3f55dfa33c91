"""
Reports that are sent regularly.
"""

from collector.catalog.metrics.metric import Metric

DELIVERIES = Metric(
    "lynceus_deliveries_total",
    "counter",
    ("report", "outcome"),
    "Ends of attempts to send a report: sent; failed, and tried again; unsure: that is unknown; missed: given up.",
)
DELIVERY_LAST = Metric(
    "lynceus_delivery_last_success_timestamp_seconds", "gauge", ("report",), "When a report was last sent as scheduled."
)
DELIVERY_OVERDUE = Metric(
    "lynceus_delivery_overdue_seconds",
    "gauge",
    ("report",),
    "How long ago the last message of a report was due, if it is not known to be sent; else 0.",
)
