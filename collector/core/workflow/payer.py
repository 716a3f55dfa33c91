"""
A live workflow as the payer of its pods' charges.
"""

from collector.core.cost.payer import Payer
from collector.core.workflow.state import WorkflowState


def payer_of(state: WorkflowState | None) -> Payer | None:
    """The payer of a workflow's pods; None where the workflow is not known."""
    if state is None:
        return None
    return Payer(
        version=state.version, template=state.template, template_version=state.template_version,
        department=state.department, project=state.project, creator=state.creator, attempt=state.attempt.number,
        finished=state.attempt.finished, outcome=state.attempt.outcome, retried_nodes=state.retried_nodes,
        repeated=state.repeated,
    )  # fmt: skip
