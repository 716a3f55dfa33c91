"""
The incidents: what changes in the fleet, and which alert of ours must fire within which time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from alerts.rules import Severity
from collector.catalog import metrics
from tests.alerts.incidents.fleet import ARGO, KUBERNETES, NEVER, START, Change, Gone, Level, More, Once, slower


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that happens to a fleet."""

    name: str
    what: str
    """One sentence for the table."""
    changes: tuple[Change, ...]
    alert: str
    """The alert of ours that names it."""
    severity: Severity
    within_s: int
    """From the begin to the alert."""


ARRIVALS = 20
"""Workflows a minute: those of the quiet fleet."""
SHARES = {"succeeded": 18.8, "failed": 1.2}
"""How many of them end so, a minute."""
LEADER = {"pod": "argo-1"}
STANDBY = {"pod": "argo-2"}
PHASE = "argo_workflows_total_count"


def _nothing_starts(begin: float = 0, end: float = NEVER) -> Iterator[Change]:
    """No controller works: what is submitted stays unseen, and nothing begins or ends."""
    yield Level(
        metric="lynceus_queue_depth",
        labels={"reason": "unseen"},
        level=0,
        per_minute=ARRIVALS,
        begin=begin,
        end=end,
    )
    yield More(metric="lynceus_workflows_started_total", per_minute=-ARRIVALS, begin=begin, end=end)
    for outcome, share in SHARES.items():
        yield More(
            metric="lynceus_workflows_finished_total",
            labels={"outcome": outcome},
            per_minute=-share,
            begin=begin,
            end=end,
        )
        yield More(metric=PHASE, labels={"phase": outcome.capitalize()}, per_minute=-share, begin=begin, end=end)
    for phase in ("Pending", "Running"):
        yield More(metric=PHASE, labels={"phase": phase}, per_minute=-ARRIVALS, begin=begin, end=end)


def _killed(pod: dict[str, str], begin: float, end: float) -> Iterator[Change]:
    """The kubelet kills a controller for its memory; its pod is ready again at the end."""
    yield Once(metric="lynceus_controller_oom_kills_total", begin=begin)
    yield Once(metric="lynceus_controller_restarts_total", labels={"reason": "oom"}, begin=begin)
    yield Level(metric="lynceus_controller_ready", labels=pod, level=0, begin=begin, end=end)
    yield Gone(metric="argo_workflows_is_leader", labels=pod, begin=begin, end=end)
    yield Level(metric="up", labels={"job": "argo", **pod}, level=0, begin=begin, end=end)
    yield Level(metric="kube_pod_status_ready", labels=pod, level=0, begin=begin, end=end)


def _a_loop() -> Iterator[Change]:
    """One replica, which runs for two minutes; the kubelet waits 10 s, 20 s, ... and at last 5 minutes before each start."""
    yield Gone(metric="lynceus_controller_ready", labels=STANDBY, begin=START)
    yield Gone(metric="lynceus_controller_leader", labels=STANDBY, begin=START)
    yield Gone(metric="argo_workflows_is_leader", labels=STANDBY, begin=START)
    yield Gone(metric="up", labels={"job": "argo", **STANDBY}, begin=START)
    yield Level(metric="kube_deployment_spec_replicas", level=1, begin=START)
    yield Level(metric="kube_deployment_status_replicas_updated", level=1, begin=START)
    yield Level(metric="kube_deployment_status_replicas_available", level=1, begin=START)
    at = 0.0
    for back_off_s in (10, 20, 40, 80, 160, *[300] * 12):
        up_again = at + back_off_s / 60
        yield from _killed(LEADER, at, up_again + 0.5)
        yield from _nothing_starts(at, up_again + 0.5)
        yield Level(metric="kube_deployment_status_replicas_available", level=0, begin=at, end=up_again + 0.5)
        yield Level(
            metric="kube_pod_container_status_waiting_reason",
            labels={
                "namespace": "argo",
                "container": "workflow-controller",
                "reason": "CrashLoopBackOff",
                **LEADER,
            },
            level=1,
            begin=at,
            end=up_again,
        )
        at = up_again + 2


