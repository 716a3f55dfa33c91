"""
What public alerts watch, as conditions of our own words. Names of metrics, thresholds and holds are facts of their sources.

Read in November 2026:

- adinhodovic/argo-workflows-mixin, prometheus_alerts.yaml at 5a506c1f: all six alerts.
- DataDog/integrations-core, argo_workflows/assets/monitors/errors.json at 2e97b603: the one monitor.
- kubernetes-monitoring/kubernetes-mixin, as prometheus-operator/kube-prometheus ships it
  (manifests/kubernetesControlPlane-prometheusRule.yaml at 047d5049, kubePrometheus-prometheusRule.yaml at 09135ee9 for
  TargetDown): the alerts that one of the incidents could meet.
"""

from dataclasses import dataclass
from typing import Literal

System = Literal["argo-mixin", "datadog", "kubernetes-mixin"]
SYSTEMS: tuple[System, ...] = ("argo-mixin", "datadog", "kubernetes-mixin")


@dataclass(frozen=True, slots=True)
class Public:
    """A public alert."""

    system: System
    alert: str
    severity: Literal["critical", "warning", "info"]
    hold: str
    expr: str


def _transitions(phases: str) -> str:
    """Changes of phase a second, by namespace. Theirs divides by every phase, so that a run counts about three times."""
    return f'sum by (cluster, namespace) (rate(argo_workflows_total_count{{phase=~"{phases}"}}[5m]))'


def _argo(alert: str, severity: Literal["critical", "warning"], hold: str, expr: str) -> Public:
    return Public("argo-mixin", f"ArgoWorkflows{alert}", severity, hold, expr)


def _kube(alert: str, severity: Literal["critical", "warning", "info"], hold: str, expr: str) -> Public:
    return Public("kubernetes-mixin", alert, severity, hold, expr)


ERRORS = "sum(increase(argo_workflows_error_count[5m]{offset}))"
QUOTA_USED = 'kube_resourcequota{type="used"} / ignoring(type) (kube_resourcequota{type="hard"} > 0)'
FREE = "kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes"
NOT_READY = """max by (namespace, pod) (
  kube_pod_status_phase{phase=~"Pending|Unknown"}
  or (kube_pod_status_phase{phase="Running"} == 1
    and on (namespace, pod) kube_pod_status_ready{condition="true"} == 0)
) > 0 unless on (namespace, pod) kube_pod_owner{owner_kind="Job"}"""

PUBLIC: tuple[Public, ...] = (
    _argo(
        "HighWorkflowFailureRate", "critical", "1m", f"100 * {_transitions('Failed|Error')} / {_transitions('.*')} > 10"
    ),
    _argo("PendingWorkflows", "warning", "15m", 'sum by (cluster) (argo_workflows_gauge{phase="Pending"}) > 5'),
    _argo("ControllerNotLeader", "critical", "5m", "max(argo_workflows_is_leader) == 0"),
    _argo(
        "ControllerHighErrorRate", "warning", "1m", "sum by (cluster, cause) (rate(argo_workflows_error_count[5m])) > 5"
    ),
    _argo("QueueDepthHigh", "warning", "5m", "sum by (cluster, queue_name) (argo_workflows_queue_depth_gauge) > 100"),
    _argo("PodPendingHigh", "warning", "15m", 'sum by (cluster) (argo_workflows_pods_gauge{phase="Pending"}) > 10'),
    # Errors of the last five minutes against those of five minutes ten minutes ago.
    Public(
        "datadog",
        "New errors",
        "critical",
        "0s",
        f"{ERRORS.format(offset='')} - {ERRORS.format(offset=' offset 10m')} >= 1",
    ),
    _kube(
        "KubePodCrashLooping",
        "warning",
        "15m",
        'max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}[5m]) >= 1',
    ),
    # Newer releases also take a running pod that is not ready; that wider condition is played here.
    _kube("KubePodNotReady", "warning", "15m", NOT_READY),
    _kube(
        "KubeContainerWaiting",
        "warning",
        "1h",
        "sum by (namespace, pod, container) (kube_pod_container_status_waiting_reason) > 0",
    ),
    _kube(
        "KubeDeploymentReplicasMismatch",
        "warning",
        "15m",
        "kube_deployment_spec_replicas > kube_deployment_status_replicas_available"
        " and changes(kube_deployment_status_replicas_updated[10m]) == 0",
    ),
    _kube("KubeQuotaAlmostFull", "info", "15m", f"{QUOTA_USED} > 0.9 < 1"),
    _kube("KubeQuotaFullyUsed", "info", "15m", f"{QUOTA_USED} == 1"),
    _kube("KubePersistentVolumeFillingUp", "critical", "1m", f"{FREE} < 0.03"),
    _kube(
        "KubePersistentVolumeFillingUp",
        "warning",
        "1h",
        f"{FREE} < 0.15 and predict_linear(kubelet_volume_stats_available_bytes[6h], 345600) < 0",
    ),
    _kube("KubeAPIDown", "critical", "15m", 'absent(up{job="apiserver"} == 1)'),
    _kube(
        "TargetDown",
        "warning",
        "10m",
        "100 * count by (cluster, job) (up == 0) / count by (cluster, job) (up) > 10",
    ),
)
