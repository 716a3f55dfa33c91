"""
The fleet of the screenshots: five clusters, one of them in trouble, and queues for every reason.
"""

from collections import Counter
from decimal import Decimal

from collector.core.access_health import AccessHealth
from collector.core.cost.budget import BudgetUse
from collector.core.cost.unusual_cost import UnusualCost
from collector.core.delivery_health import DeliveryHealth
from collector.core.live_view import (
    BackupState,
    Clock,
    ClusterHealth,
    ClusterInfo,
    ControllerHealth,
    CronHealth,
    DepartmentCost,
    Disk,
    HourlyCost,
    LeaseHealth,
    LiveView,
    LockUse,
    ManagedQueue,
    PriceBook,
    ReplicaHealth,
    SettingsRead,
    ShardHolder,
    SlotUse,
    StuckWorkflow,
    Waiting,
)
from tests.web.fleet import (
    GIB,
    HOUR,
    MINUTE,
    NOW,
    SECOND,
    a_cluster,
    a_controller,
    a_cron,
    a_flow,
    a_lock,
    a_store,
    a_stuck,
    a_watch,
    some_slots,
    waiting,
)

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


BUDGET = BudgetUse(
    budget="autonomy",
    department="autonomy",
    currency="USD",
    amount=Decimal(1000),
    used=Decimal("0.9"),
    forecast={"low": Decimal("0.95"), "likely": Decimal("1.02"), "high": Decimal("1.1")},
    thresholds={("actual", 80): True},
)


def a_full_fleet() -> LiveView:
    """Five clusters, one of them in trouble, and queues for every reason; what the screenshot shows."""
    return LiveView(
        deliveries=[DeliveryHealth(report="month", last_at=NOW)],
        at=NOW,
        clusters=_clusters(),
        queues=_queues(),
        store=a_store(spooled_rows=1840),
        flows=[
            a_flow((cluster, namespace, queue), depth, arrivals, starts)
            for cluster, namespace, queue, depth, arrivals, starts in FLOWS
        ],
        slots=_slots(),
        locks=_locks(),
        stuck=_stuck(),
        stuck_counts=Counter((row.cluster, row.namespace, row.cause) for row in _stuck()),
        pods={("prod-hz", "perception", "running"): 2306, ("prod-hz", "perception", "pending"): 12},
        crons=_crons(),
        controllers=_controllers(),
        leases=[LeaseHealth("prod-hz", NOW - 3 * SECOND)],
        clocks=[Clock("cluster", "prod-hz", 0), Clock("store", "", -400)],
        not_ready={("cluster", "edge-osaka", "watch_refused"): 1},
        infos=[
            ClusterInfo("prod-hz", "https://argo.example.com", "cn-hangzhou", "alibaba-eci"),
            ClusterInfo("staging", "", "", ""),
        ],
        replica=ReplicaHealth("lynceus-0", "", "", [ShardHolder(0, True, "lynceus-0")]),
        burning=_hourly_costs(),
        credentials={"prod-fra": NOW + 240 * HOUR},
        access=AccessHealth(ends={"ci": NOW + 2400 * HOUR}),
        departments=[DepartmentCost("autonomy", "USD", Decimal("1204.50"))],
        budgets=[BUDGET],
        unusual=[UnusualCost("autonomy", "USD", 1, Decimal("20.50"))],
        disks=[Disk("data", 40 * GIB, 100 * GIB), Disk("store", 300 * GIB, 500 * GIB)],
        books=[PriceBook("alibaba-eci@1", NOW - 24 * HOUR, NOW + 240 * HOUR)],
        settings_read=SettingsRead(True, NOW - HOUR),
        backup=BackupState(86_400, NOW - 9 * HOUR),
        managed=[ManagedQueue("prod-hz", "kueue", "perception", "team-a", 0)],
    )


