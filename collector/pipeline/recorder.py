"""
What follows from each happening: facts for the store, counters for Prometheus, charges for whoever pays.

Runs in the pipeline's loop; keeps nothing but which months have been opened.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import get_args

import msgspec

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.core.argo import controller
from collector.core.cluster.effects import Began, Clamped, Effect, Ended, FirstRan, PodEnded, PodRan, Submitted
from collector.core.cluster.state import Cluster
from collector.core.cost import changed_charges
from collector.core.cost import charge as billing
from collector.core.cost.billing_days import month_of
from collector.core.cost.meters import total
from collector.core.cost.pricing_runs import FIRST_RUN, Runs
from collector.core.facts.bills import Period, PodCost
from collector.core.facts.workflows import ControllerIncident, CronRun
from collector.core.messages import WORKLOAD_KINDS
from collector.core.model import Fact, Instant
from collector.core.objects.kubernetes import Kind
from collector.core.pod.lifecycle import PodState
from collector.core.units import ZERO
from collector.core.workflow.payer import payer_of
from collector.core.workflow.state import WorkflowState
from collector.prices.lookup import Books

DIFFERENCES = ("missing", "stale", "phantom")

RECENT_PODS = 100_000
"""Pods whose charges are remembered until the next look at the store's runs; more only after a long outage."""


