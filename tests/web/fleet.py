"""
A live view as a real fleet would give it, for tests of what is drawn from one. Nothing here listens or reads a clock.
"""

from collections import Counter
from decimal import Decimal
from typing import cast

from collector.catalog import metrics as catalog
from collector.catalog.counters import Counters
from collector.core.live_view import (
    Clock,
    ClusterHealth,
    ControllerHealth,
    Cron,
    Flow,
    FlowState,
    HourlyCost,
    LiveView,
    Lock,
    Slots,
    StoreHealth,
    Stuck,
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


BEFORE = [
    ("prod-hz", "perception", "nightly-training", "throttled", 1412, 2 * HOUR + 14 * MINUTE),
    ("prod-hz", "perception", "nightly-training", "lock", 80, 39 * MINUTE),
    ("prod-hz", "perception", "interactive", "throttled", 64, 6 * MINUTE),
    ("prod-hz", "maps", "tiles", "throttled", 380, 51 * MINUTE),
    ("prod-hz", "maps", "tiles", "unseen", 22, 4 * SECOND),
    ("prod-hz", "maps", "tiles", "volume", 9, 3 * MINUTE),
    ("prod-sh", "autonomy", "replay", "unseen", 612, 4 * MINUTE + 12 * SECOND),
    ("prod-sh", "autonomy", "replay", "throttled", 240, 31 * MINUTE),
    ("prod-sh", "autonomy", "regression", "lock", 128, 84 * MINUTE),
    ("prod-sh", "ci", "ci", "unseen", 3, 900),
    ("prod-fra", "simulation", "sweeps", "throttled", 733, 68 * MINUTE),
    ("prod-fra", "simulation", "sweeps", "lock", 51, 12 * MINUTE),
    ("prod-fra", "simulation", "sweeps", "volume", 40, 7 * MINUTE),
    ("prod-fra", "simulation", "smoke", "volume", 12, 2 * MINUTE),
    ("edge-osaka", "ingest", "ingest", "unseen", 18, 26 * MINUTE),
    ("staging", "sandbox", "sandbox", "lock", 2, 27 * HOUR),
]
BEGUN = [
    ("prod-hz", "perception", "nightly-training", "running", 2210, 5 * HOUR),
    ("prod-hz", "perception", "nightly-training", "starting", 96, 3 * MINUTE),
    ("prod-hz", "maps", "tiles", "unschedulable", 41, 22 * MINUTE),
    ("prod-hz", "maps", "tiles", "image", 7, 5 * MINUTE),
    ("prod-sh", "autonomy", "replay", "running", 1304, 4 * HOUR),
    ("prod-sh", "autonomy", "replay", "advancing", 58, 18 * SECOND),
    ("prod-sh", "autonomy", "regression", "step_lock", 13, 11 * MINUTE),
    ("prod-fra", "simulation", "sweeps", "running", 388, 2 * HOUR),
    ("prod-fra", "simulation", "sweeps", "quota", 64, 47 * MINUTE),
    ("staging", "sandbox", "sandbox", "suspended", 4, 30 * HOUR),
    ("staging", "sandbox", "sandbox", "running", 11, 30 * MINUTE),
]

FLOWS = [
    ("prod-hz", "perception", "nightly-training", 1492, 40, 0),
    ("prod-hz", "perception", "interactive", 64, 22, 80),
    ("prod-hz", "maps", "tiles", 411, 610, 420),
    ("prod-sh", "autonomy", "replay", 852, 120, 1065),
    ("prod-sh", "autonomy", "regression", 128, 0, 3),
    ("prod-sh", "ci", "ci", 3, 44, 47),
    ("prod-fra", "simulation", "sweeps", 824, 5, 300),
]


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


def waiting(
    cluster: str, namespace: str, queue: str, reason: str, count: int, age_ms: int, begun: bool = False
) -> Waiting:
    """Workflows of one queue that wait for one reason, which may be one that no collector knows."""
    return Waiting(cluster, namespace, queue, cast(WaitReason, reason), count, NOW - age_ms, begun)


def a_view(**changes: object) -> LiveView:
    """A small fleet: one throttled queue on one cluster."""
    values = {
        "at": NOW,
        "clusters": [a_cluster("prod-hz")],
        "queues": [
            waiting("prod-hz", "perception", "nightly", "throttled", 412, 2 * HOUR + 14 * MINUTE),
            waiting("prod-hz", "perception", "nightly", "lock", 80, 9 * MINUTE),
            waiting("prod-hz", "perception", "nightly", "running", 500, 3 * HOUR, begun=True),
            waiting("prod-hz", "perception", "nightly", "starting", 31, 40 * SECOND, begun=True),
        ],
        "store": a_store(),
    }
    return LiveView(**{**values, **changes})  # type: ignore[arg-type]


def a_flow(cluster: str, namespace: str, queue: str, depth: int, arrivals: int, starts: int) -> Flow:
    """How a queue moved in the last 5 minutes."""
    state: FlowState = ("growing" if arrivals > starts else "draining") if starts else "not_draining"
    drain_s = depth / (starts / 300) if depth and starts else None
    return Flow(cluster, namespace, queue, depth, 300.0, arrivals, starts, drain_s, state if depth else "empty")


def some_slots(**changes: object) -> Slots:
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
    return Slots(**{**values, **changes})  # type: ignore[arg-type]


def a_lock(**changes: object) -> Lock:
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
    }
    return Lock(**{**values, **changes})  # type: ignore[arg-type]


