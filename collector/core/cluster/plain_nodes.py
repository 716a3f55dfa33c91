"""
The plain nodes of a cluster as evidence: from when to when each was there, how large, and what decides its price.

What of a node's price no pod took can be told only of nodes whose life is known. Virtual nodes make no evidence: nobody
pays for them. A node is rewritten hourly while it is there, as the charges of its pods are, so that it is never counted
for longer than it was seen.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from collector.core.change_log import ChangeLog
from collector.core.facts.bills import NodeRun
from collector.core.messages import Observation
from collector.core.model import Instant
from collector.core.objects import kubernetes
from collector.core.objects.kubernetes import parse_time
from collector.core.objects.quantity import parse_quantity
from collector.core.pod.price_marks import NODE_KEYS, REGION, ZONE
from collector.core.pod.requests import GPU_ENDINGS
from collector.core.units import MAX_AMOUNT, MAX_BYTES, ZERO

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
VIRTUAL_LABELS = {
    "type": "virtual-kubelet", "alibabacloud.com/virtual-node": "true", "eks.amazonaws.com/compute-type": "fargate",
}  # fmt: skip
"""By any of these a cloud says that a node is none: ECI's and ACS's, Azure's, Fargate's."""
VIRTUAL_NAMES = ("virtual-kubelet", "virtual-node")
LABELS_AT_MOST = 100_000
"""Machines whose labels are kept, those that are gone included; what is there is told anew every few minutes."""
EVIDENCE = ("instance_type", "region", "zone", "cpu", "memory_bytes", "gpu", "pricing")


class PlainNodes:
    """The plain nodes of one cluster that are there, by uid."""

    def __init__(self, cluster: str, changes: ChangeLog) -> None:
        self.cluster = cluster
        self._changes = changes
        self.runs: dict[str, NodeRun] = {}
        self.labels: dict[str, dict[str, str]] = {}
        """By name what prices its pods; kept after its end, for the last words of its pods often arrive later."""
        self.listed = True
        """False after a restart, until a list has told which of the nodes that were known are still there."""

    def adopt(self, run: NodeRun) -> None:
        """Take up a node of a checkpoint."""
        self.runs[run.uid] = run
        self.labels[run.name] = {key.removeprefix("node:"): value for key, value in run.pricing.items()}
        self.listed = False

    def observe(self, seen: Observation, region: str = "") -> Iterator[NodeRun]:
        """The row of a plain node that is new, changed or gone; `region` is the cluster's own, for nodes that tell none."""
        before = self.runs.get(seen.uid)
        node = seen.object
        if isinstance(node, kubernetes.ApiNode):
            self._label(node.metadata.name or "", node.metadata.labels or {})
        if not isinstance(node, kubernetes.ApiNode):
            if before is not None:
                # Nobody saw when it went: it is counted until it was last known to be there.
                yield self._gone(before, before.last_seen_at, seen.version)
            return
        if seen.change == "deleted" or virtual(node):
            if before is not None:
                yield self._gone(before, max(seen.at, before.first_seen_at), seen.version)
            return
        after = node_run(self.cluster, node, seen, before, region)
        self.runs[seen.uid] = after
        if before is None or _evidence(before) != _evidence(after):
            self._changes.mark("nodes", seen.uid)
            yield after

    def accrue(self, now: Instant) -> Iterator[NodeRun]:
        """The rows of all nodes that are still there at an instant; none while that is not known."""
        for uid, run in self.runs.items() if self.listed else ():
            self.runs[uid] = msgspec.structs.replace(run, last_seen_at=max(now, run.last_seen_at))
            self._changes.mark("nodes", uid)
            yield self.runs[uid]

    def _label(self, name: str, labels: Mapping[str, str]) -> None:
        self.labels.pop(name, None)
        self.labels[name] = {key: value for key, value in labels.items() if key in NODE_KEYS}
        if len(self.labels) > LABELS_AT_MOST:
            del self.labels[next(iter(self.labels))]

    def _gone(self, run: NodeRun, at: Instant, version: int) -> NodeRun:
        del self.runs[run.uid]
        self._changes.mark("nodes", run.uid)
        return msgspec.structs.replace(run, gone_at=at, last_seen_at=at, version=max(version, run.version))


def virtual(node: kubernetes.ApiNode) -> bool:
    """Whether a node is a cloud's door to pods without nodes."""
    labels = node.metadata.labels or {}
    marked = any(labels.get(key) == value for key, value in VIRTUAL_LABELS.items())
    return marked or (node.metadata.name or "").startswith(VIRTUAL_NAMES)


def node_run(
    cluster: str, node: kubernetes.ApiNode, seen: Observation, before: NodeRun | None, region: str = ""
) -> NodeRun:
    """A node as it is seen; when it was made and first seen is as it was told before."""
    labels, capacity = node.metadata.labels or {}, (node.status.capacity if node.status else None) or {}
    amounts = {name: parse_quantity(text) or ZERO for name, text in capacity.items()}
    first = before.first_seen_at if before else seen.at
    return NodeRun(
        cluster=cluster, name=node.metadata.name or "", uid=seen.uid,
        created_at=before.created_at if before else parse_time(node.metadata.creationTimestamp) or seen.at,
        version=seen.version, first_seen_at=first, last_seen_at=max(seen.at, first), gone_at=None,
        instance_type=labels.get(INSTANCE_TYPE, ""), region=labels.get(REGION) or region, zone=labels.get(ZONE, ""),
        cpu=min(amounts.get("cpu", ZERO), MAX_AMOUNT), memory_bytes=int(min(amounts.get("memory", ZERO), MAX_BYTES)),
        gpu=_gpus(amounts), pricing={f"node:{key}": value for key, value in labels.items() if key in NODE_KEYS},
    )  # fmt: skip


def _gpus(amounts: Mapping[str, Decimal]) -> Decimal:
    return min(sum((value for name, value in amounts.items() if name.endswith(GPU_ENDINGS)), ZERO), MAX_AMOUNT)


def _evidence(run: NodeRun) -> tuple[object, ...]:
    return tuple(getattr(run, name) for name in EVIDENCE)
