"""
Every PromQL and SQL query of the dashboards, as functions over the catalogue's names.

Two replicas may watch one cluster for a moment during a handover, so `max` over the replicas is taken before gauges are
summed. No panel is drawn here.
"""

from collector.catalog import metrics as catalog
from collector.catalog.bills import COST_CURRENT
from collector.catalog.metrics import Metric
from collector.catalog.schema import DATABASE
from collector.catalog.workflows import WORKFLOW_RUN
from collector.core.model import REASONS

REASON_COLUMNS = tuple(f"{reason}_ms" for reason in REASONS if reason != "running")
"""Waiting time of a finished workflow, one column for each reason."""

COUNTED = "succeeded|failed|platform"
"""Outcomes that a success rate counts; cancelled and invalid runs are not failures."""


def select(metric: Metric, matchers: str = "", suffix: str = "") -> str:
    """A metric of the chosen clusters."""
    chosen = ['cluster=~"$cluster"'] if "cluster" in metric.labels else []
    inside = ", ".join([*chosen, *([matchers] if matchers else [])])
    return f"{metric.name}{suffix}{{{inside}}}" if inside else f"{metric.name}{suffix}"


def gauge(metric: Metric, by: str = "", matchers: str = "") -> str:
    """The sum of a gauge by some of its labels, counted once for all replicas."""
    once = f"max by ({', '.join(metric.labels)}) ({select(metric, matchers)})"
    return f"sum by ({by}) ({once})" if by else f"sum({once})"


def rate(metric: Metric, by: str = "", matchers: str = "") -> str:
    """A counter's rate per second by some of its labels."""
    per_second = f"rate({select(metric, matchers)}[$__rate_interval])"
    return f"sum by ({by}) ({per_second})" if by else f"sum({per_second})"


def clusters_up() -> str:
    """Number of clusters that are fully watched."""
    return gauge(catalog.CLUSTER_UP)


def clusters_known() -> str:
    """Number of clusters to watch."""
    return f"count(max by (cluster) ({select(catalog.CLUSTER_UP)}))"


def waiting(by: str = "") -> str:
    """Workflows whose work has not begun."""
    return gauge(catalog.QUEUE_DEPTH, by)


def running() -> str:
    """Workflows with a running main container."""
    return gauge(catalog.WORKFLOWS, matchers='reason="running"')


def begun_not_running() -> str:
    """Workflows that began and have no running main container, by reason."""
    return gauge(catalog.WORKFLOWS, by="reason", matchers='reason!="running"')


def oldest_wait() -> str:
    """Age of the oldest waiting workflow."""
    return f"max({select(catalog.QUEUE_OLDEST_AGE)})"


def oldest_waits(count: int) -> str:
    """The queues whose oldest workflow has waited longest."""
    return f"topk({count}, max by (cluster, namespace, queue) ({select(catalog.QUEUE_OLDEST_AGE)}))"


def queue_latency(quantile: float) -> str:
    """A quantile of the time from first seen to work begins."""
    buckets = f"rate({select(catalog.QUEUE_LATENCY, suffix='_bucket')}[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by (le) ({buckets}))"


def per_hour(per_second: str) -> str:
    """A rate per hour."""
    return f"{per_second} * 3600"


def success_rate(window: str = "$__rate_interval") -> str:
    """Share of succeeded among succeeded, failed and platform."""
    good, counted = _finished("succeeded", window), _finished(COUNTED, window)
    # An outcome has no series before the first run with it; that is 0, not an unknown number.
    return f"({good} or vector(0)) / ({counted} > 0)"


def platform_success_rate() -> str:
    """1 minus the share of runs that the platform broke."""
    lost, counted = _finished("platform", "$__rate_interval"), _finished(COUNTED, "$__rate_interval")
    return f"1 - ({lost} or vector(0)) / ({counted} > 0)"


def _finished(outcomes: str, window: str) -> str:
    matchers = f'outcome=~"{outcomes}"'
    return f"sum(increase({select(catalog.FINISHED, matchers)}[{window}]))"


def spent() -> str:
    """Price of the pods that finished in the chosen time, by currency."""
    return f"sum by (currency) (increase({select(catalog.COST)}[$__range]))"


