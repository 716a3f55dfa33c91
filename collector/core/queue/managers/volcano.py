"""
Volcano: it lets pods in by their PodGroup, before its scheduler looks for nodes.

A group that is Pending is not let in: its queue has no quota left. One that is Inqueue is let in, and waits for nodes.
All pods of a workflow may share one group, or each may have its own.
Source: volcano scheduling.volcano.sh/v1beta1 and pkg/controllers/podgroup (field notes).
"""

from collections.abc import Iterator

import msgspec

from collector.core.objects.kubernetes import Meta, Pod
from collector.core.objects.queue_managers import PodGroup
from collector.core.queue.waiting import Reason, one_line

SCHEDULER = "volcano"
GROUP_NAME = "scheduling.k8s.io/group-name"
QUEUE_NAME = "scheduling.volcano.sh/queue-name"
HELD_PHASES = frozenset({"", "Pending"})
DEFAULT_QUEUE = "default"


class HeldGroup(msgspec.Struct, frozen=True, gc=False):
    """Where a group of pods stands with Volcano."""

    queue: str
    phase: str
    words: str
    owners: tuple[str, ...]
    """Uids; one may be a pod."""

    @property
    def is_held(self) -> bool:
        """Whether its queue has not let it in."""
        return self.phase in HELD_PHASES

    @property
    def reason(self) -> Reason:
        """Wait of its pods until it is let in."""
        return Reason("queued", self.queue, self.words)


def read_group(group: PodGroup) -> HeldGroup:
    """What a PodGroup says of its pods."""
    meta, status = group.metadata, group.status
    conditions = (status.conditions if status else None) or ()
    words = next((c.message or c.reason or "" for c in reversed(conditions) if c.type == "Unschedulable"), "")
    return HeldGroup(
        queue=(group.spec.queue if group.spec else None) or DEFAULT_QUEUE,
        phase=(status.phase if status else None) or "",
        words=one_line(words),
        owners=tuple(one.uid for one in meta.ownerReferences or () if one.uid),
    )


def may_be_held(pod: Pod) -> bool:
    """Whether Volcano decides about the pod, and has not given it a node."""
    return pod.spec is not None and pod.spec.schedulerName == SCHEDULER and not pod.spec.nodeName


def group_names(meta: Meta) -> Iterator[str]:
    """namespace/name of the group that a pod may have: the one that it names, its owner's, its own."""
    if named := (meta.annotations or {}).get(GROUP_NAME):
        yield f"{meta.namespace}/{named}"
    for owner in meta.ownerReferences or ():
        if owner.controller:
            yield f"{meta.namespace}/podgroup-{owner.uid}"
    yield f"{meta.namespace}/podgroup-{meta.uid}"


def queue_of(meta: Meta) -> str:
    """The queue that a pod asks for, while it has no group yet."""
    return (meta.annotations or {}).get(QUEUE_NAME) or DEFAULT_QUEUE
