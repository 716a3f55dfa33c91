"""
Labels and annotations of a pod and of its node that decide a price: nothing else of them is kept.
"""

from collections.abc import Mapping

PRICING_KEYS = frozenset({
    "k8s.aliyun.com/eci-instance-id", "k8s.aliyun.com/eci-instance-spec", "k8s.aliyun.com/eci-instance-zone",
    "k8s.aliyun.com/eci-instance-cpu", "k8s.aliyun.com/eci-instance-mem",
    "k8s.aliyun.com/eci-instance-compute-category", "k8s.aliyun.com/eci-spot-strategy", "k8s.aliyun.com/eci-spot-duration",
    "k8s.aliyun.com/eci-spot-price-limit", "k8s.aliyun.com/eci-spot-fallback", "k8s.aliyun.com/eci-use-specs",
    "k8s.aliyun.com/eci-extra-ephemeral-storage", "k8s.aliyun.com/eci-max-pending-minute",
    "alibabacloud.com/acs", "alibabacloud.com/compute-class", "alibabacloud.com/compute-qos",
    "alibabacloud.com/pod-use-spec", "alibabacloud.com/gpu-model-series", "alibabacloud.com/cpu-vendor",
    "CapacityProvisioned", "eks.amazonaws.com/fargate-profile", "cloud.google.com/gke-spot",
    "alibabacloud.com/pod-required-spec", "autopilot.gke.io/warden-version",
})  # fmt: skip

NODE_KEYS = frozenset({
    "type", "node.kubernetes.io/instance-type", "topology.kubernetes.io/region", "topology.kubernetes.io/zone",
    "eks.amazonaws.com/compute-type", "eks.amazonaws.com/capacityType", "cloud.google.com/gke-spot",
    "alibabacloud.com/virtual-node", "cloud.google.com/compute-class",
})  # fmt: skip
REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"


def price_marks(labels: Mapping[str, str], annotations: Mapping[str, str], node: Mapping[str, str]) -> dict[str, str]:
    """The marks of a pod, and those of its node with the prefix `node:`."""
    own = {k: v for source in (labels, annotations) for k, v in source.items() if k in PRICING_KEYS}
    return own | {f"node:{k}": v for k, v in node.items() if k in NODE_KEYS}
