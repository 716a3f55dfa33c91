"""
A live view as a real fleet would give it, for tests of what is drawn from one. Nothing here listens or reads a clock.
"""

from decimal import Decimal

from collector.catalog import metrics as catalog
from collector.catalog.tally import Tally
from collector.core.view import ClusterHealth, LiveView, StoreHealth, Waiting, WatchHealth
from collector.web.money import Money, Spent

NOW = 1_795_360_000_000
"""22 November 2026."""

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
KINDS = ("workflows", "pods", "nodes", "namespaces")
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
        "last_insert_at": NOW - SECOND,
    }
    return StoreHealth(**{**values, **changes})  # type: ignore[arg-type]


def waiting(
    cluster: str, namespace: str, queue: str, reason: str, count: int, age_ms: int, begun: bool = False
) -> Waiting:
    """Workflows of one queue that wait for one reason."""
    return Waiting(cluster, namespace, queue, reason, count, NOW - age_ms, begun)


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


def a_tally() -> Tally:
    """Incidents of two clusters' controllers."""
    tally = Tally()
    tally.touch(catalog.CONTROLLER_OOM_KILLS, [("prod-hz", "workflow-controller"), ("prod-sh", "workflow-controller")])
    tally.touch(catalog.CONTROLLER_RESTARTS, [("prod-hz", "workflow-controller"), ("prod-sh", "workflow-controller")])
    tally.add(catalog.CONTROLLER_OOM_KILLS, ("prod-sh", "workflow-controller"), 2)
    tally.add(catalog.CONTROLLER_RESTARTS, ("prod-sh", "workflow-controller"), 3)
    return tally


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
    return LiveView(at=NOW, clusters=clusters, queues=queues, store=a_store(spooled_rows=1840))
