"""
The few workflows of a cluster that hold a lock or wait for one, and the limits that their messages show.
"""

from collector.core.queue import locks
from collector.core.queue.waiting import Reason
from collector.core.workflow.state import WorkflowState


class LockUsers:
    """Workflows that use locks, by uid, and the last reported limit of each lock."""

    def __init__(self) -> None:
        self.users: dict[str, WorkflowState] = {}
        self.limits: dict[str, int] = {}

    def update(self, state: WorkflowState) -> None:
        """Adds or removes a workflow, and notes the limit that its waiting reason shows."""
        attempt = state.attempt
        if attempt.finished or not (attempt.held_locks or attempt.step_holds or attempt.reason == "lock"):
            self.users.pop(state.uid, None)
            return
        self.users[state.uid] = state
        waits = (attempt.holds or {}).get("step_lock")
        locks.remember_limit(self.limits, waits or Reason(attempt.reason, attempt.reason_on, attempt.reason_words))
