"""
Small builders: the least object, observation or fact that a test needs, with what it is about given by name.

Objects are made as the API server's JSON and go through the real decoder, so that a test cannot ask for a struct that no
cluster could send.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from collector.core.cost.payer import Payer
from collector.core.facts.bills import PodRun
from collector.core.messages import Change, Observation
from collector.core.model import Instant, version_of
from collector.core.objects import kubernetes, structs
from collector.core.objects.kubernetes import Kind
from collector.core.objects.status_nodes import Node, parse_nodes
from collector.core.pod.lifecycle import NODE_ID, NODE_NAME, AttemptPlace
from collector.core.rules import AttributionRule, Rules
from collector.core.workflow.outcome import Leaf
from collector.core.workflow.payer import payer_of
from collector.core.workflow.state import Attempt, WorkflowState

T = TypeVar("T")

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000


def at(text: str) -> Instant:
    """Unix ms of an ISO time; UTC where it names no zone."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


NOON = at("2026-11-22T12:00:00")
"""A Sunday; all times of a test count from here."""

POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
VIRTUAL_NODE = "virtual-kubelet-cn-hangzhou-h"
ECI_2C4G = {"k8s.aliyun.com/eci-instance-id": "eci-1", "k8s.aliyun.com/eci-instance-spec": "2.0-4.0Gi"}
ACS_2C8G = {"alibabacloud.com/pod-use-spec": "2-8Gi"}
RULES = Rules(
    department=(AttributionRule("workflow_label", "department"), AttributionRule("namespace_label", "department"))
)


def iso(instant: Instant | None) -> str | None:
    """RFC 3339 in whole seconds, as Kubernetes writes it; None stays None."""
    return None if instant is None else f"{datetime.fromtimestamp(instant // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def a_workflow(
    uid: str = "w1", *, created: Instant = NOON, phase: str | None = None, **more: Any
) -> kubernetes.Workflow:
    """A workflow as the API shows it; without a phase the controller has not seen it. See `workflow_json`."""
    return decoded(workflow_json(uid, created=created, phase=phase, **more), kubernetes.Workflow)


def decoded(fields: dict[str, Any], struct: type[T]) -> T:
    """The object of a JSON value, by the decoder that the watch uses."""
    return msgspec.json.decode(msgspec.json.encode(fields), type=struct)


