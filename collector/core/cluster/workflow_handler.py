"""
Observations of workflows: what each changes in the state, and the effects that follow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import msgspec

from collector.core.argo.cron import Crons
from collector.core.cluster import attempt_effects, linking
from collector.core.cluster.admissions import Admissions
from collector.core.cluster.effects import Effect, EndSeen, PodEnded
from collector.core.cluster.gaps import Gaps
from collector.core.cluster.owners import NOTHING, Owners, attempt_of
from collector.core.cluster.pod_handler import PodHandler
from collector.core.cluster.tracked import TrackedObjects
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.rules import Rules
from collector.core.workflow import lifecycle
from collector.core.workflow.description import describe
from collector.core.workflow.state import WorkflowState

CRON_LABEL = "workflows.argoproj.io/cron-workflow"
SCHEDULED_TIME = "workflows.argoproj.io/scheduled-time"


class Snapshot(msgspec.Struct, frozen=True):
    """An attempt as it was before an observation, as far as a change of it has effects."""

    number: int
    picked_up_at: Instant | None
    finished: bool
    finished_at: Instant | None
    outcome: str
    outcome_reason: str
    phase: str
    message: str
    units: dict[str, str] | None

    def ended_since(self, before: "Snapshot") -> bool:
        """Whether the attempt ended since then, or ended differently than was known."""
        if not self.finished or not before.finished or self.number != before.number:
            return self.finished
        return self._ending() != before._ending()

    def _ending(self) -> tuple[object, ...]:
        return self.finished_at, self.outcome, self.outcome_reason, self.phase, self.message, self.units

    @classmethod
    def of(cls, state: WorkflowState) -> Self:
        """The present attempt as it is now."""
        attempt = state.attempt
        return cls(
            number=attempt.number, picked_up_at=attempt.picked_up_at, finished=attempt.finished,
            finished_at=attempt.finished_at, outcome=attempt.outcome, outcome_reason=attempt.outcome_reason,
            phase=attempt.phase, message=attempt.message, units=state.stated_units,
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class WorkflowHandler:
    """Takes observations of one cluster's workflows."""

    cluster: str
    rules: Rules
    tracked: TrackedObjects
    owners: Owners
    gaps: Gaps
    crons: Crons
    namespaces: dict[str, dict[str, str]]
    """Labels of each namespace."""
    pods: PodHandler
    admissions: Admissions

    def observe(self, seen: Observation) -> Iterator[Effect]:
        """Takes over one observation of a workflow that exists."""
        workflow: kubernetes.Workflow = seen.object  # type: ignore[assignment]  # the kind implies the type
        namespace = workflow.metadata.namespace or ""
        labels = self.namespaces.get(namespace, NOTHING)
        unit, is_taken = self.admissions.of_workflow(namespace, workflow.metadata.name or "", seen.uid)
        state = self.tracked.workflows.get(seen.uid)
        lived = state is not None and not state.attempt.finished
        # What happened before this instant is recorded, but moves no counter.
        since = self.gaps.news_from(seen.kind) if state is None and seen.change == "listed" else 0
        if state is None:
            state = self.tracked.workflows[seen.uid] = lifecycle.new_workflow(
                seen, self.rules, labels, unit, is_taken=is_taken
            )
            before = Snapshot.of(state)
            self._count_pods(state)
            yield from self._cron_run(workflow, state)
            if state.created_at >= since:
                yield attempt_effects.submitted(state)
            else:
                state.attempt.uncounted = True
        else:
            if (again := lifecycle.restarted_at(state, workflow)) is not None:
                yield from self._close_unobserved(state, seen, again)
            before = Snapshot.of(state)
            describe(state, workflow, self.rules, labels)
        ended = lifecycle.observe(state, seen, unit, is_taken=is_taken)
        reopened = self._reopened(state, seen) if state.attempt.number != before.number else ()
        if ended is not None:
            linking.decide_outcome(state.attempt, ended, self.tracked.pods_of_workflow(state))
            if seen.live and lived:
                yield EndSeen(seen.at - (state.attempt.finished_at or seen.at))
        yield from reopened
        yield from self._changes(state, before, since)
        yield from self.pods.release(f"{state.namespace}/{state.name}")
        if ended is not None:
            pods = self.tracked.pods_of_workflow(state)
            yield from linking.step_rows(self.cluster, state, ended, pods, seen.version)
            self.tracked.await_pods(state)
            self._cron_success(workflow, state)

    def observe_vanished(self, seen: Observation) -> Iterator[Effect]:
        """A list after a gap does not have a workflow that was known."""
        if (state := self.tracked.workflows.get(seen.uid)) is not None:
            yield from self._close_unobserved(state, seen)

    def reconsider(self, state: WorkflowState, seen: Observation) -> None:
        """A queue manager's object about the workflow changed."""
        unit, _ = self.admissions.of_workflow(state.namespace, state.name, state.uid)
        lifecycle.hold_again(state, unit, seen.at)
        self.tracked.mark_workflow(state)

    def _cron_run(self, workflow: kubernetes.Workflow, state: WorkflowState) -> Iterator[Effect]:
        cron, due = _cron_of(workflow)
        if cron:
            yield from self.crons.record_run(state.namespace, cron, due, state.name, state.created_at)

    def _cron_success(self, workflow: kubernetes.Workflow, state: WorkflowState) -> None:
        cron, due = _cron_of(workflow)
        if cron and state.attempt.outcome == "succeeded":
            self.crons.record_success(state.namespace, cron, due, state.name)

    def _close_unobserved(
        self, state: WorkflowState, seen: Observation, again: Instant | None = None
    ) -> Iterator[Effect]:
        """Closes an attempt whose end was not observed: the object is gone, or `argo retry` began another attempt `again`."""
        before = Snapshot.of(state)
        at = self.gaps.last_alive(seen, state.attempt.first_seen_at, state.moved_at, state.attempt.reason_since)
        if again is None:
            lifecycle.mark_vanished(state, at, max(state.version, seen.version))
        else:
            lifecycle.close_unobserved(state, min(at, again))
        yield from self._changes(state, before)

    def _changes(self, state: WorkflowState, before: Snapshot, since: Instant = 0) -> Iterator[Effect]:
        """Effects of an update of a workflow's state; what began or ended before `since` moves no counter."""
        now = Snapshot.of(state)
        reopened = now.number != before.number
        self.tracked.mark_workflow(state)
        self.owners.register(state)
        if reopened:
            self.tracked.await_former(state)
            yield attempt_effects.submitted(state)
        if now.picked_up_at is not None and (before.picked_up_at is None or reopened) and now.picked_up_at >= since:
            yield from attempt_effects.began(state)
        if now.finished and (not before.finished or reopened) and (now.finished_at or 0) >= since:
            yield from attempt_effects.ended(state)
        if now.ended_since(before):
            yield attempt_effects.run_row(self.cluster, state, state.attempt)
            yield from self._end_pods(state)
        self.tracked.await_pods(state)
        if now.finished:
            self.tracked.forget_deleted_pods(state)

    def _reopened(self, state: WorkflowState, seen: Observation) -> list[Effect]:
        """Moves pods that were observed ahead of their workflow from the attempt before to the one that has begun."""
        former, pods = state.former[0], self.tracked.pods_of_workflow(state)
        ahead = [pod for pod in pods if pod.run.attempt < attempt_of(state, pod.run.created_at, pod.run.node_id)]
        effects: list[Effect] = []
        for pod in ahead:
            pod.run = msgspec.structs.replace(pod.run, attempt=state.attempt.number, version=pod.run.version + 1)
            self.tracked.mark_pod(pod)
            if pod.stage == "finished":
                effects += [pod.run, PodEnded(pod, state)]
        if ahead:
            linking.uncount_pods(state, former, ahead, pods)
            effects.append(attempt_effects.run_row(self.cluster, state, former))
        self._count_pods(state)
        lifecycle.update_reason(state, seen.at)
        return effects

    def _end_pods(self, state: WorkflowState) -> Iterator[Effect]:
        """Gives the pods of an ended workflow their final charges, and guessed ends the controller's record."""
        for pod in self.tracked.pods_of_workflow(state):
            ended_at = linking.end_time(pod, state.attempt)
            if ended_at != pod.run.finished_at:
                version = max(pod.run.version + 1, state.version)
                pod.run = msgspec.structs.replace(pod.run, finished_at=ended_at, version=version)
                self.tracked.mark_pod(pod)
                yield pod.run
            if pod.stage == "finished":
                yield PodEnded(pod, state)

    def _count_pods(self, state: WorkflowState) -> None:
        """Counts the pods that were observed before their workflow, or before its next attempt."""
        attempt = state.attempt
        for pod in self.tracked.pods_of_workflow(state):
            if not state.version:
                linking.update_pod_stages(state, None, pod)
            if linking.count_pod(attempt, None, pod):
                attempt.first_pod_at = min(pod.first_seen_at, attempt.first_pod_at or pod.first_seen_at)
                if not pod.unadmitted:
                    lifecycle.pick_up(state, pod.first_seen_at, pod.live)
                elif not pod.live:
                    lifecycle.update_reason(state, pod.run.created_at)
                if (first := linking.first_ran(pod)) is not None:
                    at, live = first
                    lifecycle.main_started(attempt, state.created_at, at, live)


def _cron_of(workflow: kubernetes.Workflow) -> tuple[str, str | None]:
    """The name of the cron workflow that made a workflow, and when that was due; empty: none did."""
    meta = workflow.metadata
    return (meta.labels or NOTHING).get(CRON_LABEL, ""), (meta.annotations or NOTHING).get(SCHEDULED_TIME)
