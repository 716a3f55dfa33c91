"""
One cluster as it is known: observations in, facts out.

Joins what arrives in any order between kinds: a pod may come before its workflow, a workflow may end before its pods do.
All state is here and in the two lives; it can be rebuilt from a list or taken up again from checkpoints.
"""

from collections.abc import Iterable, Iterator

import msgspec

from collector.core import controller, decode, pod_life, queueing, workflow_life
from collector.core.model import Fact, Instant, Observation, PodRun, WorkflowRun
from collector.core.pod_life import PodLife
from collector.core.rules import Rules
from collector.core.view import Waiting
from collector.core.workflow_life import WorkflowLife

NOTHING: dict[str, str] = {}
SEEN_THROUGH = ("succeeded", "failed", "platform")
"""Outcomes of workflows that wait for their pods: none of these outlives its workflow."""
COMPONENT, ARTIFACT_GC = "workflows.argoproj.io/component", "artifact-gc"
"""Pods that collect artifacts are made when their workflow is over."""


class Submitted(msgspec.Struct, frozen=True):
    """An attempt was seen for the first time, live."""

    namespace: str
    queue: str


class Began(msgspec.Struct, frozen=True):
    """Work on an attempt began; the latency is known only when both ends were live."""

    namespace: str
    queue: str
    latency_ms: int | None


class Ended(msgspec.Struct, frozen=True):
    """An attempt ended, said once."""

    namespace: str
    outcome: str


class PodEnded(msgspec.Struct, frozen=True):
    """A pod has an end, or what decides its charges changed: they are to be computed (again)."""

    pod: PodLife
    life: WorkflowLife | None
    """Its workflow, where that is known; both may be forgotten by the time somebody prices this."""


Happening = Fact | Submitted | Began | Ended | PodEnded