def _images_fail() -> Iterator[Change]:
    """Each minute three more pods wait for their image, until thirty do."""
    yield Level(metric="lynceus_workflows", labels={"reason": "image"}, level=0, per_minute=3, most=30)
    yield Level(metric="lynceus_workflows", labels={"reason": "running"}, level=30, per_minute=-3)
    yield Level(metric="argo_workflows_pods_gauge", labels={"phase": "Pending"}, level=3, per_minute=3, most=33)
    yield Level(metric="argo_workflows_pods_gauge", labels={"phase": "Running"}, level=37, per_minute=-3, least=7)
    for number in range(30):
        pod = {"namespace": "ml", "pod": f"train-{number}"}
        begin = 1 + number // 3
        yield Level(metric="kube_pod_status_phase", labels={**pod, "phase": "Pending"}, level=1, begin=begin)
        yield Level(
            metric="kube_pod_container_status_waiting_reason",
            labels={**pod, "container": "main", "reason": "ImagePullBackOff"},
            level=1,
            begin=begin,
        )


def _cut_off() -> Iterator[Change]:
    """Nothing of the cluster answers."""
    yield Level(metric="lynceus_cluster_up", level=0, begin=0.5)
    for metric in (*ARGO, PHASE, "argo_workflows_error_count", *(name for name in KUBERNETES if name != "up")):
        yield Gone(metric=metric)
    for job in ("argo", "apiserver", "kube-state"):
        yield Level(metric="up", labels={"job": job}, level=0)


