"""
A live view as a real fleet would give it, for tests of what is drawn from one. Nothing here listens or reads a clock.
"""

from decimal import Decimal
from typing import cast

from collector.catalog import metrics as catalog
from collector.catalog.counters import Counters
from collector.core.live_view import (
    ClusterHealth,
    ControllerHealth,
    CronHealth,
    FlowState,
    LiveView,
    LockUse,
    QueueFlow,
    SlotUse,
    StoreHealth,
    StuckWorkflow,
    Waiting,
    WatchHealth,
)
from collector.core.messages import ControllerMetrics
from collector.core.model import WaitReason
from collector.web.money import Money, Spent

NOW = 1_795_360_000_000
"""22 November 2026."""

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
KINDS = ("workflows", "pods", "nodes", "namespaces")
GIB = 1024**3
HOSTILE = '<img src=x onerror=alert(1)>"\\\n{}'


def a_watch(cluster: str, kind: str = "workflows", **changes: object) -> WatchHealth:
    """A watch that works."""
    values = {"state": "watching", "detail": "", "synced": True, "last_event_at": NOW - 2 * SECOND, "objects": 1204}
    return WatchHealth(cluster=cluster, kind=kind, **{**values, **changes})  # type: ignore[arg-type]


def a_cluster(name: str, **changes: object) -> ClusterHealth:
    """A cluster that is watched in full."""
    values = {"ready": True, "detail": "", "watches": [a_watch(name, kind) for kind in KINDS]}
    return ClusterHealth(name=name, **{**values, **changes})  # type: ignore[arg-type]


def a_store(**changes: object) -> StoreHealth:
    """A store that keeps up."""
    values = {
        "reachable": True,
        "detail": "",
        "spooled_rows": 0,
        "spooled_bytes": 65_536,
        "spool_limit_bytes": 8 * GIB,
        "last_insert_at": NOW - SECOND,
        "rolled_up_at": {"cost_daily": NOW - MINUTE},
    }
    return StoreHealth(**{**values, **changes})  # type: ignore[arg-type]


Place = tuple[str, str, str]
"""Cluster, namespace and queue."""


def waiting(place: Place, reason: str, count: int, age_ms: int, begun: bool = False) -> Waiting:
    """Workflows of one queue that wait for one reason, which may be one that no collector knows."""
    cluster, namespace, queue = place
    return Waiting(
        cluster=cluster,
        namespace=namespace,
        queue=queue,
        reason=cast(WaitReason, reason),
        count=count,
        since=NOW - age_ms,
        begun=begun,
    )


def a_view(**changes: object) -> LiveView:
    """A small fleet: one throttled queue on one cluster."""
    values = {
        "at": NOW,
        "clusters": [a_cluster("prod-hz")],
        "queues": [
            waiting(("prod-hz", "perception", "nightly"), "throttled", 412, 2 * HOUR + 14 * MINUTE),
            waiting(("prod-hz", "perception", "nightly"), "lock", 80, 9 * MINUTE),
            waiting(("prod-hz", "perception", "nightly"), "running", 500, 3 * HOUR, begun=True),
            waiting(("prod-hz", "perception", "nightly"), "starting", 31, 40 * SECOND, begun=True),
        ],
        "store": a_store(),
    }
    return LiveView(**{**values, **changes})  # type: ignore[arg-type]


def a_flow(place: Place, depth: int, arrivals: int, starts: int) -> QueueFlow:
    """How a queue moved in the last 5 minutes."""
    cluster, namespace, queue = place
    state: FlowState = ("growing" if arrivals > starts else "draining") if starts else "not_draining"
    drain_s = depth / (starts / 300) if depth and starts else None
    return QueueFlow(
        cluster=cluster,
        namespace=namespace,
        queue=queue,
        depth=depth,
        window_s=300.0,
        arrivals=arrivals,
        starts=starts,
        drain_s=drain_s,
        state=state if depth else "empty",
    )


def some_slots(**changes: object) -> SlotUse:
    """A namespace's limit, all but used up."""
    values = {
        "cluster": "prod-hz",
        "namespace": "perception",
        "limit": 2500,
        "source": "namespace_label",
        "running": 2306,
        "suspended": 4,
        "lock_waiting": 80,
        "throttled": 1476,
    }
    return SlotUse(**{**values, **changes})  # type: ignore[arg-type]