def _clusters() -> list[ClusterHealth]:
    return [
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
                    "edge-osaka",
                    "pods",
                    state="refused",
                    synced=False,
                    last_event_at=None,
                    objects=0,
                    detail='403 Forbidden: cannot list resource "pods" at the cluster scope',
                ),
                a_watch("edge-osaka", "nodes", objects=12),
                a_watch("edge-osaka", "namespaces", objects=9),
            ],
        ),
        a_cluster("staging"),
    ]


def _queues() -> list[Waiting]:
    return [
        waiting((cluster, namespace, queue), reason, count, age_ms, begun=rows is BEGUN)
        for rows in (BEFORE, BEGUN)
        for cluster, namespace, queue, reason, count, age_ms in rows
    ]


def _hourly_costs() -> list[HourlyCost]:
    return [
        HourlyCost(
            cluster="prod-hz",
            product="alibaba-eci",
            currency="USD",
            per_hour=Decimal("412.500000000000000001"),
            pods=5400,
            unpriced_pods=3,
        ),
        HourlyCost(
            cluster="prod-sh",
            product="alibaba-acs",
            currency="USD",
            per_hour=Decimal("87.4"),
            pods=2100,
            unpriced_pods=0,
        ),
    ]


def _slots() -> list[SlotUse]:
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


def _locks() -> list[LockUse]:
    return [
        a_lock(),
        a_lock(
            cluster="prod-sh",
            name="autonomy/Mutex/replay-map",
            kind="mutex",
            limit=1,
            held=1,
            waiting=141,
            oldest_since=NOW - 84 * MINUTE,
            holders=("autonomy/regression-9d/step-3",),
            idle=1,
        ),
        a_lock(
            cluster="prod-fra",
            name="simulation/Database/licence",
            limit=None,
            held=0,
            waiting=51,
            holders=(),
            idle=0,
            held_since=None,
            oldest_since=NOW - 12 * MINUTE,
        ),
        a_lock(name="perception/Mutex/publish", kind="mutex", limit=1, held=1, waiting=0, oldest_since=None, idle=0),
    ]


def _stuck() -> list[StuckWorkflow]:
    return [
        a_stuck(),
        a_stuck(
            cluster="prod-fra",
            namespace="simulation",
            name="sweep-2231",
            uid="77aa",
            reason="quota",
            cause="quota",
            words='pods "sweep-2231-run-19" is forbidden: exceeded quota: compute, requested: limits.cpu=16',
        ),
        a_stuck(
            cluster="prod-sh",
            namespace="autonomy",
            name="replay-0090",
            uid="31c0",
            reason="advancing",
            cause="no_pod_task_result",
            words="",
            since=NOW - 3 * HOUR,
        ),
        *(a_stuck(name=f"tiles-eu-{4472 + i}", uid=f"t{i}", since=NOW - (46 - i) * MINUTE) for i in range(9)),
    ]


def _crons() -> list[CronHealth]:
    return [
        a_cron(),
        a_cron(
            cluster="prod-sh",
            namespace="ci",
            name="every-5-min",
            schedule="*/5 * * * *",
            timezone="",
            missed=3,
            last_at=NOW - 21 * MINUTE,
            next_at=NOW + 4 * MINUTE,
        ),
        a_cron(
            cluster="prod-fra",
            namespace="simulation",
            name="cleanup",
            schedule="61 * * * *",
            last_at=None,
            next_at=None,
            problem="its schedule cannot be read: minute 61 is out of range",
        ),
        a_cron(namespace="maps", name="refresh", schedule="0 * * * *", skipped=2, active=1, next_at=NOW + 20 * MINUTE),
        a_cron(namespace="maps", name="rebuild", schedule="@weekly", suspended=True, next_at=None),
    ]


def _controllers() -> list[ControllerHealth]:
    return [
        a_controller(),
        a_controller(pod="workflow-controller-6d9f7c5b8-9klmn", leader=False, memory_bytes=201_326_592, metrics=None),
        a_controller("prod-sh", restarts=3, memory_bytes=int(3.7 * GIB)),
        a_controller("prod-fra", leader=None, memory_limit_bytes=0),
        a_controller("edge-osaka", ready=False, leader=None, crash_loop=True, restarts=14, memory_bytes=None),
    ]
