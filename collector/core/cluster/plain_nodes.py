"""
Evidence of plain nodes: when each existed, how large it was, and what decides its price.

Idle cost, the part of a node's price that no pod was charged for, is known only for nodes with a known begin and end.
Virtual nodes have no rows: they cost nothing. The row of a node is rewritten hourly while the node exists, as the
charges of its pods are, so that a node is never counted for longer than it was observed.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from collector.core.change_log import ChangeLog
from collector.core.cost.gpu_shares import cards_of
from collector.core.facts.bills import NodeRun
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.kubernetes import parse_time
from collector.core.objects.quantity import parse_quantity
from collector.core.pod.gpu_marks import node_gpu_marks
from collector.core.pod.price_marks import NODE_KEYS, REGION, ZONE
from collector.core.pod.requests import is_card
from collector.core.units import MAX_AMOUNT, MAX_BYTES, ZERO

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
VIRTUAL_LABELS = {
    "type": "virtual-kubelet", "alibabacloud.com/virtual-node": "true", "eks.amazonaws.com/compute-type": "fargate",
}  # fmt: skip
"""Labels of virtual nodes: of ECI and ACS, of Azure, of Fargate. One of them is enough."""
VIRTUAL_NAMES = ("virtual-kubelet", "virtual-node")
LABELS_AT_MOST = 100_000
"""Nodes whose labels are kept, deleted ones included; existing nodes are observed again every few minutes."""
EVIDENCE = ("instance_type", "region", "zone", "cpu", "memory_bytes", "gpu", "pricing")


class PlainNodes:
    """The existing plain nodes of one cluster, by uid."""

    def __init__(self, cluster: str, changes: ChangeLog) -> None:
        self.cluster = cluster
        self._changes = changes
        self.runs: dict[str, NodeRun] = {}
        self.labels: dict[str, dict[str, str]] = {}
        """Labels that price the pods of a node, by its name; kept after its end, since updates of pods often arrive later."""
        self.listed = True
        """False after a restart, until a list has shown which of the known nodes still exist."""

    def adopt(self, run: NodeRun) -> None:
        """Takes over a node of a checkpoint."""
        self.runs[run.uid] = run
        self.labels[run.name] = {key.removeprefix("node:"): value for key, value in run.pricing.items()}
        self.listed = False

    def observe(self, seen: Observation, region: str = "") -> Iterator[NodeRun]:
        """Yields the row of a plain node that is new, changed or gone; `region` is the cluster's, for nodes without one."""
        before = self.runs.get(seen.uid)
        node = seen.object
        if isinstance(node, kubernetes.ApiNode):
            self._label(node.metadata.name or "", node_marks(node))
        if not isinstance(node, kubernetes.ApiNode):
            if before is not None:
                # The deletion was not observed: the node is counted until it was last known to exist.
                yield self._close(before, max(before.first_seen_at, min(before.last_seen_at, seen.at)), seen.version)
            return
        if seen.change == "deleted" or virtual(node):
            if before is not None:
                yield self._close(before, max(seen.at, before.first_seen_at), seen.version)
            return
        after = node_run(self.cluster, node, seen, before, region)
        self.runs[seen.uid] = after
        if before is None or _evidence(before) != _evidence(after):
            self._changes.mark("nodes", seen.uid)
            yield after

    def accrue(self, now: Instant) -> Iterator[NodeRun]:
        """Yields the rows of all nodes that exist at an instant; none while that is not known."""
        for uid in [*self.runs] if self.listed else ():
            if (run := self.runs.get(uid)) is not None:  # a node may end while the caller pauses
                self.runs[uid] = msgspec.structs.replace(run, last_seen_at=max(now, run.last_seen_at))
                self._changes.mark("nodes", uid)
                yield self.runs[uid]

    def _label(self, name: str, labels: dict[str, str]) -> None:
        self.labels.pop(name, None)
        self.labels[name] = labels
        if len(self.labels) > LABELS_AT_MOST:
            del self.labels[next(iter(self.labels))]

    def _close(self, run: NodeRun, at: Instant, version: int) -> NodeRun:
        del self.runs[run.uid]
        self._changes.mark("nodes", run.uid)
        return msgspec.structs.replace(run, gone_at=at, last_seen_at=at, version=max(version, run.version))


def virtual(node: kubernetes.ApiNode) -> bool:
    """Whether a node is virtual: a cloud's entry point to pods without nodes of their own."""
    labels = node.metadata.labels or {}
    marked = any(labels.get(key) == value for key, value in VIRTUAL_LABELS.items())
    return marked or (node.metadata.name or "").startswith(VIRTUAL_NAMES)


def node_marks(node: kubernetes.ApiNode) -> dict[str, str]:
    """What decides the price of a node and of its pods: allow-listed labels, and what it says of its GPUs."""
    labels = node.metadata.labels or {}
    return {key: value for key, value in labels.items() if key in NODE_KEYS} | node_gpu_marks(node)


def node_run(
    cluster: str, node: kubernetes.ApiNode, seen: Observation, before: NodeRun | None, region: str = ""
) -> NodeRun:
    """The row of a node as observed; its creation and first sight stay those of the row before."""
    labels, capacity = node.metadata.labels or {}, (node.status.capacity if node.status else None) or {}
    amounts = {name: parse_quantity(text) or ZERO for name, text in capacity.items()}
    first, marks = before.first_seen_at if before else seen.at, node_marks(node)
    return NodeRun(
        cluster=cluster, name=node.metadata.name or "", uid=seen.uid,
        created_at=before.created_at if before else parse_time(node.metadata.creationTimestamp) or seen.at,
        version=seen.version, first_seen_at=first, last_seen_at=max(seen.at, first), gone_at=None,
        instance_type=labels.get(INSTANCE_TYPE, ""), region=labels.get(REGION) or region, zone=labels.get(ZONE, ""),
        cpu=min(amounts.get("cpu", ZERO), MAX_AMOUNT), memory_bytes=int(min(amounts.get("memory", ZERO), MAX_BYTES)),
        gpu=_gpus(amounts, marks), pricing={f"node:{key}": value for key, value in marks.items()},
    )  # fmt: skip


def _gpus(amounts: Mapping[str, Decimal], marks: Mapping[str, str]) -> Decimal:
    """Cards of a node: its capacity may count parts of one."""
    cards = cards_of(marks)
    return min(sum((v for k, v in amounts.items() if is_card(k)), ZERO), MAX_AMOUNT) if cards is None else cards


def _evidence(run: NodeRun) -> tuple[object, ...]:
    return tuple(getattr(run, name) for name in EVIDENCE)
