"""
Missed pods, estimated from the steps of a finished workflow.

Time: that of the step's record, which begins before its container. Size: the resources of its template, otherwise those
that follow from Argo's resourcesDuration, otherwise unknown, and then there is no price. A mark in `pricing` names the
source, and cost/billed_spec.py gives it low confidence. The start of main is not estimated: all cost counts as work.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

import msgspec

from collector.core.cost.billed_spec import ARCHIVED, ARCHIVED_NOWHERE, NANO
from collector.core.cost.gpu_shares import GPU_ANNOTATIONS
from collector.core.facts.bills import PodRun
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.lenient import fit_object, parse_untyped, printable
from collector.core.objects.status_nodes import Node, NodeTemplate, has_lasted, has_pod, has_worked, template_of
from collector.core.pod.gpu_marks import gpu_marks, gpu_requests, is_gpu
from collector.core.pod.price_marks import NODE_KEYS, PRICING_KEYS, REGION, ZONE
from collector.core.pod.requests import is_card, malformed, requests
from collector.core.units import MAX_AMOUNT, MAX_BYTES, ZERO
from collector.core.workflow.steps import exit_code

T = TypeVar("T")

ESTIMATED = 1
"""The version of an estimate: below 256, the version of the first object of a cluster (model.version_of)."""
UID = "node:"
"""Prefix of the key of a missed pod; no uid of Kubernetes has a colon."""
VANISHED = "vanished"
"""The reason of a pod with a guessed end: it existed before a watch gap and not after it (cluster/pod_handler.py)."""
SLACK_MS = 2_000
"""Argo creates a pod in the pass that records its step; both instants are whole seconds."""
DURATION_UNITS = {"memory": 100 * 1024**2, "ephemeral-storage": 10 * 1024**3}
"""Bytes in one unit of resourcesDuration; one of all else (Argo's docs/resource-duration.md)."""
LARGEST_CPU = 1024
"""More cores than any pod has: a container start in 1970 makes durations of fifty years (Argo issue 13709)."""
NAME_LIMIT = 242
"""Characters of a pod's name before its hash (Argo's workflow/util/pod_name.go)."""
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ContainerSet(msgspec.Struct, gc=False):
    containers: list[kubernetes.Container] | None = None


class Template(msgspec.Struct, gc=False):
    """The parts of a template that decide the size of its pods, and nothing of what they run."""

    name: str | None = None
    metadata: kubernetes.Meta | None = None
    """Metadata of its pods."""
    container: kubernetes.Container | None = None
    script: kubernetes.Container | None = None
    containerSet: ContainerSet | None = None
    sidecars: list[kubernetes.Container] | None = None
    initContainers: list[kubernetes.Container] | None = None
    podSpecPatch: str | None = None


class Templates(msgspec.Struct, gc=False):
    templates: list[Template] | None = None
    podMetadata: kubernetes.Meta | None = None
    podSpecPatch: str | None = None


class TemplateRef(NodeTemplate, gc=False):
    """A reference to a template of another object, by the name of that object."""

    name: str | None = None


class Step(Node, gc=False):
    """A step with the resource durations that Argo counted."""

    templateRef: TemplateRef | None = None
    templateScope: str | None = None
    resourcesDuration: dict[str, int] | None = None


class StepStatus(msgspec.Struct, gc=False):
    nodes: msgspec.Raw = msgspec.Raw(b"")
    storedTemplates: msgspec.Raw = msgspec.Raw(b"")
    storedWorkflowTemplateSpec: Templates | None = None


class SizingView(msgspec.Struct, gc=False):
    """A second view of a workflow, for the sizes of its pods."""

    spec: Templates | None = None
    status: StepStatus | None = None


class SizedSteps(msgspec.Struct, frozen=True):
    """The steps of a workflow, and the templates that their pods were made from."""

    nodes: Mapping[str, Step]
    own: Mapping[str, Template]
    """Templates of the workflow, or of the template that it names, by name."""
    stored: Mapping[str, Template]
    """Templates of other objects, by `scope/resource/template`."""
    patched: bool
    """Whether a patch may change the requests of templates."""
    marks: Mapping[str, str] = {}
    """Labels and annotations of all pods that decide a price."""


class WorkflowRef(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt of a workflow whose pods are estimated."""

    cluster: str
    namespace: str
    uid: str
    name: str
    attempt: int
    started_at: Instant | None
    finished_at: Instant
    service_account: str
    region: str
    """Region of pods whose node has no region label."""


def decoded(body: bytes | msgspec.Raw, wanted: type[T]) -> T | None:
    """An object from untrusted bytes, repaired where needed; None: the bytes are not a JSON object."""
    try:
        return msgspec.json.decode(body, type=wanted)
    except UNDECODABLE:
        value: T | None = fit_object(parse_untyped(bytes(body)), wanted).object
        return value


def steps_of(body: bytes) -> SizedSteps:
    """The steps and templates of a whole workflow, with unpacked steps as the archive returns them."""
    sized = decoded(body, SizingView) or SizingView()
    spec, status = sized.spec or Templates(), sized.status or StepStatus()
    named = status.storedWorkflowTemplateSpec or Templates()
    own = {t.name: t for t in (*(named.templates or ()), *(spec.templates or ())) if t.name}
    stored = _entries(status.storedTemplates, Template)
    patches = (spec.podSpecPatch, named.podSpecPatch)
    marks = _marks(named.podMetadata) | _marks(spec.podMetadata)
    return SizedSteps(_entries(status.nodes, Step), own, stored, any(_sizes(patch) for patch in patches), marks)


def _marks(meta: kubernetes.Meta | None) -> dict[str, str]:
    """Requested marks that decide a price; what the provider granted is on the pod only."""
    texts = {**(meta.labels or {}), **(meta.annotations or {})} if meta else {}
    return {key: text for key, text in texts.items() if key in PRICING_KEYS or key in GPU_ANNOTATIONS}


def _entries(raw: msgspec.Raw, wanted: type[T]) -> dict[str, T]:
    try:
        return msgspec.json.decode(raw, type=dict[str, wanted] | None) or {}  # type: ignore[valid-type]
    except UNDECODABLE:
        entries = (parse_untyped(bytes(raw)) or {}).items()
        repaired = {printable(k): fit_object(v, wanted).object for k, v in entries}
        return {k: v for k, v in repaired.items() if v is not None}


def _sizes(patch: str | None) -> bool:
    """Whether a patch of pods may change their requests."""
    return "resources" in (patch or "")


def estimates(
    steps: SizedSteps, workflow: WorkflowRef, seen: Iterable[PodRun], node_labels: Mapping[str, Mapping[str, str]]
) -> list[PodRun]:
    """Estimates of the missed pods of a workflow, in the order of creation."""
    known: dict[str, list[PodRun]] = {}
    for run in seen:
        known.setdefault(run.node_id, []).append(run)
    found = [
        _estimate(steps, workflow, node, node_id=key, labels=node_labels.get(node.hostNodeName or "", {}))
        for key, node in steps.nodes.items()
        if has_pod(node)
        and (has_worked(node) or has_lasted(node) or not node.finishedAt)
        and (begin := kubernetes.parse_time(node.startedAt)) is not None
        and not any(same_pod(run.created_at, begin, _end(node, begin, workflow)) for run in known.get(key, ()))
    ]
    return sorted(found, key=lambda run: (run.created_at, run.uid))


def with_step_end(steps: SizedSteps, workflow: WorkflowRef, run: PodRun) -> PodRun | None:
    """A vanished pod with the end in Argo's record; None: its end was observed, or Argo recorded none."""
    node = steps.nodes.get(run.node_id) if run.reason == VANISHED else None
    begin = kubernetes.parse_time(node.startedAt) if node else None
    if node is None or begin is None or not same_pod(run.created_at, begin, _end(node, begin, workflow)):
        return None
    end, code = max(_end(node, begin, workflow), run.main_started_at or run.created_at), exit_code(node)
    phase = "Succeeded" if node.phase == "Succeeded" else "Failed"
    return msgspec.structs.replace(run, version=run.version + 1, finished_at=end, phase=phase, exit_code=code)


def same_pod(created_at: Instant, begin: Instant, end: Instant) -> bool:
    """Whether a pod created at an instant belongs to a step with this record: `argo retry` creates another pod later."""
    return begin - SLACK_MS <= created_at <= end + SLACK_MS


def key_of(workflow_uid: str, node_id: str, begin: Instant) -> str:
    """
    The key of a pod without a known uid.

    The same step of the same workflow has another pod only after `argo retry`, which gives its record another begin, and a
    step that `argo retry` keeps also keeps its begin. So each pod has one key, whichever copy of the workflow is read.
    """
    return f"{UID}{workflow_uid}:{node_id}:{begin // 1000}"


def _end(node: Step, begin: Instant, workflow: WorkflowRef) -> Instant:
    """The end of a step's last container; a step without an end ends with its workflow."""
    return max(begin, kubernetes.parse_time(node.finishedAt) or workflow.finished_at)


def _estimate(
    steps: SizedSteps, workflow: WorkflowRef, node: Step, *, node_id: str, labels: Mapping[str, str]
) -> PodRun:
    """The row of a missed pod; `labels` are those of its Kubernetes node."""
    begin = kubernetes.parse_time(node.startedAt) or 0
    end, code = _end(node, begin, workflow), exit_code(node)
    template = _template(steps, node)
    (cpu, memory, gpu, ephemeral), source, gpus = _size(steps, template, node, begin, end)
    marks = {**steps.marks, **_marks(template.metadata if template else None)}
    marks |= {f"node:{k}": v for k, v in labels.items() if k in NODE_KEYS} | gpu_marks(gpus, marks, labels)
    marks[ARCHIVED] = source
    is_former = workflow.attempt > 1 and end < (workflow.started_at or 0)  # `argo retry` keeps succeeded steps
    ran = node.phase == "Succeeded" or code is not None or bool(node.resourcesDuration)
    return PodRun(
        cluster=workflow.cluster, namespace=workflow.namespace, created_at=begin, uid=key_of(workflow.uid, node_id, begin),
        version=ESTIMATED, name=_pod_name(workflow.name, node, node_id), workflow_uid=workflow.uid, workflow_name=workflow.name,
        attempt=workflow.attempt - is_former, step=node.name or "", node_id=node_id, template=template_of(node),
        owner_kind="Workflow",
        service_account=workflow.service_account, node_name=node.hostNodeName or "",
        region=labels.get(REGION, workflow.region), zone=labels.get(ZONE, ""), cpu=cpu, memory_bytes=int(memory), gpu=gpu,
        ephemeral_bytes=int(ephemeral), pricing=marks,
        # A pod on a node was bound to it no earlier than its record; a pod that was never on a node costs nothing.
        scheduled_at=begin if node.hostNodeName and not ran else None, instance_created_at=None,
        main_started_at=begin if ran else None, finished_at=end,
        phase="Succeeded" if node.phase == "Succeeded" else "Failed", reason="", exit_code=code,
    )  # fmt: skip


def _pod_name(workflow: str, node: Step, key: str) -> str:
    """The name of a pod since Argo 3.4; a cluster with the older form has other names, and nothing depends on them."""
    if node.name == workflow:
        return workflow
    return f"{f'{workflow}-{template_of(node)}'[:NAME_LIMIT]}-{key.rpartition('-')[2]}"


Size = tuple[Decimal, Decimal, Decimal, Decimal]
"""Cores, memory bytes, GPUs, ephemeral bytes."""


def _size(
    steps: SizedSteps, template: Template | None, node: Step, begin: Instant, end: Instant
) -> tuple[Size, str, str]:
    """The requests of a pod, their source, and those of GPUs by container."""
    if template is not None and not steps.patched and (spec := _spec_of(template)):
        return requests(spec), "template", gpu_requests(spec)
    if counted := _counted(node, begin, end):
        return counted[0], "duration", counted[1]
    return (ZERO, ZERO, ZERO, ZERO), ARCHIVED_NOWHERE, ""


def _template(steps: SizedSteps, node: Step) -> Template | None:
    """The template of a step: of another object that it names, or of its scope, or of the workflow."""
    name, scope = template_of(node), node.templateScope or ""
    if node.templateRef:
        ending = f"/{node.templateRef.name}/{name}"
        return next((t for key, t in steps.stored.items() if key.endswith(ending)), None)
    return steps.stored.get(f"{scope}/{name}") or steps.own.get(name)


def _spec_of(template: Template) -> kubernetes.PodSpec | None:
    """The containers of a pod made from a template; None: they request nothing, or not as plain quantities."""
    inner = (template.containerSet and template.containerSet.containers) or []
    work = [c for c in (template.container, template.script, *inner) if c is not None]
    if _sizes(template.podSpecPatch) or not work or not all(_named(c) for c in work):
        return None
    spec = kubernetes.PodSpec(containers=[*work, *(template.sidecars or ())], initContainers=template.initContainers)
    amounts = requests(spec)
    return spec if (amounts[0] or amounts[1]) and not malformed(spec) else None


def _named(container: kubernetes.Container) -> bool:
    return bool(container.resources and (container.resources.requests or container.resources.limits))


def _counted(node: Step, begin: Instant, end: Instant) -> tuple[Size, str] | None:
    """The requests that follow from Argo's resource durations, and those of GPUs; None: none, or implausible ones."""
    seconds = max(1, (end - begin) // 1000)
    counted = {k: v for k, v in (node.resourcesDuration or {}).items() if type(v) is int and v > 0}

    def each(name: str) -> Decimal:
        amount = Decimal(counted.get(name, 0)) * DURATION_UNITS.get(name, 1) / seconds
        return amount.quantize(NANO, ROUND_CEILING)

    cpu, memory, ephemeral = each("cpu"), each("memory"), each("ephemeral-storage")
    gpu = sum((each(name) for name in counted if is_card(name)), ZERO)
    if not (cpu or memory) or cpu > LARGEST_CPU:
        return None
    gpus = " ".join(f"{name}={each(name).normalize():f}" for name in sorted(counted) if is_gpu(name))
    return (cpu, min(memory, MAX_BYTES), min(gpu, MAX_AMOUNT), min(ephemeral, MAX_BYTES)), gpus
