"""
Typed objects of queue managers: Kueue, ack-kube-queue and koord-queue, Volcano. An allow-list of fields, as in kubernetes.py.

Names and meanings of fields are those of the managers' own API types: kueue apis/kueue/v1beta2/workload_types.go, koord-queue
pkg/apis/scheduling/v1alpha1/type.go, volcano scheduling.volcano.sh/v1beta1.
"""

import msgspec

from collector.core.objects.kubernetes import Condition, Int32, Meta, Reference


class QueueUnitSpec(msgspec.Struct, gc=False):
    consumerRef: Reference | None = None


class QueueUnitStatus(msgspec.Struct, gc=False):
    phase: str | None = None
    message: str | None = None


class QueueUnit(msgspec.Struct, gc=False):
    """What ack-kube-queue or koord-queue makes of a workflow that it holds."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: QueueUnitSpec | None = None
    status: QueueUnitStatus | None = None


class QueueItem(msgspec.Struct, gc=False):
    """A waiting unit and its position, from 1."""

    namespace: str | None = None
    name: str | None = None
    position: Int32 | None = None


class UnitQueueStatus(msgspec.Struct, gc=False):
    queueItemDetails: dict[str, list[QueueItem] | None] | None = None


class UnitQueue(msgspec.Struct, gc=False):
    """A Queue of ack-kube-queue or koord-queue; every 15 s it states the order of its units, which may be out of date."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    status: UnitQueueStatus | None = None


class WorkloadSpec(msgspec.Struct, gc=False):
    queueName: str | None = None
    priority: Int32 | None = None
    active: bool | None = None


class AdmissionCheck(msgspec.Struct, gc=False):
    name: str | None = None
    state: str | None = None
    message: str | None = None


class WorkloadStatus(msgspec.Struct, gc=False):
    conditions: list[Condition] | None = None
    admissionChecks: list[AdmissionCheck] | None = None
    clusterName: str | None = None
    """Of MultiKueue: the cluster that runs it."""


class KueueWorkload(msgspec.Struct, gc=False):
    """What Kueue makes of a pod, or of a group of pods, that it holds."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: WorkloadSpec | None = None
    status: WorkloadStatus | None = None


class LocalQueueSpec(msgspec.Struct, gc=False):
    clusterQueue: str | None = None


class FlavorResource(msgspec.Struct, gc=False):
    name: str | None = None
    borrowed: str | int | None = None
    """A quantity, of what the queue uses beyond its own quota."""


class FlavorUsage(msgspec.Struct, gc=False):
    name: str | None = None
    resources: list[FlavorResource] | None = None


class KueueQueueStatus(msgspec.Struct, gc=False):
    pendingWorkloads: Int32 | None = None
    flavorsUsage: list[FlavorUsage] | None = None


class LocalQueue(msgspec.Struct, gc=False):
    """A namespace's queue of Kueue."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: LocalQueueSpec | None = None
    status: KueueQueueStatus | None = None


class ClusterQueue(msgspec.Struct, gc=False):
    """The quota of Kueue from which LocalQueues take."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    status: KueueQueueStatus | None = None


class PodGroupSpec(msgspec.Struct, gc=False):
    queue: str | None = None


class PodGroupStatus(msgspec.Struct, gc=False):
    phase: str | None = None
    conditions: list[Condition] | None = None


class PodGroup(msgspec.Struct, gc=False):
    """Pods that Volcano lets in together."""

    metadata: Meta = msgspec.field(default_factory=Meta)
    spec: PodGroupSpec | None = None
    status: PodGroupStatus | None = None