def a_stuck(**changes: object) -> Stuck:
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
    return Stuck(**{**values, **changes})  # type: ignore[arg-type]


def a_cron(**changes: object) -> Cron:
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
        "missed": 0,
        "skipped": 0,
        "active": 0,
    }
    return Cron(**{**values, **changes})  # type: ignore[arg-type]


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
        "metrics": ControllerMetrics(queue_depth={"workflow_queue": 12.0}),
        "detail": "",
    }
    return ControllerHealth(cluster=cluster, **{**values, **changes})  # type: ignore[arg-type]


def some_counters() -> Counters:
    """Incidents of two clusters' controllers."""
    counters = Counters()
    for cluster in ("prod-hz", "prod-sh"):
        counters.initialise(catalog.CONTROLLER_OOM_KILLS, cluster=cluster, container="workflow-controller")
        counters.initialise(catalog.CONTROLLER_RESTARTS, cluster=cluster, container="workflow-controller")
    counters.add(catalog.CONTROLLER_OOM_KILLS, 2, cluster="prod-sh", container="workflow-controller")
    counters.add(catalog.CONTROLLER_RESTARTS, 3, cluster="prod-sh", container="workflow-controller")
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


def a_full_fleet() -> LiveView:
    """Five clusters, one of them in trouble, and queues for every reason; what the screenshot shows."""
    clusters = [
        a_cluster("prod-hz"),
        a_cluster("prod-sh"),
        a_cluster("prod-fra"),
        a_cluster(
            "edge-osaka",
            ready=False,
            detail="pods: 403 Forbidden, the token may not list pods",
            watches=[
                a_watch("edge-osaka", "workflows", objects=318),
                a_watch(
                    "edge-osaka", "pods", state="refused", synced=False, last_event_at=None, objects=0,
                    detail='403 Forbidden: cannot list resource "pods" at the cluster scope',
                ),
                a_watch("edge-osaka", "nodes", objects=12),
                a_watch("edge-osaka", "namespaces", objects=9),
            ],
        ),
        a_cluster("staging"),
    ]  # fmt: skip
    queues = [waiting(*row) for row in BEFORE] + [waiting(*row, begun=True) for row in BEGUN]
    return LiveView(
        at=NOW,
        clusters=clusters,
        queues=queues,
        store=a_store(spooled_rows=1840),
        flows=[a_flow(*row) for row in FLOWS],
        slots=_slots(),
        locks=_locks(),
        stuck=_stuck(),
        stuck_counts=Counter((one.cluster, one.namespace, one.cause) for one in _stuck()),
        crons=_crons(),
        controllers=_controllers(),
        clocks=[Clock("cluster", "prod-hz", 0), Clock("store", "", -400)],
        not_ready={("cluster", "edge-osaka", "watch_refused"): 1},
        burning=[
            HourlyCost("prod-hz", "alibaba-eci", "USD", Decimal("412.500000000000000001"), 5400, 3),
            HourlyCost("prod-sh", "alibaba-acs", "USD", Decimal("87.4"), 2100, 0),
        ],
    )


