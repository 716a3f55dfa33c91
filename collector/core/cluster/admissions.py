"""
What the objects of queue managers say in one cluster: which workflow or pod is held, in what words, at which position.

Nothing of it is saved. These kinds are listed at each start, before workflows and pods, and all of it is known again then.
Where they cannot be read, the workflows and pods still show that they are held, but not why.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from collector.core.live_view import ManagedQueue
from collector.core.messages import Observation
from collector.core.objects import kubernetes, queue_managers
from collector.core.objects.kubernetes import Kind
from collector.core.pod.state import PodState
from collector.core.queue.managers import kube_queue, kueue, volcano
from collector.core.queue.managers.kube_queue import Unit
from collector.core.queue.managers.kueue import HeldWorkload
from collector.core.queue.managers.queues import QueuePosition
from collector.core.queue.managers.volcano import HeldGroup
from collector.core.queue.waiting import Reason

KUEUE, KUBE_QUEUE, VOLCANO = "kueue", "kube-queue", "volcano"


class _LocalQueue(msgspec.Struct, frozen=True, gc=False):
    namespace: str
    name: str
    cluster_queue: str
    pending: int | None


class _ClusterQueue(msgspec.Struct, frozen=True, gc=False):
    name: str
    pending: int | None
    borrowed: str


class _Queue(msgspec.Struct, frozen=True, gc=False):
    """A Queue of ack-kube-queue or koord-queue: the position of each waiting unit, by namespace/name."""

    name: str
    positions: dict[str, int]


class Admissions:
    """The queue managers' objects of one cluster, by uid or name."""

    def __init__(self) -> None:
        self._units: dict[str, Unit] = {}
        """By namespace/name of the workflow."""
        self._unit_names: dict[str, str] = {}
        self._queues: dict[str, _Queue] = {}
        self._workloads: dict[str, HeldWorkload] = {}
        self._workload_of: dict[str, str] = {}
        """Uid of the Workload of each pod."""
        self._waiting: dict[tuple[str, str], dict[str, HeldWorkload]] = {}
        """Workloads without quota, by namespace and LocalQueue, then by uid."""
        self._local: dict[str, _LocalQueue] = {}
        self._cluster: dict[str, _ClusterQueue] = {}
        self._groups: dict[str, HeldGroup] = {}
        """By namespace/name."""
        self._group_names: dict[str, str] = {}
        self._held_groups: dict[str, int] = {}
        """Numbers by queue."""
        self._members: dict[str, set[str]] = {}
        """Uids of the pods that Volcano has not given a node, by namespace/name of their group."""
        self.listed: set[str] = set()
        """Kinds that a list showed as a whole."""
        self._taken: frozenset[str] = frozenset()
        """Namespaces whose pods Kueue takes, also those that ask for no queue."""
        self._take: dict[Kind, Callable[[str, Any], Iterable[str]]] = {
            "queueunits": self._unit,
            "queues": self._queue,
            "workloads": self._workload,
            "localqueues": self._local_queue,
            "clusterqueues": self._cluster_queue,
            "podgroups": self._group,
        }

    def observe(self, seen: Observation) -> Iterable[str]:
        """Takes over one object; returns the uids of workflows and pods that may wait for something else now."""
        return self._take[seen.kind](seen.uid, None if seen.change in ("deleted", "vanished") else seen.object)

    # Questions of workflows and pods.

    def of_workflow(self, namespace: str, name: str, uid: str) -> tuple[Unit | None, bool]:
        """
        The QueueUnit of a workflow, None: it has none or none can be read; and whether Kueue takes all pods of the
        namespace, also those that ask for no queue.
        """
        unit = self._units.get(f"{namespace}/{name}") if self._units else None
        return unit if unit is not None and unit.owner in ("", uid) else None, namespace in self._taken

    def hold_of(self, pod: kubernetes.Pod, uid: str) -> tuple[Reason | None, str]:
        """Why a queue manager holds a pod, None if none does; and the group of a pod that Volcano decides about."""
        spec = pod.spec
        if spec is None:
            return None, ""
        if spec.schedulingGates is not None and kueue.is_gated(spec):
            workload = self._workloads.get(self._workload_of.get(uid, ""))
            return kueue.reason(pod.metadata, workload.words if workload else ""), ""
        return self._hold_of_group(pod) if volcano.may_be_held(pod) else (None, "")

    def _hold_of_group(self, pod: kubernetes.Pod) -> tuple[Reason | None, str]:
        names = [*volcano.group_names(pod.metadata)]
        name = next((one for one in names if one in self._groups), names[0])
        if (group := self._groups.get(name)) is not None:
            return group.reason if group.is_held else None, name
        # Volcano makes the group after the pod. Where groups cannot be read, nothing says that the pod is held.
        held = "podgroups" in self.listed
        return Reason("queued", volcano.queue_of(pod.metadata)) if held else None, name

    def regroup(self, uid: str, before: str, now: str) -> None:
        """Remembers the group that decides about a pod; empty: none does, as it has a node or is gone."""
        if before == now:
            return
        members = self._members.get(before, set())
        members.discard(uid)
        if before and not members:
            self._members.pop(before, None)
        if now:
            self._members.setdefault(now, set()).add(uid)

    def reason_again(self, pod: PodState) -> Reason | None:
        """Why a manager holds a pod, after a change of the manager's object; None: it is not held."""
        if pod.group:
            own = f"{pod.run.namespace}/podgroup-{pod.run.uid}"
            if (group := self._groups.get(pod.group) or self._groups.get(own)) is not None:
                return group.reason if group.is_held else None
        if pod.waits != "queued":
            return None
        workload = self._workloads.get(self._workload_of.get(pod.run.uid, ""))
        return Reason("queued", pod.waits_on, workload.words if workload else pod.waits_words)

    # Figures for pages and metrics.

    def queues(self, cluster: str) -> Iterator[ManagedQueue]:
        """The manager's own number of what waits in each of its queues."""
        for local in self._local.values():
            if local.pending is not None:
                yield ManagedQueue(cluster, KUEUE, local.namespace, local.name, local.pending)
        for whole in self._cluster.values():
            if whole.pending is not None:
                yield ManagedQueue(cluster, KUEUE, "", whole.name, whole.pending, borrowed=whole.borrowed)
        for queue in self._queues.values():
            yield ManagedQueue(cluster, KUBE_QUEUE, "", queue.name, len(queue.positions))
        for name, held in self._held_groups.items():
            yield ManagedQueue(cluster, VOLCANO, "", name, held)

    def position(self, namespace: str, name: str, pods: Iterable[str]) -> QueuePosition | None:
        """Where a held workflow stands: its own unit, else the first of its pods; None: no manager gives a position."""
        for queue in self._queues.values():
            if (place := queue.positions.get(f"{namespace}/{name}")) is not None:
                return QueuePosition(KUBE_QUEUE, queue.name, place, len(queue.positions))
        found = [self._workloads[uid] for pod in pods if (uid := self._workload_of.get(pod)) is not None]
        waiting = [workload for workload in found if workload.waits]
        return self._position(min(waiting, key=_order)) if waiting else None

    def _position(self, workload: HeldWorkload) -> QueuePosition:
        """By priority, then by the instant from which a workload stands in the queue, as Kueue does without fair sharing."""
        local = {(one.namespace, one.name): one.cluster_queue for one in self._local.values()}
        name = local.get((workload.namespace, workload.queue), "")
        queues = [key for key, of in local.items() if of == name] if name else [(workload.namespace, workload.queue)]
        orders = [one.order for key in queues for one in self._waiting.get(key, {}).values()]
        borrowed = next((one.borrowed for one in self._cluster.values() if one.name == name), "")
        ahead = sum(order < workload.order for order in orders)
        return QueuePosition(KUEUE, name or workload.queue, ahead + 1, len(orders), borrowed)

    # Objects; None: it is gone.

    def _unit(self, uid: str, unit: queue_managers.QueueUnit | None) -> Iterable[str]:
        name = self._unit_names.pop(uid, "")
        before, now = self._units.pop(name, None), None
        if unit is not None:
            name, now = kube_queue.read_unit(unit)
            self._units[name], self._unit_names[uid] = now, name
        return {one.owner for one in (before, now) if one is not None} if now != before else ()

    def _queue(self, uid: str, queue: queue_managers.UnitQueue | None) -> Iterable[str]:
        self._queues.pop(uid, None)
        if queue is not None:
            self._queues[uid] = _Queue(queue.metadata.name or "", dict(kube_queue.positions(queue)))
        return ()

    def _workload(self, uid: str, workload: queue_managers.KueueWorkload | None) -> Iterable[str]:
        before = self._workloads.pop(uid, None)
        if before is not None:
            self._leave(uid, before)
        if workload is None:
            return ()
        now = self._workloads[uid] = kueue.read_workload(workload)
        self._workload_of.update(dict.fromkeys(now.pods, uid))
        if now.waits:
            self._waiting.setdefault((now.namespace, now.queue), {})[uid] = now
        return now.pods if before is None or before.words != now.words else ()

    def _leave(self, uid: str, workload: HeldWorkload) -> None:
        for pod in workload.pods:
            if self._workload_of.get(pod) == uid:
                del self._workload_of[pod]
        waiting = self._waiting.get((workload.namespace, workload.queue), {})
        if waiting.pop(uid, None) is not None and not waiting:
            del self._waiting[workload.namespace, workload.queue]

    def _local_queue(self, uid: str, queue: queue_managers.LocalQueue | None) -> Iterable[str]:
        self._local.pop(uid, None)
        if queue is not None:
            meta, spec, status = queue.metadata, queue.spec, queue.status
            self._local[uid] = _LocalQueue(
                meta.namespace or "",
                meta.name or "",
                (spec.clusterQueue if spec else None) or "",
                status.pendingWorkloads if status else None,
            )
        self._taken = frozenset(one.namespace for one in self._local.values() if one.name == kueue.DEFAULT_QUEUE)
        return ()

    def _cluster_queue(self, uid: str, queue: queue_managers.ClusterQueue | None) -> Iterable[str]:
        self._cluster.pop(uid, None)
        if queue is not None:
            pending = queue.status.pendingWorkloads if queue.status else None
            self._cluster[uid] = _ClusterQueue(queue.metadata.name or "", pending, kueue.borrowed(queue))
        return ()

    def _group(self, uid: str, group: queue_managers.PodGroup | None) -> Iterable[str]:
        name = self._group_names.pop(uid, "")
        before, now = self._groups.pop(name, None), None
        if group is not None:
            name, now = f"{group.metadata.namespace}/{group.metadata.name}", volcano.read_group(group)
            self._groups[name], self._group_names[uid] = now, name
        for one, by in ((before, -1), (now, 1)):
            if one is not None:
                self._held_groups[one.queue] = self._held_groups.get(one.queue, 0) + by * one.is_held
        owners = now.owners if now is not None else ()
        return {*self._members.get(name, ()), *owners} if now != before else ()


def _order(workload: HeldWorkload) -> tuple[int, int]:
    return workload.order
