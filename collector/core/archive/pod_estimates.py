"""
Pods that nobody saw, estimated from the steps of a finished workflow.

When: the times of the step's record, which begins before its container did. How large: its template's resources, else
what Argo's resourcesDuration comes to, else nobody knows and there is no price. A mark in `pricing` tells which, and
core/spec.py makes it low confidence. No estimate of when main started: all of its cost counts as spent at work.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import TypeVar

import msgspec

from collector.core.cost.billed_spec import ARCHIVED, ARCHIVED_NOWHERE, NANO
from collector.core.facts.bills import PodRun
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.lenient import fit_object, parse_untyped, printable
from collector.core.objects.status_nodes import Node, NodeTemplate, has_pod, template_of
from collector.core.pod.price_marks import NODE_KEYS, PRICING_KEYS, REGION, ZONE
from collector.core.pod.requests import GPU_ENDINGS, malformed, requests
from collector.core.units import MAX_AMOUNT, MAX_BYTES, ZERO
from collector.core.workflow.steps import exit_code

T = TypeVar("T")

ESTIMATED = 1
"""The version of what nobody saw: below 256, which the first object of a cluster has (model.version_of)."""
UID = "node:"
"""Begins the key of a pod that nobody saw; no uid of Kubernetes has a colon."""
VANISHED = "vanished"
"""The reason of a pod whose end is a guess: it was there before a break and not after it (core/cluster.py)."""
SLACK_MS = 2_000
"""Argo makes a pod in the pass that records its step; both are told in whole seconds."""
DURATION_UNITS = {"memory": 100 * 1024**2, "ephemeral-storage": 10 * 1024**3}
"""Bytes that a second of resourcesDuration is of; of all else it is one. Argo's docs/resource-duration.md."""
LARGEST_CPU = 1024
"""Cores that no pod has: a container of 1970 makes durations of fifty years (Argo issue 13709)."""
NAME_LIMIT = 242
"""Characters of a pod's name before its hash: Argo's workflow/util/pod_name.go."""
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ContainerSet(msgspec.Struct, gc=False):
    containers: list[kubernetes.Container] | None = None


class Template(msgspec.Struct, gc=False):
    """Of a template what decides the size of its pods, and nothing of what they run."""

    name: str | None = None
    metadata: kubernetes.Meta | None = None
    """Of its pods."""
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
    """A template of another object, by that object's name."""

    name: str | None = None


class Step(Node, gc=False):
    """A step with what Argo counted of its containers."""

    templateRef: TemplateRef | None = None
    templateScope: str | None = None
    resourcesDuration: dict[str, int] | None = None


class StepStatus(msgspec.Struct, gc=False):
    nodes: msgspec.Raw = msgspec.Raw(b"")
    storedTemplates: msgspec.Raw = msgspec.Raw(b"")
    storedWorkflowTemplateSpec: Templates | None = None


class SizingView(msgspec.Struct, gc=False):
    """A workflow once more, read for the sizes of its pods."""

    spec: Templates | None = None
    status: StepStatus | None = None


class Steps(msgspec.Struct, frozen=True):
    """The steps of a workflow that may have had pods, and the templates they were made from."""

    nodes: Mapping[str, Step]
    own: Mapping[str, Template]
    """Of the workflow, or of the template that it names, by name."""
    stored: Mapping[str, Template]
    """Of others, by `scope/resource/template`."""
    patched: bool
    """Something may change what templates ask for."""
    marks: Mapping[str, str] = {}
    """What of the labels and annotations of all its pods decides a price."""


class WorkflowRef(msgspec.Struct, frozen=True):
    """The attempt of a workflow that estimated pods belong to."""

    cluster: str
    namespace: str
    uid: str
    name: str
    attempt: int
    started_at: Instant | None
    finished_at: Instant
    service_account: str
    region: str
    """Of pods on machines that tell none."""


def decoded(body: bytes | msgspec.Raw, wanted: type[T]) -> T | None:
    """An object of bytes from outside, mended where it has to be; None: it is no object."""
    try:
        return msgspec.json.decode(body, type=wanted)
    except UNDECODABLE:
        value: T | None = fit_object(parse_untyped(bytes(body)), wanted).object
        return value