def _slots() -> list[Slots]:
    return [
        some_slots(),
        some_slots(namespace="maps", limit=600, running=540, suspended=0, lock_waiting=0, throttled=380),
        some_slots(namespace="", limit=5000, source="configmap", running=2846, throttled=1856),
        some_slots(
            cluster="prod-sh", namespace="", limit=2000, running=1375, suspended=0, lock_waiting=128, throttled=0
        ),
        some_slots(cluster="prod-fra", namespace="", limit=None, source="", running=452, throttled=733),
        some_slots(cluster="staging", namespace="", limit=0, source="configmap", running=11, throttled=0),
    ]


def _locks() -> list[Lock]:
    return [
        a_lock(),
        a_lock(
            cluster="prod-sh", name="autonomy/Mutex/replay-map", kind="mutex", limit=1, held=1, waiting=141,
            oldest_since=NOW - 84 * MINUTE, holders=("autonomy/regression-9d/step-3",),
        ),
        a_lock(
            cluster="prod-fra", name="simulation/Database/licence", limit=None, held=0, waiting=51, holders=(),
            oldest_since=NOW - 12 * MINUTE,
        ),
        a_lock(name="perception/Mutex/publish", kind="mutex", limit=1, held=1, waiting=0, oldest_since=None),
    ]  # fmt: skip


def _stuck() -> list[Stuck]:
    return [
        a_stuck(),
        a_stuck(
            cluster="prod-fra", namespace="simulation", name="sweep-2231", uid="77aa", reason="quota", cause="quota",
            words='pods "sweep-2231-run-19" is forbidden: exceeded quota: compute, requested: limits.cpu=16',
        ),
        a_stuck(
            cluster="prod-sh", namespace="autonomy", name="replay-0090", uid="31c0", reason="advancing",
            cause="no_pod_task_result", words="", since=NOW - 3 * HOUR,
        ),
        *(a_stuck(name=f"tiles-eu-{4472 + i}", uid=f"t{i}", since=NOW - (46 - i) * MINUTE) for i in range(9)),
    ]  # fmt: skip


def _crons() -> list[Cron]:
    return [
        a_cron(),
        a_cron(
            cluster="prod-sh", namespace="ci", name="every-5-min", schedule="*/5 * * * *", timezone="", missed=3,
            last_at=NOW - 21 * MINUTE, next_at=NOW + 4 * MINUTE,
        ),
        a_cron(
            cluster="prod-fra", namespace="simulation", name="cleanup", schedule="61 * * * *", last_at=None,
            next_at=None, problem="its schedule cannot be read: minute 61 is out of range",
        ),
        a_cron(namespace="maps", name="refresh", schedule="0 * * * *", skipped=2, active=1, next_at=NOW + 20 * MINUTE),
        a_cron(namespace="maps", name="rebuild", schedule="@weekly", suspended=True, next_at=None),
    ]  # fmt: skip


def _controllers() -> list[ControllerHealth]:
    return [
        a_controller(),
        a_controller(pod="workflow-controller-6d9f7c5b8-9klmn", leader=False, memory_bytes=201_326_592, metrics=None),
        a_controller("prod-sh", restarts=3, memory_bytes=int(3.7 * GIB)),
        a_controller("prod-fra", leader=None, memory_limit_bytes=0),
        a_controller("edge-osaka", ready=False, leader=None, crash_loop=True, restarts=14, memory_bytes=None),
    ]
