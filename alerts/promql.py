"""
PromQL that all rules share.

Two replicas may watch a cluster for a moment while they hand it over, and two collectors may overlap in an upgrade: the
maximum over what Prometheus scraped is taken before anything is summed, for gauges and for increases alike.
"""

from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric

WATCHED = f"max by (cluster) ({catalog.CLUSTER_UP.name}) == 1"
"""Clusters that are fully watched; the figures of others are out of date."""


def once(metric: Metric, series: str) -> str:
    """A gauge, counted once for all replicas."""
    return f"max by ({', '.join(metric.labels)}) ({series})"


def total(metric: Metric, series: str, by: str) -> str:
    """The sum of a gauge by some labels."""
    return f"sum by ({by}) ({once(metric, series)})"


def increase(metric: Metric, series: str, window: str, by: str) -> str:
    """How much a counter grew in a window, by some labels."""
    return f"sum by ({by}) ({once(metric, f'increase({series}[{window}])')})"


def rate(metric: Metric, series: str, window: str, by: str) -> str:
    """A counter's rate per second, by some labels."""
    return f"sum by ({by}) ({once(metric, f'rate({series}[{window}])')})"


def part(series: str, suffix: str) -> str:
    """A histogram's `_bucket`, `_count` or `_sum` with the matchers of the series."""
    name, brace, matchers = series.partition("{")
    return f"{name}{suffix}{brace}{matchers}"


def quantile(share: float, metric: Metric, series: str, window: str, by: str) -> str:
    """A quantile of a histogram over a window, by some labels."""
    buckets = f"rate({part(series, '_bucket')}[{window}])"
    merged = f"max by ({', '.join((*metric.labels, 'le'))}) ({buckets})"
    return f"histogram_quantile({share:g}, sum by ({by}, le) ({merged}))"


def observed(metric: Metric, series: str, window: str, by: str) -> str:
    """How many observations a histogram took in a window, by some labels."""
    return increase(metric, part(series, "_count"), window, by)
