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
from collector.language.language import ENGLISH, Language, in_catalog
from collector.shown_text import redact
from collector.web.api_models import Problem, Ready
from collector.web.names import name_of
from collector.web.replica_text import replica_text
from collector.web.unsent_reports import unsent_reports

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
TOKEN_ENDS, TOKEN_ENDED = in_catalog("the token {name} ends on {day}"), in_catalog("the token {name} ended on {day}")

NOTHING_IS_LOST = in_catalog("nothing is lost, rows wait in the spool")

REMEDIES = {
    "starting": in_catalog("wait; if it does not change, look for this cluster in the collector's log"),
    "listing": in_catalog("wait for the first list to finish; large collections take a minute"),
    "retrying": in_catalog("check that the collector can reach the API server, its certificate and its token"),
    "cluster_refused": in_catalog("give each cluster one entry with a unique name in the settings"),
    "refused": in_catalog("grant get, list and watch on this kind; lynceus check prints the missing rule"),
}


WAIT_FOR_READER = in_catalog("wait: it ends by itself; the log names the reader, ask for less at once")
WAIT = in_catalog("wait until the first list is complete")

SKEWED_MS = 30_000
"""A clock with NTP is right within a second. A page's ages and a month's first minutes are wrong by the skew."""

STORE_REMEDIES = {
    "store_password": in_catalog("write the correct password into store.password_file; it is read before each try"),
    "store_read_only": in_catalog(
        "grant store.username what `lynceus check` names: SELECT, INSERT, ALTER, CREATE, DROP and TRUNCATE "
        "on lynceus.*, and CLUSTER on *.* for a cluster; its profile must not be read-only"
    ),
    "store_disk_full": in_catalog("free space on the store's disk, or enlarge it"),
    "store_replicas": in_catalog(
        "replicas are down or behind; start them, see system.replicas and store.insert_quorum"
    ),
    "store_servers": in_catalog("see system.replication_queue and system.mutations on the servers that are named"),
    "store_overloaded": in_catalog(
        "the rows are sent again; if it does not change, give the store more memory or check its merges"
    ),
    "store_hangs": in_catalog(
        "check the store's process and its machine: it is stopped, or short of memory, CPU or disk"
    ),
    "store_refuses": in_catalog("check the store's own log; the same rows are sent again until it accepts them"),
    "store_leak": in_catalog(
        "run what `lynceus generate users` writes on every server, and take other rights from this user"
    ),
    "spool_fails": in_catalog("check the disk of data_dir"),
}
"""Remedies by cause, for causes other than a wrong address."""
CHECK_STORE = in_catalog("check store.url and its credentials")


ALONE_REMEDIES: dict[AloneCause, str] = {
    "off": in_catalog("set `replicas.lease: auto`, or remove `shard`"),
    "store": in_catalog("set `store.url`: replicas hand over what they know through the store"),
    "outside": in_catalog("run it as a pod with a service account, or remove `shard`"),
    "refused": in_catalog("grant the Role of deploy/replicas; with one replica no action is needed"),
}


def readiness(view: LiveView, now: Instant, language: Language = ENGLISH) -> Ready:
    """Collects the problems, in the words of a language; the collector is ready if none of them blocks."""
    problems = [
        *_clusters(view, language),
        *_sources(view, language),
        *_removed(view, language),
        *_gaps(view, now, language),
        *_store(view.store, now, language),
        *_readers(view.store, language),
        *_spool(view.store, language),
        *_collector(view, now, language),
        *_replica(view.replica, language),
        *_clocks(view, language),
        *_audit(view, language),
        *_access(view.access, now, language),
        *unsent_reports(view, now, language),
    ]
    return Ready(
        ready=not any(problem.blocking for problem in problems),
        replica=redact(replica_text(view.replica, language)),
        problems=[problem.model_copy(update={"reason": redact(problem.reason)}) for problem in problems],
    )


def _clusters(view: LiveView, language: Language) -> Iterator[Problem]:
    for cluster in view.clusters:
        troubled = [_watch(cluster, watch, language) for watch in cluster.watches if _is_troubled(cluster, watch)]
        yield from troubled
        if not cluster.ready and not any(problem.blocking for problem in troubled):
            yield Problem(
                subject="cluster",
                cluster=cluster.name,
                cause="cluster_refused" if cluster.detail else "starting",
                reason=cluster.detail or language.text("its watches have not started yet"),
                remedy=language.text(REMEDIES["cluster_refused" if cluster.detail else "starting"]),
            )


