"""
Billed spec of a pod, from the most trusted source: the provider's annotation, the size that the user asked for, the
requests rounded up to the product's grid, the product's default.

A malformed annotation never makes a pod free: the next source is used, and the charge names the problem and has low
confidence.
"""

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Literal

import msgspec

from collector.core.cost.gpu_shares import UNKNOWN_MEMORY, GpuShare, gpu_share
from collector.core.cost.product import Confidence, Product, SizeRule
from collector.core.facts.bills import PodRun
from collector.core.objects.quantity import GIB, parse_quantity
from collector.core.units import MAX_AMOUNT, ZERO

NANO = Decimal("1e-9")
ARCHIVED = "archived"
"""Key in `pricing` of a missed pod, set by core/archive: the source of its size, or ARCHIVED_NOWHERE."""
ARCHIVED_NOWHERE = "nowhere"
MALFORMED_REQUESTS = "requests:malformed"
"""Key in `pricing` of a pod with a malformed request, set by core/pod/lifecycle.py."""

DOUBTS = (
    "malformed_spec", "malformed_requests", "malformed_storage", "malformed_limit", "malformed_protection",
    "unknown_class", "unknown_purchase", "unknown_gpu_memory", "archived_template", "archived_duration",
)  # fmt: skip
"""Reasons for low confidence of a priced charge whose pod has marks: label values of the counter of such pods."""

SizeSource = Literal["annotation", "asked", "requests", "default", "archive", "none"]
"""`annotation`: the provider's; `asked`: the size that the user asked for."""

_CPU_MEMORY = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)-(\d{1,5}(?:\.\d{1,3})?)Gi", re.ASCII)
_FARGATE = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)vCPU (\d{1,5}(?:\.\d{1,3})?)GB", re.ASCII)
_GPUS = re.compile(r"\d{1,4}(?:\.\d{1,3})?", re.ASCII)
_INSTANCE_TYPE = re.compile(r"ecs\.[a-z0-9][a-z0-9.-]{1,60}")


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a pod on which its price depends."""

    product: str
    purchase: str
    price_class: str
    region: str
    vcpu: Decimal = ZERO
    memory_gib: Decimal = ZERO
    instance_type: str = ""
    """Billed instead of vCPU and memory; if these are set too, the type of the node whose price is split."""
    source: SizeSource = "annotation"
    missing: str = ""
    """Reason why the pod cannot be priced; empty: it can."""
    zone: str = ""
    gpu: Decimal = ZERO
    gpu_model: str = ""
    ephemeral_gib: Decimal = ZERO
    """Temporary storage beyond the free part."""
    confidence: Confidence = "high"
    doubt: str = ""
    """Malformed or unknown input, one of DOUBTS; empty: none."""
    frozen_s: int = 0
    """Seconds for which the first price stays valid, whatever the market does."""

    @property
    def by_type(self) -> bool:
        """Whether only the instance type is billed."""
        return bool(self.instance_type) and not self.vcpu


class BilledSize(msgspec.Struct, frozen=True):
    """Billed size of a machine, and its source."""

    vcpu: Decimal = ZERO
    memory_gib: Decimal = ZERO
    instance_type: str = ""
    source: SizeSource = "annotation"
    confidence: Confidence = "high"
    missing: str = ""


def read_size(text: str) -> BilledSize | None:
    """Parse a size in a provider's form: `2.0-4.0Gi`, `0.25vCPU 0.5GB` or `ecs.c6.large`; None: none of these."""
    # An annotation may have 256 KiB. No size is that long, and the cache must not keep it.
    return _read_size(text) if len(text) < 80 else None


@lru_cache(maxsize=4096)
def _read_size(text: str) -> BilledSize | None:
    match = _CPU_MEMORY.fullmatch(text) or _FARGATE.fullmatch(text)
    if match and Decimal(match[1]) and Decimal(match[2]):
        return BilledSize(Decimal(match[1]), Decimal(match[2]))
    return BilledSize(instance_type=text) if _INSTANCE_TYPE.fullmatch(text) else None


