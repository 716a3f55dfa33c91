"""
A fleet on which nothing is wrong, as Prometheus sees it, and what happens on every such fleet now and then.

Every metric of the catalogue is there, so that no alert is silent only since it has no data.
"""

from collections.abc import Callable, Iterator

from collector.catalog import metrics
from collector.catalog.metrics import METRICS, Metric

STEP_S, STEPS = 15, 480
"""Two hours, scraped each 15 s."""
Values = list[float | None]
"""By scrape; None: the series is not there."""
Series = dict[str, Values]

LABELS = {
    "cluster": "prod",
    "namespace": "ml",
    "queue": "ml",
    "pod": "argo-1",
    "container": "workflow-controller",
    "lock": "ml/db",
    "type": "semaphore",
    "cron": "nightly",
    "template": "train",
    "currency": "CNY",
    "product": "eci",
    "department": "ml",
    "table": "pod_run",
    "kind": "pods",
    "code": "200",
    "version": "1",
    "image": "argo:1",
    "book": "eci",
    "rollup": "cost_daily",
    "disk": "data",
    "family": "f",
    "generation": "0",
    "worker_type": "workflow_queue",
    "work_queue": "workflow_queue",
    "figure": "queue",
    "difference": "missing",
    "subject": "store",
    "shard": "0",
    "budget": "ml",
    "percent": "80",
}
MANY: dict[str, dict[str, tuple[str, ...]]] = {
    "reason": {
        metrics.QUEUE_DEPTH.name: ("unseen", "throttled", "lock", "volume"),
        metrics.WORKFLOWS.name: ("running", "starting", "advancing", "image", "quota", "unschedulable"),
        metrics.CONTROLLER_RESTARTS.name: ("oom", "error"),
        metrics.PLATFORM_FAILURES.name: ("spot_reclaimed", "evicted"),
    },
    "outcome": {metrics.FINISHED.name: ("succeeded", "failed", "platform"), metrics.DURATION.name: ("succeeded",)},
    "class": {metrics.ATTEMPT_COST.name: ("useful", "failed")},
    "by": {metrics.PARALLELISM_SLOTS.name: ("running", "suspended", "lock")},
    "bound": {metrics.BUDGET_FORECAST.name: ("low", "likely", "high")},
    "kind": {metrics.BUDGET_THRESHOLD.name: ("actual", "forecast")},
    "cause": {metrics.CONTROLLER_ERRORS.name: ("OperationPanic", "CronWorkflowSubmissionError")},
}
"""Values of labels by metric, where one is not enough; `other` elsewhere."""

LEVEL: dict[str, float] = {
    'lynceus_queue_depth{reason="throttled"}': 12,
    "lynceus_queue_oldest_age_seconds": 40,
    "lynceus_queue_drain_seconds": 30,
    "lynceus_parallelism_limit": 40,
    'lynceus_parallelism_slots{by="running"}': 30,
    'lynceus_workflows{reason="running"}': 30,
    'lynceus_workflows{reason="starting"}': 3,
    "lynceus_lock_limit": 2,
    "lynceus_lock_held": 2,
    "lynceus_lock_waiting": 1,
    "lynceus_lock_holder_age_seconds": 60,
    "lynceus_lock_oldest_wait_seconds": 20,
    "lynceus_cron_period_seconds": 60,
    "lynceus_pods": 40,
    "lynceus_cost_running_per_hour": 20,
    "lynceus_department_cost_month_to_date": 1000,
    "lynceus_budget_amount": 4000,
    "lynceus_budget_used_ratio": 0.25,
    "lynceus_budget_forecast_ratio": 0.9,
    "lynceus_cost_anomalies": 1,
    "lynceus_cost_anomaly_excess": 5,
    "lynceus_price_book_valid_until_timestamp_seconds": 9e9,
    "lynceus_controller_ready": 1,
    "lynceus_controller_leader": 1,
    "lynceus_controller_memory_bytes": 6e8,
    "lynceus_controller_memory_limit_bytes": 2e9,
    "lynceus_controller_work_queue_depth": 5,
    "lynceus_controller_info": 1,
    "lynceus_controller_workers_busy": 3,
    "lynceus_cluster_up": 1,
    "lynceus_settings_last_reload_successful": 1,
    "lynceus_store_up": 1,
    "lynceus_shard_held": 1,
    "lynceus_store_spool_rows": 20,
    "lynceus_store_spool_bytes": 1e6,
    "lynceus_store_spool_limit_bytes": 8e9,
    "lynceus_disk_free_bytes": 60,
    "lynceus_disk_size_bytes": 100,
    "lynceus_build_info": 1,
    "process_resident_memory_bytes": 4e8,
    "process_open_fds": 90,
    "process_max_fds": 1e6,
    "process_virtual_memory_bytes": 2e9,
    "lynceus_cluster_credentials_expire_timestamp_seconds": 9e9,
}
"""Levels of gauges; 0 elsewhere."""
NOW = ("last_event", "last_insert", "last_success", "last_run", "next_due", "lease_renewed", "book_read")
"""Parts of names of gauges that follow the clock."""
PER_STEP: dict[str, float] = {
    "lynceus_workflows_submitted_total": 5,
    "lynceus_workflows_started_total": 5,
    'lynceus_workflows_finished_total{outcome="succeeded"}': 4.7,
    'lynceus_workflows_finished_total{outcome="failed"}': 0.3,
    'lynceus_attempt_cost_total{class="useful"}': 1,
    "lynceus_cost_total": 1,
    "lynceus_controller_api_requests_total": 100,
    "lynceus_watch_events_total": 50,
    "lynceus_store_inserted_rows_total": 30,
    "process_cpu_seconds_total": 3,
    "lynceus_watch_restarts_total": 0.05,
}
"""How much counters grow from scrape to scrape; 0 elsewhere."""