def controller_incidents(metric: Metric) -> str:
    """OOM kills or restarts of controllers by cluster, for each interval."""
    return f"sum by (cluster) (increase({select(metric)}[$__rate_interval]))"


def controller_oom_kill() -> str:
    """Holds while a controller was OOM-killed in the last two minutes."""
    return f"sum by (cluster) (increase({select(catalog.CONTROLLER_OOM_KILLS)}[2m])) > 0"


def watch_silence() -> str:
    """Seconds since the last message of each watch."""
    return f"time() - max by (cluster, kind) ({select(catalog.WATCH_LAST_EVENT)})"


def spooled_rows() -> str:
    """Rows that wait for the store, by replica."""
    return f"sum by (instance) ({select(catalog.SPOOL_ROWS)})"


def grown(metric: Metric, by: str) -> str:
    """Growth of a counter in each interval, by some of its labels."""
    return f"sum by ({by}) (increase({select(metric)}[$__rate_interval]))"


def insert_time(quantile: float) -> str:
    """Quantile of the time of acknowledged inserts."""
    buckets = select(catalog.STORE_INSERT_SECONDS, suffix="_bucket")
    return f"histogram_quantile({quantile}, sum by (le) (rate({buckets}[$__rate_interval])))"


def spool_fullness() -> str:
    """Used share of the spool's limit, by replica."""
    return f"max by (instance) ({select(catalog.SPOOL_BYTES)} / {select(catalog.SPOOL_LIMIT)})"


def rollup_age() -> str:
    """Seconds since the last complete update of each rollup."""
    return f"time() - max by (rollup) ({select(catalog.ROLLED_UP)})"


def clock_skew() -> str:
    """Seconds that each clock is ahead of ours, by replica, since the replica's own clock may be wrong."""
    return f"max by (instance, subject, cluster) ({catalog.CLOCK_SKEW.name})"


CHOSEN_CLUSTERS = "$__conditionalAll(cluster IN (${cluster:singlequote}), $cluster)"


def _recent(days: int) -> str:
    """Limits the partitions that the store opens; rows created longer before the window are not included."""
    return f"created_at >= $__fromTime - INTERVAL {days} DAY"


def cost_by_day_sql() -> str:
    """Charges by billing day, department and currency."""
    return f"""
SELECT toDateTime(day, 'UTC') AS time, concat(department, ' ', currency) AS payer, toFloat64(sum(cost)) AS spent
FROM {DATABASE}.{COST_CURRENT.name}
WHERE $__timeFilter(billed_from) AND {_recent(31)} AND {CHOSEN_CLUSTERS}
GROUP BY time, payer
ORDER BY time
""".strip()


def dearest_templates_sql(count: int) -> str:
    """Cost of each template, the part before its main container ran, and pods without a price."""
    return f"""
SELECT template, department, currency, toFloat64(sum(cost)) AS spent, toFloat64(sum(cost_pending)) AS before_running,
    toFloat64(sum(if(class IN ('useful', 'unknown') AND cost IS NOT NULL, toDecimal128(0, 18), cost))) AS not_useful,
    uniqExact(cluster, pod_uid) AS pods, uniqExactIf((cluster, pod_uid), isNull(cost)) AS unpriced_pods
FROM {DATABASE}.{COST_CURRENT.name}
WHERE $__timeFilter(billed_from) AND {_recent(31)} AND {CHOSEN_CLUSTERS}
GROUP BY template, department, currency
ORDER BY spent DESC NULLS LAST
LIMIT {count}
""".strip()


def time_waited_sql() -> str:
    """Waiting time of the finished workflows, by reason."""
    reasons = ",\n    ".join(f"sum({name}) / 1000 AS {name.removesuffix('_ms')}" for name in REASON_COLUMNS)
    return f"""
SELECT $__timeInterval(finished_at) AS time,
    {reasons}
FROM {DATABASE}.{WORKFLOW_RUN.name} FINAL
WHERE $__timeFilter(finished_at) AND {_recent(31)} AND {CHOSEN_CLUSTERS}
GROUP BY time
ORDER BY time
""".strip()
