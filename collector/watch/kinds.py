"""
The watched kinds as data: one row for each kind, and the rights to read single objects beside them. No I/O, no decisions.

To add a kind, edit three files:

1. here: a row in RESOURCES. `make generate` then writes its right into deploy/reader/rights and the chart.
2. core/objects/kubernetes.py: its name in `OwnKind`, and its struct in structs.py. Of a queue manager: in `AdmissionKind`.
3. core/cluster/state.py: what it is watched for, a handler.

A kind that only leads from a pod to its workflow is one row in core/objects/owner_kinds.py instead; all else follows.
tests/watch/test_kinds.py names each of these lines that is missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from collector.core.objects.kubernetes import Kind
from collector.core.objects.owner_kinds import OWNER_KINDS, OWNER_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A collection of the Kubernetes API, its use, and what its absence costs."""

    kind: Kind
    group: str
    """Empty for the core group."""
    version: str
    needed: bool
    """False: facts do not depend on the kind. `lynceus check` and `/readyz` report its absence, once."""
    stage: int
    """Kinds of one stage start together, after those of the earlier stages have synced."""
    feeds: str
    """What is missing without the kind, for an operator."""
    selector: str = ""
    """A label selector; empty watches everything."""
    whole: bool = True
    """False: watched from now on, neither listed nor remembered. For objects that are many, short-lived and no evidence."""
    older: tuple[str, ...] = ()
    """Other versions of the group that have the kind, for clusters without `version`."""
    fields: str = ""
    """A field selector of the watch, for a kind that is not whole."""

    @property
    def is_foreign(self) -> bool:
        """Whether the kind is of neither Kubernetes' core nor Argo: few clusters have it."""
        return self.group not in ("", "argoproj.io")

    @property
    def versions(self) -> tuple[str, ...]:
        """All versions that have the kind, the preferred one first."""
        return (self.version, *self.older)

    @property
    def metadata_only(self) -> bool:
        """Whether the server is asked to omit spec and status, which are not read and may hold anything."""
        return self.kind in OWNER_NAMES

    @property
    def path(self) -> str:
        """URL path of the collection, over all namespaces."""
        prefix = f"/apis/{self.group}" if self.group else "/api"
        return f"{prefix}/{self.version}/{self.plural}"

    @property
    def plural(self) -> str:
        """The kind as in the path, in rights and in reviews; the name of a kind may have its group too."""
        return self.kind.partition(".")[0]

    @property
    def full_name(self) -> str:
        """Name as in RBAC rules and error messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


_HELD = "words and position beside the reason `queued` of workflows that"
_OWNS = "cost of the pods that workflows start through "
_OWNERS = tuple(
    Resource(
        kind=row.name,
        group=row.group,
        version=row.versions[0],
        older=row.versions[1:],
        needed=False,
        stage=1,
        feeds=f"{_OWNS}{row.words}",
    )
    for row in OWNER_KINDS
)
RESOURCES = (
    Resource(
        kind="namespaces", group="", version="v1", needed=True, stage=0, feeds="attribution by namespace label",
    ),
    Resource(
        kind="nodes", group="", version="v1", needed=True, stage=1, feeds="region, product and instance type of a pod",
    ),
    # Owners start before the pods: after a restart they are known when the pods go on.
    *_OWNERS,
    # Queue managers start before the workflows and pods too, which are then known to be held from their first sight.
    Resource(
        kind="queueunits", group="scheduling.x-k8s.io", version="v1alpha1", needed=False, stage=1,
        feeds=f"{_HELD} ack-kube-queue or koord-queue holds; a later suspension of one may count as queued",
    ),
    Resource(
        kind="queues", group="scheduling.x-k8s.io", version="v1alpha1", needed=False, stage=1,
        feeds="position in the queues of ack-kube-queue and koord-queue",
    ),
    Resource(
        kind="workloads", group="kueue.x-k8s.io", version="v1beta2", needed=False, stage=1, older=("v1beta1",),
        feeds=f"{_HELD} Kueue holds",
    ),
    Resource(
        kind="localqueues", group="kueue.x-k8s.io", version="v1beta2", needed=False, stage=1, older=("v1beta1",),
        feeds="Kueue's own count of what waits in a namespace's queue",
    ),
    Resource(
        kind="clusterqueues", group="kueue.x-k8s.io", version="v1beta2", needed=False, stage=1, older=("v1beta1",),
        feeds="Kueue's own count of what waits for a quota, and what is borrowed",
    ),
    Resource(
        kind="podgroups", group="scheduling.volcano.sh", version="v1beta1", needed=False, stage=1,
        feeds="reason `queued` of workflows whose pods Volcano has not let in",
    ),
    Resource(
        kind="workflows", group="argoproj.io", version="v1alpha1", needed=True, stage=2,
        feeds="queues, runs and reasons",
    ),
    Resource(kind="pods", group="", version="v1", needed=True, stage=2, feeds="cost, start latency and incidents"),
    Resource(
        kind="cronworkflows", group="argoproj.io", version="v1alpha1", needed=False, stage=2,
        feeds="missed and skipped cron runs",
    ),
    # The core group's events: events.k8s.io serves the same objects, and one right is enough. Argo alone writes two Normal
    # events for each step, so the server filters those out.
    Resource(
        kind="events", group="", version="v1", needed=False, stage=3, whole=False, fields="type!=Normal",
        feeds="messages of scheduler, cloud and kubelet beside a reason, confirmed spot reclaims",
    ),
)  # fmt: skip
"""Every watched kind, in the order of starting."""

BY_KIND = {resource.kind: resource for resource in RESOURCES}

LABELLED_PODS = replace(BY_KIND["pods"], selector="workflows.argoproj.io/workflow")
"""For clusters that hold many other pods; pods of Jobs, Ray and Spark are not seen then."""


def resources(*, labelled_pods: bool = False) -> tuple[Resource, ...]:
    """The kinds to watch, in the order of starting. With labelled pods no owners are watched: their pods are not seen."""
    if not labelled_pods:
        return RESOURCES
    return tuple(LABELLED_PODS if row.kind == "pods" else row for row in RESOURCES if not row.metadata_only)


def stages(watched: Iterable[Resource]) -> list[list[Resource]]:
    """The kinds grouped by stage, first stage first."""
    by_stage: dict[int, list[Resource]] = {}
    for resource in watched:
        by_stage.setdefault(resource.stage, []).append(resource)
    return [by_stage[number] for number in sorted(by_stage)]


CONFIG_MAP, LEASE = "workflow-controller-configmap", "workflow-controller"
"""Names in Argo's manifests and in its Helm chart; the Lease of an installation with an instance id ends in `-<id>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """The right to read an object by name in the controller's namespace. Facts do not depend on it."""

    namespace: str
    group: str
    resource: str
    name: str
    """Empty: any name, since the names of pods are not known in advance."""
    feeds: str
    """What is missing without the right, for an operator."""
    path: str
    """Where the object is, or whether its API is served; empty: only the right can be checked."""

    @property
    def full_name(self) -> str:
        """Name as in RBAC rules and error messages, with the object's own name."""
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{kind} {self.name}".rstrip()

    @property
    def attributes(self) -> dict[str, str]:
        """The resource attributes of an access review."""
        resource, _, part = self.resource.partition("/")
        optional = {"group": self.group, "resource": resource, "subresource": part, "name": self.name}
        return {"verb": "get", "namespace": self.namespace} | {key: value for key, value in optional.items() if value}

    @property
    def rule(self) -> str:
        """The rule of a Role that grants the right."""
        names = f', resourceNames: ["{self.name}"]' if self.name else ""
        return f'apiGroups: ["{self.group}"], resources: ["{self.resource}"]{names}, verbs: ["get"]'


def config_map_path(namespace: str, name: str = CONFIG_MAP) -> str:
    """URL path of the controller's ConfigMap."""
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


def lease_path(namespace: str, name: str = LEASE) -> str:
    """URL path of the controller's Lease."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"


def rights(namespace: str) -> tuple[Right, ...]:
    """The rights that watch/controller_poll.py uses."""
    return (
        Right(
            namespace=namespace, group="", resource="configmaps", name=CONFIG_MAP,
            feeds="limits of parallelism that the ConfigMap sets", path=config_map_path(namespace),
        ),
        Right(
            namespace=namespace, group="coordination.k8s.io", resource="leases", name=LEASE,
            feeds="information about which controller leads", path=lease_path(namespace),
        ),
        Right(
            namespace=namespace, group="metrics.k8s.io", resource="pods", name="",
            feeds="memory use of the controller", path="/apis/metrics.k8s.io/v1beta1",
        ),
        Right(
            namespace=namespace, group="", resource="pods/proxy", name="",
            feeds="metrics of the controller itself (nor its memory, if there is no metrics API)", path="",
        ),
    )  # fmt: skip
