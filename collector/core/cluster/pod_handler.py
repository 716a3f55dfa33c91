"""
Observations of pods, and of events about them: whose a pod is, what its workflow learns from it, what follows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from collector.core.cluster import attempt_effects, linking
from collector.core.cluster.admissions import Admissions
from collector.core.cluster.effects import Clamped, Effect, EndSeen, FirstRan, PodEnded, PodRan
from collector.core.cluster.gaps import Gaps
from collector.core.cluster.owners import NOTHING, UNOWNED, Owners, PodOwner, attempt_of, pod_owner_of
from collector.core.cluster.plain_nodes import PlainNodes
from collector.core.cluster.tracked import TrackedObjects
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.pod import lifecycle as pod_lifecycle
from collector.core.pod.state import PodState
from collector.core.rules import Rules
from collector.core.workflow import lifecycle as workflow_lifecycle
from collector.core.workflow import rows as workflow_rows
from collector.core.workflow.state import Attempt, WorkflowState


@dataclass(slots=True, kw_only=True)
class PodHandler:
    """Takes observations of one cluster's pods."""

    cluster: str
    rules: Rules
    tracked: TrackedObjects
    owners: Owners
    gaps: Gaps
    plain_nodes: PlainNodes
    admissions: Admissions
    unowned: Callable[[kubernetes.Pod, Observation], Iterator[Effect]]
    """Takes a pod that belongs to no workflow."""

    def observe(self, seen: Observation) -> Iterator[Effect]:
        """Takes over one observation of a pod that exists."""
        before = self.tracked.pods.get(seen.uid)
        pod: kubernetes.Pod = seen.object  # type: ignore[assignment]  # the kind implies the type
        claim = pod_owner_of(before.run) if before else self.owners.resolve(pod.metadata, self.tracked.pods)
        if claim.awaits:
            self.owners.park(claim.awaits, seen)
            return
        if claim is UNOWNED:
            yield from self.unowned(pod, seen)
            return
        hint = self.tracked.hints.of(seen.uid)
        if before is None and hint is not None:  # from now on the pod's own state keeps the hint
            self.tracked.changes.mark("hints", seen.uid)
        held, group = self.admissions.hold_of(pod, seen.uid)
        after = linking.with_event(pod_lifecycle.observe(before, seen, self._place(pod, claim), held, group), hint)
        if before is None and after.historic and (after.run.finished_at or 0) >= self.gaps.news_from(seen.kind):
            after.historic = False
        yield from self._replace(before, after, seen)
        if before is None:
            yield from self.release(seen.uid)

    def observe_vanished(self, seen: Observation) -> Iterator[Effect]:
        """A list after a gap does not have a pod that was known."""
        before = self.tracked.pods.get(seen.uid)
        if before is not None:
            at = self.gaps.last_alive(seen, before.first_seen_at, before.running_at, before.run.main_started_at)
            closed = pod_lifecycle.close(before, at, seen.version, "vanished", over_by=seen.at)
            yield from self._replace(before, closed, seen)
        elif awaited := self.owners.parked(seen.uid):
            self.owners.park(awaited, seen)

    def reconsider(self, before: PodState, seen: Observation) -> Iterator[Effect]:
        """A queue manager's object about the pod changed."""
        after = pod_lifecycle.readmit(before, self.admissions.reason_again(before))
        if after is not before:
            yield from self._replace(before, after, seen)

    def observe_event(self, seen: Observation) -> Iterator[Effect]:
        """Keeps an event as a hint for its pod, whichever of the two was observed first."""
        hint = self.tracked.hints.take(seen)
        pod = self.tracked.pods.get(hint.uid) if hint else None
        if pod is not None and (after := linking.with_event(pod, hint)) is not pod:
            yield from self._replace(pod, after, seen)

    def release(self, awaited: str) -> Iterator[Effect]:
        """Takes the parked observations of the pods that waited for this owner."""
        for seen in self.owners.release_waiting(awaited):
            yield from self.observe_vanished(seen) if seen.change == "vanished" else self.observe(seen)

    def _place(self, pod: kubernetes.Pod, claim: PodOwner) -> pod_lifecycle.AttemptPlace:
        """The workflow that a pod belongs to, and which attempt of it."""
        workflow = self.tracked.workflows.get(claim.workflow_uid)
        meta, node_name = pod.metadata, pod.spec.nodeName if pod.spec else None
        made_at = kubernetes.parse_time(meta.creationTimestamp) or 0
        node_id = (meta.annotations or NOTHING).get(pod_lifecycle.NODE_ID, "")
        return pod_lifecycle.AttemptPlace(
            cluster=self.cluster,
            workflow_uid=claim.workflow_uid,
            workflow_name=workflow.name if workflow else claim.workflow_name,
            attempt=attempt_of(workflow, made_at, node_id) if workflow else 1,
            owner_kind=claim.owner_kind,
            node_labels=self.plain_nodes.labels.get(node_name or "", NOTHING),
            region=self.rules.region,
        )

    def _replace(self, before: PodState | None, after: PodState, seen: Observation) -> Iterator[Effect]:
        """Replaces the state of a pod, updates its workflow, and emits what is new."""
        workflow = self.tracked.workflows.get(after.run.workflow_uid)
        attempt = linking.attempt_with(workflow, after.run.attempt) if workflow else None
        if (ended_at := linking.end_time(after, attempt)) != after.run.finished_at:
            after = msgspec.structs.replace(after, run=msgspec.structs.replace(after.run, finished_at=ended_at))
        self.admissions.regroup(after.run.uid, before.group if before else "", after.group)
        self.tracked.put(after)
        if workflow is not None:
            yield from self._update_workflow(workflow, before, after, seen)
        written = before is not None and before.stage == "finished" and linking.same_evidence(before.run, after.run)
        if after.stage == "finished" and not written:
            yield after.run
            yield PodEnded(after, workflow)
            if seen.live and before is not None and before.stage != "finished" and not after.guessed:
                yield EndSeen(seen.at - (after.run.finished_at or seen.at))
        # A deleted pod is kept while its workflow exists: its charge gets its final class when the attempt ends.
        if after.gone and workflow is None:
            self.tracked.await_workflow(after)
        elif workflow is not None and linking.can_forget(workflow, after):
            self.tracked.forget_pod(after.run.uid, workflow)
            self.tracked.forget_if_deleted(workflow)

    def _update_workflow(
        self, workflow: WorkflowState, before: PodState | None, after: PodState, seen: Observation
    ) -> Iterator[Effect]:
        """Updates a workflow by one of its pods: the beginning of work, what it waits for, counts, rows, the outcome."""
        attempt = linking.attempt_with(workflow, after.run.attempt)
        counted = linking.count_pod(attempt, before, after)
        if before is None or linking.wait_state(before) != linking.wait_state(after):
            yield from self._move(workflow, before, after, seen)
        yield from self._main_started(workflow, attempt, before, after)
        row = linking.step_with_pod(attempt, after.run)
        if row is not None:
            yield row
        if attempt.finished:
            more = linking.changes_outcome(attempt, before, after)
            if (more and linking.redecide_outcome(attempt, self.tracked.pods_of_workflow(workflow))) or counted:
                yield attempt_effects.run_row(self.cluster, workflow, attempt)
        if attempt.finished or row is not None:
            self.tracked.mark_workflow(workflow)

    def _move(
        self, workflow: WorkflowState, before: PodState | None, after: PodState, seen: Observation
    ) -> Iterator[Effect]:
        """A pod that appears or changes stage begins its workflow's work and changes what the workflow waits for."""
        attempt = workflow.attempt
        linking.update_pod_stages(workflow, before, after)
        at = seen.at if seen.live else _reached_at(before, after, seen)
        had_begun = attempt.picked_up_at is not None
        if not attempt.finished and after.run.attempt == attempt.number:
            attempt.first_pod_at = min(at, attempt.first_pod_at or at)
            if not after.unadmitted:
                workflow_lifecycle.pick_up(workflow, at, seen.live)
        if before is None or before.stage != after.stage:
            workflow.moved_at = seen.at
        workflow_lifecycle.update_reason(workflow, at)
        self.tracked.mark_workflow(workflow)
        # A first list may show the beginning of an attempt that is older than the counters.
        past = seen.change == "listed" and attempt.uncounted and at < self.gaps.news_from(seen.kind)
        if not had_begun and attempt.picked_up_at is not None and not past:
            yield from attempt_effects.began(workflow)

    def _main_started(
        self, workflow: WorkflowState, attempt: Attempt, before: PodState | None, after: PodState
    ) -> Iterator[Effect]:
        """The first sight of a pod's main container running, and of its attempt's first."""
        first = linking.first_ran(after)
        if first is None or (before is not None and linking.first_ran(before) is not None):
            return
        if after.run.start_latency_source == "watch" and after.run.start_latency_ms is not None:
            yield PodRan(after.run.namespace, after.run.start_latency_ms, workflow.uid)
        if after.live and pod_lifecycle.clamped(after):  # a list shows the past, which moves no counter
            yield Clamped("pod_start_latency")
        at, live = first
        if live and attempt.clock_stepped and after.run.main_started_at is not None:
            at, live = after.run.main_started_at, False
        if after.run.attempt == attempt.number and workflow_lifecycle.main_started(
            attempt, workflow.created_at, at, live
        ):
            self.tracked.mark_workflow(workflow)
            latency = workflow_rows.start_latency(workflow, attempt)
            if latency.source == "watch" and latency.ms is not None:
                yield FirstRan(workflow.queue, latency.ms, workflow.uid)
            if latency.clamped and attempt.first_seen_live:
                yield Clamped("start_latency")


def _reached_at(before: PodState | None, after: PodState, seen: Observation) -> Instant:
    """When a listed pod reached its stage by its own clock, which may be ahead of ours: what is seen has happened."""
    waited = before is not None and before.unadmitted  # for a queue manager, since its creation
    at = after.run.scheduled_at if waited else linking.stage_time(after.run, after.stage)
    return min(at or seen.at, seen.at)
