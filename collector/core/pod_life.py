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
from collector.core.spec import MALFORMED_REQUESTS

PRICING_KEYS = frozenset({
    "k8s.aliyun.com/eci-instance-id", "k8s.aliyun.com/eci-instance-spec", "k8s.aliyun.com/eci-instance-zone",
    "k8s.aliyun.com/eci-instance-cpu", "k8s.aliyun.com/eci-instance-mem",
    "k8s.aliyun.com/eci-instance-compute-category", "k8s.aliyun.com/eci-spot-strategy", "k8s.aliyun.com/eci-spot-duration",
    "k8s.aliyun.com/eci-spot-price-limit", "k8s.aliyun.com/eci-spot-fallback", "k8s.aliyun.com/eci-use-specs",
    "k8s.aliyun.com/eci-extra-ephemeral-storage", "k8s.aliyun.com/eci-max-pending-minute",
    "alibabacloud.com/acs", "alibabacloud.com/compute-class", "alibabacloud.com/compute-qos",
    "alibabacloud.com/pod-use-spec", "alibabacloud.com/gpu-model-series", "alibabacloud.com/cpu-vendor",
    "CapacityProvisioned", "eks.amazonaws.com/fargate-profile", "cloud.google.com/gke-spot",
    "alibabacloud.com/pod-required-spec", "autopilot.gke.io/warden-version",
})  # fmt: skip
"""Labels and annotations of a pod that decide a price; nothing else of them is kept."""

NODE_KEYS = frozenset({
    "type", "node.kubernetes.io/instance-type", "topology.kubernetes.io/region", "topology.kubernetes.io/zone",
    "eks.amazonaws.com/compute-type", "eks.amazonaws.com/capacityType", "cloud.google.com/gke-spot",
    "alibabacloud.com/virtual-node", "cloud.google.com/compute-class",
})  # fmt: skip
REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
WORKFLOW_LABEL = "workflows.argoproj.io/workflow"
NODE_ID = "workflows.argoproj.io/node-id"
NODE_NAME = "workflows.argoproj.io/node-name"


GPU_ENDINGS = ("/gpu", "/gpu-core")
DAY_MS = 86_400_000
ZERO = Decimal(0)
NONE_ASKED = (ZERO, ZERO, ZERO, ZERO)
MOST = Decimal(999_999_999)
"""Of cores and GPUs, what fits the columns; nobody has as many."""
UNSCHEDULABLE_SIGNS = (("quota", "quota"), ("persistentvolumeclaim", "volume"), ("volume", "volume"))
"""Words of schedulers, in lower case, that tell a quota or a volume from a lack of nodes."""


class Told(msgspec.Struct, frozen=True, array_like=True):
    """The charges of a pod that were told: their newest version, and the billing days they fall on."""

    version: int
    first_day: int
    last_day: int


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
    guessed: bool = False
    """Its end is our own clock's: no kubelet wrote one down, as for an evicted pod."""
    waits: str = ""
    """The waiting reason of a pod that cannot start: quota, unschedulable, image, volume."""
    told: Told | None = None
    """Its charges so far; newer ones go above them."""


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
    region: str = ""
    """The cluster's own, for a pod whose labels and node tell none."""


def observe(before: PodLife | None, seen: Observation, place: Place) -> PodLife:
    """The pod's life after one more observation of it."""
    pod: decode.Pod = seen.object  # type: ignore[assignment]  # the kind says so
    run = _run(before.run if before else None, pod, seen, place)
    stage = "finished" if run.finished_at else "running" if _main_runs(pod.status) else "starting"
    waits = _waits(pod.status) if stage == "starting" and pod.status else ""
    gone = seen.change == "deleted"
    if before is None:
        historic = seen.change == "listed" and stage == "finished"
        guessed = run.finished_at == seen.at
        return PodLife(run, stage, seen.at, seen.live, historic, gone, waits=waits, guessed=guessed)
    guessed = run.finished_at == (before.run.finished_at if before.guessed else seen.at)
    return msgspec.structs.replace(before, run=run, stage=stage, gone=gone, waits=waits, guessed=guessed)


def close(before: PodLife, seen_at: Instant, version: int, reason: str) -> PodLife:
    """The life of a pod that is gone: it ended no later than now."""
    if before.stage == "finished":
        return msgspec.structs.replace(before, gone=True)
    run = msgspec.structs.replace(before.run, finished_at=seen_at, reason=before.run.reason or reason, version=version)
    return msgspec.structs.replace(before, run=run, stage="finished", gone=True, guessed=True)


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
        region=labels.get(REGION) or place.node_labels.get(REGION, place.region),
        zone=labels.get(ZONE) or place.node_labels.get(ZONE, ""),
        cpu=cpu,
        memory_bytes=int(memory),
        gpu=gpu,
        ephemeral_bytes=int(ephemeral),
        pricing=_pricing(labels, annotations, place.node_labels) | _malformed(spec),
        scheduled_at=_condition(status, "PodScheduled") or (before.scheduled_at if before else None),
        instance_created_at=_condition(status, "ContainerInstanceCreated") or (before.instance_created_at if before else None),
        main_started_at=_started(main) or (before.main_started_at if before else None),
        finished_at=_finished(status, meta, seen, before),
        phase=status.phase or "",
        # An end is told once; what a pod waited for on its way is no reason of its end.
        reason=status.reason or _reason(main) or (before.reason if before and before.finished_at else ""),
        exit_code=_exit_code(main),
    )  # fmt: skip