def steps_of(body: bytes) -> Steps:
    """What a whole workflow, its steps unpacked as the archive gives them, says of its pods."""
    sized = decoded(body, SizingView) or SizingView()
    spec, status = sized.spec or Templates(), sized.status or StepStatus()
    named = status.storedWorkflowTemplateSpec or Templates()
    own = {t.name: t for t in (*(named.templates or ()), *(spec.templates or ())) if t.name}
    stored = _entries(status.storedTemplates, Template)
    patches = (spec.podSpecPatch, named.podSpecPatch)
    marks = _marks(named.podMetadata) | _marks(spec.podMetadata)
    return Steps(_entries(status.nodes, Step), own, stored, any(_sizes(patch) for patch in patches), marks)


def _marks(meta: kubernetes.Meta | None) -> dict[str, str]:
    """What was wished for with a price; what the provider makes of it stands on the pod alone."""
    told = {**(meta.labels or {}), **(meta.annotations or {})} if meta else {}
    return {key: text for key, text in told.items() if key in PRICING_KEYS}


def _entries(raw: msgspec.Raw, wanted: type[T]) -> dict[str, T]:
    try:
        return msgspec.json.decode(raw, type=dict[str, wanted] | None) or {}  # type: ignore[valid-type]
    except UNDECODABLE:
        entries = (parse_untyped(bytes(raw)) or {}).items()
        mended = {printable(k): fit_object(v, wanted).object for k, v in entries}
        return {k: v for k, v in mended.items() if v is not None}


def _sizes(patch: str | None) -> bool:
    """Whether a patch of pods may change what they ask for."""
    return "resources" in (patch or "")


def estimates(
    steps: Steps, whose: WorkflowRef, seen: Iterable[PodRun], machines: Mapping[str, Mapping[str, str]]
) -> list[PodRun]:
    """The pods of a workflow that nobody saw, in the order in which they were made."""
    known: dict[str, list[PodRun]] = {}
    for run in seen:
        known.setdefault(run.node_id, []).append(run)
    found = [
        _estimate(steps, key, node, begin, whose, machines)
        for key, node in steps.nodes.items()
        if has_pod(node) and (begin := kubernetes.parse_time(node.startedAt)) is not None
        and not any(same_pod(run.created_at, begin, _end(node, begin, whose)) for run in known.get(key, ()))
    ]  # fmt: skip
    return sorted(found, key=lambda run: (run.created_at, run.uid))


def with_step_end(steps: Steps, whose: WorkflowRef, run: PodRun) -> PodRun | None:
    """A pod that vanished, with the end that Argo tells of it; None: its end was seen, or Argo tells none."""
    node = steps.nodes.get(run.node_id) if run.reason == VANISHED else None
    begin = kubernetes.parse_time(node.startedAt) if node else None
    if node is None or begin is None or not same_pod(run.created_at, begin, _end(node, begin, whose)):
        return None
    end, code = max(_end(node, begin, whose), run.main_started_at or run.created_at), exit_code(node)
    phase = "Succeeded" if node.phase == "Succeeded" else "Failed"
    return msgspec.structs.replace(run, version=run.version + 1, finished_at=end, phase=phase, exit_code=code)


def same_pod(created_at: Instant, begin: Instant, end: Instant) -> bool:
    """Whether a pod that was made then is the one of a step with this record: `argo retry` makes another, later."""
    return begin - SLACK_MS <= created_at <= end + SLACK_MS


def key_of(workflow_uid: str, node_id: str, begin: Instant) -> str:
    """
    The key of a pod whose uid nobody knows.

    The same step of the same workflow has another pod only after `argo retry`, which gives its record another beginning;
    what it keeps of the attempt before keeps its own. So each pod has one key, whichever copy of the workflow is read.
    """
    return f"{UID}{workflow_uid}:{node_id}:{begin // 1000}"


def _end(node: Step, begin: Instant, whose: WorkflowRef) -> Instant:
    """The end of its last container; a step left open ends with its workflow."""
    return max(begin, kubernetes.parse_time(node.finishedAt) or whose.finished_at)


