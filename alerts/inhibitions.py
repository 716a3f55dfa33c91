"""
Which alert mutes which: a cause that pages mutes what follows from it.

Alertmanager takes a label that is missing on both sides for equal, so that an inhibition without care mutes everything. Each
rule here names both sides, and a test proves that every alert named has the labels that must be equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While a source fires, targets with the same values of some labels are not sent."""

    sources: tuple[str, ...]
    """Names of alerts; empty: any critical one."""
    targets: tuple[str, ...] = ()
    """Names of alerts; empty: every alert but the sources and `never`."""
    target_with: tuple[str, str] | None = None
    """A label and the value that a target must have too."""
    never: tuple[str, ...] = ()
    """Alerts that the rule must not mute."""
    equal: tuple[str, ...] = ()
    why: str


QUEUE_STANDS = (
    "ControllerNotPickingUp",
    "QueueBacklog",
    "QueueBacklogPredicted",
    "QueueNotDraining",
    "QueueLatencyBudgetBurn",
    "CompletionDelayHigh",
    "StepsNotAdvancing",
    "CronMissed",
)
"""What follows from a controller that does not work."""

STUCK_BY: dict[str, tuple[str, ...]] = {
    "image": ("ImagePullFailing",),
    "no_stock": ("OutOfStock",),
    "quota": ("QuotaExhausted",),
    "unschedulable": ("PodsUnschedulable",),
    "volume": ("VolumesUnbound",),
    "lock": ("LockDeadlock", "LockHeldTooLong"),
}
"""Causes of stuck workflows that have alerts of their own."""

INHIBITIONS: tuple[Inhibition, ...] = (
    Inhibition(
        sources=("ClusterUnreachable",),
        never=("CredentialsExpire", "ClusterForgotten"),
        equal=("cluster",),
        why="figures of a cluster that is not watched are out of date; credentials may be the cause",
    ),
    Inhibition(
        sources=("CollectorAbsent",),
        never=("Watchdog",),
        why="without a collector every figure is out of date",
    ),
    Inhibition(
        sources=("ControllerOOMLoop",),
        targets=(
            "ControllerOOMKilled",
            "ControllerCrashLooping",
            "ControllerOOMPredicted",
            "ControllerMemoryHigh",
            "ControllerNoLeader",
            "ControllerDown",
            *QUEUE_STANDS,
        ),
        equal=("cluster",),
        why="the loop says it all, and has another remedy",
    ),
    Inhibition(
        sources=("ControllerOOMKilled",),
        targets=(
            "ControllerOOMPredicted",
            "ControllerMemoryHigh",
            "ControllerNoLeader",
            "ControllerDown",
            "ControllerReplicaNotReady",
            *QUEUE_STANDS,
        ),
        equal=("cluster",),
        why="nothing starts while the only controller starts again; if it does not come back, those page when this one ends",
    ),
    Inhibition(
        sources=("ControllerDown", "ControllerMissing"),
        targets=("ControllerNoLeader", "ControllerReplicaNotReady", *QUEUE_STANDS),
        equal=("cluster",),
        why="nothing starts without a controller",
    ),
    Inhibition(
        sources=("ControllerNoLeader",), targets=QUEUE_STANDS, equal=("cluster",), why="nothing starts without a leader"
    ),
    Inhibition(
        sources=("ImagePullFailing", "OutOfStock"),
        targets=("PodStartSlow",),
        equal=("cluster",),
        why="pods start late for this cause",
    ),
    Inhibition(
        sources=("QuotaExhausted",),
        targets=("PodStartSlow", "PodsUnschedulable"),
        equal=("cluster", "namespace"),
        why="pods start late for this cause",
    ),
    *(
        Inhibition(
            sources=sources,
            targets=("WorkflowsStuck",),
            target_with=("cause", cause),
            equal=("cluster",),
            why="the cause has an alert of its own, with its remedy",
        )
        for cause, sources in STUCK_BY.items()
    ),
    Inhibition(
        sources=("QueueBacklog",),
        targets=("QueueLatencyBudgetBurn",),
        equal=("cluster", "queue"),
        why="the queue that is deep and old is the one that burns its budget",
    ),
    Inhibition(
        sources=("PlatformErrorBudgetBurn",),
        targets=("UserFailureBurst",),
        equal=("cluster",),
        why="the platform makes users' runs fail",
    ),
    Inhibition(
        sources=("CronMissedRepeatedly",),
        targets=("CronMissed",),
        equal=("cluster", "namespace", "cron"),
        why="the page says more than the ticket",
    ),
    Inhibition(
        sources=("LockDeadlock",),
        targets=("LockHeldTooLong",),
        equal=("cluster", "lock", "type"),
        why="a deadlock is the cause of the long hold",
    ),
    Inhibition(
        sources=("WatchesPaused",),
        targets=("SpoolFillsSoon", "SpoolNearlyFull", "StoreInsertFailing"),
        equal=("instance",),
        why="the spool is full, and events are no longer taken",
    ),
    Inhibition(
        sources=("SpoolFillsSoon",),
        targets=("SpoolNearlyFull", "StoreInsertFailing"),
        equal=("instance",),
        why="a person was woken for it hours before",
    ),
    Inhibition(
        sources=("SpoolNearlyFull",),
        targets=("StoreInsertFailing",),
        equal=("instance",),
        why="the page says more than the ticket",
    ),
    Inhibition(
        sources=("DiskFills",),
        targets=("DiskFullSoon",),
        equal=("instance", "disk"),
        why="the disk is nearly full already",
    ),
    Inhibition(
        sources=("StoreInsertFailing",),
        targets=("RollupOld", "StoreInsertSlow", "CollectorNotReady"),
        why="a store that takes no rows has old rollups and keeps the collector from being ready",
    ),
    Inhibition(
        sources=("ControllerCrashLooping",),
        targets=("ControllerReplicaNotReady", "ControllerLeaderFlapping"),
        equal=("cluster",),
        why="each restart loses readiness and the Lease",
    ),
)

SAME_ALERT = ("alertname", "cluster", "namespace", "queue", "cron", "lock", "cause", "instance", "disk")
"""A page mutes the ticket of the same name; both have the same labels, so that a missing one is missing on both sides."""
