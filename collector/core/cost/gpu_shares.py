"""
Shares of GPUs: what part of its node's cards a pod has, from the evidence that core/pod/gpu_marks.py keeps.

A share is the larger one of the memory share and the compute share of a card, times the cards. Memory is divided by what the
node itself states in the same unit, since units and roundings differ: a card of 16 GB may show 15, or 16384. So the shares of
a full node sum to its cards. A share whose card is unknown has a reason and no price: it is never 0.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import msgspec

from collector.core.objects.quantity import parse_quantity
from collector.core.units import MAX_AMOUNT, ZERO

GPU_REQUESTS = "requests:gpu"
"""Key in `pricing`: what each container requests of GPUs."""
INIT = "init"
CAPACITY, CARDS, MIB = "capacity:", ":cards", ":mib"
NODE = "node:"
HAMI, VOLCANO = "hami.io/node-nvidia-register", "volcano.sh/node-vgpu-register"
REGISTERS = (HAMI, VOLCANO)
"""Annotations in which device plugins register the cards of a node."""
UNKNOWN_SHARE, UNKNOWN_MEMORY = "unknown_gpu_share", "unknown_gpu_memory"
"""No price: the share cannot be computed. Low confidence: it is computed without the memory of the card."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A way to share GPUs: the names of what a pod asks for, and where its node states what a card has."""

    name: str
    memory: str = ""
    """Amount of memory: of each device, or of all."""
    memory_parts: dict[str, int] = {}
    """Amounts of memory by name that are parts of a card, and how many of it are one card."""
    compute_parts: dict[str, int] = {}
    """The same of compute."""
    devices: str = ""
    """Number of devices that the other amounts hold for; a device without an amount of memory has all of a card."""
    total: str = ""
    """Memory of all cards of the node, in the unit of `memory`."""
    cards: str = ""
    """Number of cards of the node; empty: `total` is the memory of one card."""
    per_card: int = 1
    """How many of `cards` are one card."""
    granted: str = ""
    """Annotation with what the scheduler granted, in MiB and percent of a card."""

    def is_of(self, wanted: Mapping[str, Fraction]) -> bool:
        """Whether a container asks for GPUs in this way."""
        own = self.devices if self.devices != WHOLE else ""
        return any(name in wanted for name in (self.memory, own, *self.memory_parts, *self.compute_parts))

    def card(self, node: Mapping[str, str]) -> Fraction | None:
        """Memory of a card of this node; None: unknown."""
        total = amount_of(node.get(self.total, ""))
        cards = amount_of(node.get(self.cards, "")) if self.cards else Fraction(1)
        return total * self.per_card / cards if total and cards else None


WHOLE, SHARED, PRODUCT = "nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/gpu.product"
KINDS = (
    Kind(
        name="ACK",
        memory="aliyun.com/gpu-mem",
        compute_parts={"aliyun.com/gpu-core.percentage": 100},
        total=f"{CAPACITY}aliyun.com/gpu-mem",
        cards=f"{CAPACITY}aliyun.com/gpu-count",
    ),
    Kind(
        name="HAMi",
        devices=WHOLE,
        memory="nvidia.com/gpumem",
        memory_parts={"nvidia.com/gpumem-percentage": 100},
        compute_parts={"nvidia.com/gpucores": 100},
        total=f"{HAMI}{MIB}",
        cards=f"{HAMI}{CARDS}",
        granted="hami.io/vgpu-devices-allocated",
    ),
    Kind(
        name="Volcano vGPU",
        devices="volcano.sh/vgpu-number",
        memory="volcano.sh/vgpu-memory",
        memory_parts={"volcano.sh/vgpu-memory-percentage": 100},
        compute_parts={"volcano.sh/vgpu-cores": 100},
        total=f"{VOLCANO}{MIB}",
        cards=f"{VOLCANO}{CARDS}",
        granted="volcano.sh/vgpu-ids-new",
    ),
    Kind(
        name="Koordinator",
        memory="koordinator.sh/gpu-memory",
        memory_parts={"koordinator.sh/gpu": 100, "koordinator.sh/gpu-memory-ratio": 100},
        compute_parts={"koordinator.sh/gpu-core": 100},
        total=f"{CAPACITY}koordinator.sh/gpu-memory",
        cards=f"{CAPACITY}koordinator.sh/gpu-core",
        per_card=100,
    ),
    Kind(
        name="KAI",
        devices="gpu-fraction-num-devices",
        memory="gpu-memory",
        memory_parts={"gpu-fraction": 1},
        total="nvidia.com/gpu.memory",
    ),
)
"""Ways to share by amounts. Time slicing, MPS and MIG share by devices: `_device`."""
GPU_ANNOTATIONS = (
    "gpu-fraction",
    "gpu-memory",
    "gpu-fraction-num-devices",
    *(kind.granted for kind in KINDS if kind.granted),
)
"""Annotations of a pod that say what part of a GPU it asks for, or has."""
SHORT = 2048
"""Characters of marks whose share is remembered."""
_OWN_MARKS = frozenset((GPU_REQUESTS, *GPU_ANNOTATIONS))