def _estimate(
    steps: Steps, key: str, node: Step, begin: Instant, whose: WorkflowRef, machines: Mapping[str, Mapping[str, str]]
) -> PodRun:
    labels = {k: v for k, v in machines.get(node.hostNodeName or "", {}).items() if k in NODE_KEYS}
    end, code = _end(node, begin, whose), exit_code(node)
    template = _template(steps, node)
    (cpu, memory, gpu, ephemeral), where = _size(steps, template, node, begin, end)
    marks = {**steps.marks, **_marks(template.metadata if template else None)}
    marks |= {f"node:{k}": v for k, v in labels.items()} | {ARCHIVED: where}
    kept = whose.attempt > 1 and end < (whose.started_at or 0)  # `argo retry` keeps what went well
    ran = node.phase == "Succeeded" or code is not None or bool(node.resourcesDuration)
    return PodRun(
        cluster=whose.cluster, namespace=whose.namespace, created_at=begin, uid=key_of(whose.uid, key, begin),
        version=ESTIMATED, name=_pod_name(whose.name, node, key), workflow_uid=whose.uid, workflow_name=whose.name,
        attempt=whose.attempt - kept, step=node.name or "", node_id=key, template=template_of(node), owner_kind="Workflow",
        service_account=whose.service_account, node_name=node.hostNodeName or "",
        region=labels.get(REGION, whose.region), zone=labels.get(ZONE, ""), cpu=cpu, memory_bytes=int(memory), gpu=gpu,
        ephemeral_bytes=int(ephemeral), pricing=marks,
        # What is on a machine was bound to it, no earlier than its record; what was never on one costs nothing.
        scheduled_at=begin if node.hostNodeName and not ran else None, instance_created_at=None,
        main_started_at=begin if ran else None, finished_at=end,
        phase="Succeeded" if node.phase == "Succeeded" else "Failed", reason="", exit_code=code,
    )  # fmt: skip


def _pod_name(workflow: str, node: Step, key: str) -> str:
    """The name Argo gives since 3.4; a cluster that keeps the older form has others, and nothing is joined by it."""
    if node.name == workflow:
        return workflow
    return f"{f'{workflow}-{template_of(node)}'[:NAME_LIMIT]}-{key.rpartition('-')[2]}"


Size = tuple[Decimal, Decimal, Decimal, Decimal]
"""Cores, memory bytes, GPUs, ephemeral bytes."""


def _size(steps: Steps, template: Template | None, node: Step, begin: Instant, end: Instant) -> tuple[Size, str]:
    """What a pod asked for, and where that was read."""
    if template is not None and not steps.patched and (asked := _asked(template)):
        return asked, "template"
    if counted := _counted(node, begin, end):
        return counted, "duration"
    return (ZERO, ZERO, ZERO, ZERO), ARCHIVED_NOWHERE


def _template(steps: Steps, node: Step) -> Template | None:
    """The template of a step: one that it names elsewhere, or of its scope, or the workflow's own."""
    name, scope = template_of(node), node.templateScope or ""
    if node.templateRef:
        ending = f"/{node.templateRef.name}/{name}"
        return next((t for key, t in steps.stored.items() if key.endswith(ending)), None)
    return steps.stored.get(f"{scope}/{name}") or steps.own.get(name)


def _asked(template: Template) -> Size | None:
    """The requests of a pod made from a template; None: its work names none, or not in plain figures."""
    inner = (template.containerSet and template.containerSet.containers) or []
    work = [c for c in (template.container, template.script, *inner) if c is not None]
    if _sizes(template.podSpecPatch) or not work or not all(_named(c) for c in work):
        return None
    spec = kubernetes.PodSpec(containers=[*work, *(template.sidecars or ())], initContainers=template.initContainers)
    asked = requests(spec)
    return asked if (asked[0] or asked[1]) and not malformed(spec) else None


def _named(container: kubernetes.Container) -> bool:
    return bool(container.resources and (container.resources.requests or container.resources.limits))


def _counted(node: Step, begin: Instant, end: Instant) -> Size | None:
    """The requests that Argo's count of seconds comes to; None: it counted nothing, or nonsense."""
    seconds = max(1, (end - begin) // 1000)
    counted = {k: v for k, v in (node.resourcesDuration or {}).items() if type(v) is int and v > 0}

    def each(name: str) -> Decimal:
        amount = Decimal(counted.get(name, 0)) * DURATION_UNITS.get(name, 1) / seconds
        return amount.quantize(NANO, ROUND_CEILING)

    cpu, memory, ephemeral = each("cpu"), each("memory"), each("ephemeral-storage")
    gpu = sum((each(name) for name in counted if name.endswith(GPU_ENDINGS)), ZERO)
    if not (cpu or memory) or cpu > LARGEST_CPU:
        return None
    return cpu, min(memory, MAX_BYTES), min(gpu, MAX_AMOUNT), min(ephemeral, MAX_BYTES)
