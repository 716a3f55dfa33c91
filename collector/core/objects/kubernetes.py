"""
Typed objects of the Kubernetes API, decoded from bytes; they contain an allow-list of fields and nothing else.

Environment values, arguments, parameters and secrets have no field here, so they can reach neither disk nor a log.
All fields are optional: real clusters send null for lists, and a strict decoder that fails on one pod would stop a fleet.
An object that the typed decoder refuses gets a second try (lenient.py); an object without an identity is then refused.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Literal, get_args

import msgspec

from collector.core.model import Instant
from collector.core.objects.lenient import INT32
from collector.core.objects.owner_kinds import OwnerName

Int32 = Annotated[int, msgspec.Meta(ge=-INT32, lt=INT32)]
"""A 32-bit integer. The CRD of a workflow has no schema, so a priority may have any size and would fail a whole insert."""


class OwnerReference(msgspec.Struct, gc=False):
    apiVersion: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None


class Meta(msgspec.Struct, gc=False):
    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resourceVersion: str | None = None
    creationTimestamp: str | None = None
    deletionTimestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    ownerReferences: list[OwnerReference] | None = None


class WorkflowTemplateRef(msgspec.Struct, gc=False):
    name: str | None = None


class PodMetadata(msgspec.Struct, gc=False):
    labels: dict[str, str] | None = None


class WorkflowSpec(msgspec.Struct, gc=False):
    priority: Int32 | None = None
    suspend: bool | None = None
    schedulerName: str | None = None
    podMetadata: PodMetadata | None = None
    templates: msgspec.Raw = msgspec.Raw(b"null")
    """Kept as bytes, and searched for the marks of queue managers alone. See core/queue/managers."""
    shutdown: str | None = None
    serviceAccountName: str | None = None
    workflowTemplateRef: WorkflowTemplateRef | None = None


class SemaphoreLock(msgspec.Struct, gc=False):
    semaphore: str | None = None
    holders: list[str] | None = None


class MutexLock(msgspec.Struct, gc=False):
    mutex: str | None = None
    holder: str | None = None


class Semaphores(msgspec.Struct, gc=False):
    holding: list[SemaphoreLock] | None = None
    waiting: list[SemaphoreLock] | None = None


class Mutexes(msgspec.Struct, gc=False):
    holding: list[MutexLock] | None = None
    waiting: list[MutexLock] | None = None


class Synchronization(msgspec.Struct, gc=False):
    semaphore: Semaphores | None = None
    mutex: Mutexes | None = None


class WorkflowStatus(msgspec.Struct, gc=False):
    phase: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None
    message: str | None = None
    progress: str | None = None
    """Finished and all steps, "N/M": shows progress without parsing the nodes."""
    taskResultsCompletionStatus: dict[str, bool] | None = None
    nodes: msgspec.Raw = msgspec.Raw(b"")
    """Kept as bytes: most events are handled without parsing a thousand nodes. See status_nodes.py."""
    compressedNodes: str | None = None
    offloadNodeStatusVersion: str | None = None
    synchronization: Synchronization | None = None
    storedWorkflowTemplateSpec: msgspec.Raw = msgspec.Raw(b"null")
    """Kept as bytes until its hash is computed, once. See template_version.py."""
    storedTemplates: msgspec.Raw = msgspec.Raw(b"null")
    """As `templates` of the spec, by name."""


class Workflow(msgspec.Struct, gc=False):
    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: WorkflowSpec | None = None
    status: WorkflowStatus | None = None


class Resources(msgspec.Struct, gc=False):
    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class Container(msgspec.Struct, gc=False):
    name: str | None = None
    resources: Resources | None = None
    restartPolicy: str | None = None


class SchedulingGate(msgspec.Struct, gc=False):
    name: str | None = None


class PodSpec(msgspec.Struct, gc=False):
    nodeName: str | None = None
    schedulerName: str | None = None
    schedulingGates: list[SchedulingGate] | None = None
    serviceAccountName: str | None = None
    containers: list[Container] | None = None
    initContainers: list[Container] | None = None


class Condition(msgspec.Struct, gc=False):
    type: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    lastTransitionTime: str | None = None


class ContainerRunning(msgspec.Struct, gc=False):
    startedAt: str | None = None


class ContainerWaiting(msgspec.Struct, gc=False):
    reason: str | None = None
    message: str | None = None


class ContainerTerminated(msgspec.Struct, gc=False):
    exitCode: Int32 | None = None
    reason: str | None = None
    startedAt: str | None = None
    finishedAt: str | None = None


class ContainerState(msgspec.Struct, gc=False):
    running: ContainerRunning | None = None
    waiting: ContainerWaiting | None = None
    terminated: ContainerTerminated | None = None


class ContainerStatus(msgspec.Struct, gc=False):
    name: str | None = None
    image: str | None = None
    restartCount: int | None = None
    ready: bool | None = None
    state: ContainerState | None = None
    lastState: ContainerState | None = None


class PodStatus(msgspec.Struct, gc=False):
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    conditions: list[Condition] | None = None
    initContainerStatuses: list[ContainerStatus] | None = None
    containerStatuses: list[ContainerStatus] | None = None


class Pod(msgspec.Struct, gc=False):
    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: PodSpec | None = None
    status: PodStatus | None = None


class NodeStatus(msgspec.Struct, gc=False):
    capacity: dict[str, str] | None = None


class ApiNode(msgspec.Struct, gc=False):
    """A machine. Only its labels (product, region, zone, instance type) and its size are read."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    status: NodeStatus | None = None


