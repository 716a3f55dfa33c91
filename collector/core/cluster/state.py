"""
One cluster as it is known: observations in, facts out.

Joins what arrives in any order between kinds: a pod may come before its workflow, a workflow may end before its pods do.
All state is here and in the two lives; it can be rebuilt from a list or taken up again from checkpoints.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

import msgspec

from collector.core.argo import controller
from collector.core.argo.cron import NEVER, Calendar, Crons
from collector.core.change_log import ChangeLog
from collector.core.cluster import linking
from collector.core.cluster.effects import Began, Clamped, Effect, Ended, FirstRan, PodEnded, PodRan, Submitted
from collector.core.cluster.linking import can_forget, count, same_evidence, shift, stage_time, wait_state
from collector.core.cluster.owners import NOTHING, UNOWNED, Claim, Owners, attempt_of, known
from collector.core.cluster.plain_nodes import PlainNodes
from collector.core.cluster.tracked import TrackedObjects
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.facts.workflows import WorkflowRun
from collector.core.live_view import Waiting
from collector.core.messages import ControllerSettings, Observation, Reading
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.pod import lifecycle as pod_lifecycle
from collector.core.pod.lifecycle import PodState
from collector.core.queue import locks
from collector.core.queue import waiting as queueing
from collector.core.queue.flow import Flows
from collector.core.queue.waiting import Reason
from collector.core.rules import Rules
from collector.core.workflow import lifecycle as workflow_lifecycle
from collector.core.workflow import rows as workflow_rows
from collector.core.workflow.lifecycle import WorkflowState

CRON_LABEL = "workflows.argoproj.io/cron-workflow"
SCHEDULED_TIME = "workflows.argoproj.io/scheduled-time"
MOVES_COUNTERS = (Began, Ended, FirstRan, PodRan, Clamped)


class Cluster:
    """Workflows, pods, nodes and namespaces of one cluster, and the facts that follow from each observation."""

    def __init__(self, name: str, rules: Rules, calendar: Calendar = NEVER) -> None:
        self.name = name
        self.rules = rules
        self.changes = ChangeLog()
        self.tracked = TrackedObjects(self.changes)
        self.workflows, self.pods, self.pods_of, self.hints = (
            self.tracked.workflows,
            self.tracked.pods,
            self.tracked.pods_of,
            self.tracked.hints,
        )
        self.owners = Owners(rules.owner_labels)
        self.plain_nodes = PlainNodes(name, self.changes)
        self.namespaces: dict[str, dict[str, str]] = {}
        self.controllers = controller.Seen()
        self.crons = Crons(name, calendar, self.changes)
        self.flows = Flows()
        self.settings: ControllerSettings | None = None
        """The controller's parallelism, as last read."""
        self.lock_users: dict[str, WorkflowState] = {}
        self.lock_limits: dict[str, int] = {}
        self.uid = ""
        """The uid of kube-system: what the name of this cluster is bound to."""
        self._unseen_since: dict[str, Instant] = {}
        """By kind since when nothing was seen, while a list ends a break."""
        self._facts: dict[str, Callable[[Observation], Iterable[Effect]]] = {
            "workflows": self._workflow, "pods": self._pod, "events": self._event, "cronworkflows": self.crons.observe,
            "nodes": partial(self.plain_nodes.observe, region=rules.region), "namespaces": self._namespace,
            "jobs": self._owner, "rayclusters": self._owner, "rayjobs": self._owner, "sparkapplications": self._owner,
        }  # fmt: skip

    def observe(self, seen: Observation) -> list[Effect]:
        """Takes one observation over; returns the effects that follow from it."""
        effects = [*self._facts[seen.kind](seen)]
        for effect in effects:
            if type(effect) is Submitted:
                self.flows.arrived(effect.namespace, effect.queue, seen.at)
            elif type(effect) is Began:
                self.flows.started(effect.namespace, effect.queue, seen.at)
        return effects

    def record_charges(self, pod: PodState, written: WrittenCharges | None) -> None:
        """Remembers with a pod which of its charges were written."""
        pod.written = written
        self.changes.mark("pods", pod.run.uid)

    def read(self, reading: Reading) -> list[Effect]:
        """The facts that the answer to a question leads to."""
        if reading.kind == "settings":
            self.settings = reading.value if isinstance(reading.value, ControllerSettings) else self.settings
            return []
        self.changes.mark("controller", "")
        return [*controller.read(self.name, self.rules.controller_namespace, reading, self.controllers)]

    def tick(self, now: Instant) -> list[Effect]:
        """What time alone leads to: runs that were due and did not come."""
        return [*self.crons.tick(now)]

    def waiting(self) -> list[Waiting]:
        """Every live workflow, counted by queue and reason."""
        return queueing.waiting(self.name, self.workflows.values())

    def adopt(self, workflows: Iterable[WorkflowState], pods: Iterable[PodState]) -> None:
        """Take up the lives of a checkpoint."""
        lives = [workflow_lifecycle.resumed(life, self.rules) for life in workflows]
        self.tracked.adopt(lives, pods)
        for life in lives:
            self.owners.exists(life)

    def gap_started(self, kind: str, since: Instant) -> None:
        """A break that could not be replayed: what lives now may have done things that nobody saw since then."""
        self._unseen_since[kind] = since
        for life in self.workflows.values():
            if not life.finished:
                life.complete = False
                self.tracked.touch(life)

    def claims(self, meta: kubernetes.Meta) -> bool:
        """Whether a pod is a known workflow's or the controller's; one whose owner is awaited is nobody's yet."""
        ours = self.owners.claim(meta, self.pods).workflow_uid
        return bool(ours) or controller.is_controller(kubernetes.Pod(metadata=meta), self.rules.controller_namespace)

    def gap_ended(self, kind: str) -> None:
        """The list that ends a break is complete, what has vanished in it included."""
        self._unseen_since.pop(kind, None)
        if kind == "nodes":
            self.plain_nodes.listed = True

    def _last_alive(self, seen: Observation, *signs: Instant | None) -> Instant:
        """When an object that vanished is last known to have been: at the break's beginning, or by its own later signs."""
        since = self._unseen_since.get(seen.kind, seen.at)
        return min(seen.at, max(since, *(sign or 0 for sign in signs)))

    def _namespace(self, seen: Observation) -> Iterable[Effect]:
        namespace = seen.object
        if isinstance(namespace, kubernetes.Namespace) and seen.change != "deleted":
            name = namespace.metadata.name or ""
            self.namespaces[name] = namespace.metadata.labels or NOTHING
            self.uid = seen.uid if name == "kube-system" else self.uid
        return ()

    def _owner(self, seen: Observation) -> Iterator[Effect]:
        """What may stand between a workflow and its pods."""
        self.owners.take(seen)
        return self._came(seen.uid)

    def _workflow(self, seen: Observation) -> Iterator[Effect]:
        life = self.workflows.get(seen.uid)
        historic = life is None and seen.change == "listed"
        if seen.change == "vanished":
            if life is not None:
                yield from self._lost(life, seen)
            return
        workflow: kubernetes.Workflow = seen.object  # type: ignore[assignment]  # the kind says so
        labels = self.namespaces.get(workflow.metadata.namespace or "", NOTHING)
        if life is None:
            life = self.workflows[seen.uid] = workflow_lifecycle.new_workflow(seen, self.rules, labels)
            before = (life.attempt, life.picked_up_at, life.finished)
            self._count_pods(life)
            yield from self._cron_run(workflow, life)
            if not historic:
                yield Submitted(life.namespace, life.queue)
        else:
            if (again := workflow_lifecycle.restarted_at(life, workflow)) is not None:
                yield from self._lost(life, seen, again)
            workflow_lifecycle.describe(life, workflow, self.rules, labels)
            before = (life.attempt, life.picked_up_at, life.finished)
        ending = (life.outcome, life.outcome_reason, life.finished_at, life.phase, life.message)
        ended, moved = workflow_lifecycle.observe(life, seen), list[Effect]()
        if life.attempt != before[0]:
            moved += self._move_on(life)
            self._count_pods(life)
            workflow_lifecycle.update_reason(life, seen.at)
        if ended is not None:
            linking.decide_outcome(life, ended, self.tracked.pods_of_workflow(life))
        happened: Iterable[Effect] = chain(moved, self._changes(life, before, ending))
        if historic:  # what began or was over before we came is recorded, but moves no counter
            happened = (h for h in happened if not isinstance(h, MOVES_COUNTERS))
        yield from happened
        yield from self._came(f"{life.namespace}/{life.name}")
        if ended is not None:
            yield from linking.step_rows(self.name, life, ended, self.tracked.pods_of_workflow(life), seen.version)
            self.tracked.await_pods(life)

    def _cron_run(self, workflow: kubernetes.Workflow, life: WorkflowState) -> Iterator[Effect]:
        if cron := (workflow.metadata.labels or NOTHING).get(CRON_LABEL):
            due = (workflow.metadata.annotations or NOTHING).get(SCHEDULED_TIME)
            yield from self.crons.started(life.namespace, cron, due, life.name, life.created_at)

    def _mind_locks(self, life: WorkflowState) -> None:
        """Keep apart the few workflows that use locks, and what was last said of a lock's limit."""
        if life.finished or not (life.held_locks or life.step_holds or life.reason == "lock"):
            self.lock_users.pop(life.uid, None)
            return
        self.lock_users[life.uid] = life
        waits = (life.holds or {}).get("step_lock") or Reason(life.reason, life.reason_on, life.reason_words)
        locks.remember(self.lock_limits, waits)

    def _lost(self, life: WorkflowState, seen: Observation, again: Instant | None = None) -> Iterator[Effect]:
        """Nobody saw how it ended: its object is gone, or `argo retry` has taken it up again since."""
        before = (life.attempt, life.picked_up_at, life.finished)
        at = self._last_alive(seen, life.first_seen_at, life.moved_at, life.reason_since)
        if again is None:
            workflow_lifecycle.mark_vanished(life, at, max(life.version, seen.version))
        else:
            workflow_lifecycle.lose(life, min(at, again))
        yield from self._changes(life, before, ())

    def _changes(
        self, life: WorkflowState, before: tuple[int, Instant | None, bool], ending: tuple[object, ...]
    ) -> Iterator[Effect]:
        """What the world is told of a workflow whose life has just been brought up to date."""
        attempt, picked_up_at, finished = before
        reopened = life.attempt != attempt
        self.tracked.touch(life)
        self.owners.exists(life)
        self._mind_locks(life)
        if reopened:
            self.tracked.await_former(life)
            yield Submitted(life.namespace, life.queue)
        if life.picked_up_at is not None and (picked_up_at is None or reopened):
            yield from self._began(life)
        if life.finished and (not finished or reopened):
            yield from self._ended(life)
        now = (life.outcome, life.outcome_reason, life.finished_at, life.phase, life.message)
        if life.finished and (not finished or reopened or (ending and now != ending)):
            yield self._run(life)
            yield from self._ended_pods(life)
        self.tracked.await_pods(life)
        if life.finished:
            self.tracked.forget(life)

    def _began(self, life: WorkflowState) -> Iterator[Effect]:
        latency = workflow_rows.queue_latency(life)
        yield Began(life.namespace, life.queue, latency.ms if latency.source == "watch" else None)
        if latency.clamped:
            yield Clamped("queue_latency")

    def _ended(self, life: WorkflowState) -> Iterator[Effect]:
        delay = workflow_rows.completion_delay(life)
        yield Ended(life.namespace, life.outcome, life.outcome_reason, life.retries, delay.ms)
        if delay.clamped:
            yield Clamped("completion_delay")

    def _run(self, life: WorkflowState) -> WorkflowRun:
        return workflow_rows.run_of(self.name, life, max(life.version, life.pods_version))

    def _move_on(self, life: WorkflowState) -> Iterator[Effect]:
        """Pods watched ahead of their workflow were told as of the attempt before, until its end and the next were seen."""
        former, mine = life.former[0], self.tracked.pods_of_workflow(life)
        ahead = [pod for pod in mine if pod.run.attempt < attempt_of(life, pod.run.created_at, pod.run.node_id)]
        for pod in ahead:
            pod.run = msgspec.structs.replace(pod.run, attempt=life.attempt, version=pod.run.version + 1)
            self.changes.mark("pods", pod.run.uid)
            if pod.stage == "finished":
                yield pod.run
                yield PodEnded(pod, life)
        if ahead:
            linking.uncount_pods(former, ahead, mine)
            yield self._run(former)

    def _pod(self, seen: Observation) -> Iterator[Effect]:
        before = self.pods.get(seen.uid)
        if seen.change == "vanished":
            controller.gone(self.controllers, seen.uid)
            if before is not None:
                at = self._last_alive(seen, before.first_seen_at, before.running_at, before.run.main_started_at)
                yield from self._replace(before, pod_lifecycle.close(before, at, seen.version, "vanished"), seen)
            elif awaited := self.owners.parked(seen.uid):
                self.owners.park(awaited, seen)
            return
        pod: kubernetes.Pod = seen.object  # type: ignore[assignment]  # the kind says so
        claim = known(before.run) if before else self.owners.claim(pod.metadata, self.pods)
        if claim.awaits:
            self.owners.park(claim.awaits, seen)
            return
        place = self._place(pod, claim)
        if place is None:
            if controller.is_controller(pod, self.rules.controller_namespace):
                yield from self._controller(pod, seen)
            return
        hint = self.hints.of(seen.uid)
        if before is None and hint is not None:  # from now on the pod keeps it
            self.changes.mark("hints", seen.uid)
        after = linking.with_event(pod_lifecycle.observe(before, seen, place), hint)
        yield from self._replace(before, after, seen)
        if before is None:
            yield from self._came(seen.uid)

    def _came(self, awaited: str) -> Iterator[Effect]:
        """What waited to know its owner is told now, as it was seen then."""
        for seen in self.owners.release_waiting(awaited):
            yield from self._pod(seen)

    def _event(self, seen: Observation) -> Iterator[Effect]:
        """What an event says of a pod is kept beside it, whichever of the two came first."""
        hint = self.hints.take(seen)
        pod = self.pods.get(hint.uid) if hint else None
        if pod is not None and (after := linking.with_event(pod, hint)) is not pod:
            yield from self._replace(pod, after, seen)

    def _ended_pods(self, life: WorkflowState) -> Iterator[Effect]:
        """A workflow's end gives the charges of its pods their last class, and to a guessed end its second witness."""
        for pod in self.tracked.pods_of_workflow(life):
            ended_at = linking.end_time(pod, life)
            if ended_at != pod.run.finished_at:
                version = max(pod.run.version + 1, life.version)
                pod.run = msgspec.structs.replace(pod.run, finished_at=ended_at, version=version)
                self.changes.mark("pods", pod.run.uid)
                yield pod.run
            if pod.stage == "finished":
                yield PodEnded(pod, life)

    def _controller(self, pod: kubernetes.Pod, seen: Observation) -> Iterator[Effect]:
        self.changes.mark("controller", "")
        yield from controller.incidents(self.name, pod, seen, self.controllers)

    def _place(self, pod: kubernetes.Pod, claim: Claim) -> pod_lifecycle.AttemptPlace | None:
        """The workflow that a pod belongs to, and which attempt of it."""
        if claim is UNOWNED:
            return None
        uid, kind, name = claim.workflow_uid, claim.owner_kind, claim.workflow_name
        life = self.workflows.get(uid)
        node_labels = self.plain_nodes.labels.get(pod.spec.nodeName if pod.spec and pod.spec.nodeName else "", NOTHING)
        meta = pod.metadata
        made_at, node_id = (
            kubernetes.instant(meta.creationTimestamp) or 0,
            (meta.annotations or NOTHING).get(pod_lifecycle.NODE_ID, ""),
        )
        attempt = attempt_of(life, made_at, node_id) if life else 1
        return pod_lifecycle.AttemptPlace(
            self.name, uid, life.name if life else name, attempt, kind, node_labels, self.rules.region
        )

    def _replace(self, before: PodState | None, after: PodState, seen: Observation) -> Iterator[Effect]:
        """Put a pod's newer life in place, tell its workflow, and say what is new."""
        uid, workflow_uid = after.run.uid, after.run.workflow_uid
        life = self.workflows.get(workflow_uid)
        mine = linking.of_attempt(life, after.run.attempt) if life else None
        if (ended_at := linking.end_time(after, mine)) != after.run.finished_at:
            after = msgspec.structs.replace(after, run=msgspec.structs.replace(after.run, finished_at=ended_at))
        self.tracked.put(after)
        if life is not None:
            yield from self._pod_moves(life, before, after, seen)
        told = before is not None and before.stage == "finished" and same_evidence(before.run, after.run)
        if after.stage == "finished" and not told:
            yield after.run
            yield PodEnded(after, life)
        # A deleted pod is kept while its workflow lives: its charge gets its last class when the attempt ends.
        if after.gone and life is None:
            self.tracked.await_workflow(after)
        elif life is not None and can_forget(life, after):
            self.tracked.drop(uid, life)
            self.tracked.bury(life)

    def _pod_moves(
        self, life: WorkflowState, before: PodState | None, after: PodState, seen: Observation
    ) -> Iterator[Effect]:
        """A pod that appears or changes stage begins its workflow's work and changes what it waits for."""
        mine = linking.of_attempt(life, after.run.attempt)
        counted = count(mine, before, after)
        if before is None or wait_state(before) != wait_state(after):
            shift(life, before, after)
            at = seen.at if seen.live else stage_time(after.run, after.stage) or seen.at
            began = life.picked_up_at is not None
            if not life.finished and after.run.attempt == life.attempt:
                life.first_pod_at = min(at, life.first_pod_at or at)
                workflow_lifecycle.pick_up(life, at, seen.live)
            if before is None or before.stage != after.stage:
                life.moved_at = seen.at
            workflow_lifecycle.update_reason(life, at)
            self.tracked.touch(life)
            historic = seen.change == "listed" and not life.first_seen_live
            if not began and life.picked_up_at is not None and not historic:
                yield from self._began(life)
        yield from self._ran(mine, before, after)
        row = linking.step_with_pod(mine, after.run)
        if row is not None:
            yield row
        if mine.finished:
            more = linking.changes_outcome(mine, before, after)
            if (more and linking.redecide_outcome(mine, self.tracked.pods_of_workflow(mine))) or counted:
                yield self._run(mine)
        if mine.finished or row is not None:
            self.tracked.touch(life)

    def _ran(self, life: WorkflowState, before: PodState | None, after: PodState) -> Iterator[Effect]:
        """The first sight of a pod's main container running, and of its workflow's first."""
        began = linking.first_ran(after)
        if began is None or (before is not None and linking.first_ran(before) is not None):
            return
        if after.run.start_latency_source == "watch" and after.run.start_latency_ms is not None:
            yield PodRan(after.run.namespace, after.run.start_latency_ms)
        if after.live and pod_lifecycle.clamped(after):  # what a list shows is the past, and moves no counter
            yield Clamped("pod_start_latency")
        if after.run.attempt == life.attempt and workflow_lifecycle.ran(life, *began):
            self.tracked.touch(self.workflows[life.uid])
            latency = workflow_rows.start_latency(life)
            if latency.source == "watch" and latency.ms is not None:
                yield FirstRan(life.queue, latency.ms)
            if latency.clamped and life.first_seen_live:
                yield Clamped("start_latency")

    def _count_pods(self, life: WorkflowState) -> None:
        """Pods that arrived before their workflow, or its next attempt, are told to it at its birth."""
        for uid in self.pods_of.get(life.uid, ()):
            pod = self.pods[uid]
            if not life.version:
                shift(life, None, pod)
            if count(life, None, pod):
                life.first_pod_at = min(pod.first_seen_at, life.first_pod_at or pod.first_seen_at)
                workflow_lifecycle.pick_up(life, pod.first_seen_at, pod.live)
                if (began := linking.first_ran(pod)) is not None:
                    workflow_lifecycle.ran(life, *began)
