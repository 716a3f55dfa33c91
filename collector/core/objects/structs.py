"""
The struct of each watched kind.
"""

from typing import Any

from collector.core.objects import kubernetes, queue_managers
from collector.core.objects.owner_kinds import OWNER_NAMES

OBJECT_OF: dict[str, type[Any]] = {
    "workflows": kubernetes.Workflow,
    "pods": kubernetes.Pod,
    "nodes": kubernetes.ApiNode,
    "namespaces": kubernetes.Namespace,
    "cronworkflows": kubernetes.CronWorkflow,
    "events": kubernetes.KubernetesEvent,
    "queueunits": queue_managers.QueueUnit,
    "queues": queue_managers.UnitQueue,
    "workloads": queue_managers.KueueWorkload,
    "localqueues": queue_managers.LocalQueue,
    "clusterqueues": queue_managers.ClusterQueue,
    "podgroups": queue_managers.PodGroup,
    **dict.fromkeys(OWNER_NAMES, kubernetes.PartialObject),
}
