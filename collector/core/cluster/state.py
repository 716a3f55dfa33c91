"""
One cluster as it is known: observations in, facts and other effects out.

All state of a cluster is here and in the states of its objects; it can be rebuilt from a list or restored from checkpoints.
Observations of different kinds may arrive in any order: a pod before its workflow, the end of a workflow before its pods'.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from collector.core.argo import controller, controller_health
from collector.core.argo.cron import NEVER, Calendar, Crons
from collector.core.change_log import ChangeLog
from collector.core.cluster import clock_step
from collector.core.cluster.admissions import Admissions
from collector.core.cluster.effects import Began, Effect, NamespaceSeen, Submitted
from collector.core.cluster.gaps import Gaps
from collector.core.cluster.owners import NOTHING, Owners
from collector.core.cluster.plain_nodes import PlainNodes
from collector.core.cluster.pod_handler import PodHandler
from collector.core.cluster.tracked import TrackedObjects
from collector.core.cluster.workflow_handler import WorkflowHandler
from collector.core.cost.changed_charges import WrittenCharges
from collector.core.live_view import LockUse, Waiting
from collector.core.messages import WORKLOAD_KINDS, ControllerSettings, Observation, Reading
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.kubernetes import ADMISSION_KINDS, Kind
from collector.core.objects.owner_kinds import OWNER_NAMES
from collector.core.pod.state import PodState
from collector.core.queue.flow import REACH_MS, Flows
from collector.core.queue.managers.queues import QueuePosition
from collector.core.rules import Rules
from collector.core.workflow.description import restored
from collector.core.workflow.state import WorkflowState


class Cluster:
    """Workflows, pods, nodes and namespaces of one cluster, and what follows from each observation."""

    def __init__(self, name: str, rules: Rules, calendar: Calendar = NEVER) -> None:
        self.name = name
        self.rules = rules
        self.changes = ChangeLog()
        self.tracked = TrackedObjects(self.changes)
        self.workflows, self.pods = self.tracked.workflows, self.tracked.pods
        self.owners = Owners(rules.owner_labels)
        self.plain_nodes = PlainNodes(name, self.changes)
        self.namespaces: dict[str, dict[str, str]] = {}
        """Labels of each namespace."""
        self.controllers = controller.ControllerState()
        self.crons = Crons(name, calendar, self.changes)
        self.flows = Flows()
        self.admissions = Admissions()
        self.settings: ControllerSettings | None = None
        """The controller's parallelism at its last reading."""
        self.uid = ""
        """Uid of the namespace kube-system: the identity that the cluster's name is bound to."""
        self._gaps = Gaps()
        self._handlers = self._handlers_by_kind()

    def _handlers_by_kind(self) -> dict[Kind, Callable[[Observation], Iterable[Effect]]]:
        pods = PodHandler(
            cluster=self.name, rules=self.rules, tracked=self.tracked, owners=self.owners, gaps=self._gaps,
            plain_nodes=self.plain_nodes, admissions=self.admissions, unowned=self._observe_controller,
        )  # fmt: skip
        workflows = WorkflowHandler(
            cluster=self.name, rules=self.rules, tracked=self.tracked, owners=self.owners, gaps=self._gaps,
            crons=self.crons, namespaces=self.namespaces, pods=pods, admissions=self.admissions,
        )  # fmt: skip

        def observe_workflow(seen: Observation) -> Iterable[Effect]:
            return workflows.observe_vanished(seen) if seen.change == "vanished" else workflows.observe(seen)

        def observe_pod(seen: Observation) -> Iterable[Effect]:
            if seen.change != "vanished":
                return pods.observe(seen)
            controller.forget_pod(self.controllers, seen.uid)
            return pods.observe_vanished(seen)

        def observe_owner(seen: Observation) -> Iterable[Effect]:
            self.owners.learn(seen)
            return pods.release(seen.uid)

        def observe_admission(seen: Observation) -> Iterator[Effect]:
            for uid in self.admissions.observe(seen):
                if (pod := self.pods.get(uid)) is not None:
                    yield from pods.reconsider(pod, seen)
                elif (state := self.workflows.get(uid)) is not None:
                    workflows.reconsider(state, seen)

        return {
            "workflows": observe_workflow,
            "pods": observe_pod,
            "events": pods.observe_event,
            "nodes": partial(self.plain_nodes.observe, region=self.rules.region),
            "namespaces": self._observe_namespace,
            "cronworkflows": self.crons.observe,
            **dict.fromkeys(OWNER_NAMES, observe_owner),
            **dict.fromkeys(ADMISSION_KINDS, observe_admission),
        }

    def observe(self, seen: Observation) -> list[Effect]:
        """Takes over one observation; returns the effects that follow from it."""
        try:
            effects = [*self._handlers[seen.kind](seen)]
        except Exception:
            self.tracked.mark_changed(seen.uid)  # what changed before the error is kept
            raise
        for effect in effects:
            if type(effect) is Submitted or type(effect) is Began:
                self._count_flow(effect, seen.at)
        return effects

    def _count_flow(self, effect: Submitted | Began, now: Instant) -> None:
        """Counts an arrival or a start when it was: a list after a gap shows many at once."""
        at = min(effect.at, now)
        if now - at <= REACH_MS:
            count = self.flows.count_start if isinstance(effect, Began) else self.flows.count_arrival
            count(effect.namespace, effect.queue, at)

    def read(self, reading: Reading) -> list[Effect]:
        """Takes over a reading of the controller; returns the facts that follow from it."""
        if reading.kind == "settings":
            self.settings = reading.value if isinstance(reading.value, ControllerSettings) else self.settings
            return []
        self.changes.mark("controller", "")
        return [*controller_health.take_reading(self.name, self.rules.controller_namespace, reading, self.controllers)]

    def tick(self, now: Instant) -> Iterator[Sequence[Effect]]:
        """Yields what follows from time alone, cron by cron: runs that were due and did not start."""
        return self.crons.tick(now)

    def waiting(self) -> list[Waiting]:
        """All live workflows, counted by queue and reason."""
        return self.tracked.waiting.rows(self.name)

    def locks(self) -> list[LockUse]:
        """All locks that live workflows hold or wait for."""
        return self.tracked.locks.rows(self.name)

    def queue_position(self, uid: str) -> QueuePosition | None:
        """Where a workflow stands that a queue manager holds now; None: it is not held, or no manager gives a position."""
        state = self.workflows.get(uid)
        if state is None or state.attempt.finished or state.attempt.reason != "queued":
            return None
        return self.admissions.position(state.namespace, state.name, self.tracked.pods_of.get(uid, ()))

    def record_charges(self, pod: PodState, written: WrittenCharges | None) -> None:
        """Keeps with a pod which of its charges were written."""
        pod.written = written
        self.tracked.mark_pod(pod)

    def adopt(self, workflows: Iterable[WorkflowState], pods: Iterable[PodState]) -> None:
        """Takes over the states of a checkpoint."""
        states = [restored(state, self.rules) for state in workflows]
        self.tracked.adopt(states, pods)
        for pod in pods:
            self.admissions.regroup(pod.run.uid, "", pod.group)
        for state in states:
            self.owners.register(state)

    def is_relevant(self, meta: kubernetes.Meta) -> bool:
        """Whether a pod belongs to a known workflow or to the controller; not while its owner is awaited."""
        workflow_uid = self.owners.resolve(meta, self.pods).workflow_uid
        return bool(workflow_uid) or self._is_controller(kubernetes.Pod(metadata=meta))

    def gap_started(self, kind: str, since: Instant) -> None:
        """A gap that cannot be replayed: of each live workflow something may have been missed since then."""
        self._gaps.start(kind, since)
        for state in self.workflows.values():
            if not state.attempt.finished:
                state.attempt.complete = False
                self.changes.mark("workflows", state.uid)  # nothing that is counted has changed

    def resume(self, kind: str) -> None:
        """An earlier process watched this kind: what a list shows beyond the saved state is news."""
        self._gaps.resume(kind)

    def drop_state(self, since: Instant) -> None:
        """An earlier process watched this cluster until `since`, but its state is lost."""
        self._gaps.drop_state(WORKLOAD_KINDS, since)

    def step_clock(self, by_ms: int) -> None:
        """The wall clock was set by so much: what arrived before and what arrives later are not compared."""
        clock_step.apply(self.tracked, by_ms)
        self.owners.distrust_arrivals()

    def news_from(self, kind: str) -> Instant:
        """What a list of this kind shows for the first time is news if it happened at this instant or later."""
        return self._gaps.news_from(kind)

    def gap_ended(self, kind: str) -> None:
        """The list that closes a gap is complete, its vanished objects included."""
        self._gaps.end(kind)
        self.admissions.listed.add(kind)
        if kind == "nodes":
            self.plain_nodes.listed = True

    def _observe_namespace(self, seen: Observation) -> Iterator[Effect]:
        namespace = seen.object
        if isinstance(namespace, kubernetes.Namespace) and seen.change != "deleted":
            name = namespace.metadata.name or ""
            if name not in self.namespaces:
                yield NamespaceSeen(name)
            self.namespaces[name] = namespace.metadata.labels or NOTHING
            self.uid = seen.uid if name == "kube-system" else self.uid

    def _observe_controller(self, pod: kubernetes.Pod, seen: Observation) -> Iterator[Effect]:
        """Takes a pod without a workflow; only a controller's matters."""
        if self._is_controller(pod):
            self.changes.mark("controller", "")
            yield from controller.incidents(self.name, pod, seen, self.controllers)

    def _is_controller(self, pod: kubernetes.Pod) -> bool:
        return controller.is_controller(pod, self.rules.controller_namespace)
