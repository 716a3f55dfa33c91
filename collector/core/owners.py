"""
Which workflow, and which attempt of it, a pod belongs to: by owner uid, for names are reused and a label alone joins nothing.
"""

from collections.abc import Mapping

from collector.core import decode, pod_life
from collector.core.workflow_life import WorkflowLife

NOTHING: dict[str, str] = {}
COMPONENT, ARTIFACT_GC = "workflows.argoproj.io/component", "artifact-gc"
"""Pods that collect artifacts are made when their workflow is over."""


def workflow_of(meta: decode.Meta, owners: Mapping[str, str]) -> tuple[str, str, str]:
    """Workflow uid, kind of the owner, and the workflow's name as far as the owner says it; empty: it is none of ours."""
    if owner := pod_life.workflow_owner(meta):
        return owner.uid or "", "Workflow", owner.name or ""
    for owner in meta.ownerReferences or ():
        if workflow_uid := owners.get(owner.uid or ""):
            return workflow_uid, owner.kind or "", ""
    return "", "", ""


def attempt_of(life: WorkflowLife, pod: decode.Pod) -> int:
    """The attempt a pod belongs to, by when it was made: the workflow may be watched behind its pods, or ahead."""
    made_at = decode.instant(pod.metadata.creationTimestamp) or 0
    if life.finished and life.finished_at and made_at > life.finished_at:
        return life.attempt + ((pod.metadata.labels or NOTHING).get(COMPONENT) != ARTIFACT_GC)
    return life.attempt - (life.attempt > 1 and life.started_at is not None and made_at < life.started_at)
