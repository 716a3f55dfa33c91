"""
Alerts about what is seen: is each cluster watched, completely and in time, and do the clocks agree?
"""

from alerts.numbers import Numbers
from alerts.promql import increase, once, rate
from alerts.rules import ITSELF, Alert, Builder, Recording, Severity
from collector.catalog import metrics as catalog
from collector.catalog.metrics import Metric

RECORDINGS: tuple[Recording, ...] = ()


def _grew(numbers: Numbers, metric: Metric, labels: tuple[str, ...]) -> str:
    """PromQL that holds while a counter has grown in the window; counters continue after a restart."""
    return f"{increase(metric, numbers.of(metric), numbers.span('window'), ', '.join(labels))} > 0"


def cluster_unreachable(numbers: Numbers) -> Alert:
    """A cluster that is not watched has no figures, and every other alert of it is silent."""
    return Alert(
        name="ClusterUnreachable",
        expr=f"max by (cluster) ({numbers.of(catalog.CLUSTER_UP)}) == 0",
        severity="critical",
        summary="A cluster is not fully watched.",
        description=(
            "No replica has fully watched {{ $labels.cluster }} for "
            f"{numbers.words('hold')}. Its queues are not observed, and its queue alerts are silent."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("cluster",),
    )


def cluster_forgotten(numbers: Numbers) -> Alert:
    """A cluster that was dropped from the settings by mistake is silent for ever."""
    up = numbers.of(catalog.CLUSTER_UP)
    return Alert(
        name="ClusterForgotten",
        expr=(
            f"max by (cluster) (max_over_time({up}[{numbers.span('memory')}]))\n"
            f"unless on (cluster) max by (cluster) ({up})\n"
            # Without any collector it is CollectorAbsent's matter.
            f"and on () count({catalog.BUILD_INFO.name}) > 0"
        ),
        severity="warning",
        summary="A cluster is no longer watched by any collector.",
        description=(
            f"{{{{ $labels.cluster }}}} was watched within {numbers.words('memory')} and no collector knows it now. "
            "If it was removed on purpose, this ends by itself."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("cluster",),
    )


def settings_invalid(numbers: Numbers) -> Alert:
    """The collector goes on by the last valid file, and its next start would fail."""
    valid = numbers.of(catalog.SETTINGS_RELOADED)
    return Alert(
        name="SettingsInvalid",
        expr=f"min by (instance) ({valid}) == 0",
        severity="warning",
        summary="The settings file of a collector is invalid.",
        description=(
            f"The settings file of {{{{ $labels.instance }}}} has been invalid for {numbers.words('hold')}. "
            "The last valid one is in force, and the next start fails. /readyz names the key."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance",),
    )


def cluster_source_unusable(numbers: Numbers) -> Alert:
    """A cluster that was never watched has no series that could be absent."""
    series = numbers.of(catalog.NOT_READY, 'cause="cluster_source"')
    return Alert(
        name="ClusterSourceUnusable",
        expr=f"{once(catalog.NOT_READY, series)} > 0",
        severity="warning",
        summary="A secret or an entry that should name a cluster cannot be used.",
        description=(
            "A place that should name a cluster{{ with $labels.cluster }}, {{ . }},{{ end }} has been unusable for "
            f"{numbers.words('hold')}: a broken secret, or one name in two places. What it names is not watched, unless it was "
            "before. /readyz names the place."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("subject", "cluster", "cause"),
    )


def credentials_expire(numbers: Numbers) -> tuple[Alert, ...]:
    """Before the cluster refuses the collector; what was renewed within a day renews itself."""
    return _credentials_expire(numbers, "warning"), _credentials_expire(numbers, "critical")


def _credentials_expire(numbers: Numbers, severity: Severity) -> Alert:
    expire = numbers.of(catalog.CREDENTIALS_EXPIRE)
    return Alert(
        name="CredentialsExpire",
        expr=(
            f"max by (cluster) ({expire}) - time() < {numbers.seconds(severity)}\n"
            f"unless on (cluster) max by (cluster) (changes({expire}[{numbers.span('renewed')}])) > 0"
        ),
        severity=severity,
        summary="Credentials of a cluster expire.",
        description=(
            "The collector's credentials for {{ $labels.cluster }} expire in {{ $value | humanizeDuration }}. "
            "After that the cluster is not watched. Give it new ones; a file is read again without a restart."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("cluster",),
    )


def watch_stale(numbers: Numbers) -> Alert:
    """A connection that is half open: the API server sends a bookmark each minute, so silence is a fault."""
    last = numbers.of(catalog.WATCH_LAST_EVENT, 'kind=~"workflows|pods"')
    return Alert(
        name="WatchStale",
        expr=f"time() - max by (cluster, kind) ({last}) > {numbers.seconds('silent')}",
        severity="critical",
        summary="A watch receives nothing.",
        description=(
            "The watch of {{ $labels.kind }} in {{ $labels.cluster }} has received nothing, not even a bookmark, for "
            "{{ $value | humanizeDuration }}. Figures of this cluster are out of date."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("cluster", "kind"),
        needs_watch=True,
    )


def watch_restart_storm(numbers: Numbers) -> Alert:
    """Nothing is lost, but each reopening costs the API server and delays events."""
    series = numbers.of(catalog.WATCH_RESTARTS, 'cause!="missing"')
    return Alert(
        name="WatchRestartStorm",
        expr=f"60 * {rate(catalog.WATCH_RESTARTS, series, numbers.span('window'), 'cluster, kind')} > {numbers['restarts']}",
        severity="warning",
        summary="A watch is opened again and again.",
        description=(
            'The watch of {{ $labels.kind }} in {{ $labels.cluster }} is opened {{ $value | printf "%.1f" }} times a minute. '
            "A proxy cuts it, or the API server is overloaded."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("cluster", "kind"),
    )


def watch_gap(numbers: Numbers) -> Alert:
    """What was not seen is missing from reports, so somebody must know."""
    labels = ("cluster", "kind")
    return Alert(
        name="WatchGap",
        expr=_grew(numbers, catalog.WATCH_GAPS, labels),
        severity="warning",
        summary="A break in a watch could not be replayed.",
        description=(
            "The watch of {{ $labels.kind }} in {{ $labels.cluster }} was down for longer than the API server keeps history. "
            "Reports of that time are marked incomplete. See the table watch_gap. Backfill from Argo's archive if there is one."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def reconcile_differences(numbers: Numbers) -> Alert:
    """A watch that misses changes without an error is the worst fault of a watch."""
    labels = ("cluster", "kind", "difference")
    return Alert(
        name="ReconcileDifferences",
        expr=_grew(numbers, catalog.RECONCILE_DIFFERENCES, labels),
        severity="warning",
        summary="A watch missed changes.",
        description=(
            "{{ $labels.kind }} of {{ $labels.cluster }} were {{ $labels.difference }} when compared with a list. "
            "The difference is corrected, but the watch missed it. Look for a proxy that drops or caches responses."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def backfill_failing(numbers: Numbers) -> Alert:
    """A gap that the archive could fill stays open."""
    labels = ("cluster", "reason")
    return Alert(
        name="BackfillFailing",
        expr=_grew(numbers, catalog.BACKFILL_FAILURES, labels),
        severity="warning",
        summary="Backfill from the Argo archive is failing.",
        description=(
            "The archive of {{ $labels.cluster }} could not be read ({{ $labels.reason }}). Workflows that ended in a gap stay "
            "missing. Fix clusters[].archive, then run lynceus backfill."
        ),
        dashboard=ITSELF,
        labels=labels,
    )


def clock_skewed(numbers: Numbers) -> Alert:
    """Two clocks that differ make durations wrong."""
    labels = ("subject", "cluster")
    return Alert(
        name="ClockSkewed",
        expr=f"max by ({', '.join(labels)}) (abs({catalog.CLOCK_SKEW.name})) > {numbers['skew']}",
        severity="warning",
        summary="A clock differs from the collector's.",
        description=(
            'The clock of {{ $labels.subject }} {{ $labels.cluster }} is {{ $value | printf "%.0f" }} s off the collector\'s. '
            "Durations across both clocks are wrong by the same amount. Check time synchronisation on both sides."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=labels,
    )


BUILDERS: tuple[Builder, ...] = (
    cluster_unreachable,
    cluster_forgotten,
    settings_invalid,
    cluster_source_unusable,
    credentials_expire,
    watch_stale,
    watch_restart_storm,
    watch_gap,
    reconcile_differences,
    backfill_failing,
    clock_skewed,
)