def _sources(view: LiveView, language: Language) -> Iterator[Problem]:
    """Reports places that name no cluster: what they should name is not watched, or goes on as it was."""
    for source in view.source_problems:
        yield Problem(
            subject="cluster",
            cluster=source.cluster or None,
            cause="cluster_source",
            reason=language.text(
                "{subject}: {what}",
                subject=language.text(" and ").join(source.places),
                what=language.text(source.reason),
            ),
            remedy=language.text(source.remedy),
            blocking=source.blocking,
        )


def _removed(view: LiveView, language: Language) -> Iterator[Problem]:
    for cluster in view.removed:
        at = datetime.fromtimestamp(cluster.at / 1000, UTC).strftime("%F %T")
        yield Problem(
            subject="cluster",
            cluster=cluster.name,
            cause="cluster_removed",
            reason=language.text("removed at {instant} UTC: no place names it any more", instant=at),
            remedy=language.text("no action needed; if it is named again, it continues where it was"),
            blocking=False,
            optional=True,
        )


def _is_troubled(cluster: ClusterHealth, watch: WatchHealth) -> bool:
    # An optional kind that a cluster does not serve is not needed there.
    # Servers end a watch every few minutes; a synced watch that opens again leaves its cluster ready.
    reopening = cluster.ready and watch.synced and watch.state != "refused"
    return watch.state != "absent" and not reopening and (watch.state != "watching" or not watch.synced)


def _watch(cluster: ClusterHealth, watch: WatchHealth, language: Language) -> Problem:
    state = language.text("the watch is {state}", state=language.text(watch.state))
    reason = watch.detail or (state if watch.synced else language.text("the first list is not complete"))
    return Problem(
        subject="watch",
        cluster=cluster.name,
        kind=watch.kind,
        cause=f"watch_{watch.state}",
        reason=reason,
        remedy=language.text(REMEDIES.get(watch.state, WAIT)),
        # A cluster that is ready without this kind does not need the kind.
        blocking=watch.needed and not cluster.ready,
        optional=not watch.needed and watch.state == "refused",
    )


def _gaps(view: LiveView, now: Instant, language: Language) -> Iterator[Problem]:
    """Reports recent gaps: the collector is ready, but data of that time is incomplete."""
    for cluster in view.clusters:
        for gap in cluster.gaps:
            if now - gap.to_at < GAP_SHOWN_MS:
                begin, end = (
                    datetime.fromtimestamp(at / 1000, UTC).strftime("%F %T") for at in (gap.from_at, gap.to_at)
                )
                reason = language.text(
                    "data is incomplete from {begin} to {end} UTC: {cause}",
                    begin=begin,
                    end=end,
                    cause=name_of(gap.cause, language),
                )
                ended = language.plural(
                    "{number} object ended unobserved", "{number} objects ended unobserved", gap.objects_unknown
                )
                yield Problem(
                    subject="watch",
                    cluster=gap.cluster,
                    kind=gap.kind,
                    cause="gap",
                    reason=f"{reason}{language.text('; ')}{ended}" if gap.objects_unknown else reason,
                    remedy=language.text("no action needed; reports of that time show the gap, watch_gap has its row"),
                    blocking=False,
                    optional=True,
                )


def _store(store: StoreHealth, now: Instant, language: Language) -> Iterator[Problem]:
    if not store.reachable:
        yield Problem(
            subject="store",
            cause=store.cause or "store_unreachable",
            reason=language.text(store.detail) or language.text("the store does not answer"),
            remedy=_and_nothing_lost(STORE_REMEDIES.get(store.cause, CHECK_STORE), language),
        )
    elif store.spooled_rows and (store.last_insert_at is None or now - store.last_insert_at > BEHIND_MS):
        at = store.last_insert_at
        since = (
            language.text("none was inserted yet")
            if at is None
            else language.text("the last insert was {seconds} s ago", seconds=_seconds(now - at))
        )
        yield Problem(
            subject="store",
            cause="behind",
            reason=language.text(
                "behind: {rows} rows wait for the store, {since}", rows=store.spooled_rows, since=since
            ),
            remedy=language.text("check lynceus_store_insert_errors_total by table, then the store's own log"),
        )
    elif store.spooled_rows > BEHIND_ROWS:
        yield Problem(
            subject="store",
            cause="behind",
            reason=language.text(
                "behind: {rows} rows wait in the spool, more than {most}", rows=store.spooled_rows, most=BEHIND_ROWS
            ),
            remedy=language.text("give the store more resources, or split the clusters between collectors"),
        )


def _readers(store: StoreHealth, language: Language) -> Iterator[Problem]:
    """Reports readers that the embedded store does not answer; rows are inserted meanwhile."""
    state, _, why = store.readers.partition(" ")
    if state:
        yield Problem(
            subject="store",
            cause="readers_stuck" if state == "stuck" else "readers_wait",
            reason=language.text("the store does not answer reports and dashboards: {why}", why=why),
            remedy=_and_nothing_lost(WAIT_FOR_READER, language),
            blocking=state == "stuck",
        )


