"""The samples of each gauge about locks, slots, crons and controllers, and when there is no sample."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from msgspec.structs import replace

from collector.catalog.counters import Counters
from collector.catalog.metrics.metric import MAX_SERIES
from collector.core.access_health import AccessHealth
from collector.core.cost.budget import BudgetUse
from collector.core.cost.unusual_cost import UnusualCost
from collector.core.live_view import (
    ClusterInfo,
    DepartmentCost,
    Disk,
    HourlyCost,
    LeaseHealth,
    LiveView,
    PriceBook,
    QueueFlow,
    ReplicaHealth,
    ShardHolder,
)
from collector.core.messages import ControllerMetrics
from collector.exposition.prometheus import render
from tests.exposition.test_prometheus import LABELS, families, samples
from tests.promtool.tool import promtool
from tests.web.fleet import (
    GIB,
    HOSTILE,
    HOUR,
    NOW,
    SECOND,
    a_controller,
    a_cron,
    a_flow,
    a_lock,
    a_store,
    a_stuck,
    a_view,
    some_slots,
)

MANY = MAX_SERIES["gauge"]


def test_a_spool_of_unknown_size_has_no_limit() -> None:
    """0 would make every spool overfull."""
    unknown = a_view(store=a_store(spool_limit_bytes=0))

    assert gauge("lynceus_store_spool_limit_bytes", a_view()) == {(): 8.0 * GIB}
    assert gauge("lynceus_store_spool_limit_bytes", unknown) == {}


def gauge(name: str, view: LiveView) -> dict[tuple[str, ...], float]:
    """The samples of one gauge for a view."""
    return samples(render(view, Counters()), name)


def test_a_queue_drains_at_the_rate_of_its_starts() -> None:
    """64 wait and 80 started in 5 minutes: 240 s; a queue that grows drains too, for the workflows that wait now."""
    flows = [
        a_flow(("c", "n", "fast"), depth=64, arrivals=22, starts=80),
        a_flow(("c", "n", "grows"), depth=300, arrivals=200, starts=100),
    ]

    assert gauge("lynceus_queue_drain_seconds", a_view(flows=flows)) == {
        ("c", "n", "fast"): 240,
        ("c", "n", "grows"): 900,
    }


def test_a_queue_that_does_not_drain_takes_for_ever_and_an_empty_queue_no_time() -> None:
    """+Inf is above every threshold of an alert; a queue without workflows has no drain time at all."""
    flows = [
        a_flow(("c", "n", "hangs"), depth=5, arrivals=3, starts=0),
        a_flow(("c", "n", "empty"), depth=0, arrivals=3, starts=3),
    ]

    assert gauge("lynceus_queue_drain_seconds", a_view(flows=flows)) == {("c", "n", "hangs"): math.inf}


def test_an_unknown_drain_time_has_no_sample() -> None:
    """Without an observed start there is no rate."""
    flow = QueueFlow(
        cluster="c",
        namespace="n",
        queue="q",
        depth=5,
        window_s=0.0,
        arrivals=0,
        starts=0,
        drain_s=None,
        state="draining",
    )

    assert gauge("lynceus_queue_drain_seconds", a_view(flows=[flow])) == {}


def test_what_runs_now_costs_by_the_hour() -> None:
    """If no pod has a price, there is no sample: unknown differs from 0."""
    burning = [
        HourlyCost(
            cluster="c", product="alibaba-eci", currency="USD", per_hour=Decimal("1.5"), pods=3, unpriced_pods=0
        ),
        HourlyCost(cluster="c", product="azure-aci", currency="USD", per_hour=None, pods=1, unpriced_pods=1),
    ]

    by_product = gauge("lynceus_cost_running_per_hour", a_view(burning=burning))
    assert by_product == {("c", "USD", "alibaba-eci"): 1.5}


def test_a_known_parallelism_limit_has_a_sample() -> None:
    """0 means unlimited, and a share of it would be infinite; the empty namespace is the whole installation."""
    slots = [
        some_slots(cluster="a", namespace="", limit=500),
        some_slots(cluster="a", namespace="maps", limit=0),
        some_slots(cluster="b", namespace="", limit=None),
    ]

    assert gauge("lynceus_parallelism_limit", a_view(slots=slots)) == {("a", ""): 500}


def test_slots_are_counted_by_what_occupies_them() -> None:
    """A workflow that waits for a lock or a person occupies a slot like one that runs; a throttled one does not."""
    slots = [some_slots(running=2306, suspended=4, lock_waiting=80, throttled=1476)]

    assert gauge("lynceus_parallelism_slots", a_view(slots=slots)) == {
        ("running", "prod-hz", "perception"): 2306,
        ("suspended", "prod-hz", "perception"): 4,
        ("lock", "prod-hz", "perception"): 80,
    }


def test_a_lock_has_a_limit_where_the_limit_is_known() -> None:
    """A database lock's limit may be known to Argo alone."""
    view = a_view(locks=[a_lock(name="n/ConfigMap/m/k"), a_lock(name="n/Database/d", limit=None, held=0, waiting=51)])

    assert gauge("lynceus_lock_limit", view) == {("prod-hz", "n/ConfigMap/m/k", "semaphore"): 8}
    assert gauge("lynceus_lock_holders_idle", view)["prod-hz", "n/ConfigMap/m/k", "semaphore"] == 2
    assert gauge("lynceus_lock_held", view)["prod-hz", "n/Database/d", "semaphore"] == 0
    assert gauge("lynceus_lock_waiting", view) == {
        ("prod-hz", "n/ConfigMap/m/k", "semaphore"): 80,
        ("prod-hz", "n/Database/d", "semaphore"): 51,
    }


