"""
How each gauge of the catalogue is read from the live view: `GAUGES` at the end, the readers that it names above.

Gauges have no memory of their own: what disappears from the view disappears from the answer. The zeros of what was seen
before are rows of the view, see seen_series.py. Readers run in a thread beside the pipeline, so they read the view alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import inf
from operator import add, attrgetter
from typing import Any, TypeVar

from collector.catalog import metrics as catalog
from collector.catalog.counters import Labels
from collector.catalog.metrics.metric import MAX_SERIES
from collector.core.cost.budget import BudgetUse
from collector.core.live_view import (
    ControllerHealth,
    CronHealth,
    Disk,
    LiveView,
    LockUse,
    PriceBook,
    QueueFlow,
    SettingsRead,
    Waiting,
    WatchHealth,
)
from collector.core.messages import ControllerMetrics
from collector.core.model import Instant

V = TypeVar("V")

Series = dict[Labels, float]
"""The samples of one gauge by label values, in the catalogue's order."""

Reader = Callable[[LiveView], Series]
"""Reads a gauge from the live view."""


def _series(samples: Iterable[tuple[Labels, float]], merge: Callable[[float, float], float] = add) -> Series:
    """Merges samples of the same labels; series beyond the bound of a family are merged under `_other`."""
    series: Series = {}
    for labels, value in samples:
        key = labels if labels in series or len(series) < MAX_SERIES["gauge"] else ("_other",) * len(labels)
        series[key] = merge(series[key], value) if key in series else value
    return series


def _labels_of(metric: catalog.Metric, **attributes: str) -> Callable[[Any], Labels]:
    """Reads label values off a row: the attribute with the label's name, or the attribute that `attributes` names."""
    names = [attributes.pop(label, label) for label in metric.labels]
    if attributes:
        raise TypeError(f"{metric.name} has no label {', '.join(attributes)}")
    if len(names) == 1:
        one = attrgetter(names[0])
        return lambda row: (one(row),)
    return attrgetter(*names)


def _gauge_of(
    metric: catalog.Metric,
    rows: Callable[[LiveView], Iterable[V]],
    value: Callable[[V], float | None],
    merge: Callable[[float, float], float] = add,
    **attributes: str,
) -> Reader:
    """A reader with one sample for each row whose value is known; labels are read as `_labels_of` says."""
    labels = _labels_of(metric, **attributes)

    def read(view: LiveView) -> Series:
        values = ((row, value(row)) for row in rows(view))
        return _series(((labels(row), float(number)) for row, number in values if number is not None), merge)

    return read


def _waiting(view: LiveView) -> Iterator[Waiting]:
    """Workflows whose work has not begun."""
    return (row for row in view.queues if not row.begun)


def _begun(view: LiveView) -> Iterator[Waiting]:
    """Workflows whose work has begun."""
    return (row for row in view.queues if row.begun)


def _queue_oldest_age(view: LiveView) -> Series:
    labels = _labels_of(catalog.QUEUE_OLDEST_AGE)
    # An object may have the time of a clock that is ahead of ours.
    return _series(((labels(row), max(0, view.at - row.since) / 1000) for row in _waiting(view)), max)


def _drain_s(flow: QueueFlow) -> float | None:
    return inf if flow.state == "not_draining" else flow.drain_s if flow.depth else None


def _parallelism_slots(view: LiveView) -> Series:
    labels = catalog.PARALLELISM_SLOTS.label_values
    return _series(
        (labels({"cluster": slots.cluster, "namespace": slots.namespace, "by": by}), float(used))
        for slots in view.slots
        for by, used in (("running", slots.running), ("suspended", slots.suspended), ("lock", slots.lock_waiting))
    )


def _lock(metric: catalog.Metric, value: Callable[[LockUse], int | None]) -> Reader:
    return _gauge_of(metric, lambda view: view.locks, value, lock="name", type="kind")


def _lock_age(metric: catalog.Metric, since: Callable[[LockUse], Instant | None]) -> Reader:
    """A reader of an age; 0 if a lock is not held, or nothing waits for it."""
    labels = _labels_of(metric, lock="name", type="kind")

    def read(view: LiveView) -> Series:
        ages = ((lock, view.at - (since(lock) or view.at)) for lock in view.locks)
        return _series(((labels(lock), max(0, age) / 1000) for lock, age in ages), max)

    return read


