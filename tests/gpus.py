"""Ways to share GPUs, as nodes and pods show them: made by hand from the documented fields of each device plugin."""

from typing import Any, NamedTuple

from collector.core.objects import kubernetes
from tests.builders import NOON, decoded, iso

TYPE = "node.kubernetes.io/instance-type"
MACHINE = {TYPE: "g.large", "topology.kubernetes.io/region": "cn-hangzhou"}
GFD = "nvidia.com/gpu."


class Sharing(NamedTuple):
    """A node whose cards are shared in one way, and a pod that has a quarter of its cards."""

    labels: dict[str, str]
    capacity: dict[str, str]
    quarter: dict[str, str]
    """What a container of a quarter requests."""
    node_annotations: dict[str, str] = {}  # noqa: RUF012
    annotations: dict[str, str] = {}  # noqa: RUF012
    """Annotations of the pod."""
    cards: int = 1


HAMI_NODE = "GPU-0fc3,10,32768,100,NVIDIA-Tesla V100,0,true:"
HAMI_JSON = '[{"id":"GPU-0fc3","count":10,"devmem":32768,"devcore":100,"type":"NVIDIA","health":true}]'
KAI_NODE = ({f"{GFD}memory": "32768", f"{GFD}count": "1"}, {"nvidia.com/gpu": "1"})
SHARINGS = {
    "whole": Sharing({f"{GFD}count": "1", f"{GFD}replicas": "1"}, {"nvidia.com/gpu": "1"}, {"nvidia.com/gpu": "0.25"}),
    "time slicing": Sharing(
        {f"{GFD}sharing-strategy": "time-slicing", f"{GFD}replicas": "4", f"{GFD}product": "Tesla-T4-SHARED"},
        {"nvidia.com/gpu": "4"},
        {"nvidia.com/gpu": "1"},
    ),
    "time slicing, renamed": Sharing(
        {f"{GFD}sharing-strategy": "time-slicing", f"{GFD}replicas": "4", f"{GFD}product": "Tesla-T4"},
        {"nvidia.com/gpu": "0", "nvidia.com/gpu.shared": "4"},
        {"nvidia.com/gpu.shared": "1"},
    ),
    "MPS": Sharing(
        {f"{GFD}sharing-strategy": "mps", f"{GFD}replicas": "8", f"{GFD}product": "Tesla-T4-SHARED"},
        {"nvidia.com/gpu": "8"},
        {"nvidia.com/gpu": "2"},
    ),
    "MIG single": Sharing(
        {"nvidia.com/mig.strategy": "single", f"{GFD}product": "NVIDIA-A30-MIG-1g.6gb", f"{GFD}replicas": "1"},
        {"nvidia.com/gpu": "4"},
        {"nvidia.com/gpu": "1"},
    ),
    "MIG mixed": Sharing(
        {"nvidia.com/mig.strategy": "mixed", f"{GFD}product": "NVIDIA-A30", f"{GFD}count": "1"},
        {"nvidia.com/gpu": "0", "nvidia.com/mig-1g.6gb": "4"},
        {"nvidia.com/mig-1g.6gb": "1"},
    ),
    "ACK, memory": Sharing(
        {"ack.node.gpu.schedule": "cgpu", "aliyun.accelerator/nvidia_mem": "16384MiB"},
        {"aliyun.com/gpu-mem": "60", "aliyun.com/gpu-count": "4"},
        {"aliyun.com/gpu-mem": "15"},
        cards=4,
    ),
    "ACK, memory and compute": Sharing(
        {"ack.node.gpu.schedule": "core_mem"},
        {"aliyun.com/gpu-mem": "32768", "aliyun.com/gpu-count": "1"},
        {"aliyun.com/gpu-mem": "4096", "aliyun.com/gpu-core.percentage": "25"},
    ),
    "HAMi": Sharing(
        {},
        {"nvidia.com/gpu": "10"},
        {"nvidia.com/gpu": "1", "nvidia.com/gpumem": "8192", "nvidia.com/gpucores": "20"},
        {"hami.io/node-nvidia-register": HAMI_NODE},
    ),
    "HAMi, percent": Sharing(
        {},
        {"nvidia.com/gpu": "10"},
        {"nvidia.com/gpu": "1", "nvidia.com/gpumem-percentage": "25"},
        {"hami.io/node-nvidia-register": HAMI_JSON},
    ),
    "HAMi, granted": Sharing(
        {},
        {"nvidia.com/gpu": "10"},
        {"nvidia.com/gpu": "1"},
        {"hami.io/node-nvidia-register": HAMI_NODE},
        {"hami.io/vgpu-devices-allocated": "GPU-0fc3,NVIDIA,4096,25:;GPU-0fc3,NVIDIA,0,0:;"},
    ),
    "Volcano vGPU": Sharing(
        {},
        {"volcano.sh/vgpu-number": "10"},
        {"volcano.sh/vgpu-number": "1", "volcano.sh/vgpu-memory": "8192"},
        {"volcano.sh/node-vgpu-register": HAMI_NODE},
    ),
    "KAI, fraction": Sharing(*KAI_NODE, {}, annotations={"gpu-fraction": "0.25"}),
    "KAI, memory": Sharing(*KAI_NODE, {}, annotations={"gpu-memory": "4096", "gpu-fraction-num-devices": "2"}),
    "Koordinator": Sharing(
        {},
        {"koordinator.sh/gpu-core": "100", "koordinator.sh/gpu-memory": "32Gi", "nvidia.com/gpu": "1"},
        {"koordinator.sh/gpu-core": "25", "koordinator.sh/gpu-memory": "8Gi"},
    ),
    "Koordinator, ratio": Sharing(
        {},
        {"koordinator.sh/gpu-core": "100", "koordinator.sh/gpu-memory": "32Gi", "nvidia.com/gpu": "1"},
        {"koordinator.sh/gpu-core": "10", "koordinator.sh/gpu-memory-ratio": "25"},
    ),
}


def a_gpu_node(sharing: Sharing, kind: str = "g.large") -> kubernetes.ApiNode:
    """A machine of 4 cores and 16 GiB for each card."""
    size = {"cpu": str(4 * sharing.cards), "memory": f"{16 * sharing.cards}Gi"}
    meta = {"name": "n1", "uid": "node-n1", "creationTimestamp": iso(NOON), "resourceVersion": "1"}
    labels = {**MACHINE, TYPE: kind, **sharing.labels}
    return decoded(
        {
            "metadata": {**meta, "labels": labels, "annotations": sharing.node_annotations},
            "status": {"capacity": {**size, **sharing.capacity}},
        },
        kubernetes.ApiNode,
    )


def limited(*containers: dict[str, str], init: dict[str, str] | None = None) -> dict[str, Any]:
    """A pod's containers by what they are limited to: a limit without a request stands for one."""
    made = [{"name": f"c{i}", "resources": {"limits": limits}} for i, limits in enumerate(containers)]
    return {"containers": made, "initContainers": [{"name": "i", "resources": {"limits": init}}] if init else []}