INCIDENTS: tuple[Incident, ...] = (
    Incident(
        name="oom_kill",
        what="The leading controller is OOM-killed. The other replica leads 30 seconds later.",
        changes=(
            *_killed(LEADER, 0, 1),
            Level(metric="lynceus_controller_leader", labels=LEADER, level=0),
            Level(metric="lynceus_controller_leader", labels=STANDBY, level=1, begin=0.5),
            Once(metric="lynceus_controller_leader_changes_total", begin=0.5),
            *_nothing_starts(0, 0.5),
            Level(metric="argo_workflows_is_leader", labels=LEADER, level=0, begin=1),
            Level(metric="argo_workflows_is_leader", labels=STANDBY, level=1, begin=0.5),
            Level(metric="kube_deployment_status_replicas_available", level=1, end=1),
        ),
        alert="ControllerOOMKilled",
        severity="critical",
        within_s=30,
    ),
    Incident(
        name="oom_loop",
        what="The only controller is OOM-killed two minutes after each start.",
        changes=tuple(_a_loop()),
        alert="ControllerOOMLoop",
        severity="critical",
        within_s=600,
    ),
    Incident(
        name="no_leader",
        what="Both replicas of the controller run, and neither gets the Lease.",
        changes=(
            Level(metric="lynceus_controller_leader", level=0),
            Level(metric="argo_workflows_is_leader", level=0),
            *_nothing_starts(),
        ),
        alert="ControllerNoLeader",
        severity="critical",
        within_s=90,
    ),
    Incident(
        name="overloaded",
        what="The controller does not keep up: its work queue grows by 200 keys a minute, and steps end late.",
        changes=(
            Level(metric="lynceus_controller_work_queue_depth", level=5, per_minute=200),
            Level(metric="lynceus_workflows", labels={"reason": "advancing"}, level=0, per_minute=1, most=25),
            Level(metric="lynceus_workflows", labels={"reason": "running"}, level=30, per_minute=-1, least=8),
            *slower(metrics.COMPLETION_DELAY, 120, begin=10),
            Level(metric="argo_workflows_queue_depth_gauge", level=5, per_minute=200),
        ),
        alert="ControllerWorkQueueDeep",
        severity="warning",
        within_s=1200,
    ),
    Incident(
        name="panics",
        what="The controller panics on one workflow, once a minute.",
        changes=(
            More(metric="lynceus_controller_errors_total", labels={"cause": "OperationPanic"}, per_minute=1),
            More(metric="argo_workflows_error_count", labels={"cause": "OperationPanic"}, per_minute=1),
        ),
        alert="ControllerErrors",
        severity="warning",
        within_s=60,
    ),
    Incident(
        name="backlog",
        what="A team submits 600 workflows in 12 minutes under a parallelism limit of 40.",
        changes=(
            More(metric="lynceus_workflows_submitted_total", per_minute=50, end=12),
            Level(metric="lynceus_queue_depth", labels={"reason": "throttled"}, level=12, per_minute=50, most=600),
            Level(metric="lynceus_queue_oldest_age_seconds", level=40, per_minute=60),
            Level(metric="lynceus_parallelism_slots", labels={"by": "running"}, level=40),
            *slower(metrics.QUEUE_LATENCY, 300, begin=8),
            Level(metric="argo_workflows_gauge", labels={"phase": "Pending"}, level=4, per_minute=50, most=600),
            More(metric=PHASE, labels={"phase": "Pending"}, per_minute=50, end=12),
        ),
        alert="QueueBacklog",
        severity="critical",
        within_s=1800,
    ),
    Incident(
        name="deadlock",
        what="Each of two workflows holds a lock that the other waits for; eight more wait behind them.",
        changes=(
            Level(metric="lynceus_lock_waiting", level=2, per_minute=1, most=10),
            Level(metric="lynceus_lock_holders_idle", level=2),
            Level(metric="lynceus_lock_holder_age_seconds", level=60, per_minute=60),
            Level(metric="lynceus_lock_oldest_wait_seconds", level=0, per_minute=60),
            Level(metric="lynceus_queue_depth", labels={"reason": "lock"}, level=0, per_minute=1, most=8),
            Level(metric="lynceus_queue_oldest_age_seconds", level=40, per_minute=60),
            Level(metric="argo_workflows_gauge", labels={"phase": "Pending"}, level=4, per_minute=1, most=12),
        ),
        alert="LockDeadlock",
        severity="critical",
        within_s=960,
    ),
    Incident(
        name="quota",
        what="The pod quota of a namespace is used up, and the pods of twelve workflows cannot be made.",
        changes=(
            Level(metric="lynceus_workflows", labels={"reason": "quota"}, level=1, per_minute=1, most=12),
            Level(metric="kube_resourcequota", labels={"type": "used"}, level=60),
        ),
        alert="QuotaExhausted",
        severity="warning",
        within_s=1200,
    ),
    Incident(
        name="registry",
        what="The image registry is down, and thirty pods wait for their image.",
        changes=tuple(_images_fail()),
        alert="ImagePullFailing",
        severity="critical",
        within_s=900,
    ),
    Incident(
        name="user_failures",
        what="A team deploys a bad step: 71 % of its runs fail.",
        changes=(
            More(metric="lynceus_workflows_finished_total", labels={"outcome": "failed"}, per_minute=13),
            More(metric="lynceus_workflows_finished_total", labels={"outcome": "succeeded"}, per_minute=-13),
            More(metric=PHASE, labels={"phase": "Failed"}, per_minute=13),
            More(metric=PHASE, labels={"phase": "Succeeded"}, per_minute=-13),
        ),
        alert="UserFailureBurst",
        severity="warning",
        within_s=3600,
    ),
    Incident(
        name="reclaims",
        what="The cloud takes spot machines back: every fifth run is lost.",
        changes=(
            More(metric="lynceus_workflows_finished_total", labels={"outcome": "platform"}, per_minute=4),
            More(metric="lynceus_workflows_finished_total", labels={"outcome": "succeeded"}, per_minute=-4),
            More(metric="lynceus_workflow_platform_failures_total", labels={"reason": "spot_reclaimed"}, per_minute=4),
            More(metric=PHASE, labels={"phase": "Error"}, per_minute=4),
            More(metric=PHASE, labels={"phase": "Succeeded"}, per_minute=-4),
        ),
        alert="PlatformErrorBudgetBurn",
        severity="critical",
        within_s=3600,
    ),
    Incident(
        name="cron",
        what="The template of a cron workflow was removed: each half-hourly run is missed.",
        changes=tuple(
            change
            for due in (0, 30, 60)
            for change in (
                Once(metric="lynceus_cron_missed_total", begin=due + 1),
                *(
                    Once(metric=errors, labels={"cause": "CronWorkflowSubmissionError"}, begin=due)
                    for errors in ("lynceus_controller_errors_total", "argo_workflows_error_count")
                ),
            )
        ),
        alert="CronMissed",
        severity="warning",
        within_s=90,
    ),
    Incident(
        name="cut_off",
        what="The network between a cluster and the rest is cut.",
        changes=tuple(_cut_off()),
        alert="ClusterUnreachable",
        severity="critical",
        within_s=660,
    ),
    Incident(
        name="store_full",
        what="ClickHouse's disk, 10 % free, fills up in 20 minutes; then inserts fail, and the spool is full 53 minutes later.",
        changes=(
            Level(metric="lynceus_disk_free_bytes", level=10, per_minute=-0.5),
            Level(metric="kubelet_volume_stats_available_bytes", level=10e9, per_minute=-0.5e9),
            Level(metric="lynceus_store_last_insert_timestamp_seconds", level=50 * 60, begin=20),
            Level(metric="lynceus_store_spool_rows", level=20, per_minute=120, begin=20),
            Level(metric="lynceus_store_spool_bytes", level=1e6, per_minute=150e6, begin=20, most=8e9),
            More(metric="lynceus_store_insert_errors_total", per_minute=4, begin=20),
            Level(metric="lynceus_not_ready", labels={"cause": "spool_full", "instance": "a"}, level=1, begin=73),
        ),
        alert="DiskFills",
        severity="critical",
        within_s=1320,
    ),
)
