"""
Export of finished workflows as traces.
"""

from collector.catalog.metrics.metric import Metric

TRACES_EXPORTED = Metric(
    "lynceus_traces_exported_total", "counter", (), "Finished attempts that the receiver of traces took whole."
)
TRACES_DROPPED = Metric(
    "lynceus_traces_dropped_total",
    "counter",
    ("reason",),
    "Finished attempts that were not exported: queue_full, old (it ended an hour ago), refused (by the receiver), "
    "unforeseen (an error of the export), shutdown. "
    "own_work: a span of the collector itself.",
)
TRACE_SEND_ERRORS = Metric(
    "lynceus_traces_send_errors_total",
    "counter",
    (),
    "Requests that the receiver of traces did not answer; they are repeated.",
)
