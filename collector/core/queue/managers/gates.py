"""
Whether the pods of a workflow may be held by a queue manager, as far as the workflow itself shows it.

A controller sets a workflow to Running when it has created the first pods, and the two arrive on watches of their own. Where a
manager may hold these pods, the phase alone does not show that work has begun: the pods are awaited.
"""

import msgspec

from collector.core.objects.kubernetes import Workflow
from collector.core.objects.status_nodes import decode_nodes, raw_nodes
from collector.core.queue.managers import kueue, volcano

_SIGNS = (kueue.QUEUE_LABEL.encode(), b'"schedulerName":"volcano"', b'"schedulerName": "volcano"')


def may_hold(workflow: Workflow) -> bool:
    """Whether a pod of the workflow asks for a queue of Kueue, or for Volcano."""
    spec, status = workflow.spec, workflow.status
    if spec is not None:
        labels = (spec.podMetadata.labels if spec.podMetadata else None) or {}
        if kueue.QUEUE_LABEL in labels or spec.schedulerName == volcano.SCHEDULER or _signed(spec.templates):
            return True
    stored = (status.storedWorkflowTemplateSpec, status.storedTemplates) if status else ()
    return any(_signed(raw) for raw in stored)


def _signed(raw: msgspec.Raw) -> bool:
    text = bytes(raw)
    return any(sign in text for sign in _SIGNS)


def awaits_pods(workflow: Workflow) -> bool:
    """Whether each step with a pod is still pending, without a message that would say why it has none."""
    steps = decode_nodes(raw_nodes(workflow.status)).values() if workflow.status else ()
    pods = [node for node in steps if node.type == "Pod"]
    return bool(pods) and all(node.phase == "Pending" and not node.message for node in pods)
