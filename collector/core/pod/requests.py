"""
What a pod requests: cores, memory, GPUs and ephemeral storage.
"""

from decimal import Decimal
from functools import lru_cache

from collector.core.cost.billed_spec import MALFORMED_REQUESTS
from collector.core.objects import kubernetes
from collector.core.objects.quantity import parse_quantity
from collector.core.units import MAX_AMOUNT, MAX_BYTES, ZERO

Requests = tuple[Decimal, Decimal, Decimal, Decimal]
"""Cores, memory bytes, GPUs, ephemeral bytes."""
MALFORMED = {MALFORMED_REQUESTS: ""}
NONE: dict[str, str] = {}
NO_REQUESTS: Requests = (ZERO, ZERO, ZERO, ZERO)


Texts = tuple[tuple[str, str], ...]
"""Names and quantities as they stand in a container; of its limits, then of its requests, which count before them."""
Stated = tuple[bool, Texts]
"""What one container requests, and whether it is always restarted."""

SPECS = 4_096
"""Different sets of requests of a fleet whose amounts are remembered: each event of a pod has its whole spec."""


def requests(spec: kubernetes.PodSpec) -> Requests:
    """The sum of the long-running containers, or the requests of the largest init container where these are more."""
    return _amounts(_stated(spec.containers), _stated(spec.initContainers))


def _stated(containers: list[kubernetes.Container] | None) -> tuple[Stated, ...]:
    return tuple([(c.restartPolicy == "Always", _texts(c.resources)) for c in containers or ()])


def _texts(resources: kubernetes.Resources | None) -> Texts:
    if resources is None:
        return ()
    return (*(resources.limits or NONE).items(), *(resources.requests or NONE).items())


@lru_cache(maxsize=SPECS)
def _amounts(containers: tuple[Stated, ...], init: tuple[Stated, ...]) -> Requests:
    together, largest = [ZERO] * 4, [ZERO] * 4
    for _, texts in containers:
        together = [a + b for a, b in zip(together, _of_container(texts), strict=True)]
    # A sidecar is an init container that is always restarted: it runs beside the others.
    for is_sidecar, texts in init:
        amounts = _of_container(texts)
        together = [a + b for a, b in zip(together, amounts, strict=True)] if is_sidecar else together
        largest = largest if is_sidecar else list(map(max, largest, amounts))
    cpu, memory, gpu, ephemeral = map(max, together, largest)
    return min(cpu, MAX_AMOUNT), min(memory, MAX_BYTES), min(gpu, MAX_AMOUNT), min(ephemeral, MAX_BYTES)


def _of_container(texts: Texts) -> Requests:
    """The requests of one container; a limit stands in for a request that is not set."""
    if not texts:
        return NO_REQUESTS
    amounts = {name: parse_quantity(text) or ZERO for name, text in dict(texts).items()}
    cpu, memory, ephemeral = (amounts.get(name, ZERO) for name in ("cpu", "memory", "ephemeral-storage"))
    return cpu, memory, sum((v for k, v in amounts.items() if is_card(k)), ZERO), ephemeral


def is_card(name: str) -> bool:
    """Whether one of a resource is a whole GPU; Koordinator counts hundredths of one (core/cost/gpu_shares.py)."""
    return name.endswith(("/gpu", "/ppu")) and not name.startswith("koordinator.sh/")


def malformed(spec: kubernetes.PodSpec) -> dict[str, str]:
    """A mark for pricing if a request or limit is not a quantity: what a cloud bills of it is a guess."""
    return MALFORMED if _is_malformed(_stated(spec.containers), _stated(spec.initContainers)) else NONE


@lru_cache(maxsize=SPECS)
def _is_malformed(*containers: tuple[Stated, ...]) -> bool:
    # A request counts before the limit of its name, which may then be anything.
    texts = (text for part in containers for _, stated in part for text in dict(stated).values())
    return any(parse_quantity(text) is None for text in texts)