def _cron(
    metric: catalog.Metric,
    seconds: Callable[[CronHealth], float | None],
    merge: Callable[[float, float], float] = min,
) -> Reader:
    # Of merged cron workflows the one that is furthest behind is shown.
    return _gauge_of(metric, lambda view: view.crons, seconds, merge, cron="name")


def _controller(
    metric: catalog.Metric,
    value: Callable[[ControllerHealth], float | None],
    merge: Callable[[float, float], float] = max,
) -> Reader:
    return _gauge_of(metric, lambda view: view.controllers, value, merge)


def _book(metric: catalog.Metric, seconds: Callable[[PriceBook], float | None]) -> Reader:
    return _gauge_of(metric, lambda view: view.books, seconds, min, book="name")


def _disk(metric: catalog.Metric, size: Callable[[Disk], int]) -> Reader:
    return _gauge_of(metric, lambda view: view.disks, size, disk="name")


def _of_controllers(metric: catalog.Metric, values: Callable[[ControllerMetrics], Mapping[str, float]]) -> Reader:
    """A reader of what the controllers' own metrics show by the last label."""
    *_, label = metric.labels

    def read(view: LiveView) -> Series:
        shown = ((pod, values(pod.metrics)) for pod in view.controllers if pod.metrics is not None)
        return _series(
            (metric.label_values({"cluster": pod.cluster, "pod": pod.pod, label: name}), float(value))
            for pod, by_name in shown
            for name, value in by_name.items()
        )

    return read


def _budget_forecast(view: LiveView) -> Series:
    return _series(
        (
            catalog.BUDGET_FORECAST.label_values({**_of_budget(use), "bound": bound}),
            float(share),
        )
        for use in view.budgets
        for bound, share in use.forecast.items()
    )


def _budget_threshold(view: LiveView) -> Series:
    return _series(
        (
            catalog.BUDGET_THRESHOLD.label_values({**_of_budget(use), "kind": kind, "percent": str(percent)}),
            float(reached),
        )
        for use in view.budgets
        for (kind, percent), reached in use.thresholds.items()
    )


def _of_budget(use: BudgetUse) -> dict[str, str]:
    return {"budget": use.budget, "department": use.department, "currency": use.currency}


def _stuck(view: LiveView) -> Series:
    labels = catalog.STUCK.label_values
    return _series(
        (labels({"cluster": cluster, "namespace": namespace, "cause": cause}), float(number))
        for (cluster, namespace, cause), number in view.stuck_counts.items()
    )


def _pods(view: LiveView) -> Series:
    labels = catalog.PODS.label_values
    return _series(
        (labels({"cluster": cluster, "namespace": namespace, "phase": phase}), float(number))
        for (cluster, namespace, phase), number in view.pods.items()
    )


def _not_ready(view: LiveView) -> Series:
    labels = catalog.NOT_READY.label_values
    return _series(
        (labels({"subject": subject, "cluster": cluster, "cause": cause}), float(number))
        for (subject, cluster, cause), number in view.not_ready.items()
    )


def _shard_held(view: LiveView) -> Series:
    shards = view.replica.shards if view.replica else []
    return _series(((str(shard.shard),), float(shard.held)) for shard in shards)


def _clusters(view: LiveView) -> Series:
    counts = dict.fromkeys(("watched", "not_ready", "refused", "removed"), 0.0)
    for cluster in view.clusters:
        counts["watched" if cluster.ready else "refused" if cluster.refused else "not_ready"] += 1
    counts["removed"] = float(len(view.removed))
    return {(state,): count for state, count in counts.items()}


def _settings_read(value: Callable[[SettingsRead], float]) -> Reader:
    return _single(lambda view: None if view.settings_read is None else value(view.settings_read))


def _watches(view: LiveView) -> Iterator[WatchHealth]:
    return (watch for cluster in view.clusters for watch in cluster.watches)


def _single(value: Callable[[LiveView], float | None]) -> Reader:
    """A reader of a gauge without labels; unknown: no sample."""

    def read(view: LiveView) -> Series:
        number = value(view)
        return {} if number is None else {(): float(number)}

    return read


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


@cache
def _release() -> str:
    try:
        return version("lynceus")
    except PackageNotFoundError:
        # A checkout that was never installed.
        return "unreleased"


