"""
The loop between watch and store: outcomes in, facts and checkpoints out, the live view on the side.

Runs in the event loop and never waits: no disk, no socket, no thread. What it gathers is drained a few times a second
into one commit, so that facts, cursors and checkpoints become durable together or not at all.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo

import msgspec

from collector.catalog import metrics
from collector.catalog.tally import Tally
from collector.core import billing, controller, pod_life, workflow_life
from collector.core.cluster import Began, Cluster, Ended, Happening, PodEnded, Submitted
from collector.core.meters import total
from collector.core.model import (
    Checkpoint,
    Commit,
    ControllerIncident,
    Cursor,
    Fact,
    Gone,
    Instant,
    Observation,
    Outcome,
    Period,
    PodCost,
    Position,
    PricingRun,
    Quarantine,
    QueueSample,
    Synced,
    WatchGap,
    version_of,
)
from collector.core.product import ZERO
from collector.core.rules import Rules
from collector.core.view import ClusterHealth, LiveView, StoreHealth, Waiting, WatchHealth
from collector.prices.book import Books

log = logging.getLogger(__name__)

PENDING_LIMIT = 50_000
"""Facts and changed lives held in memory; beyond it watches are stopped cleanly until the spool has caught up."""
SAMPLE_MS = 15_000
RESAMPLE_MS = 300_000
"""A queue that does not change is sampled this often all the same, so that a chart has no holes."""
PRICING_RUN = 1


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


class Pipeline:
    """All clusters' state, and what is to be made durable next."""

    def __init__(self, clusters: Mapping[str, Rules], books: Books, zone: tzinfo, tally: Tally) -> None:
        self.clusters = {name: Cluster(name, rules) for name, rules in clusters.items()}
        self.books, self.zone, self.tally = books, zone, tally
        self.refused: dict[str, str] = {}
        """Clusters whose identity does not fit their name, and why."""
        self.on_refused: Callable[[str], object] = self.refused.get
        self.uids: dict[str, str] = {}
        """Cluster name to the uid of its kube-system namespace, as bound."""
        self._positions: dict[tuple[str, str], Position] = {}
        self._durable_at: dict[tuple[str, str], Instant] = {}
        self._gathered = Gathered()
        self._room = asyncio.Event()
        self._room.set()
        self._sampled: dict[tuple[str, str, str, str], tuple[int, Instant]] = {}
        self._months: set[int] = set()
        self._touch_counters()

    def take(self, cluster: str, outcomes: list[Outcome]) -> None:
        """The sink of a cluster's watches."""
        for outcome in outcomes:
            if cluster not in self.refused:
                self._take(self.clusters[cluster], outcome)
        for kind, count in Counter(o.kind for o in outcomes if isinstance(o, Observation)).items():
            self.tally.add(metrics.WATCH_EVENTS, (cluster, kind), count)
        if self._pending() > PENDING_LIMIT:
            self._room.clear()

    async def room(self) -> None:
        """Returns when the pipeline can take more; what a watch awaits before it reads on."""
        await self._room.wait()

    def drain(self, now: Instant) -> Commit | None:
        """Everything gathered since the last drain; None when nothing was."""
        gathered, self._gathered = self._gathered, Gathered()
        upserts, deletes = self._checkpoints()
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
            PricingRun(run=PRICING_RUN, version=now, created_at=now, books=self.books.names(), rules=digest)
        )

    def lost_spool(self, now: Instant, why: str) -> None:
        """The spool could not be read: what it held is a gap of every cluster, and watching starts from lists."""
        for name in self.clusters:
            for kind in ("workflows", "pods"):
                gap = WatchGap(
                    cluster=name, kind=kind, from_at=now, version=1, to_at=now, cause=f"spool: {why}", objects_unknown=0
                )
                self._take(self.clusters[name], gap)

    def restore(self, cursors: Iterable[Cursor], states: Iterable[tuple[str, str, str, bytes]]) -> None:
        """Take up what the spool holds; clusters that are no longer configured are left alone."""
        for cursor in cursors:
            if cursor.cluster in self.clusters:
                position = Position(cursor.kind, cursor.resource_version, cursor.epoch)  # type: ignore[arg-type]
                self._positions[cursor.cluster, cursor.kind] = position
                self._durable_at[cursor.cluster, cursor.kind] = cursor.at
                if cursor.cluster_uid:
                    self.uids[cursor.cluster] = cursor.cluster_uid
                self.tally.restore(cursor.totals)
        for cluster, kind, _, state in states:
            if cluster in self.clusters:
                _adopt(self.clusters[cluster], kind, state)

    def resume(self, cluster: str, kind: str) -> Resume | None:
        """Where the watch of a kind goes on; None means it starts from a list. Nodes and namespaces always list."""
        position = self._positions.get((cluster, kind))
        if position is None or kind not in ("workflows", "pods"):
            return None
        state = self.clusters[cluster]
        if kind == "workflows":
            known = {uid: life.version for uid, life in state.workflows.items() if not life.deleted}
        else:
            known = {uid: pod.run.version for uid, pod in state.pods.items() if not pod.gone}
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
        """Rewrite today's charge of every pod that still runs."""
        for cluster in self._watched():
            for pod in cluster.pods.values():
                if pod.stage != "finished":
                    self._charges(cluster, pod, cluster.workflows.get(pod.run.workflow_uid), now)

    def view(self, now: Instant, watches: dict[str, list[WatchHealth]], store: StoreHealth) -> LiveView:
        """What is known at this instant."""
        queues: list[Waiting] = [w for cluster in self._watched() for w in cluster.waiting()]
        return LiveView(now, [self._health(name, watches.get(name, [])) for name in self.clusters], queues, store)

    def _watched(self) -> Iterable[Cluster]:
        """The clusters that are what their names say; of others nothing new is known."""
        return (cluster for name, cluster in self.clusters.items() if name not in self.refused)

    def _health(self, name: str, watches: list[WatchHealth]) -> ClusterHealth:
        if name in self.refused:
            return ClusterHealth(name, False, self.refused[name], watches)
        late = [f"{w.kind}: {w.detail or w.state}" for w in watches if not w.synced or w.detail]
        detail = "; ".join(late) or ("" if watches else "not started")
        return ClusterHealth(name, not detail, detail, watches)

    def _pending(self) -> int:
        return len(self._gathered.facts) + sum(len(c.touched) for c in self.clusters.values())

    def _take(self, cluster: Cluster, outcome: Outcome) -> None:
        match outcome:
            case Observation():
                self._observe(cluster, outcome)
            case Position():
                self._positions[cluster.name, outcome.kind] = outcome
                self._gathered.cursors[cluster.name, outcome.kind] = outcome
                cluster.reached(outcome.kind, version_of(outcome.epoch, int(outcome.resource_version)))
            case Synced():
                if outcome.kind == "namespaces":
                    self._bind(cluster)
            case WatchGap():
                self.tally.add(metrics.WATCH_GAPS, (cluster.name, outcome.kind))
                self._gathered.facts.append(outcome)
                if outcome.kind in ("workflows", "pods"):
                    cluster.lost_sight()
            case Quarantine():
                self.tally.add(metrics.QUARANTINED, (cluster.name, outcome.kind, outcome.reason))
                self._gathered.facts.append(outcome)

    def _observe(self, cluster: Cluster, seen: Observation) -> None:
        """An object that core did not foresee is set aside, and its neighbours go on."""
        try:
            for happening in cluster.observe(seen):
                self._happen(cluster, happening, seen.at, seen.change == "listed")
        except Exception as error:
            log.exception(
                "an object was set aside", extra={"cluster": cluster.name, "kind": seen.kind, "uid": seen.uid}
            )
            self.tally.add(metrics.QUARANTINED, (cluster.name, seen.kind, "unforeseen"))
            self._gathered.facts.append(
                Quarantine(
                    cluster=cluster.name, kind=seen.kind, uid=seen.uid, at=seen.at, version=seen.version,
                    reason="unforeseen", sample=type(error).__name__,
                )
            )  # fmt: skip

    def _happen(self, cluster: Cluster, happening: Happening, at: Instant, listed: bool) -> None:
        """A fact goes to the store; the rest moves counters."""
        name, tally = cluster.name, self.tally
        match happening:
            case Submitted():
                tally.add(metrics.SUBMITTED, (name, happening.namespace, happening.queue))
            case Began():
                tally.add(metrics.STARTED, (name, happening.namespace, happening.queue))
                if happening.latency_ms is not None:
                    tally.observe(metrics.QUEUE_LATENCY, (name, happening.queue), happening.latency_ms / 1000)
            case Ended():
                tally.add(metrics.FINISHED, (name, happening.namespace, happening.outcome))
            case PodEnded():
                self._charges(cluster, happening.pod, happening.life, at)
            case ControllerIncident():
                self._gathered.facts.append(happening)
                self._count_incident(happening, listed)
            case Fact():
                self._gathered.facts.append(happening)

    def _count_incident(self, incident: ControllerIncident, listed: bool) -> None:
        """An old kill that a list shows is recorded, but must page nobody."""
        if listed:
            return
        labels = (incident.cluster, incident.container)
        self.tally.add(metrics.CONTROLLER_RESTARTS, labels)
        if incident.kind == "oom_kill":
            self.tally.add(metrics.CONTROLLER_OOM_KILLS, labels)

    def _charges(
        self, cluster: Cluster, pod: pod_life.PodLife, life: workflow_life.WorkflowLife | None, until: Instant
    ) -> None:
        product = cluster.rules.product
        charges = billing.charges(pod.run, life, self.books, self.zone, until, product, PRICING_RUN, pod.told)
        if not charges:
            return
        for charge in charges:
            self._open_month(charge.day)
        self._gathered.facts.extend(charges)
        pod.told = pod_life.Told(charges[0].version, charges[0].day, charges[-1].day)
        cluster.touched["pods", pod.run.uid] = None
        if pod.stage == "finished" and not pod.historic:
            self._count_cost(pod, charges)

    def _count_cost(self, pod: pod_life.PodLife, charges: list[PodCost]) -> None:
        """Add to the counter what it does not hold yet; a correction downwards shows in tables only."""
        first, charge = pod.counted is None, charges[0]
        if first and (doubt := billing.doubt_of(charge)):
            self.tally.add(metrics.UNPRICED_PODS, (charge.cluster, doubt))
        if charge.cost is None:
            if first:
                self.tally.add(metrics.UNPRICED_PODS, (charge.cluster, charge.rule))
                pod.counted = ZERO
            return
        cost = total(c.cost or ZERO for c in charges)
        more = cost - (pod.counted or ZERO)
        if more > 0:
            labels = (charge.cluster, charge.namespace, charge.product, charge.currency)
            self.tally.add(metrics.COST, labels, more)
            pod.counted = cost

    def _open_month(self, day: int) -> None:
        """The first charge of a month gives it its active run."""
        first = date.fromordinal(billing.EPOCH_DAY.toordinal() + day).replace(day=1)
        month = (first - billing.EPOCH_DAY).days
        if month not in self._months:
            self._months.add(month)
            self._gathered.facts.append(
                Period(month=month, version=1, active_run=PRICING_RUN, state="open", total=None, hash="")
            )

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
        totals = self.tally.totals(cluster) if position.kind == "workflows" else {}
        uid = self.uids.get(cluster, "")
        self._durable_at[cluster, position.kind] = now
        return Cursor(
            cluster=cluster, kind=position.kind, resource_version=position.resource_version, epoch=position.epoch,
            cluster_uid=uid, at=now, totals=totals,
        )  # fmt: skip

    def _checkpoints(self) -> tuple[list[Checkpoint], list[Gone]]:
        """The lives that changed, packed, and those that need no state any more."""
        upserts: list[Checkpoint] = []
        deletes: list[Gone] = []
        for name, cluster in self.clusters.items():
            touched, cluster.touched = cluster.touched, {}
            for (kind, uid), life in touched.items():
                state = _packed(cluster, kind, uid)
                live = workflow_life.live_of(name, life) if life else None
                if state is None:
                    deletes.append(Gone(cluster=name, kind=kind, uid=uid, live=live))
                else:
                    upserts.append(Checkpoint(cluster=name, kind=kind, uid=uid, state=state, live=live))
        return upserts, deletes

    def _touch_counters(self) -> None:
        """A counter that appears with its first increase hides it from `increase()`."""
        for cluster in self.clusters:
            for container in controller.CONTAINERS:
                labels = [(cluster, container)]
                self.tally.touch(metrics.CONTROLLER_OOM_KILLS, labels)
                self.tally.touch(metrics.CONTROLLER_RESTARTS, labels)


_ENCODER = msgspec.msgpack.Encoder()
_LIFE = msgspec.msgpack.Decoder(workflow_life.WorkflowLife)
_POD = msgspec.msgpack.Decoder(pod_life.PodLife)
_KEYS = msgspec.msgpack.Decoder(list[tuple[str, str, int]])


def _packed(cluster: Cluster, kind: str, uid: str) -> bytes | None:
    """An object's state to be kept; None when it is gone."""
    if kind == "workflows":
        life = cluster.workflows.get(uid)
        return _ENCODER.encode(life) if life else None
    if kind == "pods":
        pod = cluster.pods.get(uid)
        return _ENCODER.encode(pod) if pod else None
    return _ENCODER.encode(list(cluster.incidents.keys))


def _adopt(cluster: Cluster, kind: str, state: bytes) -> None:
    if kind == "workflows":
        cluster.adopt([_LIFE.decode(state)], [])
    elif kind == "pods":
        cluster.adopt([], [_POD.decode(state)])
    else:
        cluster.incidents.keys.update(dict.fromkeys(_KEYS.decode(state)))