def spec_of(run: PodRun, product: Product) -> Spec:
    """Billed spec of a pod on a product."""
    region = run.region or product.region
    price_class, class_known = product.price_class.of(run)
    purchase, purchase_known = product.purchase.of(run)
    size, doubt = _size(run, product.size, region)
    gpu = _gpus(run, product)
    extra, storage_known = _extra_storage(run, product)
    frozen_s, frozen_known = _protection(run, product) if purchase == "spot" else (0, True)
    purchase, bought = _without_fallback(run, product, purchase, size)
    doubt = doubt or _first_doubt(
        unknown_class=class_known,
        unknown_purchase=purchase_known,
        malformed_spec=gpu.doubt != "malformed_spec",
        malformed_storage=storage_known,
        malformed_protection=frozen_known,
        unknown_gpu_memory=gpu.doubt != UNKNOWN_MEMORY,
    )
    sure = size.confidence == "high" and run.region and bought and not doubt
    return Spec(
        product=product.id,
        purchase=purchase,
        price_class=price_class,
        region=region,
        zone=run.zone,
        vcpu=size.vcpu,
        memory_gib=size.memory_gib,
        instance_type=size.instance_type,
        source=size.source,
        ephemeral_gib=extra,
        gpu=gpu.cards,
        gpu_model=run.pricing.get(product.gpu_model, ""),
        missing=size.missing or _without_gpus(run, product, size) or gpu.missing or beyond_sale(extra, product),
        confidence="high" if sure else "low",
        doubt=doubt,
        frozen_s=frozen_s,
    )


def _without_gpus(run: PodRun, product: Product, size: BilledSize) -> str:
    """Reason why a size from requests cannot price a pod with GPUs: the product sells GPUs only with an instance type."""
    derived = run.gpu and product.gpus == "by_type" and size.source in ("requests", "default")
    return "no_instance_type" if derived else ""


def _first_doubt(**understood: bool) -> str:
    return next((doubt for doubt, known in understood.items() if not known), "")


def _without_fallback(run: PodRun, product: Product, purchase: str, size: BilledSize) -> tuple[str, bool]:
    """
    Replace spot by on demand where the provider fell back to it, and report whether the purchase is certain.

    A spot pod may be bought on demand when the market is empty: then its spec has no instance type.
    """
    fell_back = purchase == "spot" and run.pricing.get(product.spot.fallback_key) == "true" and not size.instance_type
    return ("on_demand", False) if fell_back else (purchase, True)


def _size(run: PodRun, rule: SizeRule, region: str) -> tuple[BilledSize, str]:
    """Most trusted size of a pod, and the problem of a more trusted source."""
    billed = [run.pricing[key] for key in rule.annotations if key in run.pricing]
    if not billed and rule.pair and rule.pair[0] in run.pricing:
        billed = ["{}-{}Gi".format(*(run.pricing.get(key, "") for key in rule.pair))]
    for text in billed:
        if size := read_size(text):
            return size, ""
    doubt = "malformed_spec" if billed else ""
    for text in (run.pricing[key] for key in rule.user_annotations if key in run.pricing):
        if size := read_size(text.partition(",")[0].strip()):
            return msgspec.structs.replace(size, source="asked", confidence="low"), doubt
        doubt = "malformed_spec"
    malformed = "malformed_requests" if MALFORMED_REQUESTS in run.pricing else ""
    if (where := run.pricing.get(ARCHIVED)) == ARCHIVED_NOWHERE:
        # A product's default is for pods without requests; the requests of this pod are unknown.
        return BilledSize(source="archive", confidence="low", missing="no_requests"), doubt
    malformed = f"archived_{where}" if where else malformed
    size = size_of_requests(rule, run.cpu, gib(run.memory_bytes), region)
    return msgspec.structs.replace(size, instance_type=run.pricing.get(rule.node_type, "")), doubt or malformed


