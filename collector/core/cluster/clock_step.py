"""
What a step of the wall clock does to that which is being measured.

An arrival before the step and one after it measure nothing together, so a latency between them is taken from the object's
own instants. What a workflow waits for goes on: its account is moved with the clock, so that it counts the time that passed.
"""

from collector.core.cluster.tracked import TrackedObjects
from collector.core.workflow.state import WorkflowState


def apply(tracked: TrackedObjects, by_ms: int) -> None:
    """Takes a step of the wall clock into account, for all that waits for a later arrival; 0: by how much is not known."""
    for state in tracked.workflows.values():
        if not state.attempt.finished or state.attempt.first_main_at is None:
            _apply_to_workflow(state, by_ms)
            tracked.mark_workflow(state)
    for pod in tracked.pods.values():
        measured = pod.running_at is not None and pod.run.workflow_uid in tracked.workflows
        if pod.live and not measured:
            pod.live = False
            tracked.mark_pod(pod)


def _apply_to_workflow(state: WorkflowState, by_ms: int) -> None:
    attempt = state.attempt
    attempt.clock_stepped = attempt.clock_stepped or attempt.first_main_at is None
    if attempt.finished:
        return
    # An object's own instants are whole seconds, and are not moved: no clock of the cluster was set.
    attempt.reason_since += by_ms if attempt.reason_since % 1000 else 0
    for hold in (attempt.step_holds or {}).values():
        hold.since += by_ms if hold.since else 0
    attempt.held_since = attempt.held_since and {hold: at + by_ms for hold, at in attempt.held_since.items()}
    state.moved_at = state.moved_at and state.moved_at + by_ms