class Cluster:
    """Workflows, pods, nodes and namespaces of one cluster, and the facts that follow from each observation."""

    def __init__(self, name: str, rules: Rules) -> None:
        self.name = name
        self.rules = rules
        self.workflows: dict[str, WorkflowLife] = {}
        self.pods: dict[str, PodLife] = {}
        self.pods_of: dict[str, dict[str, None]] = {}
        self.owners: dict[str, str] = {}
        """Uid of an object a workflow created (a Job, a Ray cluster) to the workflow's uid."""
        self.nodes: dict[str, dict[str, str]] = {}
        self.namespaces: dict[str, dict[str, str]] = {}
        self.incidents = controller.Seen()
        self.uid = ""
        """The uid of kube-system: what the name of this cluster is bound to."""
        self.touched: dict[tuple[str, str], WorkflowLife | None] = {}
        """(kind, uid) of what changed since its last checkpoint; a workflow with its life, for it may be gone by then."""
        self.waits_at_most = 100_000
        """Gone objects kept until the other kind has come as far; beyond it the oldest are let go."""
        self._parting: dict[str, dict[str, int]] = {"workflows": {}, "pods": {}}
        """By the kind that must come as far: uids of gone objects of the other, each with its last version."""

    def observe(self, seen: Observation) -> list[Happening]:
        """The facts that one observation leads to."""
        match seen.kind:
            case "workflows":
                return list(self._workflow(seen))
            case "pods":
                return list(self._pod(seen))
            case "nodes":
                self._node(seen)
                return []
        self._namespace(seen)
        return []

    def waiting(self) -> list[Waiting]:
        """Every live workflow, counted by queue and reason."""
        return queueing.waiting(self.name, self.workflows.values())

    def adopt(self, workflows: Iterable[WorkflowLife], pods: Iterable[PodLife]) -> None:
        """Take up the lives of a checkpoint."""
        for life in workflows:
            self.workflows[life.uid] = life
            if life.deleted:
                self._park("pods", life.uid, life.version)
        for pod in pods:
            self.pods[pod.run.uid] = pod
            self.pods_of.setdefault(pod.run.workflow_uid, {})[pod.run.uid] = None
            if pod.gone:
                self._park("workflows", pod.run.uid, pod.run.version)

    def reached(self, kind: str, version: int) -> None:
        """A kind has been observed up to a version: what is gone and waited for it is let go."""
        waiting = self._parting.get(kind, {})
        while waiting and next(iter(waiting.values())) <= version:
            self._part(kind)

    def lost_sight(self) -> None:
        """A break that could not be replayed: what lives now may have done things that nobody saw."""
        for life in self.workflows.values():
            if not life.finished:
                life.complete = False
                self.touched["workflows", life.uid] = life

    def _namespace(self, seen: Observation) -> None:
        namespace = seen.object
        if not isinstance(namespace, decode.Namespace) or seen.change == "deleted":
            return
        name = namespace.metadata.name or ""
        self.namespaces[name] = namespace.metadata.labels or NOTHING
        if name == "kube-system":
            self.uid = seen.uid

    def _node(self, seen: Observation) -> None:
        node = seen.object
        # A machine's labels are kept after its end: the last words of its pods often arrive later.
        if isinstance(node, decode.ApiNode):
            labels = node.metadata.labels or {}
            self.nodes[node.metadata.name or ""] = {k: v for k, v in labels.items() if k in pod_life.NODE_KEYS}

    def _workflow(self, seen: Observation) -> Iterator[Happening]:
        life = self.workflows.get(seen.uid)
        historic = life is None and seen.change == "listed"
        if seen.change == "vanished":
            if life is not None:
                yield from self._vanished(life, seen)
            return
        workflow: decode.Workflow = seen.object  # type: ignore[assignment]  # the kind says so
        labels = self.namespaces.get(workflow.metadata.namespace or "", NOTHING)
        if life is None:
            life = self.workflows[seen.uid] = workflow_life.born(seen, self.rules, labels)
            before = (life.attempt, life.picked_up_at, life.finished)
            self._count_pods(life)
            if not historic:
                yield Submitted(life.namespace, life.queue)
        else:
            workflow_life.describe(life, workflow, self.rules, labels)
            before = (life.attempt, life.picked_up_at, life.finished)
        ending = (life.outcome, life.outcome_reason, life.finished_at, life.phase, life.message)
        workflow_life.observe(life, seen)
        if life.attempt != before[0]:
            self._count_pods(life)
            workflow_life.settle(life, seen.at)
        happened: Iterable[Happening] = self._changes(life, before, ending)
        if historic:  # what began or was over before we came is recorded, but moves no counter
            happened = (h for h in happened if not isinstance(h, (Began, Ended)))
        yield from happened

    def _vanished(self, life: WorkflowLife, seen: Observation) -> Iterator[Happening]:
        before = (life.attempt, life.picked_up_at, life.finished)
        workflow_life.vanish(life, seen.at, max(life.version, seen.version))
        yield from self._changes(life, before, ())

    def _changes(
        self, life: WorkflowLife, before: tuple[int, Instant | None, bool], ending: tuple[object, ...]
    ) -> Iterator[Happening]:
        """What the world is told of a workflow whose life has just been brought up to date."""
        attempt, picked_up_at, finished = before
        reopened = life.attempt != attempt
        self.touched["workflows", life.uid] = life
        if reopened:
            yield Submitted(life.namespace, life.queue)
        if life.picked_up_at is not None and (picked_up_at is None or reopened):
            yield self._began(life)
        if life.finished and (not finished or reopened):
            yield Ended(life.namespace, life.outcome)
        now = (life.outcome, life.outcome_reason, life.finished_at, life.phase, life.message)
        if life.finished and (not finished or reopened or (ending and now != ending)):
            yield self._run(life)
            yield from self._ended_pods(life)
        if life.deleted:
            self._park("pods", life.uid, life.version)
        if life.finished:
            self._forget(life)

    def _began(self, life: WorkflowLife) -> Began:
        latency_ms, source = workflow_life.latency(life)
        return Began(life.namespace, life.queue, latency_ms if source == "watch" else None)

    def _run(self, life: WorkflowLife) -> WorkflowRun:
        return workflow_life.run_of(self.name, life, max(life.version, life.pods_version))

    def _forget(self, life: WorkflowLife) -> None:
        """After an attempt's end deleted pods are let go, and after the last of them a deleted workflow."""
        for uid in [uid for uid in self.pods_of.get(life.uid, ()) if self.pods[uid].gone]:
            self._drop(uid, life.uid)
        self._bury(life)

    def _bury(self, life: WorkflowLife) -> None:
        """Let a deleted workflow go once no pod of it is left, nor one that may still be watched."""
        if life.deleted and life.uid not in self.pods_of and life.uid not in self._parting["pods"]:
            self.workflows.pop(life.uid, None)
            self.touched["workflows", life.uid] = life

    def _drop(self, uid: str, workflow_uid: str) -> None:
        mine = self.pods_of[workflow_uid]
        del self.pods[uid], mine[uid]
        if not mine:
            del self.pods_of[workflow_uid]
        self.touched["pods", uid] = None

    def _park(self, kind: str, uid: str, version: int) -> None:
        """Keep a gone object until a kind, watched on a connection of its own, has come as far."""
        waiting = self._parting[kind]
        waiting[uid] = version
        if len(waiting) > self.waits_at_most:
            self._part(kind)

    def _part(self, kind: str) -> None:
        waiting = self._parting[kind]
        uid = next(iter(waiting))
        del waiting[uid]
        if kind == "pods":
            self._bury(self.workflows[uid])
        elif uid in self.pods and self.pods[uid].run.workflow_uid not in self.workflows:
            self._drop(uid, self.pods[uid].run.workflow_uid)

    def _pod(self, seen: Observation) -> Iterator[Happening]:
        before = self.pods.get(seen.uid)
        if seen.change == "vanished":
            if before is not None:
                yield from self._replace(before, pod_life.close(before, seen.at, seen.version, "vanished"), seen)
            return
        pod: decode.Pod = seen.object  # type: ignore[assignment]  # the kind says so
        place = self._place(pod)
        if place is None:
            if controller.is_controller(pod, self.rules.controller_namespace):
                yield from self._controller(pod, seen)
            return
        after = pod_life.observe(before, seen, place)
        yield from self._replace(before, after, seen)

    def _ended_pods(self, life: WorkflowLife) -> Iterator[Happening]:
        """A workflow's end gives the charges of its pods their last class, and to a guessed end its second witness."""
        for uid in self.pods_of.get(life.uid, ()):
            pod = self.pods[uid]
            ended_at = self._witnessed(pod, pod.run.finished_at or 0)
            if pod.guessed and ended_at != pod.run.finished_at:
                version = max(pod.run.version + 1, life.version)
                pod.run = msgspec.structs.replace(pod.run, finished_at=ended_at, version=version)
                self.touched["pods", uid] = None
                yield pod.run
            if pod.stage == "finished":
                yield PodEnded(pod, life)

    def _witnessed(self, pod: PodLife, at: Instant) -> Instant:
        """A guessed end by the controller's word; a vanished pod's no later than its workflow's, unless that was cancelled."""
        life = self.workflows.get(pod.run.workflow_uid)
        if life is not None and (said := (life.step_ends or {}).get(pod.run.node_id)):
            return max(said, pod.run.main_started_at or pod.run.created_at)
        vanished = pod.run.reason == "vanished"
        if life is None or not life.finished_at or not vanished or life.outcome not in SEEN_THROUGH:
            return at
        return min(at, max(life.finished_at, pod.run.main_started_at or pod.run.created_at))

    def _controller(self, pod: decode.Pod, seen: Observation) -> Iterator[Happening]:
        for incident in controller.incidents(self.name, pod, seen, self.incidents):
            self.touched["controller", ""] = None
            yield incident

    def _place(self, pod: decode.Pod) -> pod_life.Place | None:
        """The workflow a pod belongs to, by owner uid; names are reused, so a label alone joins nothing."""
        owner = pod_life.workflow_owner(pod.metadata)
        uid, kind, name = (owner.uid or "", "Workflow", owner.name or "") if owner else self._indirect_owner(pod)
        if not uid:
            return None
        life = self.workflows.get(uid)
        node_labels = self.nodes.get(pod.spec.nodeName if pod.spec and pod.spec.nodeName else "", NOTHING)
        attempt = _attempt(life, pod) if life else 1
        return pod_life.Place(
            self.name, uid, life.name if life else name, attempt, kind, node_labels, self.rules.region
        )

    def _indirect_owner(self, pod: decode.Pod) -> tuple[str, str, str]:
        for owner in pod.metadata.ownerReferences or ():
            if workflow_uid := self.owners.get(owner.uid or ""):
                return workflow_uid, owner.kind or "", ""
        return "", "", ""

    def _replace(self, before: PodLife | None, after: PodLife, seen: Observation) -> Iterator[Happening]:
        """Put a pod's newer life in place, tell its workflow, and say what is new."""
        uid, workflow_uid = after.run.uid, after.run.workflow_uid
        if after.guessed and after.run.finished_at:
            ended_at = self._witnessed(after, after.run.finished_at)
            after = msgspec.structs.replace(after, run=msgspec.structs.replace(after.run, finished_at=ended_at))
        self.pods[uid] = after
        self.pods_of.setdefault(workflow_uid, {})[uid] = None
        self.touched["pods", uid] = None
        life = self.workflows.get(workflow_uid)
        if life is not None:
            yield from self._pod_moves(life, before, after, seen)
        told = before is not None and before.stage == "finished" and same_evidence(before.run, after.run)
        if after.stage == "finished" and not told:
            yield after.run
            yield PodEnded(after, life)
        # A deleted pod is kept while its workflow lives: its charge gets its last class when the attempt ends.
        if after.gone and life is None:
            self._park("workflows", uid, after.run.version)
        elif after.gone and life is not None and life.finished:
            self._drop(uid, workflow_uid)
            self._bury(life)

    def _pod_moves(
        self, life: WorkflowLife, before: PodLife | None, after: PodLife, seen: Observation
    ) -> Iterator[Happening]:
        """A pod that appears or changes stage begins its workflow's work and changes what it waits for."""
        counted = _count(life, before, after)
        if before is None or (before.stage, before.waits) != (after.stage, after.waits):
            _shift(life, before, after)
            at = seen.at if seen.live else _moment(after.run, after.stage) or seen.at
            began = life.picked_up_at is not None
            if not life.finished and after.run.attempt == life.attempt:
                life.first_pod_at = min(at, life.first_pod_at or at)
                workflow_life.pick_up(life, at, seen.live)
            workflow_life.settle(life, at)
            self.touched["workflows", life.uid] = life
            historic = seen.change == "listed" and not life.first_seen_live
            if not began and life.picked_up_at is not None and not historic:
                yield self._began(life)
        if counted and life.finished:
            yield self._run(life)

    def _count_pods(self, life: WorkflowLife) -> None:
        """Pods that arrived before their workflow, or its next attempt, are told to it at its birth."""
        for uid in self.pods_of.get(life.uid, ()):
            pod = self.pods[uid]
            if not life.version:
                _shift(life, None, pod)
            if _count(life, None, pod):
                life.first_pod_at = min(pod.first_seen_at, life.first_pod_at or pod.first_seen_at)
                workflow_life.pick_up(life, pod.first_seen_at, pod.live)