def quiet_fleet() -> Series:
    """Two hours without an incident."""
    series: Series = {}
    for metric in METRICS:
        for labels in _label_sets(metric):
            series |= (
                _histogram(metric, labels)
                if metric.kind == "histogram"
                else {_name(metric.name, labels): _values(metric, labels)}
            )
    return series | {
        'up{job="lynceus", instance="a"}': [1.0] * STEPS,
        'scrape_duration_seconds{job="lynceus", instance="a"}': [0.1] * STEPS,
    }


def where(series: Series, part: str, change: Callable[[int, float], float | None]) -> Series:
    """The fleet with other values of the series whose name contains a text, by the number of the scrape."""
    assert any(part in name for name in series), part
    return {
        name: [value if value is None else change(step, value) for step, value in enumerate(values)]
        if part in name
        else values
        for name, values in series.items()
    }


def _label_sets(metric: Metric) -> Iterator[dict[str, str]]:
    sets: list[dict[str, str]] = [{}]
    for label in metric.labels:
        values = MANY.get(label, {}).get(metric.name) or (LABELS.get(label, "other"),)
        sets = [{**labels, label: value} for labels in sets for value in values]
    # What a store says of itself has no cluster; no cause blocks readiness.
    yield from (labels for labels in sets if metric is not metrics.NOT_READY)


def _values(metric: Metric, labels: dict[str, str]) -> Values:
    if metric.kind == "counter":
        grows = _entry(PER_STEP, metric, labels)
        return [round(1000 + grows * step, 3) for step in range(STEPS)]
    if metric.name == metrics.PROCESS_START.name:
        return [1.0] * STEPS
    if any(part in metric.name for part in NOW):
        return [float(step * STEP_S) for step in range(STEPS)]
    level = _entry(LEVEL, metric, labels)
    return [level] * STEPS


def _entry(table: dict[str, float], metric: Metric, labels: dict[str, str]) -> float:
    """The entry of a metric, or of the metric with one of its labels."""
    named = (f'{metric.name}{{{label}="{value}"}}' for label, value in labels.items())
    return next((table[name] for name in named if name in table), table.get(metric.name, 0.0))


def _histogram(metric: Metric, labels: dict[str, str]) -> Series:
    """Everything is fast: it falls into the first bucket."""
    counts: Values = [float(1000 + 5 * step) for step in range(STEPS)]
    bounds = [*(str(float(bound)) for bound in metric.buckets), "+Inf"]
    buckets = {_name(f"{metric.name}_bucket", {**labels, "le": bound}): list(counts) for bound in bounds}
    return {**buckets, _name(f"{metric.name}_count", labels): counts, _name(f"{metric.name}_sum", labels): list(counts)}


def _name(name: str, labels: dict[str, str]) -> str:
    inside = ", ".join(f'{label}="{value}"' for label, value in {**labels, "job": "lynceus", "instance": "a"}.items())
    return f"{name}{{{inside}}}"
