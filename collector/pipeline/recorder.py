"""
Turns the effects of an observation into facts for the store and counters for Prometheus, and charges pods.

Runs in the pipeline's loop. Facts are returned; the state of a cluster changes only through methods of core.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import assert_never

import msgspec

from collector.catalog import metrics
from collector.catalog.counters import Counters, Exemplar
from collector.core.argo import controller
from collector.core.argo.controller_counters import ControllerCounted
from collector.core.cluster.effects import (
    Began,
    Clamped,
    Effect,
    Ended,
    EndSeen,
    FirstRan,
    NamespaceSeen,
    PodEnded,
    PodRan,
    Submitted,
)
from collector.core.cluster.owners import NOTHING
from collector.core.cluster.state import Cluster
from collector.core.cost import changed_charges
from collector.core.cost import charge as billing
from collector.core.cost.attribution import payer_of_orphan
from collector.core.cost.billing_days import month_of
from collector.core.cost.pricing_runs import FIRST_RUN, Runs
from collector.core.facts.bills import Period
from collector.core.facts.watches import Reconciled
from collector.core.facts.workflows import ControllerIncident, CronRun
from collector.core.model import Fact, Instant
from collector.core.pod.state import PodState
from collector.core.workflow.payer import payer_of
from collector.core.workflow.state import WorkflowState
from collector.pipeline import counted_costs
from collector.pipeline.first_sight import Difference, FirstSights
from collector.prices.lookup import Books

Counted = NamespaceSeen | Submitted | Began | FirstRan | PodRan | Clamped | Ended | EndSeen | ControllerCounted
"""Effects that only move counters."""

RECENT_PODS = 100_000
"""Charged pods remembered until the next look at the store's pricing runs; reached only in a long outage."""


