"""Cases of alerts/itself.py."""

from tests.promtool.cases import Case, Fires, Silent

BUILD = 'lynceus_build_info{version="1", job="lynceus", instance="a"}'
LAG = 'lynceus_watch_lag_seconds_bucket{{cluster="prod", le="{}"}}'
LOOP = 'lynceus_loop_lag_seconds_bucket{{instance="a", le="{}"}}'
MEMORY = 'process_resident_memory_bytes{job="lynceus", instance="a"}'
OURS = {"job": "lynceus", "instance": "a"}
OVERFLOW = 'lynceus_label_overflow_total{family="lynceus_queue_depth"}'
SCRAPE = 'scrape_duration_seconds{job="lynceus", instance="a"}'
SINGLE = 'lynceus_single_mode{job="lynceus", instance="a"}'
START = 'process_start_time_seconds{job="lynceus", instance="a"}'
STORE_AWAY = 'lynceus_not_ready{subject="store", cluster="", cause="store_unreachable"}'
UP = 'up{job="lynceus", instance="b"}'

CASES: tuple[Case, ...] = (
    Fires(
        alert="CollectorAbsent",
        severity="critical",
        story="no collector anywhere",
        series={'lynceus_build_info{version="1"}': "1x3 _x30"},
        silent_at=("7m",),
        fires_at=("20m",),
        labels={},
        summary="No Lynceus collector is scraped.",
        text=(
            "Prometheus has had no lynceus_build_info for 5 minutes. "
            "No cluster is watched, or the scrape is misconfigured."
        ),
    ),
    Silent(
        alert="CollectorAbsent",
        story="an upgrade, one version after the other",
        series={'lynceus_build_info{version="1"}': "1x10 _x30", 'lynceus_build_info{version="2"}': "_x13 1x30"},
        at=("13m", "30m"),
    ),
    Fires(
        alert="CollectorReplicaDown",
        severity="warning",
        story="one of two replicas",
        series={UP: "1x5 0x30 1x5", BUILD: "1x40"},
        silent_at=("15m", "38m"),
        fires_at=("17m", "30m"),
        labels={"job": "lynceus", "instance": "b"},
        summary="A replica of the collector is down.",
        text=(
            "b has not answered a scrape for 10 minutes, while another replica does. "
            "Its clusters are watched by the other one; there is no spare."
        ),
    ),
    Silent(
        alert="CollectorReplicaDown",
        story="another program that is down, and a collector that restarts",
        series={'up{job="other", instance="x"}': "0x40", UP: "1x5 0x3 1x30", BUILD: "1x40"},
        at=("7m", "20m", "35m"),
    ),
    Fires(
        alert="ShardUnheld",
        severity="critical",
        story="two replicas, and one of two shards is held by neither",
        series={
            'lynceus_shard_held{shard="0", job="lynceus", instance="a"}': "1x40",
            'lynceus_shard_held{shard="0", job="lynceus", instance="b"}': "0x40",
            'lynceus_shard_held{shard="1", job="lynceus", instance="a"}': "0x40",
            'lynceus_shard_held{shard="1", job="lynceus", instance="b"}': "1x10 0x10 1x20",
        },
        silent_at=("10m", "11m", "25m"),
        fires_at=("13m", "19m"),
        labels={"job": "lynceus", "shard": "1"},
        summary="A shard is watched by no replica.",
        text=(
            "Replicas run, and none of them has held shard 1 for 1 minute: its clusters are not watched, "
            "and no alert about them fires."
        ),
    ),
    Silent(
        alert="ShardUnheld",
        story="a standby, and a shard that changes hands",
        series={
            'lynceus_shard_held{shard="0", job="lynceus", instance="a"}': "1x10 _x30",
            'lynceus_shard_held{shard="0", job="lynceus", instance="b"}': "0x11 1x29",
        },
        at=("5m", "11m", "12m", "30m"),
    ),
    Fires(
        alert="ShardsWithoutLeases",
        severity="warning",
        story="the Role lacks the Lease of a shard",
        series={
            SINGLE: "0x5 1x30 0x5",
            'lynceus_shard_held{shard="0", job="lynceus", instance="a"}': "1x40",
            'lynceus_shard_held{shard="1", job="lynceus", instance="a"}': "0x5 1x35",
        },
        silent_at=("4m", "14m", "38m"),
        fires_at=("20m",),
        labels=OURS,
        summary="A replica cannot share its clusters with others.",
        text=(
            "a is to watch some shards of several and watches every cluster, for it uses no Leases; its /readyz says why. "
            "It may run short of memory."
        ),
    ),
    Silent(
        alert="ShardsWithoutLeases",
        story="one replica that watches everything, as most do",
        series={SINGLE: "1x40", 'lynceus_shard_held{shard="0", job="lynceus", instance="a"}': "1x40"},
        at=("20m", "35m"),
    ),
    Fires(
        alert="CollectorNotReady",
        severity="warning",
        story="a store that is away",
        series={STORE_AWAY: "_x5 1x30 _x10"},
        silent_at=("19m", "42m"),
        fires_at=("21m", "35m"),
        labels={"subject": "store", "cause": "store_unreachable"},
        summary="The collector is not ready.",
        text=(
            "store: store_unreachable. This has kept /readyz from being ready for 15 minutes; the page says what to do."
        ),
    ),
    Silent(
        alert="CollectorNotReady",
        story="a cluster that is away, for which ClusterUnreachable pages, and a long first list",
        series={
            'lynceus_not_ready{subject="cluster", cluster="prod", cause="watch_retrying"}': "1x60",
            STORE_AWAY: "1x10 _x50",
        },
        at=("10m", "50m"),
    ),
    Fires(
        alert="CollectorRestarting",
        severity="warning",
        story="a loop of restarts",
        series={START: "0x10 600x5 900x5 1200x70", BUILD: "1x100"},
        silent_at=("16m", "85m"),
        fires_at=("30m",),
        labels=OURS,
        summary="The collector restarts again and again.",
        text="a has restarted 3 times in 1 hour. See the reason of its container's last end.",
    ),
    Silent(
        alert="CollectorRestarting",
        story="two upgrades in an hour, and a loop of another program",
        series={
            START: "0x10 600x5 900x70",
            BUILD: "1x90",
            'process_start_time_seconds{job="other", instance="x"}': "0+60x90",
        },
        at=("30m", "80m"),
    ),
    Fires(
        alert="CollectorMemoryHigh",
        severity="warning",
        story="3 GiB",
        series={MEMORY: f"{2**30}x5 {3 * 2**30}x30", BUILD: "1x40"},
        silent_at=("14m",),
        fires_at=("20m",),
        labels=OURS,
        summary="The collector uses much memory.",
        text="a has used 3.0 GiB for 10 minutes. The number is 2.7 GiB; set it to nine tenths of the container's limit.",
    ),
    Silent(
        alert="CollectorMemoryHigh",
        story="a first list, and another program that is large",
        series={
            MEMORY: f"{3 * 2**30}x8 {2**30}x30",
            BUILD: "1x40",
            'process_resident_memory_bytes{job="other", instance="x"}': f"{9 * 2**30}x40",
        },
        at=("8m", "20m", "40m"),
    ),
    Fires(
        alert="CollectorBehind",
        severity="critical",
        story="a process without CPU",
        series={
            LAG.format("30.5"): "0x10 0+1x60",
            LAG.format("60.5"): "0x10 0+10x60",
            LAG.format("+Inf"): "0x10 0+10x60",
        },
        silent_at=("10m", "14m"),
        fires_at=("20m", "40m"),
        labels={"cluster": "prod"},
        summary="Events arrive late.",
        text=(
            "Ends of workflows and pods on prod are seen 60 s late (99 of 100 sooner). "
            "Queue depth, alerts and the live page are behind by as much."
        ),
    ),
    Silent(
        alert="CollectorBehind",
        story="a minute of catching up after a restart",
        series={
            LAG.format("0.5"): "0x10 0x2 0+10x30",
            LAG.format("60.5"): "0x10 0+10x2 20+10x30",
            LAG.format("+Inf"): "0x10 0+10x2 20+10x30",
        },
        at=("12m", "15m", "30m"),
    ),
    Fires(
        alert="CollectorLoopBlocked",
        severity="warning",
        story="a step that holds the loop for some seconds",
        series={LOOP.format("1.0"): "0+90x60", LOOP.format("5.0"): "0+100x60", LOOP.format("+Inf"): "0+100x60"},
        silent_at=("8m",),
        fires_at=("20m",),
        labels={"instance": "a"},
        summary="The collector's event loop is blocked.",
        text="a wakes its timers 4.6 s late. It has too little CPU, or one step holds it.",
    ),
    Silent(
        alert="CollectorLoopBlocked",
        story="a healthy process",
        series={LOOP.format("0.01"): "0+100x60", LOOP.format("1.0"): "0+100x60", LOOP.format("+Inf"): "0+100x60"},
        at=("30m",),
    ),
    Fires(
        alert="LabelOverflow",
        severity="warning",
        story="a family that is full",
        series={OVERFLOW: "0x10 5x90"},
        silent_at=("10m", "80m"),
        fires_at=("20m",),
        labels={"family": "lynceus_queue_depth"},
        summary="A metric has too many series.",
        text=(
            "lynceus_queue_depth has reached its bound of series; new ones are added up under `_other`. "
            "Sums are right, figures by label lack some. The tables hold everything."
        ),
    ),
    Silent(alert="LabelOverflow", story="an overflow of long ago", series={OVERFLOW: "5x90"}, at=("70m",)),
    Fires(
        alert="ScrapeSlow",
        severity="warning",
        story="eight seconds a scrape",
        series={SCRAPE: "0.1x5 8x30", BUILD: "1x40"},
        silent_at=("14m",),
        fires_at=("20m",),
        labels=OURS,
        summary="A scrape of the collector takes long.",
        text="Prometheus needs 8.0 s for a. Beyond its timeout the figures are missing.",
    ),
    Silent(
        alert="ScrapeSlow",
        story="one slow scrape, and another program that is slow",
        series={SCRAPE: "0.1x5 8 0.1x30", BUILD: "1x40", 'scrape_duration_seconds{job="other", instance="x"}': "9x40"},
        at=("6m", "20m", "30m"),
    ),
    Fires(
        alert="Watchdog",
        severity="none",
        story="it always fires",
        series={},
        fires_at=("0m", "10m"),
        labels={},
        summary="Alert delivery works.",
        text="This alert always fires. Route it to a dead man's switch that pages when it stops.",
    ),
)
