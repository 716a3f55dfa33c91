"""
Counters at 0: the series of each label set that is known before anything of it is counted.

`increase()` does not see a first increase that creates its series: the first failure of a namespace would be invisible.
What is known from the start is data here; a namespace, a queue or a cron gets its series when it is first seen. A family
that is half full gets no more of them, so that what is counted finds room.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product as combinations
from typing import Literal, get_args

from collector.catalog import metrics
from collector.catalog.counters import Counters, Labels, is_merged
from collector.catalog.metrics import Metric
from collector.core.argo import controller
from collector.core.argo.cron import CronState
from collector.core.cluster.effects import ClampedFigure
from collector.core.cluster.state import Cluster
from collector.core.cost.billed_spec import DOUBTS
from collector.core.cost.charge import UNPRICED, CostClass
from collector.core.facts.watches import SetAside
from collector.core.facts.workflows import SkipReason
from collector.core.messages import WORKLOAD_KINDS
from collector.core.model import OUTCOMES
from collector.core.objects.kubernetes import OwnKind
from collector.core.rules import Rules
from collector.core.workflow.outcome import PLATFORM_REASONS

Difference = Literal["missing", "stale", "phantom"]
"""Between the watched state and a list: an object that was not known, had an old version, or does not exist any more."""

Words = tuple[str, ...]
_KINDS: Words = get_args(OwnKind)

OF_A_CLUSTER: tuple[tuple[Metric, dict[str, Words]], ...] = (
    (metrics.CONTROLLER_OOM_KILLS, {"container": controller.CONTAINERS}),
    (
        metrics.CONTROLLER_RESTARTS,
        {
            "container": controller.CONTAINERS,
            "reason": (*controller.RESTART_REASONS.values(), controller.OTHER_RESTART),
        },
    ),
    (metrics.CONTROLLER_LEADER_CHANGES, {}),
    (metrics.WATCH_EVENTS, {"kind": _KINDS}),
    (metrics.WATCH_GAPS, {"kind": _KINDS}),
    (metrics.QUARANTINED, {"kind": _KINDS, "reason": get_args(SetAside)}),
    (metrics.RECONCILE_DIFFERENCES, {"kind": (*WORKLOAD_KINDS,), "difference": get_args(Difference)}),
    (metrics.CLOCK_CLAMPS, {"figure": get_args(ClampedFigure)}),
    (metrics.UNPRICED_PODS, {"reason": (*UNPRICED, *DOUBTS)}),
)
"""What a watched cluster has from the start: a counter, and the words of each label beside the cluster's name."""

OF_A_NAMESPACE: tuple[tuple[Metric, dict[str, Words]], ...] = (
    (metrics.FINISHED, {"outcome": OUTCOMES}),
    (metrics.RETRIES, {}),
    (metrics.UNREADABLE_UNITS, {}),
)
OF_A_USED_NAMESPACE: tuple[tuple[Metric, dict[str, Words]], ...] = (
    *OF_A_NAMESPACE,
    (metrics.PLATFORM_FAILURES, {"reason": (*sorted(PLATFORM_REASONS),)}),
)
"""Of a namespace in which a workflow or a cron was seen: too many to have for each namespace of a cluster."""

OF_ITS_COST: tuple[tuple[Metric, dict[str, Words]], ...] = ((metrics.ATTEMPT_COST, {"class": get_args(CostClass)}),)
OF_A_QUEUE: tuple[tuple[Metric, dict[str, Words]], ...] = ((metrics.SUBMITTED, {}), (metrics.STARTED, {}))
OF_A_CRON: tuple[tuple[Metric, dict[str, Words]], ...] = (
    (metrics.CRON_MISSED, {}),
    (metrics.CRON_SKIPPED, {"reason": get_args(SkipReason)}),
)

UNKNOWN_BEFORE: dict[str, str] = {
    metrics.COST.name: "a product is known with the first pod of the cluster that it bills",
    metrics.CONTROLLER_API_REQUESTS.name: "a status code other than 429 is known with its first answer",
    metrics.CONTROLLER_ERRORS.name: "a cause that a later release of Argo adds is known with its first error",
    metrics.SUBMITTED.name: "a queue that a workflow's label names is known with its first workflow",
    metrics.STARTED.name: "the same, where work begins before the next scrape",
}
"""Counters with series that may appear above 0, and why."""

SYSTEM_PREFIX = "kube-"
"""Of namespaces that Kubernetes reserves for itself, says its page about namespaces: no workflow is there."""
REMEMBERED = 20_000
"""Namespaces, queues and crons that are remembered as seen; a label bomb gets no more series at 0."""


def initialise_cluster(counters: Counters, cluster: str, currency: str) -> None:
    """Makes the counters that are known of a cluster from the start exist at 0."""
    counters.initialise(metrics.UNALLOCATED_COST, cluster=cluster, currency=currency)
    _initialise(counters, OF_A_CLUSTER, cluster=cluster)