def _requests(spec: decode.PodSpec) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Cores, memory bytes, GPUs, ephemeral bytes: the long-running containers' sum, or the largest init's if more."""
    together, largest = [ZERO] * 4, [ZERO] * 4
    for container in spec.containers or ():
        together = [a + b for a, b in zip(together, _asked(container), strict=True)]
    for container in spec.initContainers or ():
        # A sidecar is an init container that is always restarted: it stays beside the others.
        stays = container.restartPolicy == "Always"
        asked = _asked(container)
        together = [a + b for a, b in zip(together, asked, strict=True)] if stays else together
        largest = largest if stays else list(map(max, largest, asked))
    cpu, memory, gpu, ephemeral = map(max, together, largest)
    return min(cpu, MOST), memory, min(gpu, MOST), ephemeral


def _asked(container: decode.Container) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    resources = container.resources
    asked = {**(resources.limits or {}), **(resources.requests or {})} if resources else None
    if not asked:
        return NONE_ASKED
    amounts = {name: quantity(text) or ZERO for name, text in asked.items()}
    cpu, memory, ephemeral = (amounts.get(name, ZERO) for name in ("cpu", "memory", "ephemeral-storage"))
    return cpu, memory, sum((v for k, v in amounts.items() if k.endswith(GPU_ENDINGS)), ZERO), ephemeral


def _pricing(labels: Mapping[str, str], annotations: Mapping[str, str], node: Mapping[str, str]) -> dict[str, str]:
    own = {k: v for source in (labels, annotations) for k, v in source.items() if k in PRICING_KEYS}
    return own | {f"node:{k}": v for k, v in node.items() if k in NODE_KEYS}


def _waits(status: decode.PodStatus) -> str:
    """Which waiting reason of its workflow a pod that has not started stands for."""
    for condition in status.conditions or ():
        said = f"{condition.reason} {condition.message}"
        if condition.status == "False" and condition.type == "ContainerInstanceCreated" and "Stock" in said:
            return "quota"
        if condition.type == "PodScheduled" and condition.reason == "Unschedulable":
            return next((reason for sign, reason in UNSCHEDULABLE_SIGNS if sign in said.lower()), "unschedulable")
    statuses = (*(status.initContainerStatuses or ()), *(status.containerStatuses or ()))
    waits = (c.state.waiting.reason or "" for c in statuses if c.state and c.state.waiting)
    return "image" if any("Image" in reason for reason in waits) else ""


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
    """When the last container ended, once the pod is over; where nobody wrote that down, the pod's last word."""
    terminal = status.phase in ("Succeeded", "Failed")
    if not terminal and seen.change != "deleted":
        return None
    states = [c.state for c in (*(status.initContainerStatuses or ()), *(status.containerStatuses or ())) if c.state]
    ends = [decode.instant(state.terminated.finishedAt) for state in states if state.terminated]
    # A kubelet's clock may be years ahead: what has not been yet is no end.
    known = [end for end in ends if end and end <= seen.at + DAY_MS]
    # An evicted pod's main is said to run for ever, a deleted one's to wait: the ends of others tell nothing then.
    if known and not any(state.running or (state.waiting and not terminal) for state in states):
        return max(known)
    if before and before.finished_at:
        return before.finished_at
    started = _started(_main(status.containerStatuses)) or (before.main_started_at if before else None)
    return _last_word(status, meta, seen, started)


def _last_word(status: decode.PodStatus, meta: decode.Meta, seen: Observation, started: Instant | None) -> Instant:
    """When the pod ceased to be ready, or was told to go; else when we heard of it, unless it was long over then."""
    changes = [(c.status, decode.instant(c.lastTransitionTime)) for c in status.conditions or ()]
    ceased = [at for value, at in changes if value == "False" and at and started and at > started]
    if ceased:
        return max(ceased)
    if told := decode.instant(meta.deletionTimestamp):
        return told
    return max((at for _, at in changes if at and seen.change == "listed"), default=seen.at)


def _template(pod_name: str, workflow_name: str, node_id: str) -> str:
    """The template in a pod's name of the form workflow-template-hash; empty where the name has another form."""
    hashed = node_id.removeprefix(f"{workflow_name}-")
    if not workflow_name or not pod_name.startswith(f"{workflow_name}-") or not pod_name.endswith(f"-{hashed}"):
        return ""
    return pod_name[len(workflow_name) + 1 : -len(hashed) - 1]


def _malformed(spec: decode.PodSpec) -> dict[str, str]:
    """A mark for pricing where a request or limit was no quantity: what a cloud bills of it is a guess."""
    asked = (c.resources for c in (*(spec.containers or ()), *(spec.initContainers or ())) if c.resources)
    texts = (text for r in asked for text in ({**(r.limits or {}), **(r.requests or {})}).values())
    return {} if all(quantity(text) is not None for text in texts) else {MALFORMED_REQUESTS: ""}
