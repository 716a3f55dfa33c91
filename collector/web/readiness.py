"""
The collector's readiness: every problem with its reason and its remedy.

Decided from the live view alone, so that /readyz answers at once even if a cluster or the store does not.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from collector.core.access_health import AccessHealth
from collector.core.live_view import AloneCause, ClusterHealth, LiveView, ReplicaHealth, StoreHealth, WatchHealth
from collector.core.model import Instant
from collector.core.units import DAY_MS, MINUTE_MS
from collector.shown_text import redact
from collector.web.api_models import Problem, Ready
from collector.web.replica_text import replica_text

BEHIND_MS = MINUTE_MS
"""Rows that wait longer than this for the store: reports and dashboards show the past."""

BEHIND_ROWS = 500_000
"""About half an hour of a full-sized fleet; inserts may succeed and still be too slow."""

VIEW_STALE_MS = 30_000
"""The live view is made every few seconds; an older one means that the event loop hangs."""

GAP_SHOWN_MS = DAY_MS
"""How long a gap is reported here; reports show it permanently."""

TOKEN_ENDS_MS = 14 * DAY_MS
"""A token that ends within this time is reported."""

NOTHING_IS_LOST = "nothing is lost, rows wait in the spool"

REMEDIES = {
    "starting": "wait; if it does not change, look for this cluster in the collector's log",
    "listing": "wait for the first list to finish; large collections take a minute",
    "retrying": "check that the collector can reach the API server, its certificate and its token",
    "cluster_refused": "give each cluster one entry with a unique name in the settings",
    "refused": "grant get, list and watch on this kind; lynceus check prints the missing rule",
}


SKEWED_MS = 30_000
"""A clock with NTP is right within a second. A page's ages and a month's first minutes are wrong by the skew."""

STORE_REMEDIES = {
    "store_password": "write the correct password into store.password_file; it is read before each try",
    "store_read_only": "grant store.username what `lynceus check` names: SELECT, INSERT, ALTER, CREATE, DROP and TRUNCATE "
    "on lynceus.*, and CLUSTER on *.* for a cluster; its profile must not be read-only",
    "store_disk_full": "free space on the store's disk, or enlarge it",
    "store_replicas": "replicas are down or behind; start them, see system.replicas and store.insert_quorum",
    "store_servers": "see system.replication_queue and system.mutations on the servers that are named",
    "store_overloaded": "the rows are sent again; if it does not change, give the store more memory or check its merges",
    "store_hangs": "check the store's process and its machine: it is stopped, or short of memory, CPU or disk",
    "store_refuses": "check the store's own log; the same rows are sent again until it accepts them",
    "store_leak": "run what `lynceus generate users` writes on every server, and take other rights from this user",
    "spool_fails": "check the disk of data_dir",
}
"""Remedies by cause, for causes other than a wrong address."""


ALONE_REMEDIES: dict[AloneCause, str] = {
    "off": "set `replicas.lease: auto`, or remove `shard`",
    "store": "set `store.url`: replicas hand over what they know through the store",
    "outside": "run it as a pod with a service account, or remove `shard`",
    "refused": "grant the Role of deploy/replicas; with one replica no action is needed",
}


def readiness(view: LiveView, now: Instant) -> Ready:
    """Collects the problems; the collector is ready if none of them blocks."""
    problems = [
        *_clusters(view),
        *_sources(view),
        *_removed(view),
        *_gaps(view, now),
        *_store(view.store, now),
        *_readers(view.store),
        *_spool(view.store),
        *_collector(view, now),
        *_replica(view.replica),
        *_clocks(view),
        *_audit(view),
        *_access(view.access, now),
    ]
    return Ready(
        ready=not any(problem.blocking for problem in problems),
        replica=redact(replica_text(view.replica)),
        problems=[problem.model_copy(update={"reason": redact(problem.reason)}) for problem in problems],
    )


def _clusters(view: LiveView) -> Iterator[Problem]:
    for cluster in view.clusters:
        troubled = [_watch(cluster, watch) for watch in cluster.watches if _is_troubled(cluster, watch)]
        yield from troubled
        if not cluster.ready and not any(problem.blocking for problem in troubled):
            yield Problem(
                subject="cluster",
                cluster=cluster.name,
                cause="cluster_refused" if cluster.detail else "starting",
                reason=cluster.detail or "its watches have not started yet",
                remedy=REMEDIES["cluster_refused" if cluster.detail else "starting"],
            )


def _sources(view: LiveView) -> Iterator[Problem]:
    """Reports places that name no cluster: what they should name is not watched, or goes on as it was."""
    for source in view.source_problems:
        yield Problem(
            subject="cluster",
            cluster=source.cluster or None,
            cause="cluster_source",
            reason=f"{' and '.join(source.places)}: {source.reason}",
            remedy=source.remedy,
            blocking=source.blocking,
        )


def _removed(view: LiveView) -> Iterator[Problem]:
    for cluster in view.removed:
        at = datetime.fromtimestamp(cluster.at / 1000, UTC).strftime("%F %T")
        yield Problem(
            subject="cluster",
            cluster=cluster.name,
            cause="cluster_removed",
            reason=f"removed at {at} UTC: no place names it any more",
            remedy="no action needed; if it is named again, it continues where it was",
            blocking=False,
            optional=True,
        )


def _is_troubled(cluster: ClusterHealth, watch: WatchHealth) -> bool:
    # An optional kind that a cluster does not serve is not needed there.
    # Servers end a watch every few minutes; a synced watch that opens again leaves its cluster ready.
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
        remedy=REMEDIES.get(watch.state, "wait until the first list is complete"),
        # A cluster that is ready without this kind does not need the kind.
        blocking=watch.needed and not cluster.ready,
        optional=not watch.needed and watch.state == "refused",
    )


def _gaps(view: LiveView, now: Instant) -> Iterator[Problem]:
    """Reports recent gaps: the collector is ready, but data of that time is incomplete."""
    for cluster in view.clusters:
        for gap in cluster.gaps:
            if now - gap.to_at < GAP_SHOWN_MS:
                begin, end = (
                    datetime.fromtimestamp(at / 1000, UTC).strftime("%F %T") for at in (gap.from_at, gap.to_at)
                )
                ended = f"; {gap.objects_unknown} objects ended unobserved" if gap.objects_unknown else ""
                yield Problem(
                    subject="watch",
                    cluster=gap.cluster,
                    kind=gap.kind,
                    cause="gap",
                    reason=f"data is incomplete from {begin} to {end} UTC: {gap.cause}{ended}",
                    remedy="no action needed; reports of that time show the gap, watch_gap has its row",
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
        since = "none was inserted yet" if at is None else f"the last insert was {_seconds(now - at)} s ago"
        yield Problem(
            subject="store",
            cause="behind",
            reason=f"behind: {store.spooled_rows} rows wait for the store, {since}",
            remedy="check lynceus_store_insert_errors_total by table, then the store's own log",
        )
    elif store.spooled_rows > BEHIND_ROWS:
        yield Problem(
            subject="store",
            cause="behind",
            reason=f"behind: {store.spooled_rows} rows wait in the spool, more than {BEHIND_ROWS}",
            remedy="give the store more resources, or split the clusters between collectors",
        )


def _readers(store: StoreHealth) -> Iterator[Problem]:
    """Reports readers that the embedded store does not answer; rows are inserted meanwhile."""
    state, _, why = store.readers.partition(" ")
    if state:
        yield Problem(
            subject="store",
            cause="readers_stuck" if state == "stuck" else "readers_wait",
            reason=f"the store does not answer reports and dashboards: {why}",
            remedy=f"wait: it ends by itself; the log names the reader, ask for less at once; {NOTHING_IS_LOST}",
            blocking=state == "stuck",
        )


def _collector(view: LiveView, now: Instant) -> Iterator[Problem]:
    if now - view.at > VIEW_STALE_MS:
        yield Problem(
            subject="collector",
            cause="hangs",
            reason=f"its live view is {_seconds(now - view.at)} s old",
            remedy="restart the collector and report its log; the spool keeps all data",
        )


def _replica(replica: ReplicaHealth | None) -> Iterator[Problem]:
    """Reports what keeps replicas from sharing the work; a replica without a Lease watches everything and is ready."""
    if replica is None:
        return
    if replica.alone and (replica.alone == "refused" or len(replica.shards) > 1):
        yield Problem(
            subject="collector",
            cause="single_mode",
            reason=f"it watches every cluster and shares them with no other replica: {replica.detail}",
            remedy=ALONE_REMEDIES[replica.alone],
            blocking=False,
            optional=len(replica.shards) == 1,
        )
    elif replica.detail and not replica.alone:
        yield Problem(
            subject="collector",
            cause="lease_fails",
            reason=f"a request for a Lease failed: {replica.detail}",
            remedy="check that the pod reaches its own cluster's API server; without the Lease another replica takes over",
            blocking=not any(shard.held for shard in replica.shards),
        )


def _spool(store: StoreHealth) -> Iterator[Problem]:
    if store.spool_detail:
        yield Problem(
            subject="collector",
            cause="spool_full",
            reason=f"the spool accepts no rows and watches are paused: {store.spool_detail}",
            remedy="make the store accept rows, free space under data_dir, or raise spool.max_bytes; then watches continue",
        )


def _clocks(view: LiveView) -> Iterator[Problem]:
    for clock in view.clocks:
        if abs(clock.skew_ms) > SKEWED_MS:
            owner = f"API server of {clock.cluster}" if clock.cluster else "store"
            side = "ahead of" if clock.skew_ms > 0 else "behind"
            yield Problem(
                subject="cluster" if clock.cluster else "store",
                cluster=clock.cluster or None,
                cause="clock",
                reason=f"the clock of the {owner} is {_seconds(abs(clock.skew_ms))} s {side} ours",
                remedy="synchronise both clocks by NTP; latencies and charges stay correct, ages are off by the skew",
                blocking=False,
            )


def _audit(view: LiveView) -> Iterator[Problem]:
    if view.audit_dropped:
        yield Problem(
            subject="store",
            cause="audit_incomplete",
            reason=f"the audit log lacks {view.audit_dropped} entries: the store did not take them in time",
            remedy="see why the store takes no rows; `access.audit_log: true` keeps entries in the log of the process too",
            blocking=False,
        )


def _access(access: AccessHealth, now: Instant) -> Iterator[Problem]:
    """Reports a door that asks for nothing, and tokens that need care."""
    if access.open_to_all:
        yield Problem(
            subject="collector",
            cause="open",
            reason="everyone who reaches the pages reads all names and costs",
            remedy="set access.token_files, or ignore this",
            blocking=False,
        )
    for leak in access.leaks:
        yield Problem(subject="store", cause="store_leak", reason=leak, remedy=STORE_REMEDIES["store_leak"])
    for problem in access.problems:
        yield Problem(
            subject="collector",
            cause="tokens",
            reason=problem,
            remedy="correct the file; `lynceus token list` reads it",
            blocking=False,
        )
    for name, at in sorted(access.ends.items()):
        if at - now < TOKEN_ENDS_MS:
            day = datetime.fromtimestamp(at / 1000, UTC).strftime("%F")
            yield Problem(
                subject="collector",
                cause="token_ends",
                reason=f"the token {name} {'ends' if at > now else 'ended'} on {day}",
                remedy=f"`lynceus token rotate {name}`, or revoke it",
                blocking=False,
            )


def _seconds(ms: int) -> int:
    return ms // 1000