def initialise_overflow(counters: Counters) -> None:
    """Makes the counters of overflown families exist at 0."""
    for metric in metrics.METRICS:
        counters.initialise(metrics.LABEL_OVERFLOW, family=metric.name)


@dataclass(slots=True)
class FirstSights:
    """The namespaces, queues, crons and products that have their series."""

    counters: Counters
    currency: str
    """Of the report, in which all costs are."""
    _seen: set[tuple[str, ...]] = field(default_factory=set)
    _used: dict[str, set[str]] = field(default_factory=dict)
    """By cluster the namespaces in which a workflow or a cron was seen."""
    _products: dict[str, set[str]] = field(default_factory=dict)
    """By cluster the products that billed a pod."""

    def see_namespace(self, cluster: str, namespace: str, rules: Rules) -> None:
        """Notes a namespace object; without a queue label the queue of its workflows has its name."""
        if not namespace.startswith(SYSTEM_PREFIX) and self._is_new("namespace", cluster, namespace):
            _initialise(self.counters, OF_A_NAMESPACE, cluster=cluster, namespace=namespace)
            if not rules.queue_label:
                _initialise(self.counters, OF_A_QUEUE, cluster=cluster, namespace=namespace, queue=namespace)

    def see_queue(self, cluster: str, namespace: str, queue: str) -> None:
        """Notes the namespace and the queue of a workflow."""
        if self._is_new("queue", cluster, namespace, queue):
            self._use(cluster, namespace)
            _initialise(self.counters, OF_A_QUEUE, cluster=cluster, namespace=namespace, queue=queue)

    def see_crons(self, cluster: str, crons: Iterable[CronState]) -> None:
        """Notes crons. A timer may do so, since a run is judged a minute after its due time at the earliest."""
        for cron in crons:
            if self._is_new("cron", cluster, cron.namespace, cron.name):
                self._use(cluster, cron.namespace)
                _initialise(self.counters, OF_A_CRON, cluster=cluster, namespace=cron.namespace, cron=cron.name)

    def see_product(self, cluster: str, product: str) -> None:
        """Notes the product that bills a pod: other namespaces of the cluster may have such pods next."""
        if self._is_new("product", cluster, product):
            self._products.setdefault(cluster, set()).add(product)
            for namespace in self._used.get(cluster, ()):
                self._initialise_cost(cluster, namespace, product)

    def see_all(self, cluster: Cluster) -> None:
        """Notes what a cluster's state holds, after a list."""
        for namespace, queue in {(state.namespace, state.queue) for state in cluster.workflows.values()}:
            self.see_queue(cluster.name, namespace, queue)
        self.see_crons(cluster.name, cluster.crons.states.values())

    def see_restored(self, cluster: Cluster) -> None:
        """Notes what a cluster's restored state and counters hold."""
        self.see_all(cluster)
        for queue in self._series(metrics.SUBMITTED, cluster.name):
            self.see_queue(*queue)
        for paid in self._series(metrics.COST, cluster.name):
            self.see_product(cluster.name, paid[2])

    def forget_cluster(self, cluster: str) -> None:
        """Forgets a cluster whose series ended."""
        self._seen = {what for what in self._seen if what[1] != cluster}
        self._used.pop(cluster, None)
        self._products.pop(cluster, None)

    def _series(self, metric: Metric, cluster: str) -> list[Labels]:
        """The series of a cluster; stored totals may be of a release with other labels."""
        found = self.counters.series.get(metric.name, {})
        return [k for k in found if k[0] == cluster and len(k) == len(metric.labels) and not is_merged(k)]

    def _use(self, cluster: str, namespace: str) -> None:
        if self._is_new("used", cluster, namespace):
            self._used.setdefault(cluster, set()).add(namespace)
            _initialise(self.counters, OF_A_USED_NAMESPACE, cluster=cluster, namespace=namespace)
            _initialise(self.counters, OF_ITS_COST, cluster=cluster, namespace=namespace, currency=self.currency)
            for product in self._products.get(cluster, ()):
                self._initialise_cost(cluster, namespace, product)

    def _initialise_cost(self, cluster: str, namespace: str, product: str) -> None:
        labels = {"cluster": cluster, "namespace": namespace, "product": product}
        self.counters.initialise(metrics.COST, **labels, currency=self.currency)

    def _is_new(self, *what: str) -> bool:
        if what in self._seen or len(self._seen) >= REMEMBERED:
            return False
        self._seen.add(what)
        return True


def _initialise(counters: Counters, series: Iterable[tuple[Metric, dict[str, Words]]], **labels: str) -> None:
    for metric, words in series:
        for more in _combinations(words):
            counters.initialise(metric, **labels, **more)


def _combinations(words: dict[str, Words]) -> Iterator[dict[str, str]]:
    """Every choice of a word for each label."""
    for chosen in combinations(*words.values()):
        yield dict(zip(words, chosen, strict=True))
