"""
The workflow, and the attempt of it, that a pod belongs to.

Matched by owner uid, since names are reused. Between a workflow and a pod there may be objects of the kinds of
objects/owner_kinds.py and other pods, each watched on a connection of its own and in any order: a pod whose owner is not known
yet is parked, and released when the owner arrives. Where the chain of owners breaks off, a label that the kind's own controller
writes on its pods names the object above; a label that names the workflow itself is used only if `ownership.labels` has it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.kubernetes import Kind
from collector.core.objects.owner_kinds import OWNER_KINDS
from collector.core.pod import lifecycle as pod_lifecycle
from collector.core.pod.state import PodState
from collector.core.workflow.state import Attempt, WorkflowState

NOTHING: dict[str, str] = {}
BETWEEN = {("", "Pod"), *((row.group, row.kind) for row in OWNER_KINDS)}
"""API groups and kinds of what may stand between a workflow and a pod; a Spark driver owns its executors."""
NAMING: dict[Kind, str] = {row.name: row.label for row in OWNER_KINDS if row.label}
"""The label that names objects of a kind on their pods."""
NAMING_LABELS = tuple(dict.fromkeys(NAMING.values()))
AT_MOST, PARKED_AT_MOST = 100_000, 10_000
"""Bounds of the owners that are kept, a few hundred bytes each, and of parked pods, a few thousand bytes each."""
DEEPEST = 8
"""Owners that are followed upwards from a pod."""
SIGHTS = 4
"""Observations that are kept of a parked pod: the first ones and the last."""


class Link(msgspec.Struct, frozen=True, gc=False):
    """The way from an object to its workflow."""

    workflow: "PodOwner"
    """The workflow, if it owns the object directly; otherwise one of the following leads to it."""
    owners: tuple[str, ...] = ()
    name: str = ""
    """namespace/name of the workflow in a label; empty: no label names one."""
    made_at: Instant = 0
    named_by: str = ""
    """How a pod's label names the object; empty: no label does."""


class PodOwner(msgspec.Struct, frozen=True, gc=False):
    """The owner of a pod, as far as it is known."""

    workflow_uid: str = ""
    owner_kind: str = ""
    workflow_name: str = ""
    awaits: str = ""
    """Uid of the owner, or namespace/name of the workflow, that must be observed first; empty: nothing is awaited."""


UNOWNED = PodOwner()


def pod_owner_of(run: PodRun) -> PodOwner:
    """The claim of a pod with a state: it never changes, even if the owner is forgotten before the pod."""
    return PodOwner(run.workflow_uid, run.owner_kind, run.workflow_name)


