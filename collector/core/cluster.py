"""
One cluster as it is known: observations in, facts out.

Joins what arrives in any order between kinds: a pod may come before its workflow, a workflow may end before its pods do.
All state is here and in the two lives; it can be rebuilt from a list or taken up again from checkpoints.
"""

from collections.abc import Iterable, Iterator

import msgspec

from collector.core import controller, decode, pod_life, queueing, workflow_life
from collector.core.model import Fact, Instant, Observation, PodRun, Waiting, WorkflowRun
from collector.core.pod_life import PodLife
from collector.core.rules import Rules
from collector.core.workflow_life import WorkflowLife

NOTHING: dict[str, str] = {}


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
    """A pod has an end, or its end, its workflow's or its owner's name changed: its charges are to be computed (again)."""

    uid: str


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
        self.touched: dict[tuple[str, str], None] = {}
        """(kind, uid) of lives that changed since they were last checkpointed."""

    def observe(self, seen: Observation) -> list[Happening]:
        """The facts that one observation leads to."""
        match seen.kind:
            case "workflows":
                return list(self._workflow(seen))
            case "pods":
                return list(self._pod(seen))
            case "nodes":
                self._node(seen)
            case "namespaces":
                self._namespace(seen)
        return []

    def waiting(self) -> list[Waiting]:
        """Every live workflow, counted by queue and reason."""
        live = (workflow_life.queued(life) for life in self.workflows.values() if not life.finished)
        return queueing.waiting(self.name, live)

    def adopt(self, workflows: Iterable[WorkflowLife], pods: Iterable[PodLife]) -> None:
        """Take up the lives of a checkpoint."""
        for life in workflows:
            self.workflows[life.uid] = life
        for pod in pods:
            self.pods[pod.run.uid] = pod
            self.pods_of.setdefault(pod.run.workflow_uid, {})[pod.run.uid] = None

    def lost_sight(self) -> None:
        """A break that could not be replayed: what lives now may have done things that nobody saw."""
        for life in self.workflows.values():
            if not life.finished:
                life.complete = False
                self.touched["workflows", life.uid] = None

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
        if seen.change == "vanished":
            if life is not None:
                yield from self._vanished(life, seen)
            return
        workflow: decode.Workflow = seen.object  # type: ignore[assignment]  # the kind says so
        labels = self.namespaces.get(workflow.metadata.namespace or "", NOTHING)
        if life is None:
            life = self.workflows[seen.uid] = workflow_life.born(seen, self.rules, labels)
            self._count_pods(life)
            if seen.change != "listed":
                yield Submitted(life.namespace, life.queue)
        else:
            workflow_life.describe(life, workflow, self.rules, labels)
        before = (life.attempt, life.picked_up_at, life.finished)
        ending = (life.outcome, life.outcome_reason, life.finished_at, life.phase, life.message)
        historic = not life.version and seen.change == "listed"
        workflow_life.observe(life, seen)
        happened = self._changes(life, before, ending)
        # What was over before we came is recorded, but moves no counter.
        yield from (h for h in happened if not (historic and life.finished and isinstance(h, (Began, Ended))))

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
        self.touched["workflows", life.uid] = None
        if reopened:
            yield Submitted(life.namespace, life.queue)
        if life.picked_up_at is not None and (picked_up_at is None or reopened):
            yield self._began(life)
        if life.finished and (not finished or reopened):
            yield Ended(life.namespace, life.outcome)
        now = (life.outcome, life.outcome_reason, life.finished_at, life.phase, life.message)
        if life.finished and (not finished or reopened or (ending and now != ending)):
            yield self._run(life)
            yield from (PodEnded(uid) for uid in self.pods_of.get(life.uid, ()) if self.pods[uid].stage == "finished")
        if life.finished:
            self._forget(life)

    def _began(self, life: WorkflowLife) -> Began:
        latency_ms, source = workflow_life.latency(life)
        return Began(life.namespace, life.queue, latency_ms if source == "watch" else None)

    def _run(self, life: WorkflowLife) -> WorkflowRun:
        mine = [
            self.pods[uid].run for uid in self.pods_of.get(life.uid, ()) if self.pods[uid].run.attempt == life.attempt
        ]
        failed = sum(1 for run in mine if run.phase == "Failed")
        return workflow_life.run_of(self.name, life, len(mine), failed)

    def _forget(self, life: WorkflowLife) -> None:
        """After an attempt's end deleted pods are let go, and after the last of them a deleted workflow."""
        mine = self.pods_of.get(life.uid, {})
        for uid in [uid for uid in mine if self.pods[uid].gone]:
            del mine[uid], self.pods[uid]
            self.touched["pods", uid] = None
        if life.deleted and not mine:
            self.workflows.pop(life.uid, None)
            self.pods_of.pop(life.uid, None)
            self.touched["workflows", life.uid] = None

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
        attempt = life.attempt if life else 1
        return pod_life.Place(self.name, uid, life.name if life else name, attempt, kind, node_labels)

    def _indirect_owner(self, pod: decode.Pod) -> tuple[str, str, str]:
        for owner in pod.metadata.ownerReferences or ():
            if workflow_uid := self.owners.get(owner.uid or ""):
                return workflow_uid, owner.kind or "", ""
        return "", "", ""

    def _replace(self, before: PodLife | None, after: PodLife, seen: Observation) -> Iterator[Happening]:
        """Put a pod's newer life in place, tell its workflow, and say what is new."""
        uid, workflow_uid = after.run.uid, after.run.workflow_uid
        self.pods[uid] = after
        self.pods_of.setdefault(workflow_uid, {})[uid] = None
        self.touched["pods", uid] = None
        life = self.workflows.get(workflow_uid)
        if life is not None:
            yield from self._pod_moves(life, before, after, seen)
        told = before is not None and before.stage == "finished" and same_evidence(before.run, after.run)
        if after.stage == "finished" and not told:
            yield after.run
            yield PodEnded(uid)
        if after.gone:
            self._let_go(uid, workflow_uid, life)

    def _let_go(self, uid: str, workflow_uid: str, life: WorkflowLife | None) -> None:
        """A deleted pod is kept while its workflow lives: its charge gets its last class when the attempt ends."""
        if life is None:
            self.pods.pop(uid, None)
            self.pods_of.get(workflow_uid, {}).pop(uid, None)
        elif life.finished:
            self._forget(life)

    def _pod_moves(
        self, life: WorkflowLife, before: PodLife | None, after: PodLife, seen: Observation
    ) -> Iterator[Happening]:
        """A pod that appears or changes stage begins its workflow's work and changes what it waits for."""
        old = before.stage if before else ""
        if old == after.stage:
            return
        _shift(life, old, after.stage)
        at = seen.at if seen.live else _moment(after.run, after.stage) or seen.at
        began = life.picked_up_at is not None
        if not life.finished and after.run.attempt == life.attempt:
            life.first_pod_at = min(at, life.first_pod_at or at)
            workflow_life.pick_up(life, at, seen.live)
        workflow_life.settle(life, at)
        self.touched["workflows", life.uid] = None
        if not began and life.picked_up_at is not None:
            yield self._began(life)

    def _count_pods(self, life: WorkflowLife) -> None:
        """Pods that arrived before their workflow are told to it at its birth."""
        for uid in self.pods_of.get(life.uid, ()):
            pod = self.pods[uid]
            _shift(life, "", pod.stage)
            life.first_pod_at = min(pod.first_seen_at, life.first_pod_at or pod.first_seen_at)
            workflow_life.pick_up(life, pod.first_seen_at, pod.live)


def same_evidence(before: PodRun, after: PodRun) -> bool:
    """Whether two rows of one pod differ in nothing but their version: most late writes only touch labels."""
    return msgspec.structs.replace(after, version=before.version) == before


def _shift(life: WorkflowLife, old: str, new: str) -> None:
    life.running_pods += (new == "running") - (old == "running")
    life.starting_pods += (new == "starting") - (old == "starting")


def _moment(run: PodRun, stage: str) -> Instant | None:
    """When, by the pod's own clock, it came to this stage."""
    return {"running": run.main_started_at, "finished": run.finished_at}.get(stage, run.created_at)