@dataclass(slots=True)
class Recorder:
    """Where happenings go."""

    books: Books
    zone: tzinfo
    counters: Counters
    store: Callable[[Fact], object]
    """Takes a fact that is to become a row."""
    runs: Runs = field(default_factory=Runs)
    """Under which pricing runs charges are written, as the store was last heard to say."""
    recent: dict[tuple[str, str], None] = field(default_factory=dict)
    """Pods charged since then: a run that nobody had heard of yet lacks them."""
    _months: set[int] = field(default_factory=set)

    def record(self, cluster: Cluster, happening: Effect, at: Instant, listed: bool) -> None:
        """A fact goes to the store; the rest moves counters."""
        if isinstance(happening, Fact):  # most are, a row for each step of a workflow among them
            self._fact(happening, listed)
            return
        name, counters = cluster.name, self.counters
        match happening:
            case Submitted(namespace, queue):
                counters.add(metrics.SUBMITTED, cluster=name, namespace=namespace, queue=queue)
            case Began(namespace, queue, latency_ms):
                counters.add(metrics.STARTED, cluster=name, namespace=namespace, queue=queue)
                if latency_ms is not None:
                    counters.observe(metrics.QUEUE_LATENCY, latency_ms / 1000, cluster=name, queue=queue)
            case FirstRan(queue, latency_ms):
                counters.observe(metrics.START_LATENCY, latency_ms / 1000, cluster=name, queue=queue)
            case PodRan(namespace, latency_ms):
                counters.observe(metrics.POD_START_LATENCY, latency_ms / 1000, cluster=name, namespace=namespace)
            case Clamped(figure):
                counters.add(metrics.CLOCK_CLAMPS, cluster=name, figure=figure)
            case Ended():
                self._ended(name, happening)
            case PodEnded(pod, workflow):
                self.charge(cluster, pod, workflow, at)

    def _fact(self, fact: Fact, listed: bool) -> None:
        self.store(fact)
        if isinstance(fact, ControllerIncident):
            self._count_incident(fact, listed)
        elif isinstance(fact, CronRun):
            self._count_cron(fact)

    def _ended(self, cluster: str, ended: Ended) -> None:
        counters, namespace = self.counters, ended.namespace
        counters.add(metrics.FINISHED, cluster=cluster, namespace=namespace, outcome=ended.outcome)
        if ended.outcome == "platform":
            counters.add(metrics.PLATFORM_FAILURES, cluster=cluster, namespace=namespace, reason=ended.reason)
        if ended.retries:
            counters.add(metrics.RETRIES, ended.retries, cluster=cluster, namespace=namespace)
        if ended.delay_ms is not None:
            counters.observe(metrics.COMPLETION_DELAY, ended.delay_ms / 1000, cluster=cluster)

    def _count_incident(self, incident: ControllerIncident, listed: bool) -> None:
        """An old kill that a list shows is recorded, but must page nobody."""
        if listed or incident.kind not in ("oom_kill", "restart"):
            return
        cluster, container = incident.cluster, incident.container
        self.counters.add(metrics.CONTROLLER_RESTARTS, cluster=cluster, container=container)
        if incident.kind == "oom_kill":
            self.counters.add(metrics.CONTROLLER_OOM_KILLS, cluster=cluster, container=container)

    def _count_cron(self, run: CronRun) -> None:
        labels = {"cluster": run.cluster, "namespace": run.namespace, "cron": run.cron}
        if run.outcome == "missed":
            self.counters.add(metrics.CRON_MISSED, **labels)
        elif run.outcome == "skipped":
            self.counters.add(metrics.CRON_SKIPPED, **labels, reason=run.reason)

    def charge(self, cluster: Cluster, pod: PodState, workflow: WorkflowState | None, until: Instant) -> None:
        """A pod's charges up to its end, or to `until` while it runs; of its days those that changed are told."""
        product = cluster.rules.product
        payer = payer_of(workflow)
        charges = billing.charges(pod.run, payer, self.books, self.zone, until, product, FIRST_RUN, pod.written)
        if not charges:
            return
        new, written = changed_charges.changed_charges(charges, self.runs.of, pod.written)
        cluster.record_charges(pod, written)
        for charge in new:
            self._open_month(charge.day)
            for run in self.runs.of(charge.day):
                self.store(charge if run == charge.run else msgspec.structs.replace(charge, run=run))
        if len(self.recent) < RECENT_PODS:
            self.recent[cluster.name, pod.run.uid] = None
        if pod.stage == "finished" and not pod.historic:
            self._count_cost(pod, charges)

    def _count_cost(self, pod: PodState, charges: list[PodCost]) -> None:
        """Add to the counter what it does not hold yet; a correction downwards shows in tables only."""
        first, charge = not pod.is_counted, charges[0]
        if first and (doubt := billing.doubt_of(charge)):
            self.counters.add(metrics.UNPRICED_PODS, cluster=charge.cluster, reason=doubt)
        if charge.cost is None:
            if first:
                self.counters.add(metrics.UNPRICED_PODS, cluster=charge.cluster, reason=charge.rule)
                pod.count_unpriced()
            return
        more = pod.count_cost(total(c.cost or ZERO for c in charges))
        if more > 0:
            self.counters.add(
                metrics.COST,
                more,
                cluster=charge.cluster,
                namespace=charge.namespace,
                product=charge.product,
                currency=charge.currency,
            )

    def _open_month(self, day: int) -> None:
        """The first charge of a month gives it its active run."""
        month = month_of(day)
        if month not in self._months and month not in self.runs.by_month:
            self._months.add(month)
            self.store(Period(month=month, version=1, active_run=FIRST_RUN, state="open", total=None, hash=""))


def initialise_counters(counters: Counters, clusters: Iterable[str]) -> None:
    """Makes counters that alerts read exist at 0: `increase()` does not see a first increase that creates its series."""
    for cluster in clusters:
        for container in controller.CONTAINERS:
            counters.initialise(metrics.CONTROLLER_OOM_KILLS, cluster=cluster, container=container)
            counters.initialise(metrics.CONTROLLER_RESTARTS, cluster=cluster, container=container)
        for kind in get_args(Kind):
            counters.initialise(metrics.WATCH_GAPS, cluster=cluster, kind=kind)
        for kind in WORKLOAD_KINDS:
            for how in DIFFERENCES:
                counters.initialise(metrics.RECONCILE_DIFFERENCES, cluster=cluster, kind=kind, difference=how)