GAUGES: dict[str, Reader] = {
    catalog.QUEUE_DEPTH.name: _gauge_of(catalog.QUEUE_DEPTH, _waiting, lambda row: row.count),
    catalog.QUEUE_OLDEST_AGE.name: _queue_oldest_age,
    catalog.QUEUE_DRAIN.name: _gauge_of(catalog.QUEUE_DRAIN, lambda view: view.flows, _drain_s, max),
    catalog.QUEUE_MANAGER_PENDING.name: _gauge_of(
        catalog.QUEUE_MANAGER_PENDING, lambda view: view.managed, lambda row: row.pending
    ),
    catalog.WORKFLOWS.name: _gauge_of(catalog.WORKFLOWS, _begun, lambda row: row.count),
    catalog.PARALLELISM_LIMIT.name: _gauge_of(
        catalog.PARALLELISM_LIMIT, lambda view: view.slots, lambda slots: slots.limit or None
    ),
    catalog.PARALLELISM_SLOTS.name: _parallelism_slots,
    catalog.LOCK_LIMIT.name: _lock(catalog.LOCK_LIMIT, lambda lock: lock.limit),
    catalog.LOCK_HELD.name: _lock(catalog.LOCK_HELD, lambda lock: lock.held),
    catalog.LOCK_WAITING.name: _lock(catalog.LOCK_WAITING, lambda lock: lock.waiting),
    catalog.LOCK_HOLDERS_IDLE.name: _lock(catalog.LOCK_HOLDERS_IDLE, lambda lock: lock.idle),
    catalog.LOCK_HOLDER_AGE.name: _lock_age(catalog.LOCK_HOLDER_AGE, lambda lock: lock.held_since),
    catalog.LOCK_OLDEST_WAIT.name: _lock_age(catalog.LOCK_OLDEST_WAIT, lambda lock: lock.oldest_since),
    catalog.STUCK.name: _stuck,
    catalog.PODS.name: _pods,
    catalog.CRON_LAST_RUN.name: _cron(catalog.CRON_LAST_RUN, lambda cron: _seconds(cron.last_at)),
    catalog.CRON_NEXT_DUE.name: _cron(
        catalog.CRON_NEXT_DUE, lambda cron: None if cron.suspended else _seconds(cron.next_at)
    ),
    catalog.CRON_LAST_SUCCESS.name: _cron(catalog.CRON_LAST_SUCCESS, lambda cron: _seconds(cron.succeeded_at)),
    catalog.CRON_PERIOD.name: _cron(catalog.CRON_PERIOD, lambda cron: _seconds(cron.period_ms), max),
    catalog.RUNNING_COST.name: _gauge_of(
        catalog.RUNNING_COST,
        lambda view: view.burning,
        lambda cost: None if cost.per_hour is None else float(cost.per_hour),
    ),
    catalog.DEPARTMENT_COST.name: _gauge_of(
        catalog.DEPARTMENT_COST, lambda view: view.departments, lambda department: float(department.cost)
    ),
    catalog.BUDGET_AMOUNT.name: _gauge_of(
        catalog.BUDGET_AMOUNT, lambda view: view.budgets, lambda use: float(use.amount), max
    ),
    catalog.BUDGET_USED.name: _gauge_of(
        catalog.BUDGET_USED, lambda view: view.budgets, lambda use: None if use.used is None else float(use.used), max
    ),
    catalog.BUDGET_FORECAST.name: _budget_forecast,
    catalog.BUDGET_THRESHOLD.name: _budget_threshold,
    catalog.COST_ANOMALIES.name: _gauge_of(
        catalog.COST_ANOMALIES, lambda view: view.unusual, lambda department: department.found
    ),
    catalog.ANOMALY_EXCESS.name: _gauge_of(
        catalog.ANOMALY_EXCESS, lambda view: view.unusual, lambda department: float(department.excess)
    ),
    catalog.PRICES_READ.name: _book(catalog.PRICES_READ, lambda book: _seconds(book.read_at)),
    catalog.PRICES_VALID_UNTIL.name: _book(catalog.PRICES_VALID_UNTIL, lambda book: _seconds(book.valid_until)),
    catalog.CONTROLLER_READY.name: _controller(catalog.CONTROLLER_READY, lambda pod: pod.ready, min),
    catalog.CONTROLLER_LEADER.name: _controller(catalog.CONTROLLER_LEADER, lambda pod: pod.leader),
    catalog.CONTROLLER_CRASH_LOOP.name: _controller(catalog.CONTROLLER_CRASH_LOOP, lambda pod: pod.crash_loop),
    catalog.CONTROLLER_MEMORY.name: _controller(catalog.CONTROLLER_MEMORY, lambda pod: pod.memory_bytes),
    catalog.CONTROLLER_MEMORY_LIMIT.name: _controller(
        catalog.CONTROLLER_MEMORY_LIMIT, lambda pod: pod.memory_limit_bytes or None
    ),
    catalog.CONTROLLER_WORK_QUEUE.name: _of_controllers(
        catalog.CONTROLLER_WORK_QUEUE, lambda metrics: metrics.queue_depth
    ),
    catalog.CONTROLLER_WORKERS_BUSY.name: _of_controllers(
        catalog.CONTROLLER_WORKERS_BUSY, lambda metrics: metrics.workers_busy
    ),
    catalog.CONTROLLER_INFO.name: _controller(catalog.CONTROLLER_INFO, lambda _: 1),
    catalog.CONTROLLER_LEASE_RENEWED.name: _gauge_of(
        catalog.CONTROLLER_LEASE_RENEWED, lambda view: view.leases, lambda lease: _seconds(lease.renewed_at)
    ),
    catalog.CLUSTER_UP.name: _gauge_of(
        catalog.CLUSTER_UP, lambda view: view.clusters, lambda cluster: cluster.ready, cluster="name"
    ),
    catalog.CLUSTERS.name: _clusters,
    catalog.SETTINGS_RELOADED.name: _settings_read(lambda read: read.valid),
    catalog.SETTINGS_RELOADED_AT.name: _settings_read(lambda read: read.at / 1000),
    catalog.CLUSTER_INFO.name: _gauge_of(
        catalog.CLUSTER_INFO, lambda view: view.infos, lambda _: 1, max, cluster="name"
    ),
    catalog.WATCH_LAST_EVENT.name: _gauge_of(
        catalog.WATCH_LAST_EVENT, _watches, lambda watch: _seconds(watch.last_event_at), max
    ),
    catalog.STORE_UP.name: _single(lambda view: view.store.reachable),
    catalog.STORE_LAST_INSERT.name: _single(lambda view: _seconds(view.store.last_insert_at)),
    catalog.SPOOL_ROWS.name: _single(lambda view: view.store.spooled_rows),
    catalog.SPOOL_BYTES.name: _single(lambda view: view.store.spooled_bytes),
    catalog.SPOOL_LIMIT.name: _single(lambda view: view.store.spool_limit_bytes or None),
    catalog.CREDENTIALS_EXPIRE.name: lambda view: {(name,): at / 1000 for name, at in view.credentials.items()},
    catalog.DISK_FREE.name: _disk(catalog.DISK_FREE, lambda disk: disk.free_bytes),
    catalog.DISK_SIZE.name: _disk(catalog.DISK_SIZE, lambda disk: disk.size_bytes),
    catalog.CLOCK_SKEW.name: _gauge_of(
        catalog.CLOCK_SKEW, lambda view: view.clocks, lambda clock: _seconds(clock.skew_ms)
    ),
    catalog.NOT_READY.name: _not_ready,
    catalog.SHARD_HELD.name: _shard_held,
    catalog.TOKEN_EXPIRY.name: lambda view: {(name,): at / 1000 for name, at in view.access.ends.items()},
    catalog.SINGLE_MODE.name: _single(lambda view: bool(view.replica.alone) if view.replica else None),
    catalog.ROLLED_UP.name: lambda view: {(name,): at / 1000 for name, at in view.store.rolled_up_at.items()},
    catalog.BACKUP_PERIOD.name: lambda view: {(): float(view.backup.every_s)} if view.backup else {},
    catalog.BACKUP_LAST.name: lambda view: (
        {(): view.backup.last_at / 1000} if view.backup and view.backup.last_at is not None else {}
    ),
    catalog.DELIVERY_LAST.name: _gauge_of(
        catalog.DELIVERY_LAST, lambda view: view.deliveries, lambda one: one.last_at and one.last_at / 1000, max
    ),
    catalog.DELIVERY_OVERDUE.name: lambda view: {
        (one.report,): 0.0 if one.due_at is None else max(0, view.at - one.due_at) / 1000 for one in view.deliveries
    },
    catalog.BUILD_INFO.name: lambda _: {(_release(),): 1.0},
}
"""How each gauge of the catalogue is read from the live view."""
