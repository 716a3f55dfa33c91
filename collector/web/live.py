"""
The live view summed up for people: the fleet, each cluster, each queue, and workflows that began and do not run.

The page draws these figures and computes none of its own, so that a reader of the JSON sees the same.
"""

from collections import defaultdict
from collections.abc import Iterable

from collector.catalog import metrics as catalog
from collector.catalog.counters import Counters
from collector.core import live_view
from collector.core.live_view import ClusterHealth, LiveView, StoreHealth, Waiting
from collector.core.model import WAITING_REASONS, Instant
from collector.language.language import ENGLISH, Language
from collector.shown_text import redact
from collector.web import limits, trouble
from collector.web.api_model import age, age_or_none
from collector.web.api_models import (
    Begun,
    ClusterStatus,
    Flow,
    Live,
    Place,
    Queue,
    ReasonCount,
    StoreStatus,
    Totals,
    WatchStatus,
)
from collector.web.money import Money, UnknownMoney, money_now
from collector.web.readiness import readiness
from collector.web.replica_text import is_partial, replica_text

RUNNING = "running"

SETTLED_S = 60
"""Below this, the state of a queue is `unsettled`: right after a restart every waiting queue would count as not draining."""


def live_now(
    view: LiveView, counters: Counters, money: Money | UnknownMoney | None, now: Instant, language: Language = ENGLISH
) -> Live:
    """The view, the counted incidents and today's money as one answer."""
    ready = readiness(view, now, language)
    waiting = [row for row in view.queues if not row.begun]
    rows: dict[str, list[Waiting]] = defaultdict(list)
    for row in view.queues:
        rows[row.cluster].append(row)
    return Live(
        at_ms=view.at,
        ready=ready.ready,
        problems=ready.problems,
        totals=_totals(view),
        clusters=[_cluster(cluster, rows[cluster.name], view, counters) for cluster in view.clusters],
        queues=_queues(waiting, view),
        begun=_begun([row for row in view.queues if row.begun and row.reason != RUNNING], view.at),
        slots=limits.slots(view.slots),
        locks=limits.locks(view.locks, view.at),
        stuck=trouble.stuck(view.stuck, view.at, language),
        crons=trouble.crons(view.crons, view.at, language),
        money=None if money is None else money_now(money, now, view.burning, language=language),
        store=_store(view.store, view.at),
        replica=redact(replica_text(view.replica, language)) if is_partial(view.replica) else "",
    )


def _oldest(rows: Iterable[Waiting]) -> Waiting | None:
    return min(rows, key=lambda row: row.since, default=None)


def _count(rows: Iterable[Waiting]) -> int:
    return sum(row.count for row in rows)


def _place(row: Waiting) -> Place:
    return Place.of(row)


def _by_reason(rows: Iterable[Waiting], at: Instant) -> list[ReasonCount]:
    groups: dict[str, list[Waiting]] = defaultdict(list)
    for row in rows:
        groups[row.reason].append(row)
    return [
        ReasonCount(
            reason=reason,
            workflows=_count(groups[reason]),
            oldest_age_ms=age(at, min(row.since for row in groups[reason])),
        )
        for reason in sorted(groups, key=_order)
    ]


def _order(reason: str) -> int:
    return WAITING_REASONS.index(reason) if reason in WAITING_REASONS else len(WAITING_REASONS)


def _totals(view: LiveView) -> Totals:
    waiting = [row for row in view.queues if not row.begun]
    oldest = _oldest(waiting)
    return Totals(
        waiting=_count(waiting),
        running=_count(row for row in view.queues if row.begun and row.reason == RUNNING),
        begun=_count(row for row in view.queues if row.begun and row.reason != RUNNING),
        queues=len({(row.cluster, row.namespace, row.queue) for row in waiting}),
        stuck=sum(view.stuck_counts.values()),
        locks=len(view.locks),
        crons=len(view.crons),
        oldest_age_ms=None if oldest is None else age(view.at, oldest.since),
        oldest_in=None if oldest is None else _place(oldest),
        reasons=_by_reason(waiting, view.at),
    )


def _cluster(cluster: ClusterHealth, rows: list[Waiting], view: LiveView, counters: Counters) -> ClusterStatus:
    waiting = [row for row in rows if not row.begun]
    oldest = _oldest(waiting)
    return ClusterStatus(
        name=cluster.name,
        ready=cluster.ready,
        detail=cluster.detail,
        waiting=_count(waiting),
        running=_count(row for row in rows if row.begun and row.reason == RUNNING),
        begun=_count(row for row in rows if row.begun and row.reason != RUNNING),
        oldest_age_ms=None if oldest is None else age(view.at, oldest.since),
        reasons=_by_reason(waiting, view.at),
        controller_oom_kills=_counted(counters, catalog.CONTROLLER_OOM_KILLS, cluster.name),
        controller_restarts=_counted(counters, catalog.CONTROLLER_RESTARTS, cluster.name),
        controllers=trouble.controllers(view.controllers, cluster.name),
        watches=[
            WatchStatus.of(watch, last_event_age_ms=age_or_none(view.at, watch.last_event_at))
            for watch in cluster.watches
        ],
    )


def _counted(counters: Counters, metric: catalog.Metric, cluster: str) -> int | None:
    found = counters.values(metric, cluster=cluster)
    return int(sum(found)) if found else None


def _queues(waiting: list[Waiting], view: LiveView) -> list[Queue]:
    at = view.at
    flows = {(flow.cluster, flow.namespace, flow.queue): _flow(flow) for flow in view.flows}
    groups: dict[tuple[str, str, str], list[Waiting]] = defaultdict(list)
    for row in waiting:
        groups[row.cluster, row.namespace, row.queue].append(row)
    queues = [
        Queue(
            cluster=cluster,
            namespace=namespace,
            queue=queue,
            depth=_count(rows),
            oldest_age_ms=age(at, min(row.since for row in rows)),
            reasons=_by_reason(rows, at),
            flow=flows.get((cluster, namespace, queue)),
        )
        for (cluster, namespace, queue), rows in groups.items()
    ]
    return sorted(queues, key=lambda q: (-q.oldest_age_ms, q.cluster, q.namespace, q.queue))


def queue_now(view: LiveView, cluster: str, namespace: str, queue: str) -> Queue | None:
    """One queue at this moment; None: nothing waits in it."""
    place = (cluster, namespace, queue)
    rows = [row for row in view.queues if not row.begun and (row.cluster, row.namespace, row.queue) == place]
    return next(iter(_queues(rows, view)), None)


def _flow(flow: live_view.QueueFlow) -> Flow:
    return Flow.of(
        flow,
        state=flow.state if flow.window_s >= SETTLED_S else "unsettled",
        window_ms=round(flow.window_s * 1000),
        drain_ms=None if flow.drain_s is None else round(flow.drain_s * 1000),
    )


def _begun(rows: list[Waiting], at: Instant) -> list[Begun]:
    oldest: dict[str, Waiting] = {}
    for row in sorted(rows, key=lambda row: row.since):
        oldest.setdefault(row.reason, row)
    return [Begun(**g.model_dump(), oldest_in=_place(oldest[g.reason])) for g in _by_reason(rows, at)]


def _store(store: StoreHealth, at: Instant) -> StoreStatus:
    return StoreStatus.of(store, last_insert_age_ms=age_or_none(at, store.last_insert_at))