_MIG = re.compile(r"nvidia\.com/mig-(\d{1,2})g\.(\d{1,4})gb(?:\.[a-z]{1,8})*")
_MIG_PRODUCT = re.compile(r".*-MIG-(\d{1,2})g\.(\d{1,4})gb.*")
_CARD_GB = re.compile(r"(?<!\d)(\d{2,3})GB(?![a-z])")
_QUARTERS = re.compile(r"\b(?:A30|RTX-PRO-6000)\b")
"""Cards that MIG divides into four slices of memory and compute; all others into seven of compute."""
_GRANTED = re.compile(r"[^,:;]*,[^,:;]*,(\d{1,9}),(\d{1,3})")


class GpuShare(NamedTuple):
    """A pod's share of its node's cards, rounded down to 9 places."""

    cards: Decimal
    missing: str = ""
    """Reason why it cannot be computed; empty: it can."""
    doubt: str = ""


class CardPart(NamedTuple):
    """Cards that something asks for; not sure: without the memory of the card, which may be more."""

    cards: Fraction
    sure: bool = True


_NONE, _ONE = CardPart(Fraction(0)), Fraction(1)


class UnknownShareError(Exception):
    """The evidence does not say how large the share is."""


def gpu_share(pricing: Mapping[str, str]) -> GpuShare | None:
    """The share of a pod with these marks; None: it asks for no GPU, or was recorded before requests were kept."""
    if _OWN_MARKS.isdisjoint(pricing):  # most pods
        return None
    marks = tuple((key, text) for key, text in pricing.items() if key in _OWN_MARKS or key.startswith(NODE))
    # An annotation may have 256 KiB, which a cache must not keep.
    is_short = sum(len(text) for _, text in marks) < SHORT
    return _cached_share(marks) if is_short else _share(marks)


def _share(marks: tuple[tuple[str, str], ...]) -> GpuShare:
    pricing = dict(marks)
    requested = pricing.get(GPU_REQUESTS, "")
    node = {key.removeprefix(NODE): text for key, text in marks if key.startswith(NODE)}
    try:
        part = _granted(pricing, node) or (
            _of_containers(requested, node) if requested else _of_annotations(pricing, node)
        )
    except UnknownShareError:
        return GpuShare(ZERO, missing=UNKNOWN_SHARE)
    return GpuShare(_places(part.cards), doubt="" if part.sure else UNKNOWN_MEMORY)


_cached_share = lru_cache(maxsize=4096)(_share)
"""Pods of a fleet ask for few different shares of few kinds of nodes."""


def _places(cards: Fraction) -> Decimal:
    """As a Decimal of 9 places, rounded down: what is lost of a node's cards is idle."""
    return min(Decimal(int(cards * 10**9)).scaleb(-9), MAX_AMOUNT)


def _granted(pricing: Mapping[str, str], node: Mapping[str, str]) -> CardPart | None:
    """What the scheduler wrote that it granted; None: nothing, or nothing that can be divided by a card."""
    for kind in KINDS:
        text, card = pricing.get(kind.granted, ""), kind.card(node)
        devices = [device for device in re.split("[:;]", text) if device.strip(" ,")]
        found = [_GRANTED.fullmatch(device.strip()) for device in devices]
        if devices and card and all(found):
            shares = (max(Fraction(int(f[1])) / card, Fraction(int(f[2]), 100)) for f in found if f)
            return CardPart(sum(shares, Fraction(0)))
    return None


def _of_annotations(pricing: Mapping[str, str], node: Mapping[str, str]) -> CardPart:
    wanted = {key: amount for key in GPU_ANNOTATIONS if (amount := amount_of(pricing.get(key, ""))) is not None}
    return _of_container(wanted, node)


def _of_containers(requested: str, node: Mapping[str, str]) -> CardPart:
    """The containers together, or the largest init container where that is more."""
    together, largest = _NONE, _NONE
    for text in requested.split(";"):
        words = text.split(" ")
        pairs = (word.partition("=") for word in words if word != INIT)
        part = _of_container({name: amount_of(amount) or Fraction(0) for name, _, amount in pairs}, node)
        if words[0] == INIT:
            largest = max(largest, part)
        else:
            together = CardPart(together.cards + part.cards, together.sure and part.sure)
    return max(together, largest)