def a_lock(**changes: object) -> LockUse:
    """A semaphore that workflows wait for."""
    values = {
        "cluster": "prod-hz",
        "name": "perception/ConfigMap/locks/gpu-a100",
        "kind": "semaphore",
        "limit": 8,
        "held": 8,
        "waiting": 80,
        "oldest_since": NOW - 39 * MINUTE,
        "holders": ("perception/train-7f2", "perception/train-8c1"),
        "idle": 2,
        "held_since": NOW - 3 * HOUR,
    }
    return LockUse(**{**values, **changes})  # type: ignore[arg-type]


def a_stuck(**changes: object) -> StuckWorkflow:
    """A workflow that no node has room for."""
    values = {
        "cluster": "prod-hz",
        "namespace": "maps",
        "name": "tiles-eu-4471",
        "uid": "5b1f",
        "reason": "unschedulable",
        "cause": "unschedulable",
        "words": "0/412 nodes are available: 400 Insufficient nvidia.com/gpu, 12 node(s) had untolerated taint.",
        "since": NOW - 47 * MINUTE,
    }
    return StuckWorkflow(**{**values, **changes})  # type: ignore[arg-type]


def a_cron(**changes: object) -> CronHealth:
    """A cron workflow that runs as it should."""
    values = {
        "cluster": "prod-hz",
        "namespace": "perception",
        "name": "nightly-training",
        "schedule": "0 2 * * *",
        "timezone": "Asia/Shanghai",
        "suspended": False,
        "concurrency_policy": "Forbid",
        "last_at": NOW - 9 * HOUR,
        "next_at": NOW + 15 * HOUR,
        "succeeded_at": NOW - 9 * HOUR,
        "period_ms": 24 * HOUR,
        "missed": 0,
        "skipped": 0,
        "active": 0,
    }
    return CronHealth(**{**values, **changes})  # type: ignore[arg-type]


def a_controller(cluster: str = "prod-hz", **changes: object) -> ControllerHealth:
    """A controller that leads and has memory to spare."""
    values = {
        "namespace": "argo",
        "pod": "workflow-controller-6d9f7c5b8-x2x4q",
        "container": "workflow-controller",
        "ready": True,
        "leader": True,
        "restarts": 0,
        "crash_loop": False,
        "memory_bytes": 1_288_490_189,
        "memory_limit_bytes": 4 * GIB,
        "metrics": ControllerMetrics(queue_depth={"workflow_queue": 12.0}, workers_busy={"workflow_queue": 3.0}),
        "detail": "",
        "version": "v4.1.2",
        "image": "quay.io/argoproj/workflow-controller:v4.1.2",
    }
    return ControllerHealth(cluster=cluster, **{**values, **changes})  # type: ignore[arg-type]


def some_counters() -> Counters:
    """Incidents of two clusters' controllers."""
    counters = Counters()
    for cluster in ("prod-hz", "prod-sh"):
        counters.initialise(catalog.CONTROLLER_OOM_KILLS, cluster=cluster, container="workflow-controller")
        counters.initialise(catalog.CONTROLLER_RESTARTS, cluster=cluster, container="workflow-controller", reason="oom")
    counters.add(catalog.CONTROLLER_OOM_KILLS, 2, cluster="prod-sh", container="workflow-controller")
    counters.add(catalog.CONTROLLER_RESTARTS, 3, cluster="prod-sh", container="workflow-controller", reason="oom")
    return counters


def some_money() -> Money:
    """What a few departments spent today in two currencies."""
    rows = [
        ("autonomy", "USD", "8123.456789012345678901", True, 0),
        ("perception", "USD", "3411.2", True, 3),
        ("simulation", "USD", "902.75", False, 0),
        ("unallocated", "USD", "212.004", True, 12),
        ("platform", "CNY", "18450.1", True, 0),
        ("maps", "CNY", "0.004", False, 0),
    ]
    spent = tuple(
        Spent(department=name, currency=currency, cost=Decimal(cost), accruing=accruing, unpriced_pods=unpriced)
        for name, currency, cost, accruing, unpriced in rows
    )
    return Money(day="2026-11-22", at=NOW - SECOND, spent=spent)
