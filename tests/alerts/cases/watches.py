"""Cases of alerts/watches.py."""

from tests.promtool.cases import Case, Fires, Silent

BUILD = 'lynceus_build_info{version="1"}'
EXPIRES = 'lynceus_cluster_credentials_expire_timestamp_seconds{cluster="prod"}'
GAPS = 'lynceus_watch_gaps_total{cluster="prod", kind="pods"}'
LAST = 'lynceus_watch_last_event_timestamp_seconds{cluster="prod", kind="pods"}'
MISSING = 'lynceus_reconcile_differences_total{cluster="prod", kind="pods", difference="missing"}'
RESTARTS = 'lynceus_watch_restarts_total{cluster="prod", kind="pods", cause="gone"}'
SKEW = 'lynceus_clock_skew_seconds{subject="cluster", cluster="prod"}'
UNREADABLE = 'lynceus_backfill_failures_total{cluster="prod", reason="forbidden"}'
UP = 'lynceus_cluster_up{cluster="prod", instance="a"}'
UP_ELSEWHERE = 'lynceus_cluster_up{cluster="prod", instance="b"}'
DAY = 86400
TOMORROW = (
    "The collector's credentials for prod expire in 23h 54m 0s. "
    "After that the cluster is not watched. Give it new ones; a file is read again without a restart."
)


def a_ticket_for_an_hour(alert: str, series: str, story: str, **expected: object) -> tuple[Case, ...]:
    """Of a counter: it fires for an hour after it grew; neither old totals nor a restart fire."""
    fires = Fires(
        alert=alert,
        severity="warning",
        story=story,
        series={series: "0x10 1x90"},
        silent_at=("9m", "80m"),
        fires_at=("20m", "60m"),
        **expected,  # type: ignore[arg-type]  # labels, summary and text
    )
    return fires, Silent(
        alert=alert,
        story="a collector that restarts with its old total",
        series={series: "7x10 _x5 7x85"},
        at=("9m", "17m", "60m"),
    )


