"""
The workflows and pods of a cluster, and how long each is kept.

The watches of the two kinds are independent: a deleted object is kept until the other kind has been observed up to the
deletion, since until then an observation may still refer to it.
"""

from collections.abc import Iterable

from collector.core.change_log import ChangeLog
from collector.core.cluster import linking
from collector.core.cluster.linking import can_forget
from collector.core.cluster.tombstones import Tombstones
from collector.core.pod.events import EventHints
from collector.core.pod.state import PodState
from collector.core.queue.lock_uses import LockUses
from collector.core.queue.waiting_counts import WaitingCounts
from collector.core.workflow.state import WorkflowState


class TrackedObjects:
    """States of workflows and pods, by uid."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes = changes
        self.workflows: dict[str, WorkflowState] = {}
        self.pods: dict[str, PodState] = {}
        self.pods_of: dict[str, dict[str, None]] = {}
        """Uids of pods, by the uid of their workflow."""
        self.waiting, self.locks = WaitingCounts(), LockUses()
        """The live workflows, counted as they change."""
        self.hints = EventHints(changes)
        self.forgotten: dict[str, WorkflowState] = {}
        """Workflows that were forgotten since the last checkpoint, for their last live row."""
        self.gone_workflows, self.gone_pods = Tombstones(), Tombstones()
        """Deleted objects, until the watch of pods, or of workflows, has reached their deletion."""
        self.reopened = Tombstones()
        """Workflows with former attempts, until the watch of pods has reached the reopening."""
        self.podless = Tombstones()
        """Ended workflows with steps whose pod was not seen, until the watch of pods has reached the end."""

    def pods_of_workflow(self, state: WorkflowState) -> list[PodState]:
        """The pods of a workflow in the order of their first observation."""
        return [self.pods[uid] for uid in self.pods_of.get(state.uid, ())]

    def put(self, pod: PodState) -> None:
        """Replaces the state of a pod."""
        self._place(pod)
        self.mark_pod(pod)

    def mark_pod(self, pod: PodState) -> None:
        """Marks the state of a pod as changed."""
        self.changes.mark("pods", pod.run.uid)

    def mark_workflow(self, state: WorkflowState) -> None:
        """Marks the state of a workflow as changed, and counts it as it is now."""
        self.changes.mark("workflows", state.uid)
        self.count(state)

    def mark_changed(self, uid: str) -> None:
        """Marks a workflow, or the workflow of a pod, as changed."""
        pod = self.pods.get(uid)
        if (state := self.workflows.get(pod.run.workflow_uid if pod else uid)) is not None:
            self.mark_workflow(state)

    def count(self, state: WorkflowState) -> None:
        """Counts a workflow as it is now."""
        self.waiting.update(state.uid, state)
        self.locks.update(state.uid, state)

    def adopt(self, workflows: Iterable[WorkflowState], pods: Iterable[PodState]) -> None:
        """Takes over the states of a checkpoint."""
        for state in workflows:
            self.workflows[state.uid] = state
            self.count(state)
            self.await_pods(state)
            if state.former:
                self.await_former(state)
        for pod in pods:
            self._place(pod)
            if pod.gone:
                self.await_workflow(pod)

    def release_until(self, kind: str, version: int) -> None:
        """Forgets what waited for a kind, now that the kind has been observed up to a version."""
        if kind == "pods":
            for uid in self.podless.release_until(version):
                self._give_up_pods(uid)
            for uid in self.reopened.release_until(version):
                self._forget_former(uid)
            for uid in self.gone_workflows.release_until(version):
                self.forget_if_deleted(self.workflows[uid])
        elif kind == "workflows":
            for uid in self.gone_pods.release_until(version):
                self._forget_orphan(uid)

    def forget_deleted_pods(self, state: WorkflowState) -> None:
        """Forgets the deleted pods of an ended attempt, and after the last of them the workflow, if it is deleted too."""
        for uid in [uid for uid in self.pods_of.get(state.uid, ()) if can_forget(state, self.pods[uid])]:
            self.forget_pod(uid, state)
        self.forget_if_deleted(state)

    def forget_if_deleted(self, state: WorkflowState) -> None:
        """Forgets a deleted workflow once no pod of it is left, nor one that may still be observed."""
        if state.deleted and state.uid not in self.pods_of and state.uid not in self.gone_workflows:
            self.workflows.pop(state.uid, None)
            self.forgotten[state.uid] = state
            self.mark_workflow(state)

    def forget_pod(self, uid: str, state: WorkflowState | None) -> None:
        """Forgets a pod; the state of its workflow keeps what may still be needed of it."""
        run = self.pods.pop(uid).run
        self.hints.forget(uid)
        siblings = self.pods_of[run.workflow_uid]
        del siblings[uid]
        if not siblings:
            del self.pods_of[run.workflow_uid]
        self.changes.mark("pods", uid)
        if state is not None:
            attempt = linking.attempt_with(state, run.attempt)
            if not (state.deleted and attempt is state.attempt):
                linking.forget_pod(attempt, run)
            self.mark_workflow(state)

    def await_pods(self, state: WorkflowState) -> None:
        """Keeps an ended or deleted workflow for what the watch of pods may still show of it."""
        if state.attempt.podless_steps:
            for uid in self.podless.add(state.uid, state.version):
                self._give_up_pods(uid)
        if state.deleted:
            for uid in self.gone_workflows.add(state.uid, state.version):
                self.forget_if_deleted(self.workflows[uid])

    def await_former(self, state: WorkflowState) -> None:
        """Keeps the former attempts: their pods may be observed after `argo retry` has begun the next attempt."""
        for uid in self.reopened.add(state.uid, state.version):
            self._forget_former(uid)

    def await_workflow(self, pod: PodState) -> None:
        """Keeps a deleted pod for its workflow, which may be observed later."""
        for uid in self.gone_pods.add(pod.run.uid, pod.run.version):
            self._forget_orphan(uid)

    def _place(self, pod: PodState) -> None:
        self.pods[pod.run.uid] = pod
        self.pods_of.setdefault(pod.run.workflow_uid, {})[pod.run.uid] = None

    def _give_up_pods(self, uid: str) -> None:
        """The watch of pods has reached the end of a workflow: pods that it did not show until then will not appear."""
        if (state := self.workflows.get(uid)) is not None:
            state.attempt.podless_steps = None
            self.mark_workflow(state)

    def _forget_former(self, uid: str) -> None:
        if (state := self.workflows.get(uid)) is not None:
            state.former = ()
            self.mark_workflow(state)

    def _forget_orphan(self, uid: str) -> None:
        if uid in self.pods and self.pods[uid].run.workflow_uid not in self.workflows:
            self.forget_pod(uid, None)
