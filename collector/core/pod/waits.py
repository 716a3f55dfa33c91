"""
What keeps a pod from starting: a quota, no stock of the cloud, no node, a volume or an image.
"""

import re

from collector.core.model import WaitReason
from collector.core.objects import kubernetes
from collector.core.queue.waiting import Reason, claim_name, one_line, quota_name

UNSCHEDULABLE_SIGNS: tuple[tuple[str, WaitReason], ...] = (
    ("quota", "quota"), ("persistentvolumeclaim", "volume"), ("volume", "volume"),
)  # fmt: skip
"""Words of schedulers, in lower case, that distinguish a quota or a volume from a lack of nodes."""
STOCK = "stock"
"""In NoStock, StockExhaust, StockClose and "out of stock": messages of a cloud that has no machine left."""
ARGO_CONTAINERS = frozenset({"init", "wait", "supervisor"})
_IMAGE = re.compile(r'image "([^"]+)"')


def waits_for(status: kubernetes.PodStatus) -> Reason | None:
    """The reason that a pod has not started, as its status shows it; None: it shows none."""
    for condition in status.conditions or ():
        reason, message = condition.reason or "", condition.message or ""
        instance = condition.type == "ContainerInstanceCreated" and condition.status == "False"
        if instance and STOCK in f"{reason} {message}".lower():
            return Reason("stock", "", one_line(message or reason))
        if condition.type == "PodScheduled" and reason == "Unschedulable":
            return _unschedulable(one_line(message))
    pulling = [
        (container, waiting)
        for container in (*(status.initContainerStatuses or ()), *(status.containerStatuses or ()))
        if (waiting := container.state.waiting if container.state else None) and "Image" in (waiting.reason or "")
    ]
    # Where several wait, the user's own image says more than that of Argo's containers.
    return _image(*min(pulling, key=_rank)) if pulling else None


def _rank(pulling: tuple[kubernetes.ContainerStatus, kubernetes.ContainerWaiting]) -> int:
    """0 for `main`, 1 for a user's other containers, 2 for Argo's."""
    name = pulling[0].name or ""
    return 0 if name == "main" else 2 if name in ARGO_CONTAINERS else 1


def _unschedulable(message: str) -> Reason:
    """A scheduler's refusal: for a quota, for a volume, or because no node fits."""
    text = message.lower()
    name: WaitReason = next((reason for sign, reason in UNSCHEDULABLE_SIGNS if sign in text), "unschedulable")
    return Reason(name, {"quota": quota_name(message), "volume": claim_name(message)}.get(name, ""), message)


def _image(container: kubernetes.ContainerStatus, waiting: kubernetes.ContainerWaiting) -> Reason:
    """A kubelet's failure to get an image, whose name is in the container or in the message."""
    message = waiting.message or ""
    named = _IMAGE.search(message)
    image = container.image or (named[1] if named else "")
    return Reason("image", one_line(image), one_line(f"{waiting.reason}: {message}" if message else waiting.reason))
