"""
The workflow, and the attempt of it, that a pod belongs to.

Matched by owner uid, since names are reused; labels are used only if the operator configured them (`ownership.labels`).
Between a workflow and a pod there may be a Job, a Ray cluster, a Spark application or another pod, each watched on a
connection of its own and in any order: a pod whose owner is not known yet is parked, and released when the owner arrives.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest

import msgspec

from collector.core.facts.bills import PodRun
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.pod import lifecycle as pod_lifecycle
from collector.core.pod.state import PodState
from collector.core.workflow.state import Attempt, WorkflowState

NOTHING: dict[str, str] = {}
BETWEEN = {**dict(kubernetes.OWNER_KINDS.values()), "Pod": ""}
"""Kinds that may stand between a workflow and a pod, and their API groups; a Spark driver owns its executors."""
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
        self._named: dict[str, dict[str, Instant]] = {}
        """Existing workflows by namespace/name; kept only if a label may name one."""
        self._parked: dict[str, list[Observation]] = {}
        self._awaiting: dict[str, dict[str, None]] = {}
        self._awaits: dict[str, str] = {}
        self.park_at_most = parked

    def learn(self, seen: Observation) -> None:
        """Takes over the owner of a Job, a Ray or Spark object; deleted objects may own pods still, but are dropped first."""
        if isinstance(seen.object, kubernetes.PartialObject):
            self._links[seen.uid] = self._link(seen.object.metadata)
        if seen.change in ("deleted", "vanished") and seen.uid in self._links:
            self._links.move_to_end(seen.uid, last=False)
        while len(self._links) > self.at_most:
            self._links.popitem(last=False)

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
        """The workflow of a pod; the first owner decides that leads to one, or may lead to one when it is known."""
        if owner := pod_lifecycle.workflow_owner(meta):
            return PodOwner(owner.uid or "", "Workflow", owner.name or "")
        direct = next((owner.kind or "" for owner in meta.ownerReferences or ()), "")
        for between in _between(meta):
            if (found := self._up(between.uid or "", pods, ())) is not UNOWNED:
                return msgspec.structs.replace(found, owner_kind=between.kind or "")
        found = self._by_name(self._link(meta))
        return found if found is UNOWNED else msgspec.structs.replace(found, owner_kind=direct)

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

    def _link(self, meta: kubernetes.Meta) -> Link:
        if owner := pod_lifecycle.workflow_owner(meta):
            return Link(PodOwner(owner.uid or "", "", owner.name or ""))
        labels = meta.labels or NOTHING
        named = next((labels[key] for key in self.labels if labels.get(key)), "")
        return Link(
            UNOWNED,
            tuple(owner.uid or "" for owner in _between(meta)),
            f"{meta.namespace}/{named}" if named else "",
            kubernetes.parse_time(meta.creationTimestamp) or 0,
        )

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
        group = BETWEEN.get(owner.kind or "")
        if owner.uid and group is not None and group == (owner.apiVersion or "").rpartition("/")[0]:
            yield owner


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
