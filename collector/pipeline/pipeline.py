"""
The loop between watch and store: outcomes in, facts and checkpoints out, the live view on the side.

Runs in the event loop and never waits: no disk, no socket, no thread. What it gathers is drained a few times a second
into one commit, so that facts, cursors and checkpoints become durable together or not at all.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.core.argo import controller
from collector.core.cluster import run_rate
from collector.core.cluster.state import Cluster
from collector.core.cost.pricing_runs import FIRST_RUN, Runs
from collector.core.facts.bills import PricingRun
from collector.core.facts.watches import Quarantine, Reconciled, WatchGap
from collector.core.facts.workflows import QueueSample
from collector.core.live_view import ClusterHealth, HourlyCost, LiveView, StoreHealth, WatchHealth
from collector.core.messages import (
    WORKLOAD_KINDS,
    Checkpoint,
    Commit,
    Cursor,
    Gone,
    Observation,
    Outcome,
    Position,
    Reading,
    Synced,
)
from collector.core.model import Fact, Instant, version_of
from collector.core.objects.kubernetes import Meta
from collector.core.queue import locks, slots
from collector.core.rules import Rules
from collector.core.units import MINUTE_MS
from collector.core.workflow import stuck
from collector.pipeline import argo_schedule, checkpoints
from collector.pipeline.recorder import DIFFERENCES, Recorder, initialise_counters
from collector.prices.lookup import Books

log = logging.getLogger(__name__)

PENDING_LIMIT = 50_000
"""Facts and changed lives held in memory; beyond it watches are stopped cleanly until the spool has caught up."""
SAMPLE_MS = 15_000
RESAMPLE_MS = 300_000
"""A queue that does not change is sampled this often all the same, so that a chart has no holes."""
STUCK_AFTER_MS = 15 * MINUTE_MS
"""The kinds that facts are made of: a break in these is a gap."""
FIRST_START = (0, "first start")
"""The gap of a cluster that nobody has watched yet: all that was before it."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a watch may go on after a restart: its position and the versions it had seen."""

    resource_version: str
    epoch: int
    known: dict[str, int]
    at: Instant | None
    """When that position became durable: a gap that follows begins here."""


@dataclass(slots=True)
class Gathered:
    """What has happened since the last drain."""

    facts: list[Fact] = field(default_factory=list)
    cursors: dict[tuple[str, str], Position] = field(default_factory=dict)
    deletes: list[Gone] = field(default_factory=list)


