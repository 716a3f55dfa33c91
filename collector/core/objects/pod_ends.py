"""
Why Kubernetes or a cloud ended a pod: the reason in its status, and the condition DisruptionTarget.

Schedulers, the eviction API (a drain), the taint manager, the pod collector and kubelets set the condition before they end a
pod. What follows looks like the user's failure: the container ends by a signal, or by a handler with an exit code of its own.
A container that failed before the condition was set failed by itself. Kubernetes takes the condition back (False) if the
pod stays.
"""

from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.units import MINUTE_MS

POD_REASONS = {
    "Evicted": "evicted", "Preempting": "preempted", "NodeLost": "node_lost", "NodeShutdown": "node_lost",
    "Shutdown": "node_lost", "Terminated": "node_lost", "BidExpired": "spot_reclaimed", "BidFailed": "spot_reclaimed",
    "SpotReleased": "spot_reclaimed", "SpotToBeReleased": "spot_reclaimed", "NoStock": "no_stock",
    "OutOfcpu": "rejected", "OutOfmemory": "rejected", "OutOfpods": "rejected", "NodeAffinity": "rejected",
    "UnexpectedAdmissionError": "rejected", "ContainerStatusUnknown": "node_lost",
}  # fmt: skip
"""Reasons of an outcome by the pod's own status.reason; Argo's message has status.message only."""

OTHER_DISRUPTION = "DisruptionTarget"
"""Stands for a condition whose reason is not one of Kubernetes' own."""
DISRUPTIONS = {
    "PreemptionByScheduler": "preempted", "EvictionByEvictionAPI": "drained", "DeletionByTaintManager": "tainted",
    "DeletionByPodGC": "node_lost", "TerminationByKubelet": "evicted", "WorkloadEvicted": "preempted",
    OTHER_DISRUPTION: "evicted",
}  # fmt: skip
"""Reasons of an outcome by the reason of the condition; WorkloadEvicted is Kueue's, which has a condition of its own."""

DISRUPTED, STOPPED_BY_QUEUE = "DisruptionTarget", "TerminationTarget"
"""The condition, and the one that Kueue sets before it deletes a pod: for one of its reasons others took the pod's place."""
TAKEN_AWAY = frozenset({DISRUPTED, STOPPED_BY_QUEUE})

OWN_LIMITS = frozenset({"OOMKilled", "DeadlineExceeded"})
"""Reasons of a container or a pod that ended at its own limit, whatever else was about to end it."""
KILLED = (137, 143)
"""Exit codes of a container that a signal ended."""
SKEW_MS = MINUTE_MS
"""How long before the condition a killed container may seem to end: a kubelet's clock may be behind."""


def disruption(
    status: kubernetes.PodStatus,
    condition: kubernetes.Condition | None,
    main: kubernetes.ContainerStatus | None,
    before: str,
) -> str:
    """The key of DISRUPTIONS that ended a pod, or is about to, by one of the conditions of TAKEN_AWAY; empty: none.

    `before` is what was known, if a later write dropped the condition."""
    if condition is None:
        return before if before and status.phase != "Succeeded" else ""
    reason = condition.reason or ""
    if condition.type == STOPPED_BY_QUEUE and reason not in DISRUPTIONS:
        return ""
    at = kubernetes.parse_time(condition.lastTransitionTime) or 0
    spared = condition.status != "True" or status.phase == "Succeeded" or status.reason in OWN_LIMITS
    ended = main.state.terminated if main and main.state else None
    if spared or (ended is not None and _ended_by_itself(ended, at)):
        return ""
    return reason if reason in DISRUPTIONS else OTHER_DISRUPTION


def _ended_by_itself(ended: kubernetes.ContainerTerminated, at: Instant) -> bool:
    """Whether a container failed before an instant, or at its own limit; one that went well did not end the pod."""
    ended_at = kubernetes.parse_time(ended.finishedAt) or at
    skew = SKEW_MS if ended.exitCode in KILLED else 0
    return ended.reason in OWN_LIMITS or bool(ended.exitCode and ended_at + skew < at)