def same_evidence(before: PodRun, after: PodRun) -> bool:
    """Whether two rows of one pod differ in nothing but their version: most late writes only touch labels."""
    return msgspec.structs.replace(after, version=before.version) == before


def _attempt(life: WorkflowLife, pod: decode.Pod) -> int:
    """The attempt a pod belongs to, by when it was made: the workflow may be watched behind its pods, or ahead."""
    made_at = decode.instant(pod.metadata.creationTimestamp) or 0
    if life.finished and life.finished_at and made_at > life.finished_at:
        return life.attempt + ((pod.metadata.labels or NOTHING).get(COMPONENT) != ARTIFACT_GC)
    return life.attempt - (life.attempt > 1 and life.started_at is not None and made_at < life.started_at)


def _count(life: WorkflowLife, before: PodLife | None, after: PodLife) -> bool:
    """Count a pod of the present attempt, once, and once more if it failed; returns whether it was."""
    if after.run.attempt != life.attempt:
        return False
    failed = (after.run.phase == "Failed") - (before is not None and before.run.phase == "Failed")
    life.pods_version = max(life.pods_version, after.run.version)
    life.pods += before is None
    life.failed_pods += failed
    return before is None or failed != 0


def _shift(life: WorkflowLife, before: PodLife | None, after: PodLife) -> None:
    """Keep count of what the pods of a workflow do."""
    for pod, by in ((before, -1), (after, 1)):
        if pod is None:
            continue
        life.running_pods += by * (pod.stage == "running")
        life.starting_pods += by * (pod.stage == "starting")
        if pod.waits:
            held = {**(life.held_pods or {}), pod.waits: (life.held_pods or {}).get(pod.waits, 0) + by}
            life.held_pods = {reason: count for reason, count in held.items() if count} or None


def _moment(run: PodRun, stage: str) -> Instant | None:
    """When, by the pod's own clock, it came to this stage."""
    return {"running": run.main_started_at, "finished": run.finished_at}.get(stage, run.created_at)
