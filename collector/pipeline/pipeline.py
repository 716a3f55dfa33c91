"""
The loop between watch and store: outcomes in, facts and checkpoints out, the live view on the side.

Runs in the event loop and never waits: no disk, no socket, no thread. What it gathers is drained a few times a second
into one commit, so that facts, cursors and checkpoints become durable together or not at all.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import assert_never

from collector.catalog import metrics
from collector.catalog.counters import Counters
from collector.clock import WallClockSteps
from collector.core.cluster.state import Cluster
from collector.core.cost.pricing_runs import FIRST_RUN, Runs
from collector.core.facts.bills import PricingRun
from collector.core.facts.watches import Quarantine, Reconciled, WatchGap
from collector.core.live_view import LiveView, StoreHealth, WatchHealth
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
from collector.core.rules import Rules
from collector.core.units import MINUTE_MS
from collector.pipeline import argo_schedule, checkpoints
from collector.pipeline.first_sight import initialise_cluster, initialise_overflow
from collector.pipeline.identity import Identities
from collector.pipeline.live import LivePicture
from collector.pipeline.positions import Positions
from collector.pipeline.queue_samples import QueueSampler
from collector.pipeline.recorder import Recorder, differences
from collector.prices.lookup import Books

log = logging.getLogger(__name__)

PENDING_LIMIT = 50_000
"""Facts and changed states held in memory; beyond it watches pause until the spool has caught up."""
STALE_SKEWS = 4
"""Looks at the clusters' clocks, one in 15 seconds, that do not count after our clock was set: they were measured before it."""
STUCK_AFTER_MS = 15 * MINUTE_MS


@dataclass(slots=True)
class Gathered:
    """Everything to make durable with the next commit, besides the changed states in core."""

    facts: list[Fact] = field(default_factory=list)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    deletes: list[Gone] = field(default_factory=list)


