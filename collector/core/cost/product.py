"""
Billing rules of a cloud product as data: the marks of its pods, the source of the billed size, begin and end of the bill.

A price book has these rules beside its prices (prices/books/*.yaml), so a new product needs a new file and no code. All
structs here are values; billed_spec.py, billed_interval.py and charge.py apply them.
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from typing import Literal

import msgspec

from collector.core.cost.size_grid import Grid
from collector.core.facts.bills import PodRun
from collector.core.units import ZERO

PLAIN = "plain-node"
PRODUCTS = ("alibaba-eci", "alibaba-acs", "aws-fargate-eks", "gke-autopilot", "azure-aci", PLAIN)
"""Products with a shipped book of the same name. A pod without any mark is billed as on a plain node."""

ARCHITECTURE = "node:kubernetes.io/arch"

Confidence = Literal["high", "low"]


class BookRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of a product in a book; an unknown key is an error."""


class Mark(BookRule, frozen=True, forbid_unknown_fields=True):
    """One sign that a pod is billed as a product: a label, an annotation, or its node's name."""

    key: str = ""
    """A label or annotation of the pod, or with the prefix `node:` a label of the node."""
    values: tuple[str, ...] = ()
    """Empty: any value."""
    prefix: str = ""
    """Begin of the value; empty: any."""
    node_name: str = ""
    """Prefix of the node's name."""
    weak: bool = False
    """Shared with other products: used only if the settings name no product for the cluster."""

    def on(self, run: PodRun) -> bool:
        """Whether a pod has this mark."""
        if self.node_name:
            return run.node_name.startswith(self.node_name)
        value = run.pricing.get(self.key)
        return value is not None and (not self.values or value in self.values) and value.startswith(self.prefix)


class Dimension(BookRule, frozen=True, forbid_unknown_fields=True):
    """A property that selects prices: the machine class, or the purchase option."""

    default: str
    key: str = ""
    values: dict[str, str] = {}
    """Our value by the provider's; an unknown value is billed as the default, with low confidence."""
    on_arm: dict[str, str] = {}
    """Our value of a pod on a machine of Arm, by that on others, where their prices differ."""

    def of(self, run: PodRun) -> tuple[str, bool]:
        """Our value for a pod, and whether the provider's value is known."""
        theirs = run.pricing.get(self.key)
        value = self.default if theirs is None else self.values.get(theirs, self.default)
        if self.on_arm and run.pricing.get(ARCHITECTURE) == "arm64":
            value = self.on_arm.get(value, value)
        return value, theirs is None or theirs in self.values


class SizeRule(BookRule, frozen=True, forbid_unknown_fields=True, rename={"user_annotations": "asked"}):
    """Sources of a pod's billed size, the most trusted first."""

    annotations: tuple[str, ...] = ()
    """Annotations in which the provider states the billed size."""
    pair: tuple[str, ...] = ()
    """Two annotations for vCPU and GiB, where the provider states them separately."""
    user_annotations: tuple[str, ...] = ()
    """Annotations in which the user asks for a list of sizes; the first may or may not have been in stock."""
    node_type: str = ""
    """Label of the node that names its type, where a node's price is split among its pods."""
    requests: Confidence = "low"
    """`high` if the provider bills the requests themselves."""
    overhead_gib: Decimal = ZERO
    """Memory that the provider adds to the requests."""
    grid: Grid | None = None
    default: str = ""
    """Size of a pod without requests, written as in the annotation; empty: no size."""


class Begin(BookRule, frozen=True, forbid_unknown_fields=True):
    """An event that may begin the bill."""

    at: Literal["instance_created", "scheduled", "main_started"]
    confidence: Confidence = "high"


class PendingLimit(BookRule, frozen=True, forbid_unknown_fields=True):
    """Time after which the provider gives up a pod that does not start, and stops billing it."""

    minutes: int
    key: str = ""
    least: int = 0
    most: int = 0


class IntervalRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """
    Begin and end of a pod's bill: from the first known event of `begin` to the end of its last container.

    Every state between them is billed: pulling, back-off, restarts, termination. Scheduling is not billed.
    """

    begin: tuple[Begin, ...]
    instance: tuple[str, ...] = ()
    """Labels or annotations that prove an instance, if a node accepts pods without stock; empty: a node is the proof."""
    pending_limit: PendingLimit | None = None
    minimum_s: int = 0
    minimum_by_class: dict[str, int] = {}


class StorageRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """Temporary storage: a free part, and more by an annotation or by requests."""

    free_gib: Decimal = ZERO
    extra_key: str = ""
    """Annotation that asks for storage beyond the free part; empty: the requests state the total."""
    total_key: str = ""
    """Annotation in which the provider states the total; without it the requests do."""
    overhead_ratio: Decimal = ZERO
    """Part of the requests that the provider adds to them."""
    overhead_gib: Decimal = ZERO
    """Storage that the provider adds to requests, if there are any."""
    most_gib: Decimal = ZERO
    """Largest total that is sold; 0: no limit."""


class SpotRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """Hours for which the market price at creation stays valid, and the annotation for a fallback to on demand."""

    protection_h: int = 0
    protection_key: str = ""
    fallback_key: str = ""


class RoundingRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """Unit to which the bill of one currency is rounded half up, per instance."""

    unit: Decimal


class Product(BookRule, frozen=True, forbid_unknown_fields=True, dict=True):
    """Billing rules of one cloud product."""

    id: str
    provider: str
    """For readers of the book, as is `service`: no code depends on them."""
    service: str
    detect: tuple[Mark, ...]
    """Marks; one of them is enough."""
    size: SizeRule
    interval: IntervalRule
    unless: tuple[Mark, ...] = ()
    """Marks of pods that another product bills, whatever else they bear."""
    priority: int = 100
    """If a pod has marks of two products, the lower number wins."""
    region: str = ""
    """Region whose prices are used, with low confidence, if the pod's region is unknown."""
    price_class: Dimension = Dimension("general-purpose")
    purchase: Dimension = Dimension("on_demand")
    gpus: Literal["beside", "by_type"] = "beside"
    """Whether a GPU is billed in addition to vCPU and memory, or only as part of an instance type."""
    gpu_model: str = ""
    """Label that names the GPU model."""
    gpu_count: str = ""
    """Annotation in which the provider states the billed number of GPUs; without it the requests count."""
    storage: StorageRule | None = None
    """None: temporary storage is not billed, or its price is unknown."""
    spot: SpotRule = SpotRule()
    rounding: dict[str, RoundingRule] = {}
    """Rounding by currency of the bill; other currencies are not rounded."""

    @cached_property
    def strong(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.detect if not mark.weak)

    @cached_property
    def weak(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.detect if mark.weak)


def product_of(run: PodRun, products: Iterable[Product], otherwise: str = "") -> str:
    """Product that bills a pod: by its own marks, else the settings of its cluster, else a weak mark, else a plain node."""
    ordered = tuple(products)
    for product in ordered:
        if any(mark.on(run) for mark in product.strong) and not any(mark.on(run) for mark in product.unless):
            return product.id
    if otherwise:
        return otherwise
    return next((p.id for p in ordered if any(mark.on(run) for mark in p.weak)), PLAIN)
