"""
The choices of an operator that core needs to reach its conclusions: what a queue is, who pays, which labels are kept.

Plain values made once from the settings; core never reads a file.
"""

from functools import cached_property
from typing import Literal

import msgspec

Source = Literal["workflow_label", "workflow_annotation", "template", "service_account", "namespace_label", "namespace"]

ARGO_LABELS = (
    "workflows.argoproj.io/workflow-template",
    "workflows.argoproj.io/cluster-workflow-template",
    "workflows.argoproj.io/cron-workflow",
    "workflows.argoproj.io/creator",
    "workflows.argoproj.io/resubmitted-from-workflow",
)
"""Labels of a workflow that are kept whatever the settings say: they name what ran and who asked for it."""


class AttributionRule(msgspec.Struct, frozen=True):
    """One place to look for a department or project; the first rule that yields text wins."""

    source: Source
    key: str = ""
    """The label or annotation to read; unused by sources that are looked up in `map` as they are."""
    map: dict[str, str] | None = None
    """What was found is translated through this, where present; what it lacks does not match."""


class Rules(msgspec.Struct, frozen=True, dict=True):
    """How one cluster's queues and owners are named, and where it is."""

    queue_label: str = ""
    department: tuple[AttributionRule, ...] = ()
    project: tuple[AttributionRule, ...] = ()
    controller_namespace: str = "argo"
    region: str = ""
    """Where the cluster is; for pods whose labels and node tell none."""
    product: str = ""
    """What bills the cluster's pods that carry no provider's mark."""

    @cached_property
    def kept_labels(self) -> frozenset[str]:
        """The workflow labels that may be stored: Argo's own few and those that a rule reads."""
        named = (r.key for r in (*self.department, *self.project) if r.source == "workflow_label")
        return frozenset((*ARGO_LABELS, *named, *([self.queue_label] if self.queue_label else [])))
