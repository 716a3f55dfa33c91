"""
What keeps the collector from being ready, one reason a problem, each with its remedy.

Judged from the live view alone: whoever asks must get an answer at once, also when a cluster or the store gives none.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from collector.core.live_view import ClusterHealth, LiveView, StoreHealth, WatchHealth
from collector.core.model import Instant
from collector.core.units import DAY_MS, MINUTE_MS
from collector.web.api_models import Problem, Ready

BEHIND_MS = MINUTE_MS
"""Rows that wait longer than this for the store make whoever reads it see the past."""

BEHIND_ROWS = 500_000
"""About half an hour of a full-sized fleet; inserts may succeed and still lose the race."""

VIEW_STALE_MS = 30_000
"""The live view is drawn every few seconds at most; one this old means that the loop hangs."""

GAP_TOLD_MS = DAY_MS
"""For how long a gap is told here; reports tell it for good."""

NOTHING_IS_LOST = "nothing is lost, rows wait in the spool"

REMEDIES = {
    "starting": "wait; if it stays so, look for this cluster in the collector's log",
    "listing": "wait for the first list to finish; large collections take a minute",
    "retrying": "check that the API server can be reached from here, with its certificate and token",
    "cluster_refused": "name each cluster once, under a name of its own, in the settings, and start again",
    "refused": "grant get, list and watch on this kind; lynceus check prints the missing rule",
}


SKEWED_MS = 30_000
"""A clock that is kept by NTP is within a second; a page's ages and a month's first minutes are wrong by this much."""

STORE_REMEDIES = {
    "store_password": "put the right password into store.password_file, which is read at each try",
    "store_read_only": "grant INSERT, SELECT, CREATE and ALTER on the database lynceus to store.username",
    "store_disk_full": "free space on the store's disk, or give it more",
    "store_overloaded": "it is tried again; if it stays so, give the store more memory or look at its merges",
    "store_refuses": "look at the store's own log; the same rows are tried again until it takes them",
    "spool_fails": "look at the disk of data_dir",
}
"""What to do where another remedy than the address holds."""


def readiness(view: LiveView, now: Instant) -> Ready:
    """Ready when no problem blocks."""
    problems = [
        *_clusters(view),
        *_gaps(view, now),
        *_store(view.store, now),
        *_spool(view.store),
        *_collector(view, now),
        *_clocks(view),
    ]
    return Ready(ready=not any(problem.blocking for problem in problems), problems=problems)


def _clusters(view: LiveView) -> Iterator[Problem]:
    for cluster in view.clusters:
        troubled = [_watch(cluster, watch) for watch in cluster.watches if _is_troubled(cluster, watch)]
        yield from troubled
        if not cluster.ready and not any(problem.blocking for problem in troubled):
            yield Problem(
                subject="cluster",
                cluster=cluster.name,
                cause="cluster_refused" if cluster.detail else "starting",
                reason=cluster.detail or "it is not watched yet",
                remedy=REMEDIES["cluster_refused" if cluster.detail else "starting"],
            )


def _is_troubled(cluster: ClusterHealth, watch: WatchHealth) -> bool:
    # An optional kind that a cluster does not serve is not missed there.
    # Servers end a watch every few minutes; one that has synced and opens again leaves its cluster ready.
    reopening = cluster.ready and watch.synced and watch.state != "refused"
    return watch.state != "absent" and not reopening and (watch.state != "watching" or not watch.synced)


def _watch(cluster: ClusterHealth, watch: WatchHealth) -> Problem:
    reason = watch.detail or ("the first list is not complete" if not watch.synced else f"the watch is {watch.state}")
    return Problem(
        subject="watch",
        cluster=cluster.name,
        kind=watch.kind,
        cause=f"watch_{watch.state}",
        reason=reason,
        remedy=REMEDIES.get(watch.state, "wait; it has not listed everything yet"),
        # A cluster that is ready without this kind does not need it.
        blocking=watch.needed and not cluster.ready,
        optional=not watch.needed and watch.state == "refused",
    )


def _gaps(view: LiveView, now: Instant) -> Iterator[Problem]:
    """A collector with a gap is ready; but whoever reads of that time should know."""
    for cluster in view.clusters:
        for gap in cluster.gaps:
            if now - gap.to_at < GAP_TOLD_MS:
                begin, end = (
                    datetime.fromtimestamp(at / 1000, UTC).strftime("%F %T") for at in (gap.from_at, gap.to_at)
                )
                ended = f"; {gap.objects_unknown} objects ended unseen" if gap.objects_unknown else ""
                yield Problem(
                    subject="watch",
                    cluster=gap.cluster,
                    kind=gap.kind,
                    cause="gap",
                    reason=f"not complete from {begin} to {end} UTC: {gap.cause}{ended}",
                    remedy="nothing; reports of that time say so, and watch_gap has the row",
                    blocking=False,
                    optional=True,
                )


def _store(store: StoreHealth, now: Instant) -> Iterator[Problem]:
    if not store.reachable:
        yield Problem(
            subject="store",
            cause=store.cause or "store_unreachable",
            reason=store.detail or "the store does not answer",
            remedy=f"{STORE_REMEDIES.get(store.cause, 'check store.url and its credentials')}; {NOTHING_IS_LOST}",
        )
    elif store.spooled_rows and (store.last_insert_at is None or now - store.last_insert_at > BEHIND_MS):
        at = store.last_insert_at
        since = "none was yet" if at is None else f"none was for {_seconds(now - at)} s"
        yield Problem(
            subject="store",
            cause="behind",
            reason=f"behind: {store.spooled_rows} rows wait to be acknowledged and {since}",
            remedy="look at lynceus_store_insert_errors_total by table, then at the store's own log",
        )
    elif store.spooled_rows > BEHIND_ROWS:
        yield Problem(
            subject="store",
            cause="behind",
            reason=f"behind: {store.spooled_rows} rows wait in the spool, more than {BEHIND_ROWS}",
            remedy="give the store more room, or split the clusters between replicas",
        )


def _collector(view: LiveView, now: Instant) -> Iterator[Problem]:
    if now - view.at > VIEW_STALE_MS:
        yield Problem(
            subject="collector",
            cause="hangs",
            reason=f"its live view is {_seconds(now - view.at)} s old",
            remedy="restart it and send its log; the spool keeps what it knew",
        )


def _spool(store: StoreHealth) -> Iterator[Problem]:
    if store.spool_detail:
        yield Problem(
            subject="collector",
            cause="spool_full",
            reason=f"the spool takes nothing and watches are paused: {store.spool_detail}",
            remedy="let the store take rows, free space under data_dir, or raise spool.max_bytes; then watches go on",
        )


def _clocks(view: LiveView) -> Iterator[Problem]:
    for clock in view.clocks:
        if abs(clock.skew_ms) > SKEWED_MS:
            whose = f"API server of {clock.cluster}" if clock.cluster else "store"
            side = "ahead of" if clock.skew_ms > 0 else "behind"
            yield Problem(
                subject="cluster" if clock.cluster else "store",
                cluster=clock.cluster or None,
                cause="clock",
                reason=f"the clock of the {whose} is {_seconds(abs(clock.skew_ms))} s {side} ours",
                remedy="set both by NTP; latencies and charges stay right, ages and what runs now are off by that much",
                blocking=False,
            )


def _seconds(ms: int) -> int:
    return ms // 1000
