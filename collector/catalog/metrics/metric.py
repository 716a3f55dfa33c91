"""
One metric family as data, and the buckets of histograms. Base units: seconds, bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MetricKind = Literal["gauge", "counter", "histogram"]

MAX_SERIES: dict[str, int] = {"gauge": 10_000, "counter": 10_000, "histogram": 2_000}
"""
Series of one family by its kind, so that a label bomb cannot fill memory. 20 clusters of 50 namespaces with three outcomes
are 3,000; a series of a histogram is 28 samples. A full counter or histogram forgets idle series, which are added up under
`_gone`; if none is idle, what goes over is added up under `_other`, as of a gauge.
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family as it is exposed."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    labels_before: tuple[str, ...] = ()
    """The labels of an earlier release, whose stored totals go on; empty: labels were never added."""

    def label_values(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Label values in the declared order; a label that is missing or not declared is an error of the caller."""
        if tuple(labels) == self.labels:  # most callers name labels in this order, and counters are on the hot path
            return tuple(labels.values())
        if labels.keys() != set(self.labels):
            raise TypeError(f"{self.name} has the labels {', '.join(self.labels)}; given: {', '.join(labels)}")
        return tuple(labels[name] for name in self.labels)


LATENCY_BUCKETS = (
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2,
    5,
    10,
    20,
    30,
    45,
    60,
    90,
    120,
    180,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    21600,
    86400,
)
"""
From 10 ms, since an idle controller picks a workflow up in 43-100 ms, to a day. No bound is more than twice the one before
from 10 s to 2 h, where the promises are: a quantile is drawn as a straight line between two bounds. Alerts need 300 as it is.
"""

WHOLE_SECOND_BUCKETS = (
    0.5,
    1.5,
    2.5,
    5.5,
    10.5,
    20.5,
    30.5,
    45.5,
    60.5,
    90.5,
    120.5,
    180.5,
    300.5,
    600.5,
    1800.5,
    3600.5,
)
"""For figures that objects give in whole seconds, so between the seconds: what falls into a bucket from 0.5 to 1 is 1, and its
median would read as 0.75."""

HOLD_BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
INSERT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
