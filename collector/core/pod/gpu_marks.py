"""
What a pod asks of GPUs and what its node says of them: the evidence for a share of a GPU (core/cost/gpu_shares.py).

Kept in `pricing` of the pod, so that a share can be computed again: its requests by container under one key, annotations of
the queue that placed it, and of its node the labels and capacities about GPUs. Pods without GPUs get none of it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from collector.core.cost.gpu_shares import CAPACITY, CARDS, GPU_ANNOTATIONS, GPU_REQUESTS, INIT, MIB, REGISTERS
from collector.core.objects import kubernetes
from collector.core.pod.price_marks import NODE_KEYS

NODE_LABELS = frozenset(
    {
        "nvidia.com/gpu.count",
        "nvidia.com/gpu.memory",
        "nvidia.com/gpu.product",
        "nvidia.com/gpu.replicas",
        "nvidia.com/gpu.sharing-strategy",
        "nvidia.com/mig.strategy",
        "aliyun.accelerator/nvidia_name",
        "aliyun.accelerator/nvidia_count",
        "aliyun.accelerator/nvidia_mem",
        "ack.node.gpu.schedule",
    }
)
"""Labels of a node that say which GPUs it has and how they are shared."""
_GPU = re.compile(
    r"(?:nvidia\.com|koordinator\.sh|volcano\.sh)/(?:v?gpu|mig-).{0,60}|aliyun\.com/gpu-.{1,60}|[^ =;]{1,80}/[gp]pu"
)
"""Names of resources that are GPUs, cards of other makers, or parts of them."""
_REPLICAS = re.compile(r"nvidia\.com/mig-[0-9a-z.]{1,40}\.replicas")
_PLAIN = frozenset({"cpu", "memory", "ephemeral-storage"})
_AMOUNT = re.compile(r"[0-9A-Za-z.+-]{1,32}", re.ASCII)
NO_MARKS: dict[str, str] = {}


class Device(msgspec.Struct, gc=False):
    """A card in HAMi's newer form of registering; the older form is a text."""

    devmem: int = 0


_DEVICES = msgspec.json.Decoder(list[Device])


def gpu_marks(requested: str, annotations: Mapping[str, str], node: Mapping[str, str]) -> dict[str, str]:
    """The marks of a pod that asks for GPUs, by its containers or by annotations, with those of its node; else none."""
    if not requested and "gpu-fraction" not in annotations and "gpu-memory" not in annotations:
        return NO_MARKS
    own = {GPU_REQUESTS: requested} if requested else {}
    own |= {key: annotations[key] for key in GPU_ANNOTATIONS if key in annotations}
    return own | {f"node:{key}": text for key, text in node.items() if key not in NODE_KEYS}


def gpu_requests(spec: kubernetes.PodSpec) -> str:
    """What each container requests of GPUs: `name=amount` by spaces, containers by `;`, init containers that end marked."""
    if all(map(_is_plain, (*(spec.containers or ()), *(spec.initContainers or ())))):
        return ""
    wanted = [_of_container(container) for container in spec.containers or ()]
    for container in spec.initContainers or ():
        own = _of_container(container)
        wanted.append(f"{INIT} {own}" if own and container.restartPolicy != "Always" else own)
    return ";".join(filter(None, wanted))


def _of_container(container: kubernetes.Container) -> str:
    resources = container.resources or kubernetes.Resources()
    texts = {**(resources.limits or {}), **(resources.requests or {})}
    return " ".join(
        f"{name}={text}" for name, text in sorted(texts.items()) if is_gpu(name) and _AMOUNT.fullmatch(text)
    )


def _is_plain(container: kubernetes.Container) -> bool:
    """Whether a container asks for cores and memory alone, as most do."""
    resources = container.resources
    return resources is None or (
        _PLAIN.issuperset(resources.limits or ()) and _PLAIN.issuperset(resources.requests or ())
    )


@lru_cache(maxsize=1024)
def is_gpu(name: str) -> bool:
    """Whether a resource is a GPU or a part of one."""
    return _GPU.fullmatch(name) is not None


def node_gpu_marks(node: kubernetes.ApiNode) -> dict[str, str]:
    """What a node says of its GPUs: labels, capacities, and the number and memory of the cards that a plugin registered."""
    labels, annotations = node.metadata.labels or {}, node.metadata.annotations or {}
    capacity = (node.status.capacity if node.status else None) or {}
    marks = {key: text for key, text in labels.items() if key in NODE_LABELS or _REPLICAS.fullmatch(key)}
    marks |= {f"{CAPACITY}{name}": text for name, text in capacity.items() if is_gpu(name)}
    for register in REGISTERS:
        if cards := _registered(annotations.get(register, "")):
            marks |= {f"{register}{CARDS}": str(len(cards)), f"{register}{MIB}": str(sum(cards))}
    return marks


@lru_cache(maxsize=1024)
def _registered(text: str) -> tuple[int, ...]:
    """MiB of each card in a text `uuid,split,MiB,core,type,numa,healthy:`, or in JSON; empty: neither."""
    if text.startswith("["):
        try:
            return _known(device.devmem for device in _DEVICES.decode(text))
        except msgspec.DecodeError:
            return ()
    fields = [device.split(",") for device in text.split(":") if device.strip(" ;,")]
    if any(len(device) < 3 or not device[2].strip().isdecimal() for device in fields):
        return ()
    return _known(int(device[2]) for device in fields)


def _known(cards: Iterable[int]) -> tuple[int, ...]:
    """The cards, if the memory of each is known."""
    sizes = tuple(cards)
    return sizes if all(0 < size < 1 << 40 for size in sizes) else ()
