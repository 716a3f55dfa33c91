"""
A pod's stay, from the object as it changes: what it asked for, where it ran, when it began and ended.

Pure evidence; price and department are concluded elsewhere and can be again. Traps this knows: provider annotations come
after Running or after the end; conditions vanish in later writes; finishedAt is rewritten by a second or two; `main` is
not the first container; an evicted pod has no container end; an OOM kill may be in lastState alone.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from collector.core import decode
from collector.core.model import Instant, Observation, PodRun
from collector.core.quantity import quantity

PRICING_KEYS = frozenset({
    "k8s.aliyun.com/eci-instance-id", "k8s.aliyun.com/eci-instance-spec", "k8s.aliyun.com/eci-instance-zone",
    "k8s.aliyun.com/eci-instance-cpu", "k8s.aliyun.com/eci-instance-mem",
    "k8s.aliyun.com/eci-instance-compute-category", "k8s.aliyun.com/eci-spot-strategy", "k8s.aliyun.com/eci-spot-duration",
    "k8s.aliyun.com/eci-spot-price-limit", "k8s.aliyun.com/eci-spot-fallback", "k8s.aliyun.com/eci-use-specs",
    "k8s.aliyun.com/eci-extra-ephemeral-storage", "k8s.aliyun.com/eci-max-pending-minute",
    "alibabacloud.com/acs", "alibabacloud.com/compute-class", "alibabacloud.com/compute-qos",
    "alibabacloud.com/pod-use-spec", "alibabacloud.com/gpu-model-series", "alibabacloud.com/cpu-vendor",
    "CapacityProvisioned", "eks.amazonaws.com/fargate-profile", "cloud.google.com/gke-spot",
})  # fmt: skip
"""Labels and annotations of a pod that decide a price; nothing else of them is kept."""

NODE_KEYS = frozenset({
    "type", "node.kubernetes.io/instance-type", "topology.kubernetes.io/region", "topology.kubernetes.io/zone",
    "eks.amazonaws.com/compute-type", "eks.amazonaws.com/capacityType", "cloud.google.com/gke-spot",
    "alibabacloud.com/virtual-node",
})  # fmt: skip
REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
WORKFLOW_LABEL = "workflows.argoproj.io/workflow"
NODE_ID = "workflows.argoproj.io/node-id"
NODE_NAME = "workflows.argoproj.io/node-name"


class PodLife(msgspec.Struct, array_like=True, gc=False):
    """What is known of a pod of a workflow; checkpointed as it is."""

    run: PodRun
    stage: str
    """`starting`, `running` (a main container runs), `finished`."""
    first_seen_at: Instant
    live: bool
    """Whether its first observation was live."""
    historic: bool = False
    """Already over when a list first showed it: its row is written, but no counter moves for the past."""
    gone: bool = False
    """Its object is deleted; the life is kept until its workflow's attempt ends."""
    counted: Decimal | None = None
    """How much of its price the cost counter already holds; None before its end was counted."""


def workflow_owner(meta: decode.Meta) -> decode.Owner | None:
    """The Workflow that owns an object directly."""
    for owner in meta.ownerReferences or ():
        if owner.kind == "Workflow" and (owner.apiVersion or "").startswith("argoproj.io/") and owner.uid:
            return owner
    return None


class Place(msgspec.Struct, frozen=True):
    """What a pod is joined with: its workflow, the attempt of it, and the labels of its machine."""

    cluster: str
    workflow_uid: str
    workflow_name: str
    attempt: int
    owner_kind: str
    node_labels: Mapping[str, str]


def observe(before: PodLife | None, seen: Observation, place: Place) -> PodLife:
    """The pod's life after one more observation of it."""
    pod: decode.Pod = seen.object  # type: ignore[assignment]  # the kind says so
    run = _run(before.run if before else None, pod, seen, place)
    stage = "finished" if run.finished_at else "running" if _main_runs(pod.status) else "starting"
    gone = seen.change == "deleted"
    if before is None:
        historic = seen.change == "listed" and stage == "finished"
        return PodLife(run, stage, seen.at, seen.live, historic, gone)
    return PodLife(run, stage, before.first_seen_at, before.live, before.historic, gone, before.counted)


def close(before: PodLife, seen_at: Instant, version: int, reason: str) -> PodLife:
    """The life of a pod that is gone: it ended no later than now."""
    if before.stage == "finished":
        return msgspec.structs.replace(before, gone=True)
    run = msgspec.structs.replace(before.run, finished_at=seen_at, reason=before.run.reason or reason, version=version)
    return msgspec.structs.replace(before, run=run, stage="finished", gone=True)