class Pipeline:
    """All clusters' state, and what the next commit makes durable."""

    def __init__(
        self,
        clusters: Mapping[str, Rules],
        books: Books,
        zone: tzinfo,
        counters: Counters,
        stuck_after_ms: int = STUCK_AFTER_MS,
        *,
        clock: WallClockSteps | None = None,
    ) -> None:
        self.clusters = {name: Cluster(name, rules, argo_schedule) for name, rules in clusters.items()}
        self.books, self.counters = books, counters
        self._clock = clock or WallClockSteps()
        self.positions = Positions(self.clusters)
        self.identities = Identities(self.clusters)
        self._live = LivePicture(clusters, books, stuck_after_ms)
        self._queue_sampler = QueueSampler()
        self._recorder = Recorder(books, zone, counters)
        self._gathered = Gathered()
        self._stale_skews = 0
        self._has_room = asyncio.Event()
        self._has_room.set()
        initialise_overflow(counters)
        for name in self.clusters:
            initialise_cluster(counters, name, books.currency)

    def take(self, cluster: str, outcomes: list[Outcome]) -> None:
        """Takes the outcomes of a cluster's watches, in order, as soon as they have arrived."""
        if step_ms := self._clock.step_ms():
            self._step_clock(step_ms)
        refused = self.identities.refused
        for outcome in outcomes:
            if cluster not in refused:  # which an outcome may change
                self._take(self.clusters[cluster], outcome)
        if step_ms:  # whether these arrived before or after the step is not known
            self.distrust_arrivals(cluster)
        for kind, count in Counter(o.kind for o in outcomes if isinstance(o, Observation)).items():
            self.counters.add(metrics.WATCH_EVENTS, count, cluster=cluster, kind=kind)
        if self._pending() > PENDING_LIMIT:
            self._has_room.clear()

    async def wait_for_room(self) -> None:
        """Returns when the pipeline can take more; a watch awaits it before it reads on."""
        await self._has_room.wait()

    def drain(self, now: Instant) -> Commit | None:
        """Everything gathered since the last drain; None when there is nothing."""
        gathered, self._gathered = self._gathered, Gathered()
        upserts, deletes = self._checkpoints()
        if gathered.deletes:
            replaced = {(c.cluster, c.kind, c.uid) for c in upserts}
            deletes += [gone for gone in gathered.deletes if (gone.cluster, gone.kind, gone.uid) not in replaced]
        self._has_room.set()
        if not (gathered.facts or gathered.positions or upserts or deletes):
            return None
        changed = {cluster for cluster, _ in gathered.positions}
        changed |= {upsert.cluster for upsert in upserts} | {gone.cluster for gone in deletes}
        durable = self.positions.make_durable(changed, gathered.positions, now)
        totals = self.counters.totals({cluster for cluster, position in durable if position.kind == "workflows"})
        cursors = [self._cursor(cluster, position, now, totals) for cluster, position in durable]
        return Commit(at=now, facts=gathered.facts, cursors=cursors, upserts=upserts, deletes=deletes)

    def restore(
        self,
        cursors: Iterable[Cursor],
        states: Sequence[tuple[str, str, str, bytes]],
        damaged: Collection[str] = (),
    ) -> list[str]:
        """Takes up saved state; returns the clusters whose state is unreadable or damaged, which start from lists."""
        for cursor in cursors:
            if cursor.cluster in self.clusters:
                self.positions.restore(cursor)
                self.identities.restore(cursor.cluster, cursor.cluster_uid)
                self.counters.restore(cursor.totals)
        unreadable = {name for name in damaged if name in self.clusters}
        for name, kind, _, state in states:
            if name in self.clusters and name not in unreadable:
                try:
                    checkpoints.adopt(self.clusters[name], kind, state)
                except checkpoints.UNREADABLE:
                    unreadable.add(name)
        for name in unreadable:
            self.clusters[name] = Cluster(name, self.clusters[name].rules, argo_schedule)
            self.positions.forget(name)
        for cluster in self.clusters.values():
            self._recorder.sights.see_restored(cluster)
        self._gathered.deletes += [Gone(cluster=c, kind=k, uid=uid) for c, k, uid, _ in states if c in unreadable]
        return sorted(unreadable)

    def restore_identity(self, cluster: str, uid: str, totals: dict[str, str], at: Instant) -> None:
        """Takes up a cluster that has positions but no states: its uid, its counters, and when it was last watched."""
        self.identities.restore(cluster, uid)
        self.counters.restore(totals)
        self.positions.restore_last_seen(cluster, at)

    def open_pricing_run(self, now: Instant, digest: str) -> None:
        """Records the books and rules in force."""
        self._gathered.facts.append(
            PricingRun(run=FIRST_RUN, version=now, created_at=now, books=self.books.names(), rules=digest)
        )

    def set_pricing_runs(self, runs: Runs, now: Instant) -> None:
        """Takes the store's pricing runs; a new run receives the charges that it lacks."""
        recorder = self._recorder
        new, recorder.runs = runs.numbers - recorder.runs.numbers, runs
        recent, recorder.recent = recorder.recent, {}
        if new:
            self.accrue(now)
            for name, uid in recent:
                cluster = self.clusters[name]
                if (pod := cluster.pods.get(uid)) is not None and pod.stage == "finished":
                    self._gathered.facts.extend(
                        recorder.charge(cluster, pod, cluster.workflows.get(pod.run.workflow_uid), now)
                    )

    def accrue(self, now: Instant) -> None:
        """Charges every running pod up to `now`, and writes the row of every present plain node."""
        facts = self._gathered.facts
        for cluster in self._watched():
            facts.extend(cluster.plain_nodes.accrue(now))
            for pod in cluster.pods.values():
                if pod.stage != "finished":
                    facts.extend(self._recorder.charge(cluster, pod, cluster.workflows.get(pod.run.workflow_uid), now))

    def sample_queues(self, now: Instant, watched: Container[str]) -> None:
        """Records queue depths, of the clusters that are watched now: those of the others are not known."""
        clusters = (cluster for cluster in self._watched() if cluster.name in watched)
        self._gathered.facts.extend(self._queue_sampler.sample(clusters, now))

    def tick(self, now: Instant, watched: Container[str]) -> None:
        """Applies what follows from time alone; judges crons only in clusters whose watches would show their runs."""
        if step_ms := self._clock.step_ms():
            self._step_clock(step_ms)
        for cluster in self._watched():
            self._live.tick(cluster, now)
            self._recorder.sights.see_crons(cluster.name, cluster.crons.states.values())
            if cluster.name in watched:
                self._gathered.facts.extend(self._recorder.record(cluster, cluster.tick(now), now))

    def view(self, now: Instant, watches: Mapping[str, list[WatchHealth]], store: StoreHealth) -> LiveView:
        """The state of all clusters at this instant."""
        clusters = self.clusters.values()
        return self._live.view(clusters, self.identities, now=now, watches=watches, store=store)

    def is_relevant(self, cluster: str, kind: str, meta: Meta) -> bool:
        """Whether facts are made of an object."""
        return kind != "pods" or self.clusters[cluster].is_relevant(meta)

    def distrust_arrivals(self, cluster: str) -> None:
        """What arrived until now is not compared with what arrives later: the wall clock may have been set between."""
        self.clusters[cluster].step_clock(0)

    def set_skews(self, skews: Mapping[str, int]) -> None:
        """Takes by how many ms each cluster's clock is ahead of ours, as far as that is known."""
        self._recorder.skews = {} if self._stale_skews else skews
        self._stale_skews = max(0, self._stale_skews - 1)

    def _step_clock(self, by_ms: int) -> None:
        log.warning("the wall clock was set; latencies that it interrupts are in whole seconds", extra={"by_ms": by_ms})
        self._recorder.skews, self._stale_skews = {}, STALE_SKEWS
        for cluster in self.clusters.values():
            cluster.step_clock(by_ms)

    def _watched(self) -> Iterator[Cluster]:
        """The clusters that are not refused."""
        return (cluster for name, cluster in self.clusters.items() if name not in self.identities.refused)

    def _pending(self) -> int:
        return len(self._gathered.facts) + sum(len(c.changes) for c in self.clusters.values())

    def _take(self, cluster: Cluster, outcome: Outcome) -> None:
        match outcome:
            case Observation():
                self._observe(cluster, outcome)
            case Position():
                self.positions.advance(cluster.name, outcome)
                self._gathered.positions[cluster.name, outcome.kind] = outcome
                cluster.tracked.release_until(outcome.kind, version_of(outcome.epoch, int(outcome.resource_version)))
            case Synced():
                cluster.gap_ended(outcome.kind)
                if outcome.kind in ("workflows", "cronworkflows"):
                    self._recorder.sights.see_all(cluster)
                if outcome.kind == "namespaces" and cluster.uid:
                    self.identities.bind(cluster.name, cluster.uid)
            case WatchGap():
                self._gap(cluster, outcome)
            case Reconciled():
                for difference, count in differences(outcome):
                    self.counters.add(
                        metrics.RECONCILE_DIFFERENCES,
                        count,
                        cluster=cluster.name,
                        kind=outcome.kind,
                        difference=difference,
                    )
                self._gathered.facts.append(outcome)
            case Reading():
                self._gathered.facts.extend(self._recorder.record(cluster, cluster.read(outcome), outcome.at))
            case Quarantine():
                self.counters.add(metrics.QUARANTINED, cluster=cluster.name, kind=outcome.kind, reason=outcome.reason)
                self._gathered.facts.append(outcome)
            case _:
                assert_never(outcome)

    def _observe(self, cluster: Cluster, seen: Observation) -> None:
        """Applies an object to the state; an unforeseen error quarantines the object, and the next ones go on."""
        try:
            effects, facts = cluster.observe(seen), self._gathered.facts
            news_from = cluster.news_from(seen.kind) if seen.change == "listed" else 0
            # One by one: facts that were made before an error are kept, as the state is.
            for fact in self._recorder.record(cluster, effects, seen.at, news_from=news_from):
                facts.append(fact)
        except Exception as error:
            log.exception(
                "unexpected error, the object is quarantined",
                extra={"cluster": cluster.name, "kind": seen.kind, "uid": seen.uid},
            )
            self.counters.add(metrics.QUARANTINED, cluster=cluster.name, kind=seen.kind, reason="unforeseen")
            self._gathered.facts.append(
                Quarantine(
                    cluster=cluster.name,
                    kind=seen.kind,
                    uid=seen.uid,
                    at=seen.at,
                    version=seen.version,
                    reason="unforeseen",
                    sample=type(error).__name__,
                )
            )

    def _gap(self, cluster: Cluster, gap: WatchGap) -> None:
        """Records a gap. A cluster's first start is neither counted nor shown."""
        self._gathered.facts.append(gap)
        if gap.from_at:
            self.counters.add(metrics.WATCH_GAPS, cluster=cluster.name, kind=gap.kind)
        if gap.kind in WORKLOAD_KINDS:
            if gap.from_at:
                self._live.record_gap(gap)
            cluster.gap_started(gap.kind, gap.from_at)

    def _cursor(self, cluster: str, position: Position, now: Instant, totals: Mapping[str, dict[str, str]]) -> Cursor:
        return Cursor(
            cluster=cluster,
            kind=position.kind,
            resource_version=position.resource_version,
            epoch=position.epoch,
            cluster_uid=self.identities.uids.get(cluster, ""),
            at=now,
            totals=totals[cluster] if position.kind == "workflows" else {},
        )

    def _checkpoints(self) -> tuple[list[Checkpoint], list[Gone]]:
        changes = [change for cluster in self.clusters.values() for change in checkpoints.changes(cluster)]
        return [c for c in changes if isinstance(c, Checkpoint)], [c for c in changes if isinstance(c, Gone)]
