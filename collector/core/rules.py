"""
Choices of the operator that core needs: what a queue is, who pays, which labels are kept.

Plain values made once from the settings; core never reads a file.
"""

from functools import cached_property
from typing import Literal

import msgspec

from collector.core.model import Instant

Source = Literal["workflow_label", "workflow_annotation", "template", "service_account", "namespace_label", "namespace"]

ARGO_LABELS = (
    "workflows.argoproj.io/workflow-template",
    "workflows.argoproj.io/cluster-workflow-template",
    "workflows.argoproj.io/cron-workflow",
    "workflows.argoproj.io/creator",
    "workflows.argoproj.io/resubmitted-from-workflow",
)
"""Labels of a workflow that are kept under any settings: they name what ran and who submitted it."""
CREATOR_LABEL, ACTOR_LABEL = "workflows.argoproj.io/creator", "workflows.argoproj.io/actor"
"""Who submitted a workflow, and who acted on it last, as Argo's server records them."""


class AttributionRule(msgspec.Struct, frozen=True):
    """One place to look for a department, project or creator; the first rule that yields text wins."""

    source: Source
    key: str = ""
    """The label or annotation to read; unused by sources that need none."""
    map: dict[str, str] | None = None
    """Translation of the text that was found; a text that is not in it does not match."""
    begin: Instant | None = None
    """Applies to workflows created from this instant on; None: from the beginning."""
    end: Instant | None = None
    """Applies to workflows created before this instant; None: without end."""

    def holds(self, at: Instant) -> bool:
        return (self.begin is None or self.begin <= at) and (self.end is None or at < self.end)

    def shadows(self, later: "AttributionRule") -> bool:
        """Whether a later rule can never match, since this one matches first wherever the later one would."""
        begins = self.begin is None or (later.begin is not None and self.begin <= later.begin)
        ends = self.end is None or (later.end is not None and later.end <= self.end)
        texts = self.map is None or (later.map is not None and later.map.keys() <= self.map.keys())
        return (self.source, self.key) == (later.source, later.key) and begins and ends and texts


BY_CREATOR = (AttributionRule("workflow_label", CREATOR_LABEL), AttributionRule("workflow_label", ACTOR_LABEL))


class Rules(msgspec.Struct, frozen=True, dict=True):
    """How one cluster's queues and owners are named, and where it is."""

    queue_label: str = ""
    department: tuple[AttributionRule, ...] = ()
    project: tuple[AttributionRule, ...] = ()
    creator: tuple[AttributionRule, ...] = BY_CREATOR
    owner_labels: tuple[str, ...] = ()
    """Labels of a pod, a Job, a Ray or a Spark object that name the workflow of the object."""
    version_label: str = ""
    """Label or annotation of a workflow that has the version of its template; empty: a hash of the stored template is used."""
    units: dict[str, str] = {}
    """By name of a unit the annotation of a workflow with the number of what it made; empty: none is kept."""
    controller_namespace: str = "argo"
    region: str = ""
    """Region of the cluster, for pods whose labels and node name none."""
    product: str = ""
    """Product that bills pods without a mark of a provider."""

    @cached_property
    def kept_labels(self) -> frozenset[str]:
        """Workflow labels that may be stored: a few of Argo's own, and the labels that a rule reads."""
        queue = [self.queue_label] if self.queue_label else []
        return frozenset((*ARGO_LABELS, *self._keys("workflow_label"), *queue))

    @cached_property
    def kept_annotations(self) -> tuple[str, ...]:
        """Workflow annotations that a rule reads."""
        return self._keys("workflow_annotation")

    @cached_property
    def kept_namespace_labels(self) -> tuple[str, ...]:
        """Labels of the namespace that a rule reads."""
        return self._keys("namespace_label")

    def _keys(self, source: Source) -> tuple[str, ...]:
        rules = (*self.department, *self.project, *self.creator)
        return tuple(sorted({rule.key for rule in rules if rule.source == source}))
