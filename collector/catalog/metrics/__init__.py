"""
Every Prometheus metric as data: the one place where a metric's name, kind, labels and meaning are declared.

Rules, dashboards and docs/reference/metrics.md are made from this list or checked against it. One module a subject; readers
name a metric as `metrics.QUEUE_DEPTH`, whichever module declares it.
"""

from collector.catalog.metrics import (
    controllers,
    costs,
    deliveries,
    process,
    queues,
    stores,
    traces,
    watches,
    workflows,
)
from collector.catalog.metrics.controllers import *
from collector.catalog.metrics.costs import *
from collector.catalog.metrics.deliveries import *
from collector.catalog.metrics.metric import Metric as Metric
from collector.catalog.metrics.process import *
from collector.catalog.metrics.queues import *
from collector.catalog.metrics.stores import *
from collector.catalog.metrics.traces import *
from collector.catalog.metrics.watches import *
from collector.catalog.metrics.workflows import *

METRICS: tuple[Metric, ...] = tuple(
    value
    for subject in (queues, workflows, costs, controllers, watches, stores, deliveries, traces, process)
    for value in vars(subject).values()
    if isinstance(value, Metric)
)
"""In the order in which they are exposed and documented."""
