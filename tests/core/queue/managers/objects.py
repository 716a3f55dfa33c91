"""Objects of queue managers, made by hand from their documented fields: no such manager ran in a test of this project."""

from typing import Any

from collector.core.messages import Change, Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes, queue_managers
from tests.builders import NOON, SECOND, a_condition, an_observation, decoded, iso, pod_json, workflow_json

ACK, KOORD = "kube-queue", "koord-queue"
WORDS = (
    "Insufficient quota(cpu) in quota root/team-a: request 8, max 40, used 36, oversellreate 1. Wait for running jobs"
)
NO_QUOTA = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor a100, 1 more needed"
NOT_READY = "1/1 tasks in gang unschedulable: pod group is not ready, 1 Pending, 1 minAvailable"
ADMISSION, TOPOLOGY = "kueue.x-k8s.io/admission", "kueue.x-k8s.io/topology"


def a_managed(
    uid: str = "w1",
    manager: str = ACK,
    *,
    suspend: bool = True,
    enqueued: bool = True,
    stored: bool = False,
    **more: Any,
) -> kubernetes.Workflow:
    """A workflow with a queue manager's template, in its spec or among the stored ones."""
    prefix, marker = f"{manager}/", {"name": f"{manager}-suspend", "suspend": {}}
    annotations = {f"{prefix}min-resources": '{"cpu":"8"}'}
    if enqueued:
        annotations |= {
            f"{prefix}job-has-enqueued": "true",
            f"{prefix}job-enqueue-timestamp": "2026-11-22 12:00:01.123456789 +0000 UTC m=+512.25",
        }
        more.setdefault("conditions", [{"type": "Enqueued", "status": "True", "message": f"{uid} is enqueued"}])
    main = {"name": "main", "container": {"image": "busybox"}}
    spec: dict[str, Any] = {"suspend": suspend, "entrypoint": "main", "templates": [main] if stored else [marker, main]}
    if stored:
        more["storedTemplates"] = {f"namespaced/wf/{marker['name']}": marker}
    return decoded(
        workflow_json(uid, spec=spec, annotations=annotations, **{"phase": "Running", "started": NOON, **more}),
        kubernetes.Workflow,
    )


def a_suspended(uid: str = "w1", **more: Any) -> kubernetes.Workflow:
    """A workflow that a person has suspended, without a queue manager."""
    spec = {"suspend": True, "templates": [{"name": "approve", "suspend": {}}]}
    return decoded(workflow_json(uid, spec=spec, **{"phase": "Running", "started": NOON, **more}), kubernetes.Workflow)


def meta(name: str, uid: str, created: Instant = NOON, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "team",
        "uid": uid,
        "resourceVersion": "1",
        "creationTimestamp": iso(created),
        **more,
    }


def owner(kind: str, uid: str, group: str = "argoproj.io/v1alpha1") -> list[dict[str, Any]]:
    return [{"apiVersion": group, "kind": kind, "name": uid, "uid": uid, "controller": True}]


def a_unit(phase: str = "Enqueued", uid: str = "w1", message: str = WORDS) -> queue_managers.QueueUnit:
    """The QueueUnit of a workflow; a new one has no status."""
    consumer = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "namespace": "team", "name": uid}
    status = {"phase": phase, "attempts": 14, "message": message} if phase else None
    fields = {"metadata": meta(uid, f"unit-{uid}", ownerReferences=owner("Workflow", uid)), "status": status}
    return decoded(fields | {"spec": {"consumerRef": consumer, "request": {"cpu": "8"}}}, queue_managers.QueueUnit)


def a_unit_queue(*names: str) -> queue_managers.UnitQueue:
    """A Queue with the waiting units in this order."""
    items = [{"namespace": "team", "name": name, "priority": 0, "position": at} for at, name in enumerate(names, 1)]
    fields = {"metadata": meta("root-team-a", "q1"), "status": {"queueItemDetails": {"active": items}}}
    return decoded(fields, queue_managers.UnitQueue)