def _collector(view: LiveView, now: Instant, language: Language) -> Iterator[Problem]:
    if now - view.at > VIEW_STALE_MS:
        yield Problem(
            subject="collector",
            cause="hangs",
            reason=language.text("its live view is {seconds} s old", seconds=_seconds(now - view.at)),
            remedy=language.text("restart the collector and report its log; the spool keeps all data"),
        )


def _replica(replica: ReplicaHealth | None, language: Language) -> Iterator[Problem]:
    """Reports what keeps replicas from sharing the work; a replica without a Lease watches everything and is ready."""
    if replica is None:
        return
    if replica.alone and (replica.alone == "refused" or len(replica.shards) > 1):
        yield Problem(
            subject="collector",
            cause="single_mode",
            reason=language.text(
                "it watches every cluster and shares them with no other replica: {why}",
                why=language.text(replica.detail),
            ),
            remedy=language.text(ALONE_REMEDIES[replica.alone]),
            blocking=False,
            optional=len(replica.shards) == 1,
        )
    elif replica.detail and not replica.alone:
        yield Problem(
            subject="collector",
            cause="lease_fails",
            reason=language.text("a request for a Lease failed: {why}", why=language.text(replica.detail)),
            remedy=language.text(
                "check that the pod reaches its own cluster's API server; without the Lease another replica takes over"
            ),
            blocking=not any(shard.held for shard in replica.shards),
        )


def _spool(store: StoreHealth, language: Language) -> Iterator[Problem]:
    if store.spool_detail:
        yield Problem(
            subject="collector",
            cause="spool_full",
            reason=language.text("the spool accepts no rows and watches are paused: {why}", why=store.spool_detail),
            remedy=language.text(
                "make the store accept rows, free space under data_dir, or raise spool.max_bytes; then watches continue"
            ),
        )


def _clocks(view: LiveView, language: Language) -> Iterator[Problem]:
    for clock in view.clocks:
        if abs(clock.skew_ms) > SKEWED_MS:
            owner = (
                language.text("API server of {cluster}", cluster=clock.cluster)
                if clock.cluster
                else language.text("store")
            )
            side = (
                in_catalog("the clock of the {owner} is {seconds} s ahead of ours")
                if clock.skew_ms > 0
                else in_catalog("the clock of the {owner} is {seconds} s behind ours")
            )
            yield Problem(
                subject="cluster" if clock.cluster else "store",
                cluster=clock.cluster or None,
                cause="clock",
                reason=language.text(side, owner=owner, seconds=_seconds(abs(clock.skew_ms))),
                remedy=language.text(
                    "synchronise both clocks by NTP; latencies and charges stay correct, ages are off by the skew"
                ),
                blocking=False,
            )


def _audit(view: LiveView, language: Language) -> Iterator[Problem]:
    if view.audit_dropped:
        yield Problem(
            subject="store",
            cause="audit_incomplete",
            reason=language.text(
                "the audit log lacks {number} entries: the store did not take them in time", number=view.audit_dropped
            ),
            remedy=language.text(
                "see why the store takes no rows; `access.audit_log: true` keeps entries in the log of the process too"
            ),
            blocking=False,
        )


def _access(access: AccessHealth, now: Instant, language: Language) -> Iterator[Problem]:
    """Reports a door that asks for nothing, and tokens that need care."""
    if access.open_to_all:
        yield Problem(
            subject="collector",
            cause="open",
            reason=language.text("everyone who reaches the pages reads all names and costs"),
            remedy=language.text("set access.token_files, or ignore this"),
            blocking=False,
        )
    for leak in access.leaks:
        yield Problem(
            subject="store", cause="store_leak", reason=leak, remedy=language.text(STORE_REMEDIES["store_leak"])
        )
    for problem in access.problems:
        yield Problem(
            subject="collector",
            cause="tokens",
            reason=problem,
            remedy=language.text("correct the file; `lynceus token list` reads it"),
            blocking=False,
        )
    for name, at in sorted(access.ends.items()):
        if at - now < TOKEN_ENDS_MS:
            day = datetime.fromtimestamp(at / 1000, UTC).strftime("%F")
            yield Problem(
                subject="collector",
                cause="token_ends",
                reason=language.text(TOKEN_ENDS if at > now else TOKEN_ENDED, name=name, day=day),
                remedy=language.text("`lynceus token rotate {name}`, or revoke it", name=name),
                blocking=False,
            )


def _and_nothing_lost(remedy: str, language: Language) -> str:
    return language.text("; ").join((language.text(remedy), language.text(NOTHING_IS_LOST)))


def _seconds(ms: int) -> int:
    return ms // 1000
