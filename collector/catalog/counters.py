"""
Counters and histograms as plain dicts: what the pipeline adds to on its hot path and the exposition reads at scrape time.

prometheus-client's own children cost 1-4 us an update and cannot start from a stored total; these cost 0.3 us and can.
Labels are given by name, as the metric declares them. Nothing here knows Prometheus' text format.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from collector.catalog.idle_series import IdleSeries
from collector.catalog.metrics import LABEL_OVERFLOW, METRICS, Metric
from collector.catalog.metrics.metric import MAX_SERIES
from collector.catalog.stored_totals import SEPARATOR, StoredTotals
from collector.core.model import Instant

UNKNOWN = "unknown"
"""Value of a label in a total that an older release stored without this label."""
OTHER, GONE = "_other", "_gone "
"""Label values that no namespace and no label can have. After the second stands the number of the forgotten series: each time
it is a new series, since `increase()` would take what is added to an old one for something that happens now."""

_PLACE_OF_CLUSTER = {metric.name: metric.labels.index("cluster") for metric in METRICS if "cluster" in metric.labels}
_GROWN = {metric.name: metric for metric in METRICS if metric.labels_before}
Labels = tuple[str, ...]
"""The label values of one series, in the order in which the metric declares its labels."""


class Exemplar(msgspec.Struct, frozen=True, gc=False):
    """Which object an observation was of, as one label, and when; a click on a dot of a panel leads there."""

    label: str
    value: str
    at: Instant


@dataclass(slots=True)
class Buckets:
    """One histogram series: a count per bucket (the last is +Inf), and the sum."""

    counts: list[int]
    sum: float = 0.0
    exemplars: dict[int, tuple[float, Exemplar]] = field(default_factory=dict)
    """By bucket the last observation that has an exemplar, so their number is bounded."""

    def copy(self) -> "Buckets":
        """As it is now."""
        return Buckets(self.counts.copy(), self.sum, self.exemplars.copy())


@dataclass(slots=True)
class Counters:
    """Counter values and histograms by metric name and label values."""

    series: dict[str, dict[Labels, Decimal | int]] = field(default_factory=dict)
    histograms: dict[str, dict[Labels, Buckets]] = field(default_factory=dict)
    _idle: IdleSeries = field(default_factory=IdleSeries)
    _gone: dict[tuple[str, str], Labels] = field(default_factory=dict)
    """By family and cluster the series that holds what was forgotten."""
    _totals: StoredTotals | None = None
    """None: the totals were not asked for yet."""

    def add(self, metric: Metric, amount: Decimal | int = 1, /, **labels: str) -> None:
        """Adds to the counter that has these labels."""
        series = self.series.setdefault(metric.name, {})
        key = self._bounded(metric, metric.label_values(labels), series)
        series[key] = series.get(key, 0) + amount
        if self._totals is not None:
            self._totals.mark(metric.name, (key,))

    def observe(self, metric: Metric, seconds: float, exemplar: Exemplar | None = None, /, **labels: str) -> None:
        """Adds one observation to the histogram that has these labels."""
        series = self.histograms.setdefault(metric.name, {})
        key = self._bounded(metric, metric.label_values(labels), series)
        buckets = series.get(key)
        if buckets is None:
            buckets = series[key] = Buckets([0] * (len(metric.buckets) + 1))
        place = bisect_left(metric.buckets, seconds)
        buckets.counts[place] += 1
        buckets.sum += seconds
        if exemplar is not None:
            buckets.exemplars[place] = (seconds, exemplar)

    def initialise(self, metric: Metric, /, **labels: str) -> None:
        """Makes a counter exist at 0, so that its first increase is visible as an increase; an existing value stays.

        Not in a family that is half full: what is counted needs the room."""
        series = self.series.setdefault(metric.name, {})
        if len(series) < MAX_SERIES[metric.kind] // 2:
            series.setdefault(metric.label_values(labels), 0)

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
        if labels in series or len(series) < MAX_SERIES[metric.kind] or self._forget_one(metric.name, series):
            return labels
        self.count_overflow(metric)
        return _merged(labels, OTHER)

    def count_overflow(self, metric: Metric) -> None:
        """Counts that something was added up under `_other`."""
        overflow = self.series.setdefault(LABEL_OVERFLOW.name, {})
        overflow[(metric.name,)] = overflow.get((metric.name,), 0) + 1

    def look_for_idle(self) -> Iterator[None]:
        """
        Notes which series have not changed since the last look, 15 seconds ago; only families that may fill up have any.

        Yields after each family that it looked at: a full one takes milliseconds.
        """
        self._idle.begin_look()
        counters: dict[str, dict[Labels, Any]] = self.series
        for kind, families in (("counter", counters), ("histogram", self.histograms)):
            for name, series in list(families.items()):
                if len(series) <= MAX_SERIES[kind] // 2:
                    self._idle.skip(name)
                else:
                    found = {key: _amount(value) for key, value in list(series.items()) if not key[-1].startswith("_")}
                    self._idle.look(name, found)
                    yield

    def _forget_one(self, name: str, series: dict[Labels, Any]) -> bool:
        """Forgets the series that has been idle for longest; its value stays in the sum of the family."""
        while (idle := self._idle.take(name)) is not None:
            key, amount = idle
            if _amount(series.get(key)) == amount:
                self._fold(name, series, key)
                return True
        return False

    def _fold(self, name: str, series: dict[Labels, Any], key: Labels) -> None:
        before = self._gone.get((name, _cluster(key)))
        value = series.pop(key)
        if before is not None:
            value = _sum(series.pop(before), value)
        number = int(before[-1].removeprefix(GONE)) + 1 if before else 1
        after = self._gone[name, _cluster(key)] = _merged(key, f"{GONE}{number}")
        series[after] = value
        if self._totals is not None and series is self.series.get(name):
            self._totals.mark(name, (key, after, *([before] if before else ())))

    def forget_cluster(self, cluster: str) -> None:
        """Ends the series of a cluster that is not watched any more; `restore` continues its totals."""
        families: tuple[dict[str, dict[Labels, Any]], ...] = (self.series, self.histograms)
        for name, series in [item for family in families for item in list(family.items())]:
            place = _PLACE_OF_CLUSTER.get(name, 0)
            for key in [key for key in list(series) if key[place : place + 1] == (cluster,)]:
                del series[key]
        self._gone = {key: labels for key, labels in self._gone.items() if key[1] != cluster}
        if self._totals is not None:
            self._totals.forget_cluster(cluster)

    def copy(self) -> "Counters":
        """The values as they are now. A thread, as that of rollups, may add to them meanwhile."""
        return Counters(
            {name: series.copy() for name, series in list(self.series.items())},
            {name: {k: b.copy() for k, b in list(series.items())} for name, series in list(self.histograms.items())},
        )

    def totals(self, clusters: Collection[str]) -> dict[str, dict[str, str]]:
        """Returns the counters of each of these clusters as text, to be stored with its cursor; `restore` reads them.

        Those at 0 are omitted: most are, and the next process makes them again."""
        if self._totals is None:
            self._totals = StoredTotals(self.series)
        return {cluster: self._totals.of(cluster, self.series) for cluster in clusters}

    def restore(self, totals: dict[str, str]) -> None:
        """Continues from stored totals, so that a restart does not reset counters for queries without `increase`."""
        for key, value in totals.items():
            name, *texts = key.split(SEPARATOR)
            labels = _with_new_labels(name, tuple(texts))
            if self._totals is not None:
                self._totals.mark(name, (labels,))
            self.series.setdefault(name, {})[labels] = int(value) if value.isdigit() else Decimal(value)
            if labels and labels[-1].startswith(GONE):
                self._gone[name, _cluster(labels)] = labels


def _with_new_labels(name: str, labels: Labels) -> Labels:
    """The labels of a stored total: those that were declared since it was stored are unknown."""
    metric = _GROWN.get(name)
    if metric is None or len(labels) != len(metric.labels_before):
        return labels
    stored = dict(zip(metric.labels_before, labels, strict=True))
    return tuple(stored.get(label, UNKNOWN) for label in metric.labels)


def is_merged(labels: Labels) -> bool:
    """Whether a series is one in which others were added up."""
    return labels[-1] == OTHER or labels[-1].startswith(GONE)


def _cluster(labels: Labels) -> str:
    """The cluster of a series, which is the first of several labels; it is the settings' and no part of a label bomb."""
    return labels[0] if len(labels) > 1 else ""


def _merged(labels: Labels, text: str) -> Labels:
    """The labels of the series in which series of one cluster are added up."""
    return (labels[0], *[text] * (len(labels) - 1)) if len(labels) > 1 else (text,)


def _amount(value: Any) -> Any:
    """What shows whether a series has changed."""
    return sum(value.counts) if isinstance(value, Buckets) else value


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, Buckets):
        return Buckets([a + b for a, b in zip(one.counts, other.counts, strict=True)], one.sum + other.sum)
    return one + other