def a_gated(uid: str = "p1", workflow: str = "w1", *gates: str, queue: str = "team-a", **more: Any) -> kubernetes.Pod:
    """A pod that Kueue holds, unless other gates are given."""
    fields = pod_json(uid, owner=workflow, created=NOON + SECOND, **more)
    fields["metadata"]["labels"] = {**(fields["metadata"].get("labels") or {}), "kueue.x-k8s.io/managed": "true"}
    if queue:
        fields["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = queue
    fields["spec"]["schedulingGates"] = [{"name": gate} for gate in gates or (ADMISSION, TOPOLOGY)]
    fields["status"]["conditions"] = [a_condition("PodScheduled", NOON, "False", reason="SchedulingGated")]
    return decoded(fields, kubernetes.Pod)


def a_workload(
    uid: str = "p1",
    *conditions: dict[str, Any],
    priority: int = 0,
    created: Instant = NOON,
    queue: str = "team-a",
    active: bool = True,
    **status: Any,
) -> queue_managers.KueueWorkload:
    """The Workload of a pod; without conditions Kueue has not looked at it."""
    fields = {
        "metadata": meta(f"pod-{uid}-a1b2c", f"wl-{uid}", created, ownerReferences=owner("Pod", uid, "v1")),
        "spec": {"queueName": queue, "priority": priority, "active": active},
        "status": {"conditions": [*conditions], **status} if conditions or status else None,
    }
    return decoded(fields, queue_managers.KueueWorkload)


def waits_for_quota(when: Instant = NOON) -> dict[str, Any]:
    return a_condition("QuotaReserved", when, "False", reason="WaitingForQuota", message=NO_QUOTA)


def a_local_queue(name: str = "team-a", pending: int | None = None, of: str = "gpu") -> queue_managers.LocalQueue:
    fields = {
        "metadata": meta(name, f"lq-{name}"),
        "spec": {"clusterQueue": of},
        "status": None if pending is None else {"pendingWorkloads": pending},
    }
    return decoded(fields, queue_managers.LocalQueue)


def a_cluster_queue(pending: int | None = None, borrowed: str = "0") -> queue_managers.ClusterQueue:
    usage = [{"name": "a100", "resources": [{"name": "nvidia.com/gpu", "total": "8", "borrowed": borrowed}]}]
    status = None if pending is None else {"pendingWorkloads": pending, "flavorsUsage": usage}
    return decoded({"metadata": meta("gpu", "cq1"), "status": status}, queue_managers.ClusterQueue)


def a_volcano_pod(
    uid: str = "p1", workflow: str = "w1", *, group: str = "", node: str = "", **more: Any
) -> kubernetes.Pod:
    """A pod that Volcano schedules; its controller names the group a moment later."""
    more.setdefault("conditions", None if node else [])
    fields = pod_json(uid, owner=workflow, created=NOON + SECOND, node=node, **more)
    fields["spec"] |= {"schedulerName": "volcano"}
    if group:
        fields["metadata"]["annotations"] = {
            **(fields["metadata"].get("annotations") or {}),
            "scheduling.k8s.io/group-name": group,
        }
    return decoded(fields, kubernetes.Pod)


def a_group(phase: str = "Pending", of: str = "w1", kind: str = "Workflow", name: str = "") -> queue_managers.PodGroup:
    """The PodGroup of a workflow's pods, or of one pod."""
    held = a_condition("Unschedulable", NOON, reason="NotEnoughResources", message=NOT_READY)
    fields = {
        "metadata": meta(name or f"podgroup-{of}", f"pg-{of}", ownerReferences=owner(kind, of)),
        "spec": {"minMember": 1, "queue": "team-a"},
        "status": {"phase": phase, "conditions": [held] if phase == "Pending" else []} if phase else None,
    }
    return decoded(fields, queue_managers.PodGroup)


def saw(seen: Any, when: Instant, change: Change = "modified") -> Observation:
    """One sight of any of these objects."""
    return an_observation(seen, change, when=when)