@dataclass(slots=True)
class Recorder:
    """Records effects: facts, counters and charges."""

    books: Books
    zone: tzinfo
    counters: Counters
    runs: Runs = field(default_factory=Runs)
    """The pricing runs that charges are written under, as the store last answered."""
    recent: dict[tuple[str, str], None] = field(default_factory=dict)
    """Pods charged since then, by cluster and uid: a run that was unknown at that time lacks their charges."""
    skews: Mapping[str, int] = field(default_factory=dict)
    """By cluster how many ms its clock is ahead of ours, where that is known."""
    sights: FirstSights = field(init=False)
    """What has its counters at 0."""
    _months: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sights = FirstSights(self.counters, self.books.currency)

    def forget_cluster(self, cluster: str) -> None:
        """Forgets a cluster that is not watched any more."""
        self.sights.forget_cluster(cluster)
        self.recent = {key: None for key in self.recent if key[0] != cluster}

    def record(
        self, cluster: Cluster, effects: Iterable[Effect], at: Instant, *, news_from: Instant = 0
    ) -> Iterator[Fact]:
        """Yields the facts of effects, and moves the counters. An effect counts once it is iterated over."""
        for effect in effects:
            if isinstance(effect, Fact):  # most are, a row for each step of a workflow among them
                yield effect
                if isinstance(effect, ControllerIncident):
                    self._count_incident(effect, news_from)
                elif isinstance(effect, CronRun):
                    self._count_cron(effect)
            elif isinstance(effect, PodEnded):
                yield from self.charge(cluster, effect.pod, effect.workflow, at)
            else:
                self._count(cluster, effect, at)

    def _count(self, cluster: Cluster, effect: Counted, at: Instant) -> None:
        name, counters = cluster.name, self.counters
        match effect:
            case NamespaceSeen(namespace):
                self.sights.see_namespace(name, namespace, cluster.rules)
            case Submitted(namespace, queue):
                self.sights.see_queue(name, namespace, queue)
                counters.add(metrics.SUBMITTED, cluster=name, namespace=namespace, queue=queue)
            case Began(namespace, queue, latency_ms, _, uid):
                counters.add(metrics.STARTED, cluster=name, namespace=namespace, queue=queue)
                if latency_ms is not None:
                    of = _exemplar(uid, at)
                    counters.observe(metrics.QUEUE_LATENCY, latency_ms / 1000, of, cluster=name, queue=queue)
            case FirstRan(queue, latency_ms, uid):
                of = _exemplar(uid, at)
                counters.observe(metrics.START_LATENCY, latency_ms / 1000, of, cluster=name, queue=queue)
            case PodRan(namespace, latency_ms, uid):
                of = _exemplar(uid, at)
                counters.observe(metrics.POD_START_LATENCY, latency_ms / 1000, of, cluster=name, namespace=namespace)
            case Clamped(figure):
                counters.add(metrics.CLOCK_CLAMPS, cluster=name, figure=figure)
            case EndSeen(late_ms):
                if (skew_ms := self.skews.get(name)) is not None:
                    counters.observe(metrics.WATCH_LAG, max(0, late_ms + skew_ms) / 1000, cluster=name)
            case Ended():
                self._ended(name, effect, at)
            case ControllerCounted():
                self._count_of_controller(name, effect)
            case _:
                assert_never(effect)

    def _ended(self, cluster: str, ended: Ended, at: Instant) -> None:
        counters, namespace, of = self.counters, ended.namespace, _exemplar(ended.uid, at)
        counters.add(metrics.FINISHED, cluster=cluster, namespace=namespace, outcome=ended.outcome)
        if ended.outcome == "platform":
            counters.add(metrics.PLATFORM_FAILURES, cluster=cluster, namespace=namespace, reason=ended.reason)
        if ended.retries:
            counters.add(metrics.RETRIES, ended.retries, cluster=cluster, namespace=namespace)
        if ended.unreadable_units:
            counters.add(metrics.UNREADABLE_UNITS, cluster=cluster, namespace=namespace)
        if ended.duration_ms is not None:
            counters.observe(
                metrics.DURATION,
                ended.duration_ms / 1000,
                of,
                cluster=cluster,
                template=ended.template,
                outcome=ended.outcome,
            )
        if ended.delay_ms is not None:
            counters.observe(metrics.COMPLETION_DELAY, ended.delay_ms / 1000, of, cluster=cluster)

    def _count_of_controller(self, cluster: str, counted: ControllerCounted) -> None:
        """Adds what a controller counted by itself."""
        for cause, errors in counted.errors.items():
            self.counters.add(metrics.CONTROLLER_ERRORS, errors, cluster=cluster, cause=cause)
        for code, requests in counted.requests.items():
            self.counters.add(metrics.CONTROLLER_API_REQUESTS, requests, cluster=cluster, code=code)
        if counted.api_wait_s is not None:
            self.counters.add(metrics.CONTROLLER_API_WAIT, counted.api_wait_s, cluster=cluster)

    def _count_incident(self, incident: ControllerIncident, news_from: Instant) -> None:
        """Counts an incident, unless a first list shows it: an old kill must not cause an alert."""
        if incident.kind == "leader_change":
            self.counters.add(metrics.CONTROLLER_LEADER_CHANGES, cluster=incident.cluster)
        if incident.at < news_from or incident.kind not in ("oom_kill", "restart"):
            return
        cluster, container = incident.cluster, incident.container
        reason = controller.restart_reason(incident)
        self.counters.add(metrics.CONTROLLER_RESTARTS, cluster=cluster, container=container, reason=reason)
        if incident.kind == "oom_kill":
            self.counters.add(metrics.CONTROLLER_OOM_KILLS, cluster=cluster, container=container)

    def _count_cron(self, run: CronRun) -> None:
        labels = {"cluster": run.cluster, "namespace": run.namespace, "cron": run.cron}
        if run.outcome == "missed":
            self.counters.add(metrics.CRON_MISSED, **labels)
        elif run.outcome == "skipped":
            self.counters.add(metrics.CRON_SKIPPED, **labels, reason=run.reason)

    def charge(self, cluster: Cluster, pod: PodState, workflow: WorkflowState | None, until: Instant) -> Iterator[Fact]:
        """Yields the changed charges of a pod, up to its end or to `until` while it runs, under every pricing run."""
        product = cluster.rules.product
        namespace_labels = cluster.namespaces.get(pod.run.namespace, NOTHING)
        payer = payer_of(workflow) or payer_of_orphan(cluster.rules, pod.run, namespace_labels)
        charges = billing.charges(pod.run, payer, self.books, self.zone, until, product=product, written=pod.written)
        if not charges:
            return
        new, written = changed_charges.changed_charges(charges, self.runs.of, pod.written)
        cluster.record_charges(pod, written)
        for charge in new:
            yield from self._open_month(charge.day)
            for run in self.runs.of(charge.day):
                yield charge if run == charge.run else msgspec.structs.replace(charge, run=run)
        if len(self.recent) < RECENT_PODS:
            self.recent[cluster.name, pod.run.uid] = None
        if pod.stage == "finished" and not pod.historic:
            if (priced := charges[0]).cost is not None:
                self.sights.see_product(cluster.name, priced.product)
            counted_costs.count(self.counters, pod, workflow, charges)

    def _open_month(self, day: int) -> Iterator[Period]:
        """Yields the row that gives a month its active run, at the first charge of the month."""
        month = month_of(day)
        if month not in self._months and month not in self.runs.by_month:
            self._months.add(month)
            yield Period(month=month, version=1, active_run=FIRST_RUN, state="open", total=None, hash="")


def _exemplar(uid: str, at: Instant) -> Exemplar:
    """Whose latency it was: a workflow by its uid, until its trace has an id."""
    return Exemplar("workflow_uid", uid, at)


def differences(reconciled: Reconciled) -> tuple[tuple[Difference, int], ...]:
    """How often each kind of difference between watch and list was found."""
    return ("missing", reconciled.missing), ("stale", reconciled.stale), ("phantom", reconciled.phantom)