CASES: tuple[Case, ...] = (
    Fires(
        alert="ClusterUnreachable",
        severity="critical",
        story="a cluster that no replica fully watches",
        series={UP: "1x5 0x30 1x10", UP_ELSEWHERE: "0x45"},
        silent_at=("15m", "37m"),
        fires_at=("17m", "35m"),
        labels={"cluster": "prod"},
        summary="A cluster is not fully watched.",
        text="No replica has fully watched prod for 10 minutes. Its queues are not observed, and its queue alerts are silent.",
    ),
    Silent(
        alert="ClusterUnreachable",
        story="one replica of two watches it",
        series={UP: "1x35", UP_ELSEWHERE: "0x35"},
        at=("30m",),
    ),
    Silent(
        alert="ClusterUnreachable",
        story="an upgrade of its only control plane node",
        series={UP: "1x5 0x8 1x30"},
        at=("13m", "20m"),
    ),
    Fires(
        alert="ClusterForgotten",
        severity="warning",
        story="a cluster that vanished from the settings",
        series={
            'lynceus_cluster_up{cluster="prod"}': "1x10 _x100",
            'lynceus_cluster_up{cluster="test"}': "1x110",
            BUILD: "1x110",
        },
        silent_at=("9m", "25m", "80m"),
        fires_at=("35m", "60m"),
        labels={"cluster": "prod"},
        summary="A cluster is no longer watched by any collector.",
        text=(
            "prod was watched within 1 hour and no collector knows it now. "
            "If it was removed on purpose, this ends by itself."
        ),
    ),
    Silent(
        alert="ClusterForgotten",
        story="no collector runs, which CollectorAbsent says",
        series={'lynceus_cluster_up{cluster="prod"}': "1x10 _x100", BUILD: "1x10 _x100"},
        at=("20m", "40m", "60m"),
    ),
    Fires(
        alert="SettingsInvalid",
        severity="warning",
        story="a file that was edited wrongly, and corrected later",
        series={
            'lynceus_settings_last_reload_successful{instance="a"}': "1x5 0x20 1x20",
            'lynceus_settings_last_reload_successful{instance="b"}': "1x45",
        },
        silent_at=("5m", "14m", "30m"),
        fires_at=("17m", "25m"),
        labels={"instance": "a"},
        summary="The settings file of a collector is invalid.",
        text=(
            "The settings file of a has been invalid for 10 minutes. The last valid one is in force, and the next start fails. "
            "/readyz names the key."
        ),
    ),
    Silent(
        alert="SettingsInvalid",
        story="a file with two typos, corrected one after the other",
        series={'lynceus_settings_last_reload_successful{instance="a"}': "1x5 0x8 1x20"},
        at=("10m", "16m", "30m"),
    ),
    Fires(
        alert="ClusterSourceUnusable",
        severity="warning",
        story="two secrets of one name",
        series={'lynceus_not_ready{subject="cluster", cluster="prod", cause="cluster_source"}': "_x5 1x30 _x30"},
        silent_at=("5m", "14m", "50m"),
        fires_at=("20m", "30m"),
        labels={"subject": "cluster", "cluster": "prod", "cause": "cluster_source"},
        summary="A secret or an entry that should name a cluster cannot be used.",
        text=(
            "A place that should name a cluster, prod, has been unusable for 10 minutes: a broken secret, or one name in two "
            "places. What it names is not watched, unless it was before. /readyz names the place."
        ),
    ),
    Silent(
        alert="ClusterSourceUnusable",
        story="a cluster that is away, which ClusterUnreachable says",
        series={'lynceus_not_ready{subject="cluster", cluster="prod", cause="starting"}': "1x60"},
        at=("20m", "50m"),
    ),
    Fires(
        alert="CredentialsExpire",
        severity="warning",
        story="a client certificate of the next week",
        series={EXPIRES: f"{7 * DAY + 600}x100"},
        silent_at=("5m", "14m"),
        fires_at=("16m",),
        labels={"cluster": "prod"},
        summary="Credentials of a cluster expire.",
        text=(
            "The collector's credentials for prod expire in 6d 23h 54m 0s. "
            "After that the cluster is not watched. Give it new ones; a file is read again without a restart."
        ),
    ),
    Fires(
        alert="CredentialsExpire",
        severity="critical",
        story="a client certificate of tomorrow",
        series={EXPIRES: f"{DAY + 600}x100"},
        fires_at=("16m",),
        labels={"cluster": "prod"},
        summary="Credentials of a cluster expire.",
        text=TOMORROW,
        along=(
            Fires(
                alert="CredentialsExpire",
                severity="warning",
                story="the ticket stays open",
                series={},
                fires_at=(),
                labels={"cluster": "prod"},
                summary="Credentials of a cluster expire.",
                text=TOMORROW,
            ),
        ),
    ),
    Silent(
        alert="CredentialsExpire",
        story="a token that the kubelet renews each 50 minutes",
        series={EXPIRES: "3600x49 6600x49 9600x49"},
        at=("60m", "90m", "140m"),
    ),
    Fires(
        alert="WatchStale",
        severity="critical",
        story="a half-open connection",
        series={LAST: "0+60x10 600x30 2460+60x10"},
        silent_at=("10m", "16m", "42m"),
        fires_at=("18m",),
        labels={"cluster": "prod", "kind": "pods"},
        summary="A watch receives nothing.",
        text=(
            "The watch of pods in prod has received nothing, not even a bookmark, for 8m 0s. "
            "Figures of this cluster are out of date."
        ),
    ),
    Silent(
        alert="WatchStale",
        story="a kind that is optional, and a collector that restarts",
        series={
            LAST: "0+60x10 _x4 840+60x30",
            'lynceus_watch_last_event_timestamp_seconds{cluster="prod", kind="events"}': "0x40",
        },
        at=("12m", "16m", "30m", "40m"),
    ),
    Fires(
        alert="WatchRestartStorm",
        severity="warning",
        story="a proxy cuts the watch three times a minute",
        series={RESTARTS: "0x10 0+3x60"},
        silent_at=("10m", "30m"),
        fires_at=("45m",),
        labels={"cluster": "prod", "kind": "pods"},
        summary="A watch is opened again and again.",
        text=(
            "The watch of pods in prod is opened 3.0 times a minute. A proxy cuts it, or the API server is overloaded."
        ),
    ),
    Silent(
        alert="WatchRestartStorm",
        story="watches that end after five minutes, and a kind that the cluster does not serve",
        series={
            RESTARTS: "0+0.2x90",
            'lynceus_watch_restarts_total{cluster="prod", kind="cronworkflows", cause="missing"}': "0+6x90",
        },
        at=("40m", "80m"),
    ),
    *a_ticket_for_an_hour(
        "WatchGap",
        GAPS,
        "a gap",
        labels={"cluster": "prod", "kind": "pods"},
        summary="A break in a watch could not be replayed.",
        text=(
            "The watch of pods in prod was down for longer than the API server keeps history. Reports of that time are marked "
            "incomplete. See the table watch_gap. Backfill from Argo's archive if there is one."
        ),
    ),
    *a_ticket_for_an_hour(
        "ReconcileDifferences",
        MISSING,
        "a list shows what the watch did not",
        labels={"cluster": "prod", "kind": "pods", "difference": "missing"},
        summary="A watch missed changes.",
        text=(
            "pods of prod were missing when compared with a list. The difference is corrected, but the watch missed it. "
            "Look for a proxy that drops or caches responses."
        ),
    ),
    *a_ticket_for_an_hour(
        "BackfillFailing",
        UNREADABLE,
        "an archive that refuses",
        labels={"cluster": "prod", "reason": "forbidden"},
        summary="Backfill from the Argo archive is failing.",
        text=(
            "The archive of prod could not be read (forbidden). Workflows that ended in a gap stay missing. "
            "Fix clusters[].archive, then run lynceus backfill."
        ),
    ),
    Fires(
        alert="ClockSkewed",
        severity="warning",
        story="a clock that is behind",
        series={SKEW: "0x5 -30x30 0x10"},
        silent_at=("15m", "40m"),
        fires_at=("30m",),
        labels={"subject": "cluster", "cluster": "prod"},
        summary="A clock differs from the collector's.",
        text=(
            "The clock of cluster prod is 30 s off the collector's. Durations across both clocks are wrong by the same amount. "
            "Check time synchronisation on both sides."
        ),
    ),
    Silent(alert="ClockSkewed", story="one slow answer", series={SKEW: "0x5 8 0x40"}, at=("6m", "30m")),
)