def test_a_lock_that_is_free_has_ages_of_0() -> None:
    """A gauge that vanished would be a hole in an alert's window; another clock may be ahead."""
    locks = [
        a_lock(name="busy", oldest_since=NOW - 5 * SECOND, held_since=NOW - 9 * SECOND),
        a_lock(name="free", oldest_since=None, held_since=None),
        a_lock(name="ahead", oldest_since=NOW + SECOND, held_since=NOW + SECOND),
    ]
    view = a_view(locks=locks)
    waits, holds = (
        {labels[1]: age for labels, age in gauge(f"lynceus_lock_{what}_seconds", view).items()}
        for what in ("oldest_wait", "holder_age")
    )

    assert waits == {"busy": 5, "free": 0, "ahead": 0}
    assert holds == {"busy": 9, "free": 0, "ahead": 0}


def test_stuck_workflows_are_counted_by_cause() -> None:
    """Each cause is one series, however many workflows there are."""
    counts = {("prod-hz", "maps", "unschedulable"): 5000, ("prod-hz", "maps", "quota"): 1}

    assert gauge("lynceus_workflows_stuck", a_view(stuck=[a_stuck()], stuck_counts=counts)) == {
        ("unschedulable", "prod-hz", "maps"): 5000,
        ("quota", "prod-hz", "maps"): 1,
    }


def test_a_suspended_cron_has_no_due_time() -> None:
    """A cron that never ran has no last run, instead of one in 1970."""
    crons = [
        a_cron(name="well", last_at=NOW - 60 * SECOND, next_at=NOW + 60 * SECOND),
        a_cron(name="new", last_at=None),
        a_cron(name="off", suspended=True),
        a_cron(name="unreadable", last_at=None, next_at=None, problem="?"),
    ]
    view = a_view(crons=crons)

    assert set(gauge("lynceus_cron_last_run_timestamp_seconds", view)) == {
        ("prod-hz", "well", "perception"),
        ("prod-hz", "off", "perception"),
    }
    due = gauge("lynceus_cron_next_due_timestamp_seconds", view)
    assert set(due) == {("prod-hz", "well", "perception"), ("prod-hz", "new", "perception")}
    assert due["prod-hz", "well", "perception"] == (NOW + 60 * SECOND) / 1000


def test_a_cron_has_a_last_success_and_a_period_where_these_are_known() -> None:
    """A cron that never succeeded would else have done so in 1970."""
    crons = [a_cron(name="well"), a_cron(name="new", succeeded_at=None), a_cron(name="off", period_ms=None)]
    view = a_view(crons=crons)
    well, new, off = (("prod-hz", name, "perception") for name in ("well", "new", "off"))

    assert gauge("lynceus_cron_last_success_timestamp_seconds", view) == dict.fromkeys(
        (well, off), (NOW - 9 * HOUR) / 1000
    )
    assert gauge("lynceus_cron_period_seconds", view) == dict.fromkeys((well, new), 86_400)


def test_a_price_book_has_a_sample_for_each_known_age() -> None:
    """A book that is valid for ever would else end in 1970."""
    ages = [PriceBook("eci@1", NOW, None), PriceBook("ours@2", None, NOW + HOUR)]

    assert gauge("lynceus_price_book_read_timestamp_seconds", a_view(books=ages)) == {("eci@1",): NOW / 1000}
    assert gauge("lynceus_price_book_valid_until_timestamp_seconds", a_view(books=ages)) == {
        ("ours@2",): (NOW + HOUR) / 1000
    }


