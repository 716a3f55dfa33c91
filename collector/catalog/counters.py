"""
Counters and histograms as plain dicts: what the pipeline adds to on its hot path and the exposition reads at scrape time.

prometheus-client's own children cost 1-4 us an update and cannot start from a stored total; these cost 0.3 us and can.
Labels are given by name, as the metric declares them. Nothing here knows Prometheus' text format.
"""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from collector.catalog.metrics import LABEL_OVERFLOW, Metric

MAX_SERIES = 2000
"""Series of one family; what goes over is added up under `_other`, so a label bomb cannot fill memory."""

Labels = tuple[str, ...]
"""The label values of one series, in the order in which the metric declares its labels."""


@dataclass(slots=True)
class Buckets:
    """One histogram series: a count per bucket (the last is +Inf), and the sum."""

    counts: list[int]
    sum: float = 0.0


@dataclass(slots=True)
class Counters:
    """Counter values and histograms by metric name and label values."""

    series: dict[str, dict[Labels, Decimal | int]] = field(default_factory=dict)
    histograms: dict[str, dict[Labels, Buckets]] = field(default_factory=dict)

    def add(self, metric: Metric, amount: Decimal | int = 1, /, **labels: str) -> None:
        """Adds to the counter that has these labels."""
        series = self.series.setdefault(metric.name, {})
        key = self._bounded(metric, metric.label_values(labels), series)
        series[key] = series.get(key, 0) + amount

    def observe(self, metric: Metric, seconds: float, /, **labels: str) -> None:
        """Adds one observation to the histogram that has these labels."""
        series = self.histograms.setdefault(metric.name, {})
        key = self._bounded(metric, metric.label_values(labels), series)
        buckets = series.get(key)
        if buckets is None:
            buckets = series[key] = Buckets([0] * (len(metric.buckets) + 1))
        buckets.counts[bisect_left(metric.buckets, seconds)] += 1
        buckets.sum += seconds

    def initialise(self, metric: Metric, /, **labels: str) -> None:
        """Makes a counter exist at 0, so that its first increase is visible as an increase; an existing value stays."""
        self.add(metric, 0, **labels)

    def values(self, metric: Metric, /, **labels: str) -> list[Decimal | int]:
        """Returns the values of a counter's series that have these labels, whatever their other labels are."""
        wanted = [(metric.labels.index(name), value) for name, value in labels.items()]
        series = self.series.get(metric.name, {})
        return [value for key, value in series.items() if all(key[place] == label for place, label in wanted)]

    def by_label(self, metric: Metric, label: str) -> dict[str, Decimal | int]:
        """Sums a counter's series by the values of one label."""
        sums: dict[str, Decimal | int] = defaultdict(int)
        place = metric.labels.index(label)
        for key, value in self.series.get(metric.name, {}).items():
            sums[key[place]] += value
        return dict(sums)

    def _bounded(
        self,
        metric: Metric,
        labels: Labels,
        series: dict[Labels, object] | dict[Labels, Decimal | int] | dict[Labels, Buckets],
    ) -> Labels:
        if labels in series or len(series) < MAX_SERIES:
            return labels
        overflow = self.series.setdefault(LABEL_OVERFLOW.name, {})
        overflow[(metric.name,)] = overflow.get((metric.name,), 0) + 1
        return ("_other",) * len(labels)

    def totals(self, cluster: str) -> dict[str, str]:
        """Returns the counters of one cluster as text, to be stored with its cursor; `restore` reads them."""
        return {
            "\x1f".join((name, *labels)): str(value)
            for name, series in self.series.items()
            for labels, value in series.items()
            if labels and labels[0] == cluster
        }

    def restore(self, totals: dict[str, str]) -> None:
        """Continues from stored totals, so that a restart does not reset counters for queries without `increase`."""
        for key, value in totals.items():
            name, *labels = key.split("\x1f")
            self.series.setdefault(name, {})[tuple(labels)] = int(value) if value.isdigit() else Decimal(value)