def size_of_requests(rule: SizeRule, vcpu: Decimal, memory_gib: Decimal, region: str) -> BilledSize:
    """Billed size of requests; without any, the product's default."""
    if not vcpu and not memory_gib:
        default = read_size(rule.default)
        if default is None:
            return BilledSize(source="none", confidence="low", missing="no_requests")
        return msgspec.structs.replace(default, source="default", confidence=rule.requests)
    memory = memory_gib + rule.overhead_gib
    fit = (vcpu, memory) if rule.grid is None else rule.grid.fit(vcpu, memory, region)
    if fit is None or max(fit) > MAX_AMOUNT:
        return BilledSize(
            vcpu=min(vcpu, MAX_AMOUNT),
            memory_gib=min(memory, MAX_AMOUNT),
            source="requests",
            confidence="low",
            missing="larger_than_any_size",
        )
    return BilledSize(*fit, source="requests", confidence=rule.requests)


def gib(size_bytes: int) -> Decimal:
    """Convert bytes to GiB, rounded up to nine places."""
    return (Decimal(size_bytes) / GIB).quantize(NANO, ROUND_CEILING).normalize()


def beyond_free(total_gib: Decimal, product: Product) -> Decimal:
    """Billed part of an amount of temporary storage."""
    return max(ZERO, total_gib - product.storage.free_gib) if product.storage else ZERO


def _gpus(run: PodRun, product: Product) -> GpuShare:
    """GPUs that are billed beside vCPU and memory: as the provider states them, else the pod's share of cards."""
    if product.gpus == "by_type":
        return GpuShare(ZERO)
    text = run.pricing.get(product.gpu_count)
    share = gpu_share(run.pricing) or GpuShare(run.gpu)
    if text is None:
        return share
    stated = Decimal(text) if _GPUS.fullmatch(text) else ZERO
    # A pod that requests GPUs is not free of them.
    return GpuShare(stated) if stated or (text == "0" and not run.gpu) else share._replace(doubt="malformed_spec")


def _extra_storage(run: PodRun, product: Product) -> tuple[Decimal, bool]:
    """Temporary storage beyond the free part, and whether its annotation parsed."""
    if product.storage is None or not product.storage.extra_key:
        return _stated_storage(run, product)
    text = run.pricing.get(product.storage.extra_key)
    if text is None:
        return ZERO, True
    extra = parse_quantity(text)
    return (ZERO, False) if extra is None or extra > MAX_AMOUNT * GIB else (gib(int(extra)), True)


def _provisioned(run: PodRun, product: Product) -> Decimal:
    """Temporary storage that the provider provisions for the requests."""
    requested, rule = gib(run.ephemeral_bytes), product.storage
    if rule is None or not requested or not (rule.overhead_ratio or rule.overhead_gib):
        return requested
    return (requested * (1 + rule.overhead_ratio) + rule.overhead_gib).quantize(NANO, ROUND_CEILING).normalize()


def beyond_sale(extra: Decimal, product: Product) -> str:
    """Reason why temporary storage beyond the free part has no price: it is more than the provider sells."""
    rule = product.storage
    too_much = rule and rule.most_gib and extra > rule.most_gib - rule.free_gib
    return "larger_than_any_size" if too_much else ""


def _stated_storage(run: PodRun, product: Product) -> tuple[Decimal, bool]:
    """Temporary storage beyond the free part of the total that the provider or the requests state."""
    by_requests = beyond_free(_provisioned(run, product), product)
    text = run.pricing.get(product.storage.total_key) if product.storage else None
    if text is None:
        return by_requests, True
    total = parse_quantity(text)
    malformed = total is None or total > MAX_AMOUNT * GIB
    return (by_requests, False) if malformed else (beyond_free(gib(int(total or 0)), product), True)


def _protection(run: PodRun, product: Product) -> tuple[int, bool]:
    """Seconds for which the market price at creation stays valid, and whether the annotation parsed."""
    text = run.pricing.get(product.spot.protection_key)
    if text is None:
        return product.spot.protection_h * 3600, True
    valid = text.isascii() and text.isdecimal() and len(text) < 4
    return (int(text) if valid else product.spot.protection_h) * 3600, valid
