"""
Series that others expose: Argo's controller itself, kube-state-metrics, and Prometheus about what it scrapes.

Each is declared with the labels that distinguish its series, however many replicas expose it; `help` is the source. `cluster`
is a label that a Prometheus of several clusters adds. Argo's `namespace` is exposed as `exported_namespace` where the scrape
has a label `namespace` of its own, so both are named.
"""

from collector.catalog.metrics import Metric

CONTROLLER = ("cluster", "job")
CONTAINER = ("cluster", "namespace", "pod", "container")

_ARGO = "argoproj/argo-workflows util/telemetry/metrics_list.go, since 3.6"
_ARGO_3_5 = "argoproj/argo-workflows workflow/metrics, up to 3.5"
_KSM_PODS = "kubernetes/kube-state-metrics docs/metrics/workload/pod-metrics.md"

UP = Metric("up", "gauge", CONTROLLER, "Prometheus, for each target")
IS_LEADER = Metric("argo_workflows_is_leader", "gauge", CONTROLLER, f"{_ARGO}; a standby exposes nothing")
ERRORS = Metric("argo_workflows_error_count", "counter", (*CONTROLLER, "cause"), f"{_ARGO}, and before")
DEPTH = Metric("argo_workflows_queue_depth_gauge", "gauge", (*CONTROLLER, "queue_name"), _ARGO)
DEPTH_3_5 = Metric("argo_workflows_queue_depth_count", "gauge", (*CONTROLLER, "queue_name"), _ARGO_3_5)
CLIENT_WAIT = Metric(
    "argo_workflows_client_rate_limiter_latency",
    "histogram",
    CONTROLLER,
    "argoproj/argo-workflows util/telemetry/metrics_list.go, since 4.1",
    (0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 180),
)
PODS = Metric("argo_workflows_pods_gauge", "gauge", (*CONTROLLER, "phase"), _ARGO)
PODS_3_5 = Metric("argo_workflows_pods_count", "gauge", (*CONTROLLER, "status"), _ARGO_3_5)
ENTERED = Metric(
    "argo_workflows_total_count", "counter", (*CONTROLLER, "namespace", "exported_namespace", "phase"), _ARGO
)
CRON_POLICY = Metric(
    "argo_workflows_cronworkflows_concurrencypolicy_triggered",
    "counter",
    (*CONTROLLER, "namespace", "exported_namespace", "name", "concurrency_policy"),
    _ARGO,
)
RESTARTS = Metric("kube_pod_container_status_restarts_total", "counter", CONTAINER, _KSM_PODS)
LAST_TERMINATED = Metric("kube_pod_container_status_last_terminated_reason", "gauge", (*CONTAINER, "reason"), _KSM_PODS)
WAITING = Metric("kube_pod_container_status_waiting_reason", "gauge", (*CONTAINER, "reason"), _KSM_PODS)
POD_OWNER = Metric("kube_pod_owner", "gauge", ("cluster", "namespace", "pod", "owner_kind"), _KSM_PODS)
QUOTA = Metric(
    "kube_resourcequota",
    "gauge",
    ("cluster", "namespace", "resourcequota", "resource", "type"),
    "kubernetes/kube-state-metrics docs/metrics/policy/resourcequota-metrics.md",
)

METRICS: tuple[Metric, ...] = (
    UP, IS_LEADER, ERRORS, DEPTH, DEPTH_3_5, CLIENT_WAIT, PODS, PODS_3_5, ENTERED, CRON_POLICY,
    RESTARTS, LAST_TERMINATED, WAITING, POD_OWNER, QUOTA,
)  # fmt: skip
"""Every series that a rule may name besides ours."""
