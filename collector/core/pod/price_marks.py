"""
Labels and annotations of a pod and of its node that decide a price or that a bill names: nothing else of them is kept.
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
    "alibabacloud.com/pod-gpu-use-spec", "alibabacloud.com/pod-ephemeral-storage",
})  # fmt: skip
ACS_INSTANCE = "alibabacloud.com/instance-id"
"""Annotation with the id of an ACS instance, `acs-...`. A label of this name has the id of a machine, `i-...`."""

NODE_KEYS = frozenset({
    "type", "node.kubernetes.io/instance-type", "topology.kubernetes.io/region", "topology.kubernetes.io/zone",
    "eks.amazonaws.com/compute-type", "eks.amazonaws.com/capacityType", "cloud.google.com/gke-spot",
    "alibabacloud.com/virtual-node", "cloud.google.com/compute-class", "kubernetes.io/arch",
})  # fmt: skip
REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
ECI_INSTANCE, ECI_ZONE = "k8s.aliyun.com/eci-instance-id", "k8s.aliyun.com/eci-instance-zone"


def price_marks(labels: Mapping[str, str], annotations: Mapping[str, str], node: Mapping[str, str]) -> dict[str, str]:
    """The marks of a pod, and those of its node with the prefix `node:`."""
    # Of most pods none is kept, and a set finds that out much faster.
    sources = [source for source in (labels, annotations) if not PRICING_KEYS.isdisjoint(source)]
    own = {k: v for source in sources for k, v in source.items() if k in PRICING_KEYS}
    if (instance := annotations.get(ACS_INSTANCE)) and instance.startswith("acs-"):
        own[ACS_INSTANCE] = instance
    return own | {f"node:{k}": v for k, v in node.items() if k in NODE_KEYS}


def region_and_zone(
    marks: Mapping[str, str], labels: Mapping[str, str], annotations: Mapping[str, str], node: Mapping[str, str]
) -> tuple[str, str]:
    """
    Where a pod of these marks is billed: by its labels, its node's, its annotations; empty: unknown.

    One virtual node serves several zones: where the provider names an instance, its annotations come before the node's labels.
    """
    first, second = (annotations, node) if ACS_INSTANCE in marks else (node, annotations)
    region = labels.get(REGION) or first.get(REGION) or second.get(REGION) or ""
    if ECI_INSTANCE in marks and (zone := annotations.get(ECI_ZONE)):
        return region, zone
    return region, labels.get(ZONE) or first.get(ZONE) or second.get(ZONE) or ""
