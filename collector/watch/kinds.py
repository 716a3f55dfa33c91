"""
What is watched, as data: one row a kind, so that a further kind is a row here and a struct in core/decode.py.

No I/O and no decisions; the order of starting is a number in the row.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from collector.core.messages import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A collection of the Kubernetes API, what it is for, and what its absence costs."""

    kind: Kind
    group: str
    """Empty for the core group."""
    version: str
    needed: bool
    """False: the facts stand without it, and its absence is said once by `lynceus check` and `/readyz`."""
    stage: int
    """Kinds of one stage start together, when those of the stages before have synced."""
    feeds: str
    """What is missing without it, in words for an operator."""
    selector: str = ""
    """A label selector; empty watches everything."""
    whole: bool = True
    """False: watched from now on, neither listed nor remembered. For what is many, lives an hour and proves nothing."""
    fields: str = ""
    """A field selector of the watch, for a kind that is not whole."""
    metadata_only: bool = False
    """The server is asked to leave out spec and status, which may hold anything and are read by nobody."""

    @property
    def path(self) -> str:
        """Where the collection lives, over all namespaces."""
        prefix = f"/apis/{self.group}" if self.group else "/api"
        return f"{prefix}/{self.version}/{self.kind}"

    @property
    def full_name(self) -> str:
        """The name that RBAC rules and error messages use."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


NAMESPACES = Resource(
    kind="namespaces", group="", version="v1", needed=True, stage=0, feeds="attribution by namespace label"
)
NODES = Resource(
    kind="nodes", group="", version="v1", needed=True, stage=1, feeds="region, product and instance type of a pod"
)
WORKFLOWS = Resource(
    kind="workflows", group="argoproj.io", version="v1alpha1", needed=True, stage=2, feeds="queues, runs and reasons"
)
PODS = Resource(kind="pods", group="", version="v1", needed=True, stage=2, feeds="cost, start latency and incidents")
LABELLED_PODS = replace(PODS, selector="workflows.argoproj.io/workflow")
"""For clusters that hold much else; pods of Jobs, Ray and Spark are not seen then."""
_OWNS = "cost of the pods that workflows start through "
JOBS, RAY_CLUSTERS, RAY_JOBS, SPARK_APPLICATIONS = BETWEEN = (
    Resource(
        kind="jobs", group="batch", version="v1", needed=False, stage=1, feeds=f"{_OWNS}Jobs", metadata_only=True,
    ),
    Resource(
        kind="rayclusters", group="ray.io", version="v1", needed=False, stage=1, feeds=f"{_OWNS}Ray clusters",
        metadata_only=True,
    ),
    Resource(
        kind="rayjobs", group="ray.io", version="v1", needed=False, stage=1, feeds=f"{_OWNS}Ray jobs",
        metadata_only=True,
    ),
    Resource(
        kind="sparkapplications", group="sparkoperator.k8s.io", version="v1beta2", needed=False, stage=1,
        feeds=f"{_OWNS}Spark applications", metadata_only=True,
    ),
)  # fmt: skip
"""What may stand between a workflow and a pod. Before the pods, so that a restart knows them when the pods go on."""
CRON_WORKFLOWS = Resource(
    kind="cronworkflows", group="argoproj.io", version="v1alpha1", needed=False, stage=2,
    feeds="missed and skipped cron runs",
)  # fmt: skip
EVENTS = Resource(
    kind="events", group="", version="v1", needed=False, stage=3, whole=False, fields="type!=Normal",
    feeds="words of the scheduler, the cloud and the kubelet beside a reason, confirmed spot reclaims",
)  # fmt: skip
"""The core group's: the same objects are served by events.k8s.io, and one right is enough. Argo alone writes two Normal
ones a step, so those stay on the server."""


def resources(*, labelled_pods: bool = False) -> tuple[Resource, ...]:
    """The kinds to watch, in the order of starting."""
    if labelled_pods:
        return (NAMESPACES, NODES, WORKFLOWS, LABELLED_PODS, CRON_WORKFLOWS, EVENTS)
    return (NAMESPACES, NODES, *BETWEEN, WORKFLOWS, PODS, CRON_WORKFLOWS, EVENTS)


def stages(watched: Iterable[Resource]) -> list[list[Resource]]:
    """The kinds grouped by stage, first stage first."""
    by_stage: dict[int, list[Resource]] = {}
    for resource in watched:
        by_stage.setdefault(resource.stage, []).append(resource)
    return [by_stage[number] for number in sorted(by_stage)]


CONFIG_MAP, LEASE = "workflow-controller-configmap", "workflow-controller"
"""How Argo's manifests and its Helm chart name them; the Lease of an installation with an instance id ends in `-<id>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Something read by name in the controller's namespace; the facts stand without it."""

    namespace: str
    group: str
    resource: str
    name: str
    """Empty: any, since the names of pods are not known before."""
    feeds: str
    path: str
    """Where it lies, or tells whether it is served at all; empty: only the right can be asked for."""

    @property
    def full_name(self) -> str:
        """The name that RBAC rules and error messages use, and which one of these."""
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{kind} {self.name}".rstrip()

    @property
    def attributes(self) -> dict[str, str]:
        """What an access review asks."""
        resource, _, part = self.resource.partition("/")
        asked = {"group": self.group, "resource": resource, "subresource": part, "name": self.name}
        return {"verb": "get", "namespace": self.namespace} | {key: value for key, value in asked.items() if value}

    @property
    def rule(self) -> str:
        """The rule of a Role that grants it."""
        names = f', resourceNames: ["{self.name}"]' if self.name else ""
        return f'apiGroups: ["{self.group}"], resources: ["{self.resource}"]{names}, verbs: ["get"]'


def config_map_path(namespace: str, name: str = CONFIG_MAP) -> str:
    """Where the controller's configuration lies."""
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


def lease_path(namespace: str, name: str = LEASE) -> str:
    """Where the controller's Lease lies."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}"


def rights(namespace: str) -> tuple[Right, ...]:
    """What is asked now and then beside the controller, by watch/readings.py."""
    return (
        Right(
            namespace=namespace, group="", resource="configmaps", name=CONFIG_MAP,
            feeds="limits of parallelism that the ConfigMap sets", path=config_map_path(namespace),
        ),
        Right(
            namespace=namespace, group="coordination.k8s.io", resource="leases", name=LEASE,
            feeds="word of which controller leads", path=lease_path(namespace),
        ),
        Right(
            namespace=namespace, group="metrics.k8s.io", resource="pods", name="",
            feeds="memory use of the controller", path="/apis/metrics.k8s.io/v1beta1",
        ),
        Right(
            namespace=namespace, group="", resource="pods/proxy", name="",
            feeds="metrics of the controller's own (its memory too, where there is no metrics API)", path="",
        ),
    )  # fmt: skip
