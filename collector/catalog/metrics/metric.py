"""
One metric family as data, and the buckets of histograms. Base units: seconds, bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family as it is exposed."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
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


LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
"""From 10 ms, since an idle controller picks a workflow up in 43-100 ms, to the 6 hours of an overloaded night."""

WHOLE_SECOND_BUCKETS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
"""For figures that objects give in whole seconds."""

INSERT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