class Owners:
    """Owners of objects, and the parked pods that wait for one."""

    def __init__(self, labels: tuple[str, ...] = (), at_most: int = AT_MOST, parked: int = PARKED_AT_MOST) -> None:
        self.labels = labels
        self._links: OrderedDict[str, Link] = OrderedDict()
        self.at_most = at_most
        self._between_named: dict[str, dict[str, Instant]] = {}
        """Uids of the owners that a label may name, by label and namespace/name, and when each was made."""
        self._named: dict[str, dict[str, Instant]] = {}
        """Existing workflows by namespace/name; kept only if a label may name one."""
        self._parked: dict[str, list[Observation]] = {}
        self._awaiting: dict[str, dict[str, None]] = {}
        self._awaits: dict[str, str] = {}
        self.park_at_most = parked

    def learn(self, seen: Observation) -> None:
        """Takes over the owner of what stands in between; deleted objects may own pods still, but are dropped first."""
        if isinstance(seen.object, kubernetes.PartialObject):
            meta = seen.object.metadata
            self._links[seen.uid] = link = self._link(meta, NAMING.get(seen.kind, ""))
            if link.named_by:
                self._between_named.setdefault(link.named_by, {})[seen.uid] = link.made_at
        if seen.change in ("deleted", "vanished") and seen.uid in self._links:
            self._links.move_to_end(seen.uid, last=False)
        while len(self._links) > self.at_most:
            self._forget(*self._links.popitem(last=False))

    def _forget(self, uid: str, link: Link) -> None:
        """Removes what a label would lead to."""
        if link.named_by:
            uids = self._between_named[link.named_by]
            del uids[uid]
            if not uids:
                del self._between_named[link.named_by]

    def register(self, state: WorkflowState) -> None:
        """Notes by name that a workflow exists, or no longer does."""
        if not self.labels:
            return
        name = f"{state.namespace}/{state.name}"
        if not state.deleted:
            self._named.setdefault(name, {})[state.uid] = state.created_at
        elif (uids := self._named.get(name)) is not None:
            uids.pop(state.uid, None)
            if not uids:
                del self._named[name]

    def resolve(self, meta: kubernetes.Meta, pods: Mapping[str, PodState]) -> PodOwner:
        """
        The workflow of a pod; the first owner decides that leads to one, or may lead to one when it is known.

        While that one is not known, the object that a label names may lead to the workflow.
        """
        if owner := pod_lifecycle.workflow_owner(meta):
            return PodOwner(owner.uid or "", "Workflow", owner.name or "")
        direct = next((owner.kind or "" for owner in meta.ownerReferences or ()), "")
        ways = ((self._up(owner.uid or "", pods, ()), owner.kind or "") for owner in _between(meta))
        first = next((way for way in ways if way[0] is not UNOWNED), (UNOWNED, direct))
        if not first[0].workflow_uid:
            labelled = self._by_label(meta, pods)
            first = (labelled, direct) if labelled.workflow_uid or first[0] is UNOWNED else first
        if first[0] is UNOWNED:
            first = self._by_name(self._link(meta)), direct
        found, kind = first
        return found if found is UNOWNED else msgspec.structs.replace(found, owner_kind=kind)

    def park(self, awaits: str, seen: Observation) -> None:
        """Keeps the observations of a pod until its owner arrives; if there are too many pods, the oldest is dropped."""
        if before := self._awaits.get(seen.uid):
            self._awaiting[before].pop(seen.uid)
            self._tidy(before)
        sights = self._parked.setdefault(seen.uid, [])
        sights[SIGHTS - 1 :] = [seen]
        self._awaits[seen.uid] = awaits
        self._awaiting.setdefault(awaits, {})[seen.uid] = None
        if len(self._parked) > self.park_at_most:
            self._unpark(next(iter(self._parked)))

    def parked(self, uid: str) -> str:
        """What a pod is parked for; empty: it is not parked."""
        return self._awaits.get(uid, "")

    def release_waiting(self, awaited: str) -> Iterator[Observation]:
        """Yields the observations of the pods that were parked for this owner, in their order."""
        for uid in [*self._awaiting.get(awaited, ())]:
            yield from self._unpark(uid)

    def distrust_arrivals(self) -> None:
        """The wall clock was set: when parked observations arrived measures nothing any more."""
        for sights in self._parked.values():
            sights[:] = [msgspec.structs.replace(seen, live=False) for seen in sights]

    def _unpark(self, uid: str) -> list[Observation]:
        awaited = self._awaits.pop(uid)
        del self._awaiting[awaited][uid]
        self._tidy(awaited)
        return self._parked.pop(uid)

    def _tidy(self, awaited: str) -> None:
        if not self._awaiting[awaited]:
            del self._awaiting[awaited]

    def _link(self, meta: kubernetes.Meta, label: str = "") -> Link:
        """The way upwards from an object; `label` names objects of its kind."""
        made_at = kubernetes.parse_time(meta.creationTimestamp) or 0
        named_by = _label_key(label, meta.namespace, meta.name) if label else ""
        if owner := pod_lifecycle.workflow_owner(meta):
            workflow = PodOwner(owner.uid or "", "", owner.name or "")
            return Link(workflow, made_at=made_at, named_by=named_by)
        labels = meta.labels or NOTHING
        named = next((labels[key] for key in self.labels if labels.get(key)), "")
        owners = tuple(owner.uid or "" for owner in _between(meta))
        return Link(UNOWNED, owners, f"{meta.namespace}/{named}" if named else "", made_at=made_at, named_by=named_by)

    def _by_label(self, meta: kubernetes.Meta, pods: Mapping[str, PodState]) -> PodOwner:
        """The workflow above the object that a label of the pod names: the newest one that is not younger than the pod."""
        labels, made_at = meta.labels or NOTHING, kubernetes.parse_time(meta.creationTimestamp) or 0
        for label in NAMING_LABELS:
            if name := labels.get(label):
                named = self._between_named.get(_label_key(label, meta.namespace, name), {})
                older = [(at, uid) for uid, at in named.items() if at <= made_at]
                if older and (found := self._up(max(older)[1], pods, ())) is not UNOWNED:
                    return found
        return UNOWNED

    def _up(self, uid: str, pods: Mapping[str, PodState], visited: tuple[str, ...]) -> PodOwner:
        """The workflow above an object, or what must be known first; a circle or too long a chain of owners leads to none."""
        if (pod := pods.get(uid)) is not None:
            return PodOwner(pod.run.workflow_uid, "", pod.run.workflow_name)
        if (link := self._links.get(uid)) is None:
            return PodOwner(awaits=uid)
        if link.workflow is not UNOWNED:
            return link.workflow
        for owner in link.owners if len(visited) < DEEPEST else ():
            if owner not in (uid, *visited) and (found := self._up(owner, pods, (*visited, uid))) is not UNOWNED:
                return found
        return self._by_name(link)

    def _by_name(self, link: Link) -> PodOwner:
        """The only existing workflow of that name; none if there are two, or if it is younger than the object."""
        if not link.name:
            return UNOWNED
        match [*self._named.get(link.name, {}).items()]:
            case []:
                return PodOwner(awaits=link.name)
            case [(uid, created_at)] if created_at <= link.made_at:
                return PodOwner(uid, "", link.name.rpartition("/")[2])
        return UNOWNED


def _between(meta: kubernetes.Meta) -> Iterable[kubernetes.OwnerReference]:
    """Owners that may lead to a workflow."""
    for owner in meta.ownerReferences or ():
        if owner.uid and ((owner.apiVersion or "").rpartition("/")[0], owner.kind) in BETWEEN:
            yield owner


def _label_key(label: str, namespace: str | None, name: str | None) -> str:
    return f"{label}={namespace}/{name}"


def attempt_of(state: WorkflowState, made_at: Instant, node_id: str) -> int:
    """
    The number of the attempt that a pod belongs to, by when the pod was made: never one that was not observed yet.

    The attempt before was over when the controller recorded its end; `argo retry` writes its instant by the clock of the
    machine it runs on. Pods without a step (a Job's, those that collect artifacts) may be made after an attempt is over.
    """
    attempt = state.attempt
    for attempt, before in zip_longest((state.attempt, *state.former), state.former):
        if attempt.number == 1 or _is_later(attempt, before, made_at, node_id):
            return attempt.number
    return attempt.number - 1


def _is_later(attempt: Attempt, before: Attempt | None, made_at: Instant, node_id: str) -> bool:
    if before is not None and before.finished_at and (node_id or attempt.started_at is None):
        return made_at > before.finished_at
    return attempt.started_at is None or made_at >= attempt.started_at