def test_a_disk_has_its_free_space_and_its_size() -> None:
    """A disk that cannot be read has neither: 0 free bytes would page."""
    view = a_view(disks=[Disk("data", 3, 10)])

    assert gauge("lynceus_disk_free_bytes", view) == {("data",): 3}
    assert gauge("lynceus_disk_size_bytes", view) == {("data",): 10}


def test_a_cluster_has_one_sample_of_its_settings() -> None:
    """Grafana's hidden variable reads the address of Argo's UI from it; the sample stays while the process runs."""
    view = a_view(
        infos=[ClusterInfo("prod-hz", "https://argo", "cn-hangzhou", "alibaba-eci"), ClusterInfo("b", "", "", "")]
    )

    assert gauge("lynceus_cluster_info", view) == {
        ("https://argo", "prod-hz", "alibaba-eci", "cn-hangzhou"): 1,
        ("", "b", "", ""): 1,
    }


def test_a_replica_has_a_sample_for_each_shard() -> None:
    """1 where it watches; the mode has a sample of its own."""
    shards = [ShardHolder(0, True, "a"), ShardHolder(1, False, "b")]
    shared = a_view(replica=ReplicaHealth("a", "", "", shards))
    assert gauge("lynceus_shard_held", shared) == {("0",): 1.0, ("1",): 0.0}
    assert gauge("lynceus_single_mode", shared) == {(): 0.0}
    assert gauge("lynceus_single_mode", a_view(replica=ReplicaHealth("a", "off", "", shards))) == {(): 1.0}
    assert gauge("lynceus_single_mode", a_view()) == {}


def test_credentials_that_expire_have_a_sample() -> None:
    """Of a cluster whose credentials do not expire there is none."""
    view = a_view(credentials={"prod-hz": NOW + HOUR})

    assert gauge("lynceus_cluster_credentials_expire_timestamp_seconds", view) == {("prod-hz",): (NOW + HOUR) / 1000}


def test_the_end_of_a_token_is_known_by_its_name() -> None:
    """A token that does not end has no series."""
    view = a_view(access=AccessHealth(ends={"ci": NOW + HOUR}))

    assert gauge("lynceus_access_token_expiry_timestamp_seconds", view) == {("ci",): (NOW + HOUR) / 1000}
    assert gauge("lynceus_access_token_expiry_timestamp_seconds", a_view()) == {}


def test_departments_have_this_months_cost() -> None:
    """One in each currency; there is no sample while the store is silent."""
    costs = [DepartmentCost("maps", "USD", Decimal("1.50")), DepartmentCost("maps", "CNY", Decimal(7))]

    assert gauge("lynceus_department_cost_month_to_date", a_view(departments=costs)) == {
        ("USD", "maps"): 1.5,
        ("CNY", "maps"): 7,
    }
    assert gauge("lynceus_department_cost_month_to_date", a_view()) == {}


def test_budgets_have_their_shares_and_thresholds() -> None:
    """What is not known has no sample: neither the use of a budget, nor its forecast."""
    known = BudgetUse(
        budget="maps",
        department="maps",
        currency="CNY",
        amount=Decimal(4000),
        used=Decimal("0.8125"),
        forecast={"low": Decimal("0.9"), "likely": Decimal(1), "high": Decimal("1.2")},
        thresholds={("actual", 80): True, ("actual", 100): False},
    )
    unknown = replace(known, budget="all", department="", used=None, forecast={}, thresholds={})
    view = a_view(budgets=[known, unknown])

    assert sorted(gauge("lynceus_budget_amount", view).values()) == [4000, 4000]
    assert gauge("lynceus_budget_used_ratio", view) == {("maps", "CNY", "maps"): 0.8125}
    assert sorted(gauge("lynceus_budget_forecast_ratio", view).values()) == [0.9, 1, 1.2]
    assert sorted(gauge("lynceus_budget_threshold_reached", view).values()) == [0, 1]


def test_departments_have_what_cost_more_than_usual() -> None:
    """How many anomalies, and how much; none without one."""
    view = a_view(unusual=[UnusualCost("maps", "USD", 2, Decimal("60.5"))])

    assert gauge("lynceus_cost_anomalies", view) == {("USD", "maps"): 2}
    assert gauge("lynceus_cost_anomaly_excess", view) == {("USD", "maps"): 60.5}
    assert gauge("lynceus_cost_anomalies", a_view()) == {}


