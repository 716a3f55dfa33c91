"""
Argo's own installation in one cluster: its controller's pods, configuration, Lease and metrics.

Pure: each instant is an argument. The Lease alone holds which replica leads.
"""

import msgspec

from collector.demo.objects import CONFIG_MAPS, LEASES, PODS, Obj
from collector.demo.process import VERSION, ControllerProcess
from collector.demo.shapes import meta, rfc3339
from collector.demo.world import World

NAMESPACE = "argo"
CONFIG_MAP, LEASE = "workflow-controller-configmap", "workflow-controller"
LEASE_S = 15
RENEW_S = 5.0
TAKE_OVER_S = (15.0, 19.0)
"""From the leader's last renewal; the standby tries every few seconds."""
MEMORY_LIMIT = 2 << 30
METRICS_PORT = 9090
REPLICAS = ("workflow-controller-6d9f7c4b8-x2k4q", "workflow-controller-6d9f7c4b8-q7vbn")


class Workload(msgspec.Struct):
    """The load of a controller, as its metrics show it."""

    depth: int
    """Keys of workflows that are ready in the work queue."""
    phases: dict[str, int]
    """Workflows by phase."""
    memory_share: float
    """Of its limit."""
    process: ControllerProcess
    """Of the leader."""


class Installation:
    """The controllers of one cluster."""

    def __init__(self, world: World) -> None:
        self._world, self._cluster, self._objects = world, world.cluster, world.objects
        self.names = REPLICAS if self._cluster.controller_dies or self._cluster.standby else REPLICAS[:1]
        self._container = "controller" if self._cluster.helm else "workflow-controller"

    @property
    def leader(self) -> str:
        """The name of the leading pod; the chart's single replica leads without a Lease."""
        lease = self._objects.of(LEASES).get(f"{NAMESPACE}/{LEASE}")
        return str(lease["spec"]["holderIdentity"]) if lease else self.names[0]

    def pod(self, name: str) -> Obj:
        """The pod of a replica."""
        return self._objects.get(PODS, f"{NAMESPACE}/{name}")

    def furnish(self, now: float) -> None:
        """Creates the objects that Argo's manifests, or its chart, install."""
        for name in self.names:
            self._objects.put(PODS, self._replica(name, now))
        self._objects.put(CONFIG_MAPS, self._config_map(now))
        if not self._cluster.helm:
            lease: Obj = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"leaseTransitions": -1}}
            self._hold({**lease, "metadata": meta(LEASE, self._world.new_uid(), now, NAMESPACE)}, self.names[0], now)

    def renew(self, now: float) -> None:
        """Renews the Lease of the leader."""
        if not self._cluster.helm:
            lease = self._objects.get(LEASES, f"{NAMESPACE}/{LEASE}")
            lease["spec"]["renewTime"] = _micro(now)
            self._objects.put(LEASES, lease)

    def kill(self, now: float, reason: str = "OOMKilled", code: int = 137) -> Obj:
        """Ends the leader, for its memory unless another reason is named; returns its pod."""
        pod = self.pod(self.leader)
        box = pod["status"]["containerStatuses"][0]
        killed = {"exitCode": code, "reason": reason, "finishedAt": rfc3339(now)}
        killed["startedAt"] = box["state"]["running"]["startedAt"]
        return self._write_container(pod, {"terminated": killed}, box["lastState"], box["restartCount"])

    def back_off(self) -> Obj:
        """Shows the kubelet's back-off before a restart; returns the pod."""
        pod = next(pod for pod in map(self.pod, self.names) if "terminated" in _state(pod))
        name = pod["metadata"]["name"]
        message = f"back-off 20s restarting failed container={self._container} pod={name}_{NAMESPACE}"
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        return self._write_container(pod, waiting, _state(pod), pod["status"]["containerStatuses"][0]["restartCount"])

    def restart(self, now: float) -> None:
        """Starts the container again; the replica is a standby if another one leads by then."""
        pod = next(pod for pod in map(self.pod, self.names) if "running" not in _state(pod))
        box = pod["status"]["containerStatuses"][0]
        self._write_container(pod, {"running": {"startedAt": rfc3339(now)}}, box["lastState"], box["restartCount"] + 1)

    def take_over(self, now: float) -> None:
        """Gives the Lease, which was not renewed, to the other replica."""
        other = next(name for name in self.names if name != self.leader)
        self._hold(self._objects.get(LEASES, f"{NAMESPACE}/{LEASE}"), other, now)

    def usage(self, name: str, work: Workload, now: float) -> Obj | None:
        """The metrics API's usage of a replica; None when the replica does not run."""
        pod = self._objects.of(PODS).get(f"{NAMESPACE}/{name}")
        if name not in self.names or pod is None or "running" not in _state(pod):
            return None
        used = {"cpu": "120m", "memory": f"{self._memory(name, work) >> 10}Ki"}
        return {
            "kind": "PodMetrics",
            "apiVersion": "metrics.k8s.io/v1beta1",
            "metadata": {"name": name, "namespace": NAMESPACE, "creationTimestamp": rfc3339(now)},
            "timestamp": rfc3339(now),
            "window": "15s",
            "containers": [{"name": self._container, "usage": used}],
        }

    def exposition(self, name: str, work: Workload, now: float) -> str | None:
        """A replica's /metrics: empty for a standby, None when the replica does not run."""
        if self.usage(name, work, now) is None:
            return None
        if name != self.leader:
            return ""
        gauges = [f'argo_workflows_gauge{{phase="{phase}"}} {count}' for phase, count in sorted(work.phases.items())]
        return "\n".join([
            "# HELP argo_workflows_gauge number of Workflows currently accessible by the controller by phase",
            "# TYPE argo_workflows_gauge gauge",
            *gauges,
            "# TYPE argo_workflows_is_leader gauge",
            "argo_workflows_is_leader 1",
            "# TYPE argo_workflows_queue_depth_gauge gauge",
            f'argo_workflows_queue_depth_gauge{{queue_name="workflow_queue"}} {work.depth}',
            "# TYPE argo_workflows_workers_busy_count gauge",
            f'argo_workflows_workers_busy_count{{worker_type="workflow_queue"}} {work.process.busy(now)}',
            'argo_workflows_workers_busy_count{worker_type="pod_cleanup_queue"} 0',
            *work.process.lines(),
            "# TYPE process_resident_memory_bytes gauge",
            f"process_resident_memory_bytes {self._memory(name, work)}",
            "",
        ])  # fmt: skip

    def _memory(self, name: str, work: Workload) -> int:
        # A standby's informers hold the same objects, but it does not reconcile them.
        return int(MEMORY_LIMIT * (work.memory_share if name == self.leader else 0.3))

    def _hold(self, lease: Obj, name: str, now: float) -> None:
        lease["spec"] |= {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_S,
            "acquireTime": _micro(now),
            "renewTime": _micro(now),
            "leaseTransitions": lease["spec"]["leaseTransitions"] + 1,
        }
        self._objects.put(LEASES, lease)

    def _config_map(self, now: float) -> Obj:
        limits = {"parallelism": self._cluster.parallelism, "namespaceParallelism": self._cluster.namespace_parallelism}
        data = {key: str(value) for key, value in limits.items() if value}
        if self._cluster.helm:
            data = {"config": "instanceID: \nnodeEvents:\n  enabled: false\nworkflowEvents:\n  enabled: true\n"}
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": meta(CONFIG_MAP, self._world.new_uid(), now, NAMESPACE),
            "data": data,
        }

    def _replica(self, name: str, at: float) -> Obj:
        """A pod of the controller, running."""
        labels = {"app": "workflow-controller", "app.kubernetes.io/name": "argo-workflows-workflow-controller"}
        box = {
            "name": self._container,
            "image": f"quay.io/argoproj/workflow-controller:{VERSION}",
            "ports": [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}],
            "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "2Gi"}},
        }
        node = self._cluster.plain_nodes[self.names.index(name)]
        spec = {"containers": [box], "nodeName": node, "restartPolicy": "Always", "priority": 1000000}
        pod: Obj = {"apiVersion": "v1", "kind": "Pod"}
        pod |= {"metadata": meta(name, self._world.new_uid(), at, NAMESPACE, generation=1, labels=labels), "spec": spec}
        pod |= {"status": {"phase": "Running", "qosClass": "Burstable", "startTime": rfc3339(at)}}
        _set_container(pod, {"running": {"startedAt": rfc3339(at)}}, {}, 0)
        return pod

    def _write_container(self, pod: Obj, state: Obj, last: Obj, restarts: int) -> Obj:
        _set_container(pod, state, last, restarts)
        self._objects.put(PODS, pod)
        return pod


def _set_container(pod: Obj, state: Obj, last: Obj, restarts: int) -> None:
    """Sets the kubelet's status of the controller's container."""
    up, box = "running" in state, pod["spec"]["containers"][0]
    pod["status"]["containerStatuses"] = [
        {
            "name": box["name"],
            "state": state,
            "lastState": last,
            "ready": up,
            "restartCount": restarts,
            "image": box["image"],
            "imageID": "",
            "started": up,
        }
    ]


def _state(pod: Obj) -> Obj:
    state: Obj = pod["status"]["containerStatuses"][0]["state"]
    return state


def _micro(at: float) -> str:
    """Formats an instant as a Lease has it."""
    return f"{rfc3339(at)[:-1]}.{int(at % 1 * 1e6):06d}Z"