def _of_container(wanted: Mapping[str, Fraction], node: Mapping[str, str]) -> CardPart:
    """Cards of one container: by amounts of cards where it names any, else by devices."""
    for kind in KINDS:
        if kind.is_of(wanted):
            return _by_amounts(kind, wanted, node)
    parts = [(amount, _device(name, node)) for name, amount in wanted.items()]
    if not parts:
        raise UnknownShareError
    return CardPart(sum((n * part.cards for n, part in parts), Fraction(0)), all(part.sure for _, part in parts))


def _by_amounts(kind: Kind, wanted: Mapping[str, Fraction], node: Mapping[str, str]) -> CardPart:
    """The larger one of the memory share and the compute share, for each device."""
    card, memory = kind.card(node), wanted.get(kind.memory)
    shares = [wanted[name] / per for name, per in (kind.memory_parts | kind.compute_parts).items() if name in wanted]
    if memory is not None and card is not None:
        shares.append(memory / card)
    if kind.devices and memory is None and kind.memory_parts.keys().isdisjoint(wanted):
        shares.append(_ONE)
    if not shares:
        raise UnknownShareError
    return CardPart(wanted.get(kind.devices, _ONE) * max(shares), memory is None or card is not None)


def _device(name: str, node: Mapping[str, str]) -> CardPart:
    """Cards in one device of this name: 1, or less where the node says that its cards are sliced."""
    label = name.removesuffix(".shared")
    if label.startswith("nvidia.com/mig-"):
        profile = _MIG.fullmatch(label)
        if profile is None:
            raise UnknownShareError
        part = _profile(profile, node, amount_of(node.get("nvidia.com/gpu.memory", "")))
    else:
        profile = _MIG_PRODUCT.fullmatch(node.get(PRODUCT, "")) if label == WHOLE and _single(node) else None
        part = _profile(profile, node, None) if profile else CardPart(_ONE)
    replicas = amount_of(node.get(f"{label}.replicas", ""))
    if name == label and amount_of(node.get(f"{CAPACITY}{name}.shared", "")):
        return part  # the shared devices of this node have a name of their own
    if not replicas and name != label:
        raise UnknownShareError
    return CardPart(part.cards / (replicas or 1), part.sure)


def _single(node: Mapping[str, str]) -> bool:
    """Whether each GPU that the node shows is a slice of a card."""
    return node.get("nvidia.com/mig.strategy") == "single"


def _profile(profile: re.Match[str], node: Mapping[str, str], card_mib: Fraction | None) -> CardPart:
    """Part of a card in a slice such as 1g.5gb: of seven by compute, or more by memory."""
    slices, gb, product = int(profile[1]), int(profile[2]), node.get(PRODUCT, "")
    if _QUARTERS.search(product):
        return CardPart(Fraction(min(slices, 4), 4))
    stated = _CARD_GB.search(product)
    card_gb = int(stated[1]) if stated else round(card_mib / 1024) if card_mib else 0
    compute = Fraction(min(slices, 7), 7)
    return CardPart(max(compute, min(_ONE, Fraction(gb, card_gb)))) if card_gb else CardPart(compute, sure=False)


def cards_of(node: Mapping[str, str]) -> Decimal | None:
    """Number of a node's cards where its GPUs are shared; None: it says nothing of that, so each GPU is a card."""
    for kind in KINDS:
        if kind.cards and (cards := amount_of(node.get(kind.cards, ""))):
            return _places(cards / kind.per_card)
    whole, shared = (amount_of(node.get(f"{CAPACITY}{name}", "")) or Fraction(0) for name in (WHOLE, SHARED))
    if any(key.startswith(f"{CAPACITY}nvidia.com/mig-") for key in node):
        count = amount_of(node.get("nvidia.com/gpu.count", ""))
        return None if count is None else _places(count)
    device, sliced = _device(WHOLE, node).cards, shared or whole
    if not sliced or (device == 1 and not shared):
        return None
    part = _device(SHARED if shared else WHOLE, node).cards
    return _places(sliced / int(1 / part) + (whole if shared else 0))


def amount_of(text: str) -> Fraction | None:
    """Parse an amount; None: the text is none, as of a node that says nothing."""
    # A node's memory has its unit: 32768MiB.
    amount = parse_quantity(text.removesuffix("MiB")) if text else None
    return None if amount is None else Fraction(amount)