def test_a_controller_has_a_sample_for_each_known_value() -> None:
    """No limit, no leader and no memory reading are absent, and not 0: a ratio of them would be nonsense."""
    view = a_view(
        controllers=[
            a_controller(pod="leads"),
            a_controller(pod="stands-by", leader=False, metrics=None),
            a_controller(
                pod="dark", ready=False, leader=None, crash_loop=True, memory_bytes=None, memory_limit_bytes=0
            ),
        ]
    )

    def of(what: str) -> dict[str, float]:
        return {labels[1]: value for labels, value in gauge(f"lynceus_controller_{what}", view).items()}

    assert of("ready") == {"leads": 1, "stands-by": 1, "dark": 0}
    assert of("leader") == {"leads": 1, "stands-by": 0}
    assert of("crash_loop") == {"leads": 0, "stands-by": 0, "dark": 1}
    assert of("memory_bytes") == {"leads": 1_288_490_189, "stands-by": 1_288_490_189}
    assert of("memory_limit_bytes") == {"leads": 4 * GIB, "stands-by": 4 * GIB}
    assert of("work_queue_depth") == {"leads": 12, "dark": 12}
    assert of("workers_busy") == {"leads": 3, "dark": 3}
    assert gauge(
        "lynceus_controller_info", a_view(controllers=[a_controller(pod="p", image="i:v1", version="v1")])
    ) == {("prod-hz", "i:v1", "p", "v1"): 1}


def test_the_leases_last_renewal_is_an_instant() -> None:
    """A Lease that was never renewed has none."""
    view = a_view(leases=[LeaseHealth("a", NOW), LeaseHealth("b", None)])

    assert gauge("lynceus_controller_lease_renewed_timestamp_seconds", view) == {("a",): NOW / 1000}


@pytest.mark.parametrize("openmetrics", [False, True])
@given(LABELS, LABELS)
def test_hostile_names_come_back_as_they_were_in_every_gauge(openmetrics: bool, namespace: str, name: str) -> None:
    """Any name of a lock, a cron workflow, a pod or a work queue is read back unchanged."""
    view = a_view(
        flows=[a_flow(("c", namespace, name), depth=5, arrivals=3, starts=0)],
        slots=[some_slots(namespace=namespace)],
        locks=[a_lock(name=name)],
        stuck_counts={("prod-hz", namespace, name): 1},
        crons=[a_cron(namespace=namespace, name=name)],
        controllers=[a_controller(pod=name, metrics=ControllerMetrics(queue_depth={name: 1.0}))],
    )
    read = families(render(view, Counters(), openmetrics), openmetrics)

    def labels(family: str) -> dict[str, str]:
        return read[f"lynceus_{family}"].samples[0].labels

    assert labels("queue_drain_seconds") == {"cluster": "c", "namespace": namespace, "queue": name}
    assert labels("parallelism_limit") == {"cluster": "prod-hz", "namespace": namespace}
    assert labels("lock_held") == {"cluster": "prod-hz", "lock": name, "type": "semaphore"}
    assert labels("workflows_stuck") == {"cluster": "prod-hz", "namespace": namespace, "cause": name}
    assert labels("cron_next_due_timestamp_seconds") == {"cluster": "prod-hz", "namespace": namespace, "cron": name}
    assert labels("controller_work_queue_depth") == {"cluster": "prod-hz", "pod": name, "work_queue": name}


def test_promtool_reads_hostile_names_in_every_gauge() -> None:
    """Prometheus' own parser takes them as well, and +Inf with them."""
    view = a_view(
        flows=[a_flow((HOSTILE, HOSTILE, HOSTILE), depth=5, arrivals=3, starts=0)],
        slots=[some_slots(namespace=HOSTILE)],
        locks=[a_lock(name=HOSTILE, kind=HOSTILE)],
        stuck_counts={(HOSTILE, HOSTILE, HOSTILE): 1},
        crons=[a_cron(name=HOSTILE)],
        controllers=[a_controller(pod=HOSTILE)],
    )

    assert promtool("check", "metrics", stdin=render(view, Counters())) == ""


def test_a_bomb_of_locks_or_crons_is_bounded() -> None:
    """What goes over is merged: counts add up, and of due times the earliest stays."""
    many = range(MANY + 500)
    view = a_view(
        locks=[a_lock(name=f"n/Mutex/{i}", waiting=2) for i in many],
        crons=[a_cron(name=f"c{i}", next_at=NOW + i * SECOND) for i in many],
    )

    waiting, due = gauge("lynceus_lock_waiting", view), gauge("lynceus_cron_next_due_timestamp_seconds", view)
    assert len(waiting) == len(due) == MANY + 1
    assert waiting["_other", "_other", "_other"] == 1000
    assert due["_other", "_other", "_other"] == NOW / 1000 + MANY