def _run(before: PodRun | None, pod: decode.Pod, seen: Observation, place: Place) -> PodRun:
    meta, spec, status = pod.metadata, pod.spec or decode.PodSpec(), pod.status or decode.PodStatus()
    labels, annotations = meta.labels or {}, meta.annotations or {}
    main = _main(status.containerStatuses)
    cpu, memory, gpu, ephemeral = _requests(spec)
    node_id = annotations.get(NODE_ID, "")
    return PodRun(
        cluster=place.cluster,
        namespace=meta.namespace or "",
        created_at=decode.instant(meta.creationTimestamp) or (before.created_at if before else seen.at),
        uid=seen.uid,
        version=seen.version,
        name=meta.name or "",
        workflow_uid=place.workflow_uid,
        workflow_name=place.workflow_name or labels.get(WORKFLOW_LABEL, ""),
        attempt=before.attempt if before else place.attempt,
        step=annotations.get(NODE_NAME, ""),
        node_id=node_id,
        template=_template(meta.name or "", place.workflow_name, node_id),
        owner_kind=place.owner_kind,
        service_account=spec.serviceAccountName or "",
        node_name=spec.nodeName or "",
        region=labels.get(REGION) or place.node_labels.get(REGION, ""),
        zone=labels.get(ZONE) or place.node_labels.get(ZONE, ""),
        cpu=cpu,
        memory_bytes=int(memory),
        gpu=gpu,
        ephemeral_bytes=int(ephemeral),
        pricing=_pricing(labels, annotations, place.node_labels),
        scheduled_at=_condition(status, "PodScheduled") or (before.scheduled_at if before else None),
        instance_created_at=_condition(status, "ContainerInstanceCreated") or (before.instance_created_at if before else None),
        main_started_at=_started(main) or (before.main_started_at if before else None),
        finished_at=_finished(status, meta, seen, before),
        phase=status.phase or "",
        reason=status.reason or _reason(main) or (before.reason if before else ""),
        exit_code=_exit_code(main),
    )  # fmt: skip


def _requests(spec: decode.PodSpec) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Cores, memory bytes, GPUs, ephemeral bytes: the long-running containers' sum, or the largest init's if more."""
    inits = spec.initContainers or []
    sidecars = [c for c in inits if c.restartPolicy == "Always"]
    running = [*(spec.containers or []), *sidecars]
    once = [c for c in inits if c.restartPolicy != "Always"]
    return tuple(  # type: ignore[return-value]  # four names, four amounts
        max(
            sum((_asked(c, name) for c in running), Decimal(0)),
            max((_asked(c, name) for c in once), default=Decimal(0)),
        )
        for name in ("cpu", "memory", "gpu", "ephemeral-storage")
    )


def _asked(container: decode.Container, name: str) -> Decimal:
    resources = container.resources
    if resources is None:
        return Decimal(0)
    limits, requests = resources.limits or {}, resources.requests or {}
    if name == "gpu":
        amounts = {k: v for k, v in {**limits, **requests}.items() if k.endswith(("/gpu", "/gpu-core"))}
        return sum((quantity(v) or Decimal(0) for v in amounts.values()), Decimal(0))
    return quantity(requests.get(name) or limits.get(name) or "0") or Decimal(0)


def _pricing(labels: Mapping[str, str], annotations: Mapping[str, str], node: Mapping[str, str]) -> dict[str, str]:
    own = {k: v for source in (labels, annotations) for k, v in source.items() if k in PRICING_KEYS}
    return own | {f"node:{k}": v for k, v in node.items() if k in NODE_KEYS}


def _condition(status: decode.PodStatus, name: str) -> Instant | None:
    for condition in status.conditions or ():
        if condition.type == name and condition.status == "True":
            return decode.instant(condition.lastTransitionTime)
    return None


def _main(statuses: Iterable[decode.ContainerStatus] | None) -> decode.ContainerStatus | None:
    """The container that does the work; a pod of a Job has none called main, so its first stands in."""
    listed = list(statuses or ())
    return next((c for c in listed if c.name == "main"), listed[0] if listed else None)


def _main_runs(status: decode.PodStatus | None) -> bool:
    main = _main(status.containerStatuses) if status else None
    return bool(main and main.state and main.state.running)


def _started(main: decode.ContainerStatus | None) -> Instant | None:
    if main is None or main.state is None:
        return None
    state = main.state
    return decode.instant(
        state.running.startedAt if state.running else state.terminated.startedAt if state.terminated else None
    )


def _terminated(main: decode.ContainerStatus | None) -> decode.Terminated | None:
    for state in (main.state, main.lastState) if main else ():
        if state and state.terminated:
            return state.terminated
    return None


def _reason(main: decode.ContainerStatus | None) -> str:
    if ended := _terminated(main):
        return (ended.reason or "") if ended.reason != "Completed" else ""
    waits = main.state.waiting if main and main.state else None
    return (waits.reason or "") if waits else ""


def _exit_code(main: decode.ContainerStatus | None) -> int | None:
    ended = _terminated(main)
    return ended.exitCode if ended else None


def _finished(status: decode.PodStatus, meta: decode.Meta, seen: Observation, before: PodRun | None) -> Instant | None:
    """When the last container ended, once the pod is over; without one, the pod's last word, then our own clock."""
    over = status.phase in ("Succeeded", "Failed") or seen.change == "deleted"
    if not over:
        return None
    statuses = [*(status.initContainerStatuses or ()), *(status.containerStatuses or ())]
    ends = [decode.instant(c.state.terminated.finishedAt) for c in statuses if c.state and c.state.terminated]
    if known := [end for end in ends if end]:
        return max(known)
    if before and before.finished_at:
        return before.finished_at
    changes = [decode.instant(c.lastTransitionTime) for c in status.conditions or () if c.status == "False"]
    return max((c for c in changes if c), default=decode.instant(meta.deletionTimestamp) or seen.at)


def _template(pod_name: str, workflow_name: str, node_id: str) -> str:
    """The template in a pod's name of the form workflow-template-hash; empty where the name has another form."""
    hashed = node_id.removeprefix(f"{workflow_name}-")
    if not workflow_name or not pod_name.startswith(f"{workflow_name}-") or not pod_name.endswith(f"-{hashed}"):
        return ""
    return pod_name[len(workflow_name) + 1 : -len(hashed) - 1]
