"""
The lives of a cluster's workflows and pods, and how long each is kept.

No order holds between the two kinds: what has gone of the one is kept until the other has been observed as far, for it may
still be asked about.
"""

from collections.abc import Iterable

from collector.core.change_log import ChangeLog
from collector.core.cluster import linking
from collector.core.cluster.linking import can_forget
from collector.core.cluster.tombstones import Tombstones
from collector.core.pod.events import EventHints
from collector.core.pod.lifecycle import PodState
from collector.core.workflow.lifecycle import WorkflowState


class TrackedObjects:
    """What is known of workflows and pods, by uid."""

    def __init__(self, changes: ChangeLog) -> None:
        self.changes = changes
        self.workflows: dict[str, WorkflowState] = {}
        self.pods: dict[str, PodState] = {}
        self.pods_of: dict[str, dict[str, None]] = {}
        """By workflow the uids of its pods."""
        self.hints = EventHints(changes)
        self.forgotten: dict[str, WorkflowState] = {}
        """Workflows that were forgotten since the last checkpoint, for their last live row."""
        self.gone_workflows, self.gone_pods = Tombstones(), Tombstones()
        """Until the pods, and until the workflows, have come as far as the deletion of these."""
        self.reopened = Tombstones()
        """Workflows with a finished attempt before the present one, until the pods have come as far as its end."""
        self.podless = Tombstones()
        """Ended workflows with steps whose pod has not been seen, until the pods have come as far."""

    def pods_of_workflow(self, life: WorkflowState) -> list[PodState]:
        """The pods of a workflow, as they were first seen."""
        return [self.pods[uid] for uid in self.pods_of.get(life.uid, ())]

    def put(self, pod: PodState) -> None:
        """Take over a pod's newer life."""
        self._place(pod)
        self.changes.mark("pods", pod.run.uid)

    def touch(self, life: WorkflowState) -> None:
        """A workflow's life has changed."""
        self.changes.mark("workflows", life.uid)

    def adopt(self, workflows: Iterable[WorkflowState], pods: Iterable[PodState]) -> None:
        """Take up the lives of a checkpoint."""
        for life in workflows:
            self.workflows[life.uid] = life
            self.await_pods(life)
            if life.former:
                self.await_former(life)
        for pod in pods:
            self._place(pod)
            if pod.gone:
                self.await_workflow(pod)

    def reached(self, kind: str, version: int) -> None:
        """A kind has been observed up to a version: what is gone and waited for it is let go."""
        if kind == "pods":
            for uid in self.podless.reached(version):
                self._give_up_pods(uid)
            for uid in self.reopened.reached(version):
                self._forget_former(uid)
            for uid in self.gone_workflows.reached(version):
                self.bury(self.workflows[uid])
        elif kind == "workflows":
            for uid in self.gone_pods.reached(version):
                self._forget_orphan(uid)

    def forget(self, life: WorkflowState) -> None:
        """After an attempt's end deleted pods are let go, and after the last of them a deleted workflow."""
        for uid in [uid for uid in self.pods_of.get(life.uid, ()) if can_forget(life, self.pods[uid])]:
            self.drop(uid, life)
        self.bury(life)

    def bury(self, life: WorkflowState) -> None:
        """Let a deleted workflow go once no pod of it is left, nor one that may still be watched."""
        if life.deleted and life.uid not in self.pods_of and life.uid not in self.gone_workflows:
            self.workflows.pop(life.uid, None)
            self.forgotten[life.uid] = life
            self.touch(life)

    def drop(self, uid: str, life: WorkflowState | None) -> None:
        """Let a pod go; its workflow's life keeps what may still be asked of it."""
        run = self.pods.pop(uid).run
        self.hints.forget(uid)
        mine = self.pods_of[run.workflow_uid]
        del mine[uid]
        if not mine:
            del self.pods_of[run.workflow_uid]
        self.changes.mark("pods", uid)
        if life is not None:
            linking.forget_pod(linking.of_attempt(life, run.attempt), run)
            self.touch(life)

    def await_pods(self, life: WorkflowState) -> None:
        """What the pods' watch may still have to say of a workflow that has ended or is gone."""
        if life.podless_steps:
            for uid in self.podless.keep(life.uid, life.version):
                self._give_up_pods(uid)
        if life.deleted:
            for uid in self.gone_workflows.keep(life.uid, life.version):
                self.bury(self.workflows[uid])

    def await_former(self, life: WorkflowState) -> None:
        """Pods of a finished attempt may be seen after `argo retry` has begun the next: no order holds between kinds."""
        for uid in self.reopened.keep(life.uid, life.version):
            self._forget_former(uid)

    def await_workflow(self, pod: PodState) -> None:
        """A pod that is gone may be seen before the workflow it belongs to."""
        for uid in self.gone_pods.keep(pod.run.uid, pod.run.version):
            self._forget_orphan(uid)

    def _place(self, pod: PodState) -> None:
        self.pods[pod.run.uid] = pod
        self.pods_of.setdefault(pod.run.workflow_uid, {})[pod.run.uid] = None

    def _give_up_pods(self, uid: str) -> None:
        """The pods' watch has come as far as the workflow's end: what it has not shown it will never show."""
        if (life := self.workflows.get(uid)) is not None:
            life.podless_steps = None
            self.touch(life)

    def _forget_former(self, uid: str) -> None:
        if (life := self.workflows.get(uid)) is not None:
            life.former = ()
            self.touch(life)

    def _forget_orphan(self, uid: str) -> None:
        if uid in self.pods and self.pods[uid].run.workflow_uid not in self.workflows:
            self.drop(uid, None)
