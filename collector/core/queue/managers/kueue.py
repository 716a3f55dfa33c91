"""
Kueue: it holds pods by a scheduling gate, and one Workload object for each pod or group of pods says why.

The gate decides, not the pod's condition, which stays after the gate is gone; a pod whose only gate is `topology` is let in and
waits for its place. A Workload belongs to its pods by owner references, from the Workload to the pods.
Source: kueue apis/kueue/v1beta2/workload_types.go, pkg/controller/jobs/pod, pkg/queue (order of the pending; field notes).
"""

import msgspec

from collector.core.model import Instant
from collector.core.objects.kubernetes import Condition, Meta, PodSpec, parse_time
from collector.core.objects.queue_managers import ClusterQueue, KueueWorkload
from collector.core.queue.waiting import Reason, one_line

GATE = "kueue.x-k8s.io/admission"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
DEFAULT_QUEUE = "default"
"""Name of a LocalQueue that takes the namespace's pods without a label too."""
AGES_AGAIN = ("AdmissionCheck", "PodsReadyTimeout")
"""Reasons of an eviction after which a workload stands in the queue as of the eviction, not of its creation."""


def is_gated(spec: PodSpec) -> bool:
    """Whether Kueue has not let the pod in."""
    return any(gate.name == GATE for gate in spec.schedulingGates or ())


def reason(meta: Meta, words: str) -> Reason:
    """Wait of a gated pod; a pod without the label was taken by the queue of that name."""
    return Reason("queued", (meta.labels or {}).get(QUEUE_LABEL) or DEFAULT_QUEUE, words)


class HeldWorkload(msgspec.Struct, frozen=True, gc=False):
    """Where a pod, or a group of pods, stands with Kueue."""

    namespace: str
    queue: str
    """The LocalQueue."""
    waits: bool
    """Whether it has no quota yet."""
    order: tuple[int, Instant]
    """The lower, the sooner: the negative priority, then the instant from which it stands in the queue."""
    pods: tuple[str, ...]
    words: str


def read_workload(workload: KueueWorkload) -> HeldWorkload:
    """What a Workload says of its pods."""
    meta, spec, status = workload.metadata, workload.spec, workload.status
    conditions = {one.type: one for one in (status.conditions if status else None) or ()}
    evicted = conditions.get("Evicted")
    since = meta.creationTimestamp
    if _holds(evicted) and evicted is not None and evicted.reason in AGES_AGAIN:
        since = evicted.lastTransitionTime
    over = _holds(conditions.get("Finished")) or _holds(conditions.get("QuotaReserved"))
    active = spec is None or spec.active is not False
    return HeldWorkload(
        namespace=meta.namespace or "",
        queue=(spec.queueName if spec else None) or "",
        waits=active and not over,
        order=(-((spec.priority if spec else None) or 0), parse_time(since) or 0),
        pods=tuple(one.uid for one in meta.ownerReferences or () if one.kind == "Pod" and one.uid),
        words=one_line(_words(workload, conditions)),
    )


def _holds(condition: Condition | None) -> bool:
    """Whether a condition is true: after a new admission the earlier conditions are kept as false."""
    return condition is not None and condition.status == "True"


def _words(workload: KueueWorkload, conditions: dict[str | None, Condition]) -> str:
    """Why it waits, in Kueue's own words; of MultiKueue where it was sent, as its pods stay gated here."""
    status, quota = workload.status, conditions.get("QuotaReserved")
    if status is not None and status.clusterName:
        return f"sent to cluster {status.clusterName}"
    if workload.spec is not None and workload.spec.active is False:
        return "deactivated: a person must set spec.active of its Workload"
    if quota is None:
        return "Kueue has not looked at it yet"
    if not _holds(quota):
        return f"{quota.reason}: {quota.message}" if quota.message else quota.reason or ""
    checks = [f"{c.name} {c.state}: {c.message or ''}" for c in (status.admissionChecks if status else None) or ()]
    waiting = [check for check in checks if " Ready:" not in check]
    if waiting:
        return f"its quota is reserved; admission check {', '.join(waiting)}"
    admitted = conditions.get("Admitted")
    return (admitted.message or admitted.reason or "") if admitted is not None and not _holds(admitted) else ""


def borrowed(queue: ClusterQueue) -> str:
    """What a ClusterQueue uses beyond its own quota, in words; empty: nothing."""
    usage = (queue.status.flavorsUsage if queue.status else None) or ()
    amounts = [
        f"{one.borrowed} {one.name} of {flavor.name}"
        for flavor in usage
        for one in flavor.resources or ()
        if str(one.borrowed or "0") != "0"
    ]
    return ", ".join(amounts)
