"""
The loop between watch and store: outcomes in, facts and checkpoints out, the live view on the side.

Runs in the event loop and never waits: no disk, no socket, no thread. What it gathers is drained a few times a second
into one commit, so that facts, cursors and checkpoints become durable together or not at all.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
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
    Commit,
    Cursor,
    Gone,
    Observation,
    Outcome,
    Position,
    Reading,
    Synced,
)
from collector.core.model import Instant, version_of
from collector.core.objects.kubernetes import Meta
from collector.core.rules import Rules
from collector.core.slices import Slices
from collector.core.units import MINUTE_MS
from collector.pipeline import argo_schedule, checkpoints
from collector.pipeline.clock_steps import PendingSteps
from collector.pipeline.first_sight import initialise_cluster, initialise_overflow
from collector.pipeline.gathered import Gathered
from collector.pipeline.identity import Identities
from collector.pipeline.live import LivePicture
from collector.pipeline.positions import Positions
from collector.pipeline.queue_samples import QueueSampler
from collector.pipeline.recorder import Recorder, differences
from collector.prices.lookup import Books

log = logging.getLogger(__name__)

PENDING_LIMIT = 50_000
"""Facts and changed states held in memory; beyond it watches pause until the spool has caught up."""
PACKED_AHEAD, DRAINED_AT_ONCE = 4, 200
"""Rounds of packing ahead of a drain, as long as more states than that are left; those of the last round are packed at once."""
STALE_SKEWS = 4
"""Looks at the clusters' clocks, one in 15 seconds, that do not count after our clock was set: they were measured before it."""
STUCK_AFTER_MS = 15 * MINUTE_MS


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
        self.clusters: dict[str, Cluster] = {}
        self._packers: dict[str, checkpoints.Packer] = {}
        self._restoring: set[str] = set()  # their saved state has been taken up in part
        self.books, self.counters, self._clock = books, counters, clock or WallClockSteps()
        self.positions, self._steps = Positions(self.clusters), PendingSteps(self.clusters)
        self.identities = Identities(self.clusters)
        self._live = LivePicture(books, stuck_after_ms)
        self._queue_sampler = QueueSampler()
        self._recorder = Recorder(books, zone, counters)
        self._gathered = Gathered()
        self._stale_skews = 0
        self._changed, self._changed_of = 0, dict[str, int]()
        """Changed states that the next commit saves: all, and those of each cluster as of its last read."""
        self.room = asyncio.Event()
        """Set while the pipeline can take more; a watch awaits it before it reads on."""
        self.room.set()
        initialise_overflow(counters)
        for name, rules in clusters.items():
            self.add_cluster(name, rules)
            self.initialise_counters(name)

    def add_cluster(self, name: str, rules: Rules) -> None:
        """Adds a cluster without state; `restore` continues it where it was when it was last watched."""
        self._new_cluster(name, rules)
        self._live.add_cluster(name, rules)

    def initialise_counters(self, name: str) -> None:
        """Makes the counters that are known of a cluster from the start exist, at 0 unless they were restored."""
        initialise_cluster(self.counters, name, self.books.currency)

    def remove_cluster(self, name: str, now: Instant) -> None:
        """Drops a cluster whose watches have ended; the next drain has its last states and positions."""
        gathered = self._gathered
        upserts, deletes = self._packers.pop(name).take()
        gathered.upserts += upserts
        gathered.deletes += deletes
        advanced = {key: gathered.positions.pop(key) for key in [*gathered.positions] if key[0] == name}
        durable = self.positions.make_durable([name] if upserts or deletes else [], advanced, now)
        totals = self.counters.totals({name})
        gathered.cursors += [self._cursor(name, position, now, totals) for _, position in durable]
        del self.clusters[name]
        self._restoring.discard(name)
        for part in (self.positions, self.identities, self._live, self._queue_sampler, self._recorder, self.counters):
            part.forget_cluster(name)

    def take(self, cluster: str, outcomes: list[Outcome]) -> None:
        """Takes the outcomes of a cluster's watches, in order, as soon as they have arrived."""
        if cluster not in self.clusters:  # it was removed
            return
        if step_ms := self._clock.step_ms():
            self._step_clock(step_ms)
        refused, state, counts = self.identities.refused, self.clusters[cluster], dict[str, int]()
        self._steps.apply(cluster)
        for outcome in outcomes:
            if cluster not in refused:  # which an outcome may change
                self._take(state, outcome)
            if type(outcome) is Observation:
                counts[outcome.kind] = counts.get(outcome.kind, 0) + 1
        if step_ms:  # whether these arrived before or after the step is not known
            self.distrust_arrivals(cluster)
        for kind, count in counts.items():
            self.counters.add(metrics.WATCH_EVENTS, count, cluster=cluster, kind=kind)
        self._note_changes(state)
        if len(self._gathered.facts) + self._changed > PENDING_LIMIT:
            self.room.clear()

    def pack(self) -> Slices[None]:
        """Packs changed states ahead of a drain, which has little left to do then."""
        yield from self._steps.apply_all()
        for _ in range(PACKED_AHEAD):
            if sum(packer.unpacked for packer in self._packers.values()) > DRAINED_AT_ONCE:
                yield from self._of_each(lambda cluster: self._packers[cluster.name].pack())

    def drain(self, now: Instant) -> Commit | None:
        """Everything gathered since the last drain; None when there is nothing."""
        for _ in self._steps.apply_all():
            pass
        gathered, self._gathered = self._gathered, Gathered()
        self._changed, self._changed_of = 0, {}
        changed = {cluster for cluster, _ in gathered.positions} | {name for name, p in self._packers.items() if len(p)}
        upserts, deletes = gathered.with_packed(packer.take() for packer in self._packers.values())
        self.room.set()
        if not (gathered.facts or gathered.positions or gathered.cursors or upserts or deletes):
            return None
        durable = self.positions.make_durable(changed, gathered.positions, now)
        totals = self.counters.totals({cluster for cluster, position in durable if position.kind == "workflows"})
        cursors = gathered.cursors + [self._cursor(cluster, position, now, totals) for cluster, position in durable]
        return Commit(at=now, facts=gathered.facts, cursors=cursors, upserts=upserts, deletes=deletes)

    def restore(
        self,
        cursors: Iterable[Cursor],
        states: Sequence[tuple[str, str, str, bytes]],
        damaged: Collection[str] = (),
    ) -> Slices[list[str]]:
        """Takes up saved state; returns the clusters whose state is unreadable or damaged, which start from lists."""
        restored = set[str]()
        for cursor in cursors:
            if cursor.cluster in self.clusters:
                restored.add(cursor.cluster)
                self.positions.restore(cursor)
                self.identities.restore(cursor.cluster, cursor.cluster_uid)
                self.counters.restore(cursor.totals)
        unreadable = {name for name in damaged if name in self.clusters}
        for name, kind, _, state in states:
            if name in self.clusters and name not in unreadable:
                restored.add(name)
                self._restoring.add(name)
                try:
                    checkpoints.adopt(self.clusters[name], kind, state)
                except checkpoints.UNREADABLE:
                    unreadable.add(name)
                yield
        unreadable &= self.clusters.keys()  # one may have been removed meanwhile
        for name in unreadable:
            self._new_cluster(name, self.clusters[name].rules)
            self.positions.forget(name)
        for name in restored & self.clusters.keys():
            self._recorder.sights.see_restored(self.clusters[name])
            yield
        self._restoring -= restored
        for name, kind, uid, _ in states if unreadable else ():
            if name in unreadable:
                self._gathered.deletes.append(Gone(cluster=name, kind=kind, uid=uid))
            yield
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

    def set_pricing_runs(self, runs: Runs, now: Instant) -> Slices[None]:
        """Takes the store's pricing runs; a new run receives the charges that it lacks. Not while others are accrued."""
        recorder = self._recorder
        new, recorder.runs = runs.numbers - recorder.runs.numbers, runs
        recent, recorder.recent = recorder.recent, {}
        if new:
            yield from self.accrue(now)
            for name, uid in recent:
                if (cluster := self.clusters.get(name)) is not None:
                    self._charge(cluster, uid, now, finished=True)
                    yield

    def accrue(self, now: Instant) -> Slices[None]:
        """
        Charges every running pod up to `now`, and writes the row of every present plain node.

        Each pod in a slice of its own: one that ends before its slice has its last charge already, and one that is new has
        no charge until its end or the next hour. Two accruals must not run at once: the later one ends at a later instant.
        """
        return self._of_each(lambda cluster: self._accrue(cluster, now))

    def _accrue(self, cluster: Cluster, now: Instant) -> Slices[None]:
        for row in cluster.plain_nodes.accrue(now):
            self._gathered.facts.append(row)
            yield
        for uid in [*cluster.pods]:
            self._charge(cluster, uid, now, finished=False)
            yield

    def _charge(self, cluster: Cluster, uid: str, now: Instant, *, finished: bool) -> None:
        """Charges a pod if it is there, and has ended or not as `finished` names it."""
        pod = cluster.pods.get(uid)
        if pod is not None and (pod.stage == "finished") == finished:
            workflow = cluster.workflows.get(pod.run.workflow_uid)
            self._gathered.facts.extend(self._recorder.charge(cluster, pod, workflow, now))

    def sample_queues(self, now: Instant, watched: Container[str]) -> Slices[None]:
        """Records queue depths, of the clusters that are watched now: those of the others are not known."""

        def sample(cluster: Cluster) -> Slices[None]:
            if cluster.name in watched:
                self._gathered.facts.extend(self._queue_sampler.sample(cluster, now))
                yield

        return self._of_each(sample)

    def tick(self, now: Instant, watched: Container[str]) -> Slices[None]:
        """
        Applies what follows from time alone; judges crons only in clusters whose watches would show their runs.

        `watched` are the clusters that were watched at `now`: a run that was due by then has been seen if there was one.
        """
        if step_ms := self._clock.step_ms():
            self._step_clock(step_ms)

        def tick(cluster: Cluster) -> Slices[None]:
            self._steps.apply(cluster.name)
            yield
            yield from self._live.tick(cluster, now)
            self._recorder.sights.see_crons(cluster.name, cluster.crons.states.values())
            for effects in cluster.tick(now) if cluster.name in watched else ():
                self._gathered.facts.extend(self._recorder.record(cluster, effects, now))
                yield

        return self._of_each(tick)

    def view(self, now: Instant, watches: Mapping[str, list[WatchHealth]], store: StoreHealth) -> LiveView:
        """The state of all clusters at this instant."""
        clusters = self.clusters.values()
        hidden, identities = self._restoring, self.identities
        return self._live.view(clusters, identities, now=now, watches=watches, store=store, hidden=hidden)

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
        self._steps.add(by_ms)

    def _new_cluster(self, name: str, rules: Rules) -> None:
        self.clusters[name] = Cluster(name, rules, argo_schedule)
        self._packers[name] = checkpoints.Packer(self.clusters[name])

    def _of_each(self, work: Callable[[Cluster], Slices[None]]) -> Slices[None]:
        """Works on each cluster that is not refused; ends the work on one that is removed meanwhile."""
        for name, cluster in [*self.clusters.items()]:
            slices = work(cluster) if name not in self.identities.refused else ()
            for _ in slices:
                yield
                if self.clusters.get(name) is not cluster:
                    break

    def _note_changes(self, cluster: Cluster) -> None:
        """Keeps the sum of all clusters' changed states up to date: to sum them at each read would cost more than the read."""
        changed = len(self._packers[cluster.name])
        self._changed += changed - self._changed_of.get(cluster.name, 0)
        self._changed_of[cluster.name] = changed

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
