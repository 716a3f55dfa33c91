"""
Alerts about the collector's own process: it runs, keeps up, and is scraped.
"""

from alerts.numbers import Numbers
from alerts.promql import increase, once, quantile
from alerts.rules import ITSELF, Alert, Builder, Recording
from collector.catalog import metrics as catalog

RECORDINGS: tuple[Recording, ...] = ()

OURS = f"and on (job) count by (job) ({catalog.BUILD_INFO.name}) > 0"
"""Of what is scraped only what runs beside a collector; the name of the job is its owner's."""


def collector_absent(numbers: Numbers) -> Alert:
    """Without a collector no other alert can fire."""
    return Alert(
        name="CollectorAbsent",
        expr=f"absent({catalog.BUILD_INFO.name})",
        severity="critical",
        summary="No Lynceus collector is scraped.",
        description=(
            f"Prometheus has had no {catalog.BUILD_INFO.name} for {numbers.words('hold')}. "
            "No cluster is watched, or the scrape is misconfigured."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
    )


def collector_replica_down(numbers: Numbers) -> Alert:
    """The other replica watches everything, and nothing takes over from it."""
    return Alert(
        name="CollectorReplicaDown",
        expr=f"up == 0\n{OURS}",
        severity="warning",
        summary="A replica of the collector is down.",
        description=(
            f"{{{{ $labels.instance }}}} has not answered a scrape for {numbers.words('hold')}, while another replica does. "
            "Its clusters are watched by the other one; there is no spare."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance", "job"),
    )


def shard_unheld(numbers: Numbers) -> Alert:
    """Its clusters are watched by no replica; nothing is lost while the API servers remember."""
    return Alert(
        name="ShardUnheld",
        expr=f"max by (job, shard) ({catalog.SHARD_HELD.name}) == 0",
        severity="critical",
        summary="A shard is watched by no replica.",
        description=(
            f"Replicas run, and none of them has held shard {{{{ $labels.shard }}}} for {numbers.words('hold')}: its clusters "
            "are not watched, and no alert about them fires."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("job", "shard"),
    )


def shards_without_leases(numbers: Numbers) -> Alert:
    """Every replica does the work of all; nothing is wrong in what is stored."""
    sharded = f'and on (job, instance) {catalog.SHARD_HELD.name}{{shard="1"}}'
    return Alert(
        name="ShardsWithoutLeases",
        expr=f"{catalog.SINGLE_MODE.name} == 1\n{sharded}",
        severity="warning",
        summary="A replica cannot share its clusters with others.",
        description=(
            "{{ $labels.instance }} is to watch some shards of several and watches every cluster, for it uses no Leases; "
            "its /readyz says why. It may run short of memory."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance", "job"),
    )


def collector_not_ready(numbers: Numbers) -> Alert:
    """The cause stands in a label; what blocks a cluster pages as ClusterUnreachable."""
    series = numbers.of(catalog.NOT_READY, 'subject!="cluster"')
    return Alert(
        name="CollectorNotReady",
        expr=f"{once(catalog.NOT_READY, series)} > 0",
        severity="warning",
        summary="The collector is not ready.",
        description=(
            "{{ $labels.subject }}: {{ $labels.cause }}. This has kept /readyz from being ready for "
            f"{numbers.words('hold')}; the page says what to do."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("subject", "cluster", "cause"),
    )


def collector_restarting(numbers: Numbers) -> Alert:
    """Watches resume without a gap, so a loop of restarts is not visible in any report."""
    starts = f"changes({catalog.PROCESS_START.name}[{numbers.span('window')}])"
    return Alert(
        name="CollectorRestarting",
        expr=f"{starts} >= {numbers['starts']}\n{OURS}",
        severity="warning",
        summary="The collector restarts again and again.",
        description=(
            f'{{{{ $labels.instance }}}} has restarted {{{{ $value | printf "%.0f" }}}} times in {numbers.words("window")}. '
            "See the reason of its container's last end."
        ),
        dashboard=ITSELF,
        labels=("instance", "job"),
    )


def collector_memory_high(numbers: Numbers) -> Alert:
    """Before the kernel ends the process."""
    return Alert(
        name="CollectorMemoryHigh",
        expr=f"{catalog.PROCESS_MEMORY.name} / 1024 ^ 3 > {numbers['memory']}\n{OURS}",
        severity="warning",
        summary="The collector uses much memory.",
        description=(
            f'{{{{ $labels.instance }}}} has used {{{{ $value | printf "%.1f" }}}} GiB for {numbers.words("hold")}. '
            f"The number is {numbers.words('memory')}; set it to nine tenths of the container's limit."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance", "job"),
    )


def collector_behind(numbers: Numbers) -> Alert:
    """Every figure and every other alert is as late as this."""
    lag = quantile(0.99, catalog.WATCH_LAG, numbers.of(catalog.WATCH_LAG), numbers.span("window"), "cluster")
    return Alert(
        name="CollectorBehind",
        expr=f"{lag} > {numbers.seconds('lag')}",
        severity="critical",
        summary="Events arrive late.",
        description=(
            'Ends of workflows and pods on {{ $labels.cluster }} are seen {{ $value | printf "%.0f" }} s late '
            "(99 of 100 sooner). Queue depth, alerts and the live page are behind by as much."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("cluster",),
        needs_watch=True,
    )


def collector_loop_blocked(numbers: Numbers) -> Alert:
    """Watches, pages and scrapes share one event loop."""
    # By process, so replicas are not merged.
    buckets = f"rate({catalog.LOOP_LAG.name}_bucket[{numbers.span('window')}])"
    lag = f"histogram_quantile(0.99, sum by (instance, le) ({buckets}))"
    return Alert(
        name="CollectorLoopBlocked",
        expr=f"{lag} > {numbers.seconds('lag')}",
        severity="warning",
        summary="The collector's event loop is blocked.",
        description=(
            '{{ $labels.instance }} wakes its timers {{ $value | printf "%.1f" }} s late. '
            "It has too little CPU, or one step holds it."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance",),
    )


def label_overflow(numbers: Numbers) -> Alert:
    """Figures of several series are added up under one, so that queries by a label lack some."""
    grown = increase(catalog.LABEL_OVERFLOW, numbers.of(catalog.LABEL_OVERFLOW), numbers.span("window"), "family")
    return Alert(
        name="LabelOverflow",
        expr=f"{grown} > 0",
        severity="warning",
        summary="A metric has too many series.",
        description=(
            "{{ $labels.family }} has reached its bound of series; new ones are added up under `_other`. "
            "Sums are right, figures by label lack some. The tables hold everything."
        ),
        dashboard=ITSELF,
        labels=("family",),
    )


def scrape_slow(numbers: Numbers) -> Alert:
    """A scrape that takes longer than its timeout is a hole in every series."""
    return Alert(
        name="ScrapeSlow",
        expr=f"scrape_duration_seconds > {numbers.seconds('duration')}\n{OURS}",
        severity="warning",
        summary="A scrape of the collector takes long.",
        description=(
            'Prometheus needs {{ $value | printf "%.1f" }} s for {{ $labels.instance }}. '
            "Beyond its timeout the figures are missing."
        ),
        hold=numbers.span("hold"),
        dashboard=ITSELF,
        labels=("instance", "job"),
    )


def watchdog(numbers: Numbers) -> Alert:  # noqa: ARG001
    """Proves that alerts arrive: silence of this one is the fault."""
    return Alert(
        name="Watchdog",
        expr="vector(1)",
        severity="none",
        summary="Alert delivery works.",
        description="This alert always fires. Route it to a dead man's switch that pages when it stops.",
        dashboard=ITSELF,
    )


BUILDERS: tuple[Builder, ...] = (
    collector_absent,
    collector_replica_down,
    shard_unheld,
    shards_without_leases,
    collector_not_ready,
    collector_restarting,
    collector_memory_high,
    collector_behind,
    collector_loop_blocked,
    label_overflow,
    scrape_slow,
    watchdog,
)
