"""
What is watched, as data: one row a kind, so that a further kind is a row here and a struct in core/decode.py.

No I/O and no decisions; the order of starting is a number in the row.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from collector.core.model import Kind


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


def resources(*, labelled_pods: bool = False) -> tuple[Resource, ...]:
    """The kinds to watch, in the order of starting."""
    return (NAMESPACES, NODES, WORKFLOWS, LABELLED_PODS if labelled_pods else PODS)


def stages(watched: Iterable[Resource]) -> list[list[Resource]]:
    """The kinds grouped by stage, first stage first."""
    by_stage: dict[int, list[Resource]] = {}
    for resource in watched:
        by_stage.setdefault(resource.stage, []).append(resource)
    return [by_stage[number] for number in sorted(by_stage)]