class Pipeline:
    """All clusters' state, and what is to be made durable next."""

    def __init__(
        self,
        clusters: Mapping[str, Rules],
        books: Books,
        zone: tzinfo,
        counters: Counters,
        stuck_after_ms: int = STUCK_AFTER_MS,
    ) -> None:
        self.clusters = {name: Cluster(name, rules, argo_schedule) for name, rules in clusters.items()}
        self.books, self.counters, self.stuck_after_ms = books, counters, stuck_after_ms
        self.refused: dict[str, str] = {}
        """Clusters whose identity does not fit their name, and why."""
        self.on_refused: Callable[[str], object] = self.refused.get
        self.uids: dict[str, str] = {}
        """Cluster name to the uid of its kube-system namespace, as bound."""
        self._positions: dict[tuple[str, str], Position] = {}
        self._durable_at: dict[tuple[str, str], Instant] = {}
        self._breaks: dict[str, tuple[Instant, str]] = {}
        """Since when, and why, nothing is known of a cluster that has no position."""
        self._gaps: dict[tuple[str, str], WatchGap] = {}
        self._gathered = Gathered()
        self._room = asyncio.Event()
        self._room.set()
        self._sampled: dict[tuple[str, str, str, str], tuple[int, Instant]] = {}
        self._stuck: dict[str, stuck.StuckWorkflows] = {}
        self._burns = {name: run_rate.RunRate(name, books, rules.product) for name, rules in clusters.items()}
        self._burning: dict[str, list[HourlyCost]] = {}
        self._counting = Recorder(books, zone, counters, self._store)
        initialise_counters(counters, self.clusters)

    def take(self, cluster: str, outcomes: list[Outcome]) -> None:
        """The sink of a cluster's watches."""
        for outcome in outcomes:
            if cluster not in self.refused:
                self._take(self.clusters[cluster], outcome)
        for kind, count in Counter(o.kind for o in outcomes if isinstance(o, Observation)).items():
            self.counters.add(metrics.WATCH_EVENTS, count, cluster=cluster, kind=kind)
        if self._pending() > PENDING_LIMIT:
            self._room.clear()

    async def room(self) -> None:
        """Returns when the pipeline can take more; what a watch awaits before it reads on."""
        await self._room.wait()

    def drain(self, now: Instant) -> Commit | None:
        """Everything gathered since the last drain; None when nothing was."""
        gathered, self._gathered = self._gathered, Gathered()
        upserts, deletes = self._checkpoints()
        if gathered.deletes:
            anew = {(c.cluster, c.kind, c.uid) for c in upserts}
            deletes += [g for g in gathered.deletes if (g.cluster, g.kind, g.uid) not in anew]
        self._room.set()
        if not (gathered.facts or gathered.cursors or upserts or deletes):
            return None
        # Counters move with the lives that moved them, or a crash between would lose what they counted.
        touched = (
            {cluster for cluster, _ in gathered.cursors} | {c.cluster for c in upserts} | {c.cluster for c in deletes}
        )
        workflows = {(c, "workflows"): p for c in touched if (p := self._positions.get((c, "workflows")))}
        moved = {**workflows, **gathered.cursors}
        cursors = [self._cursor(c, position, now) for (c, _), position in moved.items()]
        return Commit(at=now, facts=gathered.facts, cursors=cursors, upserts=upserts, deletes=deletes)

    def open_pricing_run(self, now: Instant, digest: str) -> None:
        """Record the books and rules in force."""
        self._gathered.facts.append(
            PricingRun(run=FIRST_RUN, version=now, created_at=now, books=self.books.names(), rules=digest)
        )

    def set_pricing_runs(self, runs: Runs, now: Instant) -> None:
        """What the store says of its pricing runs; a new one gets the charges at once that it lacks."""
        counting = self._counting
        new, counting.runs = runs.numbers - counting.runs.numbers, runs
        recent, counting.recent = counting.recent, {}
        if new:
            self.accrue(now)
            for name, uid in recent:
                cluster = self.clusters[name]
                if (pod := cluster.pods.get(uid)) is not None and pod.stage == "finished":
                    counting.charge(cluster, pod, cluster.workflows.get(pod.run.workflow_uid), now)

    def mark_state_lost(self, since: Instant, why: str, clusters: Iterable[str]) -> None:
        """What was kept of some clusters cannot be had: they start from lists; their gap begins where they were, or `since`."""
        for name in clusters:
            known = [at for (cluster, _), at in self._durable_at.items() if cluster == name]
            self._breaks[name] = (min(known, default=since), why)

    def restore_identity(self, cluster: str, uid: str, totals: dict[str, str], at: Instant) -> None:
        """Take up what positions tell that came without states: who the cluster is, its counters, when they ended."""
        if uid:
            self.uids[cluster] = uid
        self.counters.restore(totals)
        self._durable_at[cluster, "workflows"] = at

    def unknown(self) -> list[str]:
        """The clusters without any position: new ones, and those whose disk is gone."""
        known = {cluster for cluster, _ in self._positions}
        return [name for name in self.clusters if name not in known]

    def pending_gap(self, cluster: str, kind: str) -> tuple[Instant, str] | None:
        """The break that the first list of a kind ends; None: there is none, or this kind is always listed."""
        if kind not in WORKLOAD_KINDS or (cluster, kind) in self._positions:
            return None
        return self._breaks.get(cluster, FIRST_START)

    def restore(self, cursors: Iterable[Cursor], states: Sequence[tuple[str, str, str, bytes]]) -> list[str]:
        """Take up what the spool holds; returns the clusters whose state another release packed, which start from lists."""
        for cursor in cursors:
            if cursor.cluster in self.clusters:
                position = Position(cursor.kind, cursor.resource_version, cursor.epoch)  # type: ignore[arg-type]
                self._positions[cursor.cluster, cursor.kind] = position
                self._durable_at[cursor.cluster, cursor.kind] = cursor.at
                if cursor.cluster_uid:
                    self.uids[cursor.cluster] = cursor.cluster_uid
                self.counters.restore(cursor.totals)
        unreadable: set[str] = set()
        for cluster, kind, _, state in states:
            if cluster in self.clusters and cluster not in unreadable:
                try:
                    checkpoints.adopt(self.clusters[cluster], kind, state)
                except checkpoints.UNREADABLE:
                    unreadable.add(cluster)
        for name in unreadable:
            self.clusters[name] = Cluster(name, self.clusters[name].rules, argo_schedule)
            self._positions = {key: position for key, position in self._positions.items() if key[0] != name}
        self._gathered.deletes += [Gone(cluster=c, kind=k, uid=uid) for c, k, uid, _ in states if c in unreadable]
        return sorted(unreadable)

    def concerns(self, cluster: str, kind: str, meta: Meta) -> bool:
        """Whether an object is one that facts are made of."""
        return kind != "pods" or self.clusters[cluster].is_relevant(meta)

    def resume(self, cluster: str, kind: str) -> Resume | None:
        """Where the watch of a kind goes on; None means it starts from a list. Other kinds always do."""
        position = self._positions.get((cluster, kind))
        state = self.clusters[cluster]
        if kind == "nodes" and state.plain_nodes.runs:
            # Listed all the same; but with what was known, so that nodes that went meanwhile are told.
            known = {uid: run.version for uid, run in state.plain_nodes.runs.items()}
            return Resume("", position.epoch if position else 0, known, None)
        if kind not in (*WORKLOAD_KINDS, "events"):
            return None
        known = {}
        if kind == "workflows":
            known = {uid: workflow.version for uid, workflow in state.workflows.items() if not workflow.deleted}
        elif kind == "pods":
            known = {uid: pod.run.version for uid, pod in state.pods.items() if not pod.gone}
            known |= {uid: pod.version for uid, pod in state.controllers.pods.items()}
        if position is None:
            # Killed in its first list: what is gone by the next one must not be taken to live for ever.
            return Resume("", 0, known, None) if known else None
        return Resume(position.resource_version, position.epoch, known, self._durable_at.get((cluster, kind)))

    def sample_queues(self, now: Instant) -> None:
        """Queue depths at an instant of the grid: on change, one zero after a queue empties, and every 5 minutes."""
        at = now - now % SAMPLE_MS
        depths = {
            (w.cluster, w.namespace, w.queue, w.reason): (w.count, max(0, at - w.since))
            for cluster in self._watched()
            for w in cluster.waiting()
            if not w.begun
        }
        for key in depths.keys() | self._sampled.keys():
            depth, age = depths.get(key, (0, 0))
            before = self._sampled.get(key)
            if before is None or before[0] != depth or at - before[1] >= RESAMPLE_MS:
                self._sample(key, at, depth, age)

    def accrue(self, now: Instant) -> None:
        """Rewrite today's charge of every pod that still runs, and the row of every plain node that is still there."""
        for cluster in self._watched():
            for node in cluster.plain_nodes.accrue(now):
                self._store(node)
            for pod in cluster.pods.values():
                if pod.stage != "finished":
                    self._counting.charge(cluster, pod, cluster.workflows.get(pod.run.workflow_uid), now)

    def tick(self, now: Instant, watched: Container[str]) -> None:
        """What time alone leads to; crons are judged where all is `watched` that would tell of their runs."""
        for cluster in self._watched():
            self._burning[cluster.name] = self._burns[cluster.name].now(cluster.pods.values(), now)
            self._stuck[cluster.name] = stuck.stuck(cluster.name, cluster.workflows.values(), now, self.stuck_after_ms)
            if cluster.name in watched:
                for happening in cluster.tick(now):
                    self._counting.record(cluster, happening, now, listed=False)

    def view(self, now: Instant, watches: dict[str, list[WatchHealth]], store: StoreHealth) -> LiveView:
        """What is known at this instant."""
        view = LiveView(now, [self._health(name, watches.get(name, [])) for name in self.clusters], [], store)
        for cluster in self._watched():
            name, waiting = cluster.name, cluster.waiting()
            view.queues.extend(waiting)
            view.flows.extend(cluster.flows.flow(name, waiting, now))
            view.slots.extend(slots.slots(name, waiting, cluster.settings, cluster.namespaces))
            view.locks.extend(locks.locks(name, cluster.locks.users.values(), cluster.locks.limits))
            view.crons.extend(cluster.crons.view())
            view.controllers.extend(controller.health(cluster.controllers, name, now))
            view.burning.extend(self._burning.get(name, ()))
            if (found := self._stuck.get(name)) is not None:
                view.stuck.extend(found.oldest)
                view.stuck_counts.update({(name, *key): number for key, number in found.counts.items()})
        return view

    def _store(self, fact: Fact) -> None:
        self._gathered.facts.append(fact)

    def _watched(self) -> Iterable[Cluster]:
        """The clusters that are what their names say; of others nothing new is known."""
        return (cluster for name, cluster in self.clusters.items() if name not in self.refused)

    def _health(self, name: str, watches: list[WatchHealth]) -> ClusterHealth:
        if name in self.refused:
            return ClusterHealth(name, False, self.refused[name], [])  # they are closed: none of their words holds
        late = [f"{w.kind}: {w.detail or w.state}" for w in watches if w.needed and (not w.synced or w.detail)]
        detail = "; ".join(late) or ("" if watches else "not started")
        return ClusterHealth(
            name, not detail, detail, watches, [gap for (c, _), gap in self._gaps.items() if c == name]
        )

    def _pending(self) -> int:
        return len(self._gathered.facts) + sum(len(c.changes) for c in self.clusters.values())

    def _take(self, cluster: Cluster, outcome: Outcome) -> None:
        match outcome:
            case Observation():
                self._observe(cluster, outcome)
            case Position():
                self._positions[cluster.name, outcome.kind] = outcome
                self._gathered.cursors[cluster.name, outcome.kind] = outcome
                cluster.tracked.release_until(outcome.kind, version_of(outcome.epoch, int(outcome.resource_version)))
            case Synced():
                cluster.gap_ended(outcome.kind)
                if outcome.kind == "namespaces":
                    self._bind(cluster)
            case WatchGap():
                self._gap(cluster, outcome)
            case Reconciled():
                for difference in DIFFERENCES:
                    self.counters.add(
                        metrics.RECONCILE_DIFFERENCES,
                        getattr(outcome, difference),
                        cluster=cluster.name,
                        kind=outcome.kind,
                        difference=difference,
                    )
                self._gathered.facts.append(outcome)
            case Reading():
                for happening in cluster.read(outcome):
                    self._counting.record(cluster, happening, outcome.at, listed=False)
            case Quarantine():
                self.counters.add(metrics.QUARANTINED, cluster=cluster.name, kind=outcome.kind, reason=outcome.reason)
                self._gathered.facts.append(outcome)

    def _gap(self, cluster: Cluster, gap: WatchGap) -> None:
        self._gathered.facts.append(gap)
        if gap.from_at:  # before its first start nobody can have watched
            self.counters.add(metrics.WATCH_GAPS, cluster=cluster.name, kind=gap.kind)
        if gap.kind in WORKLOAD_KINDS:
            if gap.from_at:
                self._gaps[cluster.name, gap.kind] = gap
            cluster.gap_started(gap.kind, gap.from_at)

    def _observe(self, cluster: Cluster, seen: Observation) -> None:
        """An object that core did not foresee is set aside, and its neighbours go on."""
        try:
            for happening in cluster.observe(seen):
                self._counting.record(cluster, happening, seen.at, seen.change == "listed")
        except Exception as error:
            log.exception(
                "an object was set aside", extra={"cluster": cluster.name, "kind": seen.kind, "uid": seen.uid}
            )
            self.counters.add(metrics.QUARANTINED, cluster=cluster.name, kind=seen.kind, reason="unforeseen")
            self._gathered.facts.append(
                Quarantine(
                    cluster=cluster.name, kind=seen.kind, uid=seen.uid, at=seen.at, version=seen.version,
                    reason="unforeseen", sample=type(error).__name__,
                )
            )  # fmt: skip

    def _sample(self, key: tuple[str, str, str, str], at: Instant, depth: int, age: int) -> None:
        cluster, namespace, queue, reason = key
        self._gathered.facts.append(
            QueueSample(
                cluster=cluster, namespace=namespace, queue=queue, reason=reason, at=at, version=1,
                depth=depth, oldest_age_ms=age,
            )
        )  # fmt: skip
        if depth:
            self._sampled[key] = (depth, at)
        else:
            self._sampled.pop(key, None)

    def _bind(self, cluster: Cluster) -> None:
        """A name belongs to one cluster for good: rows of two under one name could never be told apart again."""
        if not cluster.uid:
            return
        bound = self.uids.setdefault(cluster.name, cluster.uid)
        others = [n for n, uid in self.uids.items() if uid == cluster.uid and n != cluster.name and n in self.clusters]
        if bound != cluster.uid:
            why = (
                f"is bound to kube-system {bound} but this is {cluster.uid}: another cluster answers under this name; "
                f"give it a name of its own in the settings"
            )
        elif others:
            why = f"is the same cluster as {others[0]}: both have kube-system {cluster.uid}; remove one of them"
        else:
            return
        self.refused[cluster.name] = why
        self.on_refused(cluster.name)

    def _cursor(self, cluster: str, position: Position, now: Instant) -> Cursor:
        totals = self.counters.totals(cluster) if position.kind == "workflows" else {}
        uid = self.uids.get(cluster, "")
        self._durable_at[cluster, position.kind] = now
        return Cursor(
            cluster=cluster, kind=position.kind, resource_version=position.resource_version, epoch=position.epoch,
            cluster_uid=uid, at=now, totals=totals,
        )  # fmt: skip

    def _checkpoints(self) -> tuple[list[Checkpoint], list[Gone]]:
        changes = [change for cluster in self.clusters.values() for change in checkpoints.changes(cluster)]
        return [c for c in changes if isinstance(c, Checkpoint)], [c for c in changes if isinstance(c, Gone)]
