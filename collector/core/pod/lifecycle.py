"""
A pod's stay, from the object as it changes: what it asked for, where it ran, when it began and ended.

Pure evidence; price and department are concluded elsewhere and can be again. Traps this knows: provider annotations come
after Running or after the end; conditions vanish in later writes; finishedAt is rewritten by a second or two; `main` is
not the first container; an evicted pod has no container end; an OOM kill may be in lastState alone.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from sys import intern

import msgspec

from collector.core.cost.billed_spec import MALFORMED_REQUESTS
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.facts.bills import PodRun
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.quantity import quantity
from collector.core.queue.waiting import STOCK, Reason, claim_name, quota_name, said
from collector.core.units import DAY_MS, MAX_AMOUNT, MAX_BYTES, ZERO

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


INSTANCE = "ContainerInstanceCreated"
GPU_ENDINGS = ("/gpu", "/gpu-core")
NONE_ASKED = (ZERO, ZERO, ZERO, ZERO)
UNSCHEDULABLE_SIGNS = (("quota", "quota"), ("persistentvolumeclaim", "volume"), ("volume", "volume"))
"""Words of schedulers, in lower case, that tell a quota or a volume from a lack of nodes."""
WAITS_FOR_NOTHING = Reason("")
_IMAGE = re.compile(r'image "([^"]+)"')


class PodState(msgspec.Struct, array_like=True, gc=False):
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
    counted_cost: Decimal | None = None
    """How much of its price the cost counter already holds; None before its end was counted."""
    guessed: bool = False
    """Its end is our own clock's: no kubelet wrote one down, as for an evicted pod."""
    waits: str = ""
    """The waiting reason of a pod that cannot start: quota, unschedulable, image, volume."""
    written: WrittenCharges | None = None
    """Its charges so far; newer ones go above them."""
    waits_on: str = ""
    """Which quota, image or claim; shared, for thousands wait for the same."""
    waits_words: str = ""
    """What the scheduler, the kubelet or the cloud said; shared too."""
    running_at: Instant | None = None
    """When main was first seen running."""
    running_live: bool = False
    """Whether that sight was live, and had one before it that showed the pod not running yet."""
    hint: str = ""
    """What a Kubernetes event said of it last."""
    notice_at: Instant | None = None
    """When an event announced that its spot instance is taken back; kept, for an event is told once."""

    @property
    def is_counted(self) -> bool:
        """Whether the cost counter holds this pod's price, which may be none."""
        return self.counted_cost is not None

    def count_unpriced(self) -> None:
        """Notes that the pod was counted as one without a price."""
        self.counted_cost = ZERO

    def count_cost(self, cost: Decimal) -> Decimal:
        """Raises the counted cost to `cost`; returns the increase, 0 if the counter already holds as much."""
        increase = cost - (self.counted_cost or ZERO)
        if increase > 0:
            self.counted_cost = cost
        return max(increase, ZERO)


def workflow_owner(meta: kubernetes.Meta) -> kubernetes.Owner | None:
    """The Workflow that owns an object directly."""
    for owner in meta.ownerReferences or ():
        if owner.kind == "Workflow" and (owner.apiVersion or "").startswith("argoproj.io/") and owner.uid:
            return owner
    return None


class AttemptPlace(msgspec.Struct, frozen=True):
    """What a pod is joined with: its workflow, the attempt of it, and the labels of its machine."""

    cluster: str
    workflow_uid: str
    workflow_name: str
    attempt: int
    owner_kind: str
    node_labels: Mapping[str, str]
    region: str = ""
    """The cluster's own, for a pod whose labels and node tell none."""


def observe(before: PodState | None, seen: Observation, place: AttemptPlace) -> PodState:
    """The pod's life after one more observation of it."""
    pod: kubernetes.Pod = seen.object  # type: ignore[assignment]  # the kind says so
    ended_at, guessed = _end(pod, seen, before)
    run = _run(before.run if before else None, pod, seen, place, ended_at)
    stage = "finished" if run.finished_at else "running" if _main_runs(pod.status) else "starting"
    waits = _waits(pod.status) if stage == "starting" and pod.status else WAITS_FOR_NOTHING
    if before is None:
        historic = seen.change == "listed" and stage == "finished"
        life = PodState(run, stage, seen.at, seen.live, historic, guessed=guessed)
    else:
        life = msgspec.structs.replace(before, run=run, stage=stage, guessed=guessed)
    life.gone = seen.change == "deleted"
    life.waits, life.waits_on, life.waits_words = waits.name, intern(waits.on), intern(waits.words)
    if stage == "running" and life.running_at is None:
        # A pod whose first sight shows it running has started before anybody looked.
        life.running_at, life.running_live = seen.at, seen.live and before is not None
    latency_ms, source = start_latency(life)
    if source or life.hint:
        life.run = msgspec.structs.replace(
            run, start_latency_ms=latency_ms, start_latency_source=source, hint=life.hint
        )  # fmt: skip
    return life


