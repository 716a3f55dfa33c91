"""
A workflow as the charges of its pods see it (cost/charge.py).
"""

import msgspec

from collector.core.workflow.state import WorkflowState


class Payer(msgspec.Struct, frozen=True):
    """Who pays for a pod, and what decides the class of its cost."""

    version: int
    template: str
    template_version: str
    department: str
    project: str
    creator: str
    attempt: int
    """Number of the present attempt."""
    finished: bool
    outcome: str
    retried_nodes: frozenset[str] | None = None
    """Nodes that a later try replaced."""


def payer_of(state: WorkflowState | None) -> Payer | None:
    """The payer of a workflow's pods; None where the workflow is not known."""
    if state is None:
        return None
    return Payer(
        version=state.version, template=state.template, template_version=state.template_version,
        department=state.department, project=state.project, creator=state.creator, attempt=state.attempt.number,
        finished=state.attempt.finished, outcome=state.attempt.outcome, retried_nodes=state.retried_nodes,
    )  # fmt: skip