def workflow_json(
    uid: str = "w1",
    *,
    created: Instant = NOON,
    phase: str | None = None,
    name: str = "",
    namespace: str = "team",
    started: Instant | None = None,
    finished: Instant | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    nodes: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """The JSON of a workflow; what is not named here goes into its status."""
    meta = {"name": name or uid, "namespace": namespace, "uid": uid, "resourceVersion": "1"}
    return {
        "metadata": meta | {"creationTimestamp": iso(created), "labels": labels, "annotations": annotations},
        "spec": spec or {},
        "status": {"phase": phase, "startedAt": iso(started), "finishedAt": iso(finished), **status}
        | ({} if nodes is None else {"nodes": nodes}),
    }


def a_step(phase: str = "Succeeded", kind: str = "Pod", **more: Any) -> dict[str, Any]:
    """One entry of status.nodes."""
    return {"type": kind, "phase": phase, **more}


def a_leaf(finished_at: Instant, phase: str, text: str, kind: str = "", *, node_id: str = "", step: str = "") -> Leaf:
    """A failed step in which no other failed."""
    return Leaf(finished_at=finished_at, phase=phase, text=text, type=kind, node_id=node_id, step=step)


def read_nodes(status: kubernetes.WorkflowStatus | None) -> dict[str, Node]:
    """The steps in a status, packed or plain."""
    return parse_nodes(status).nodes


def a_container(
    name: str = "main",
    *,
    started: Instant | None = None,
    ended: Instant | None = None,
    waits: str = "",
    exit_code: int = 0,
    reason: str = "",
) -> dict[str, Any]:
    """A container's status: it waits, runs or has ended."""
    if ended is not None:
        end = {"startedAt": iso(started), "finishedAt": iso(ended), "exitCode": exit_code}
        return {"name": name, "state": {"terminated": end | {"reason": reason or "Completed"}}}
    if started is not None:
        return {"name": name, "state": {"running": {"startedAt": iso(started)}}}
    return {"name": name, "state": {"waiting": {"reason": waits or "ContainerCreating"}}}


def a_condition(kind: str, when: Instant, status: str = "True", **more: Any) -> dict[str, Any]:
    """A pod condition that changed at an instant."""
    return {"type": kind, "status": status, "lastTransitionTime": iso(when), **more}


def pod_json(
    uid: str = "p1",
    *,
    owner: str = "w1",
    phase: str = "Pending",
    created: Instant = NOON,
    started: Instant | None = None,
    ended: Instant | None = None,
    name: str = "",
    namespace: str = "team",
    node: str = VIRTUAL_NODE,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    containers: list[dict[str, Any]] | None = None,
    requests: dict[str, str] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """The JSON of a workflow's pod on a virtual node; what is not named here goes into its status."""
    owned = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": owner, "uid": owner, "controller": True}
    meta = {"name": name or uid, "namespace": namespace, "uid": uid, "resourceVersion": "1", "labels": labels}
    step = {NODE_ID: uid, NODE_NAME: uid}
    default = [a_condition("PodScheduled", created), a_condition("ContainerInstanceCreated", created)]
    return {
        "metadata": meta
        | {"creationTimestamp": iso(created), "ownerReferences": [owned] if owner else None}
        | {"annotations": step | (ECI_2C4G if annotations is None else annotations)},
        "spec": {
            "nodeName": node,
            "containers": [{"name": "main", "resources": {"requests": requests or {"cpu": "2", "memory": "4Gi"}}}],
        },
        "status": {
            "phase": phase,
            "conditions": default if conditions is None else conditions,
            "containerStatuses": [a_container(started=started, ended=ended)] if containers is None else containers,
            **status,
        },
    }


def a_pod(uid: str = "p1", *, phase: str = "Pending", **more: Any) -> kubernetes.Pod:
    """A workflow's pod as the API shows it. See `pod_json`."""
    return decoded(pod_json(uid, phase=phase, **more), kubernetes.Pod)


def running_pod(uid: str = "p1", **more: Any) -> kubernetes.Pod:
    """A pod whose main container runs since 10 s after noon."""
    return a_pod(uid, phase="Running", **{"started": NOON + 10 * SECOND, **more})


def ended_pod(uid: str = "p1", *, phase: str = "Succeeded", **more: Any) -> kubernetes.Pod:
    """A pod whose main container ran from 10 s to 70 s after noon."""
    return a_pod(uid, phase=phase, **{"started": NOON + 10 * SECOND, "ended": NOON + 70 * SECOND, **more})


def a_namespace(name: str = "team", uid: str = "", labels: dict[str, str] | None = None) -> kubernetes.Namespace:
    """A namespace."""
    return kubernetes.Namespace(kubernetes.Meta(name=name, uid=uid or f"ns-{name}", labels=labels))


def a_machine(name: str = VIRTUAL_NODE, labels: dict[str, str] | None = None) -> kubernetes.ApiNode:
    """A node; without labels a virtual one in Hangzhou."""
    virtual = {"type": "virtual-kubelet", "topology.kubernetes.io/region": "cn-hangzhou"}
    return kubernetes.ApiNode(
        kubernetes.Meta(name=name, uid=f"node-{name}", labels=virtual if labels is None else labels)
    )


PLAIN_LABELS = {
    "kubernetes.io/hostname": "n1", "node.kubernetes.io/instance-type": "ecs.c7.8xlarge",
    "topology.kubernetes.io/region": "cn-hangzhou", "topology.kubernetes.io/zone": "cn-hangzhou-i",
    "eks.amazonaws.com/capacityType": "SPOT",
}  # fmt: skip


def a_plain_node(
    name: str = "n1", *, labels: dict[str, str] | None = None, capacity: dict[str, str] | None = None
) -> kubernetes.ApiNode:
    """A spot machine in Hangzhou that was made at noon, of 4 cores and 8 GiB by default."""
    meta = {"name": name, "uid": f"node-{name}", "creationTimestamp": iso(NOON), "resourceVersion": "1"}
    fields = {"labels": PLAIN_LABELS if labels is None else labels}
    status = {"capacity": capacity or {"cpu": "4", "memory": "8Gi"}, "nodeInfo": {"machineID": "m"}}
    return decoded({"metadata": meta | fields, "spec": {}, "status": status}, kubernetes.ApiNode)


_KINDS: dict[type[Any], Kind] = {struct: kind for kind, struct in structs.OBJECT_OF.items()}  # type: ignore[misc]


def version(rv: int) -> int:
    """A version of the first epoch."""
    return version_of(0, rv)


def an_observation(
    seen: Any, change: Change = "modified", *, when: Instant = NOON, rv: int = 0, live: bool | None = None
) -> Observation:
    """One sight of an object; a later one has the higher version unless it is given. Listed ones are not live."""
    version = version_of(0, rv or when // 10)
    live = change != "listed" if live is None else live
    return Observation(_KINDS[type(seen)], change, seen.metadata.uid, seen, version=version, at=when, live=live)


def a_vanishing(kind: Kind, uid: str, *, when: Instant = NOON) -> Observation:
    """What a list that lacks a known object says of it."""
    return Observation(kind, "vanished", uid, None, version=version_of(0, when // 10), at=when, live=False)


def a_place(**changes: Any) -> AttemptPlace:
    """The first attempt of the workflow w1, on a node without labels."""
    place = AttemptPlace(
        cluster="c1", workflow_uid="w1", workflow_name="w1", attempt=1, owner_kind="Workflow", node_labels={}
    )
    return msgspec.structs.replace(place, **changes)


def a_pod_run(**changes: Any) -> PodRun:
    """A finished pod of 2 vCPU and 4 GiB on ECI: an instance at noon, main from 10 s to 70 s after it."""
    run = PodRun(
        cluster="c1", namespace="team", created_at=NOON, uid="p1", version=version_of(0, 100), name="p1",
        workflow_uid="w1", workflow_name="w1", attempt=1, step="p1", node_id="p1", template="", owner_kind="Workflow",
        service_account="", node_name=VIRTUAL_NODE, region="cn-hangzhou", zone="", cpu=Decimal(2),
        memory_bytes=4 * 1024**3, gpu=Decimal(0), ephemeral_bytes=0, pricing=dict(ECI_2C4G), scheduled_at=NOON,
        instance_created_at=NOON, main_started_at=NOON + 10 * SECOND, finished_at=NOON + 70 * SECOND,
        phase="Succeeded", reason="", exit_code=0,
    )  # fmt: skip
    return msgspec.structs.replace(run, **changes)


def a_state(**changes: Any) -> WorkflowState:
    """The state of a workflow that began and runs; a change may name a field of the workflow or of its attempt."""
    of_attempt = {name: changes.pop(name) for name in [*changes] if name in Attempt.__struct_fields__}
    attempt = Attempt(
        phase="Running", first_seen_at=NOON, first_seen_live=True, picked_up_at=NOON + 50, picked_up_live=True,
        reason="running", reason_since=NOON + 50,
    )  # fmt: skip
    state = WorkflowState(
        uid="w1", namespace="team", name="w1", created_at=NOON, version=version_of(0, 90), queue="team",
        department="autonomy", attempt=msgspec.structs.replace(attempt, **of_attempt),
    )  # fmt: skip
    return msgspec.structs.replace(state, **changes)


def a_payer(**changes: Any) -> Payer:
    """A running workflow of the department autonomy, as charges see it."""
    payer = payer_of(a_state())
    assert payer is not None
    return msgspec.structs.replace(payer, **changes)