def start_latency(life: PodState) -> tuple[int | None, str]:
    """Created to main running in ms, and whose clock says so: `watch` ours, `object` whole seconds; None: it never ran."""
    latency_ms, source = _start_latency(life)
    return None if latency_ms is None else max(0, latency_ms), source


def clamped(life: PodState) -> bool:
    """Whether two clocks made its start latency negative, which was then set to 0."""
    return (_start_latency(life)[0] or 0) < 0


def _start_latency(life: PodState) -> tuple[int | None, str]:
    if life.live and life.running_live and life.running_at is not None:
        return life.running_at - life.first_seen_at, "watch"
    if life.run.main_started_at is None:
        return None, ""
    return life.run.main_started_at - life.run.created_at, "object"


def close(before: PodState, seen_at: Instant, version: int, reason: str) -> PodState:
    """The life of a pod that is gone: it ended no later than now."""
    if before.stage == "finished":
        return msgspec.structs.replace(before, gone=True)
    run = msgspec.structs.replace(before.run, finished_at=seen_at, reason=before.run.reason or reason, version=version)
    return msgspec.structs.replace(
        before, run=run, stage="finished", gone=True, guessed=True, waits="", waits_on="", waits_words=""
    )  # fmt: skip


def _run(
    before: PodRun | None, pod: kubernetes.Pod, seen: Observation, place: AttemptPlace, ended_at: Instant | None
) -> PodRun:
    meta, spec, status = pod.metadata, pod.spec or kubernetes.PodSpec(), pod.status or kubernetes.PodStatus()
    labels, annotations = meta.labels or {}, meta.annotations or {}
    main = _main(status.containerStatuses)
    cpu, memory, gpu, ephemeral = requests(spec)
    node_id = annotations.get(NODE_ID, "")
    return PodRun(
        cluster=place.cluster,
        namespace=meta.namespace or "",
        created_at=kubernetes.instant(meta.creationTimestamp) or (before.created_at if before else seen.at),
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
        pricing=_pricing(labels, annotations, place.node_labels) | malformed(spec),
        scheduled_at=_condition(status, "PodScheduled", seen.at) or (before.scheduled_at if before else None),
        instance_created_at=_condition(status, INSTANCE, seen.at) or (before.instance_created_at if before else None),
        main_started_at=_started(main) or (before.main_started_at if before else None),
        finished_at=ended_at,
        phase=status.phase or "",
        # An end is told once; what a pod waited for on its way is no reason of its end.
        reason=status.reason or _reason(main) or (before.reason if before and before.finished_at else ""),
        exit_code=_exit_code(main),
    )  # fmt: skip


def requests(spec: kubernetes.PodSpec) -> tuple[Decimal, Decimal, Decimal, Decimal]:
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
    return min(cpu, MAX_AMOUNT), min(memory, MAX_BYTES), min(gpu, MAX_AMOUNT), min(ephemeral, MAX_BYTES)


def _asked(container: kubernetes.Container) -> tuple[Decimal, Decimal, Decimal, Decimal]:
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


def _waits(status: kubernetes.PodStatus) -> Reason:
    """What keeps a pod from its start that has not begun: quota, unschedulable, volume, image; else nothing."""
    for condition in status.conditions or ():
        reason, message = condition.reason or "", condition.message or ""
        instance = condition.type == "ContainerInstanceCreated" and condition.status == "False"
        if instance and STOCK in f"{reason} {message}".lower():
            return Reason("quota", STOCK, said(message or reason))
        if condition.type == "PodScheduled" and reason == "Unschedulable":
            return _unschedulable(said(message))
    for container in (*(status.initContainerStatuses or ()), *(status.containerStatuses or ())):
        waiting = container.state.waiting if container.state else None
        if waiting and "Image" in (waiting.reason or ""):
            return _image(container, waiting)
    return WAITS_FOR_NOTHING


def _unschedulable(words: str) -> Reason:
    """A scheduler's refusal: for a quota, a volume, or for want of a node."""
    name = next((reason for sign, reason in UNSCHEDULABLE_SIGNS if sign in words.lower()), "unschedulable")
    return Reason(name, {"quota": quota_name(words), "volume": claim_name(words)}.get(name, ""), words)


def _image(container: kubernetes.ContainerStatus, waiting: kubernetes.Waiting) -> Reason:
    """A kubelet's failure to have an image, named by the container or else by the message."""
    message = waiting.message or ""
    named = _IMAGE.search(message)
    image = container.image or (named[1] if named else "")
    return Reason("image", said(image), said(f"{waiting.reason}: {message}" if message else waiting.reason))