class Namespace(msgspec.Struct, gc=False):
    metadata: Meta = msgspec.field(default_factory=Meta)


class PartialObject(msgspec.Struct, gc=False):
    """Metadata of an object of a kind that only connects pods with workflows."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class Status(msgspec.Struct, gc=False):
    """Failure of the API server, and the object of an ERROR event."""

    code: int | None = None
    reason: str | None = None
    message: str | None = None


class CronWorkflowSpec(msgspec.Struct, gc=False):
    schedule: str | None = None
    """Argo up to 3.7; later ones have `schedules` alone."""
    schedules: list[str] | None = None
    timezone: str | None = None
    suspend: bool | None = None
    concurrencyPolicy: str | None = None
    startingDeadlineSeconds: Int32 | None = None
    when: str | None = None


class Reference(msgspec.Struct, gc=False):
    """Reference to another object."""

    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None


class CronWorkflowStatus(msgspec.Struct, gc=False):
    active: list[Reference] | None = None
    lastScheduledTime: str | None = None
    phase: str | None = None
    """`Stopped`: its stop strategy applies and nothing is due any more."""
    conditions: list[Condition] | None = None


class CronWorkflow(msgspec.Struct, gc=False):
    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: CronWorkflowSpec | None = None
    status: CronWorkflowStatus | None = None


class KubernetesEvent(msgspec.Struct, gc=False):
    """A Kubernetes event of the core group: a hint, never evidence, since clusters drop, merge and disable events."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    involvedObject: Reference | None = None
    type: str | None = None
    reason: str | None = None
    message: str | None = None
    lastTimestamp: str | None = None
    eventTime: str | None = None


OwnKind = Literal["workflows", "pods", "nodes", "namespaces", "cronworkflows", "events"]
"""A kind that is watched for what it says itself."""
AdmissionKind = Literal["queueunits", "queues", "workloads", "localqueues", "clusterqueues", "podgroups"]
"""Objects of queue managers, which say what each of them holds. See core/cluster/admissions.py."""
ADMISSION_KINDS: tuple[AdmissionKind, ...] = get_args(AdmissionKind)
Kind = OwnKind | AdmissionKind | OwnerName
"""A watched kind, by the plural name of the Kubernetes API. watch/kinds.py says how to add one."""


_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:)(\d\d)(\.\d{1,9})?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)")
_EARLIEST, _LATEST = 1_000_000_000_000, 4_102_444_800_000
"""September 2001 and the year 2100: containerd writes 1970 for a container that never started, and ClickHouse's dates end."""


@lru_cache(maxsize=65536)
def parse_time(text: str | None) -> Instant | None:
    """Parse an RFC 3339 time as Unix ms; None for null, for invalid text, and for 1970, which stands for `never`."""
    match = _RFC3339.fullmatch(text) if text else None
    if match is None:
        return None
    head, second, fraction, zone = match.groups()
    # A leap second is smeared onto :59; Python refuses :60.
    text = f"{head}{'59' if second == '60' else second}{(fraction or '')[:7]}{'+00:00' if zone == 'Z' else zone}"
    try:
        ms = round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return ms if _EARLIEST <= ms < _LATEST else None
