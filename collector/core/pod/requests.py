"""
What a pod requests: cores, memory, GPUs and ephemeral storage.
"""

from decimal import Decimal

from collector.core.cost.billed_spec import MALFORMED_REQUESTS
from collector.core.objects import kubernetes
from collector.core.objects.quantity import parse_quantity
from collector.core.units import MAX_AMOUNT, MAX_BYTES, ZERO

GPU_ENDINGS = ("/gpu", "/gpu-core")
Requests = tuple[Decimal, Decimal, Decimal, Decimal]
"""Cores, memory bytes, GPUs, ephemeral bytes."""
NO_REQUESTS: Requests = (ZERO, ZERO, ZERO, ZERO)


def requests(spec: kubernetes.PodSpec) -> Requests:
    """The sum of the long-running containers, or the requests of the largest init container where these are more."""
    together, largest = [ZERO] * 4, [ZERO] * 4
    for container in spec.containers or ():
        together = [a + b for a, b in zip(together, _of_container(container), strict=True)]
    for container in spec.initContainers or ():
        # A sidecar is an init container that is always restarted: it runs beside the others.
        is_sidecar = container.restartPolicy == "Always"
        amounts = _of_container(container)
        together = [a + b for a, b in zip(together, amounts, strict=True)] if is_sidecar else together
        largest = largest if is_sidecar else list(map(max, largest, amounts))
    cpu, memory, gpu, ephemeral = map(max, together, largest)
    return min(cpu, MAX_AMOUNT), min(memory, MAX_BYTES), min(gpu, MAX_AMOUNT), min(ephemeral, MAX_BYTES)


def _of_container(container: kubernetes.Container) -> Requests:
    """The requests of one container; a limit stands in for a request that is not set."""
    resources = container.resources
    texts = {**(resources.limits or {}), **(resources.requests or {})} if resources else None
    if not texts:
        return NO_REQUESTS
    amounts = {name: parse_quantity(text) or ZERO for name, text in texts.items()}
    cpu, memory, ephemeral = (amounts.get(name, ZERO) for name in ("cpu", "memory", "ephemeral-storage"))
    return cpu, memory, sum((v for k, v in amounts.items() if k.endswith(GPU_ENDINGS)), ZERO), ephemeral


def malformed(spec: kubernetes.PodSpec) -> dict[str, str]:
    """A mark for pricing if a request or limit is not a quantity: what a cloud bills of it is a guess."""
    resources = (c.resources for c in (*(spec.containers or ()), *(spec.initContainers or ())) if c.resources)
    texts = (text for r in resources for text in ({**(r.limits or {}), **(r.requests or {})}).values())
    return {} if all(parse_quantity(text) is not None for text in texts) else {MALFORMED_REQUESTS: ""}