def _condition(status: kubernetes.PodStatus, name: str, seen_at: Instant) -> Instant | None:
    """When a condition became true; what has not been yet is no instant, for a clock may be years ahead."""
    for condition in status.conditions or ():
        if condition.type == name and condition.status == "True":
            at = kubernetes.instant(condition.lastTransitionTime)
            return at if at and at <= seen_at + DAY_MS else None
    return None


def _main(statuses: Iterable[kubernetes.ContainerStatus] | None) -> kubernetes.ContainerStatus | None:
    """The container that does the work; a pod of a Job has none called main, so its first stands in."""
    listed = list(statuses or ())
    return next((c for c in listed if c.name == "main"), listed[0] if listed else None)


def _main_runs(status: kubernetes.PodStatus | None) -> bool:
    main = _main(status.containerStatuses) if status else None
    return bool(main and main.state and main.state.running)


def _started(main: kubernetes.ContainerStatus | None) -> Instant | None:
    if main is None or main.state is None:
        return None
    state = main.state
    return kubernetes.instant(
        state.running.startedAt if state.running else state.terminated.startedAt if state.terminated else None
    )


def _terminated(main: kubernetes.ContainerStatus | None) -> kubernetes.Terminated | None:
    for state in (main.state, main.lastState) if main else ():
        if state and state.terminated:
            return state.terminated
    return None


def _reason(main: kubernetes.ContainerStatus | None) -> str:
    if ended := _terminated(main):
        return (ended.reason or "") if ended.reason != "Completed" else ""
    waits = main.state.waiting if main and main.state else None
    return (waits.reason or "") if waits else ""


def _exit_code(main: kubernetes.ContainerStatus | None) -> int | None:
    ended = _terminated(main)
    return ended.exitCode if ended else None


def _end(pod: kubernetes.Pod, seen: Observation, before: PodState | None) -> tuple[Instant | None, bool]:
    """When the last container ended, once the pod is over, and whether that is a guess because nobody wrote it down."""
    status = pod.status or kubernetes.PodStatus()
    terminal = status.phase in ("Succeeded", "Failed")
    if not terminal and seen.change != "deleted":
        return None, False
    states = [c.state for c in (*(status.initContainerStatuses or ()), *(status.containerStatuses or ())) if c.state]
    ends = [kubernetes.instant(state.terminated.finishedAt) for state in states if state.terminated]
    # A kubelet's clock may be years ahead: what has not been yet is no end.
    known = [end for end in ends if end and end <= seen.at + DAY_MS]
    # An evicted pod's main is said to run for ever, a deleted one's to wait: the ends of others tell nothing then.
    if known and not any(state.running or (state.waiting and not terminal) for state in states):
        return max(known), False
    if before and before.run.finished_at:
        return before.run.finished_at, before.guessed
    started = _started(_main(status.containerStatuses)) or (before.run.main_started_at if before else None)
    return _last_word(status, pod.metadata, seen, started)


def _last_word(
    status: kubernetes.PodStatus, meta: kubernetes.Meta, seen: Observation, started: Instant | None
) -> tuple[Instant, bool]:
    """When the pod ceased to be ready, or was told to go; else by when we heard of it, or its last word before a list."""
    changes = [(c.status, kubernetes.instant(c.lastTransitionTime)) for c in status.conditions or ()]
    ceased = [at for value, at in changes if value == "False" and at and started and at > started]
    if ceased:
        return max(ceased), False
    if told := kubernetes.instant(meta.deletionTimestamp):
        return told, False
    return max((at for _, at in changes if at and seen.change == "listed"), default=seen.at), True


def _template(pod_name: str, workflow_name: str, node_id: str) -> str:
    """The template in a pod's name of the form workflow-template-hash; empty where the name has another form."""
    hashed = node_id.removeprefix(f"{workflow_name}-")
    if not workflow_name or not pod_name.startswith(f"{workflow_name}-") or not pod_name.endswith(f"-{hashed}"):
        return ""
    return pod_name[len(workflow_name) + 1 : -len(hashed) - 1]


def malformed(spec: kubernetes.PodSpec) -> dict[str, str]:
    """A mark for pricing where a request or limit was no quantity: what a cloud bills of it is a guess."""
    asked = (c.resources for c in (*(spec.containers or ()), *(spec.initContainers or ())) if c.resources)
    texts = (text for r in asked for text in ({**(r.limits or {}), **(r.requests or {})}).values())
    return {} if all(quantity(text) is not None for text in texts) else {MALFORMED_REQUESTS: ""}
