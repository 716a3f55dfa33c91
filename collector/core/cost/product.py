"""
How a cloud bills one product, as data: what marks its pods, where the billed size stands, when the bill begins and ends.

A price book holds one of these beside its prices (prices/books/*.yaml), so a new product is a new file and no new code.
Everything here is a value; spec.py, interval.py and billing.py read them.
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
"""What a pod can be billed as; each has a shipped book of the same name. Without any mark it is on a plain node."""

Confidence = Literal["high", "low"]


class BookRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a product as its book writes it; a key it does not know is an error."""


class Mark(BookRule, frozen=True, forbid_unknown_fields=True):
    """One sign that a pod is billed as a product: a label or annotation, or how its node is named."""

    key: str = ""
    """A label or annotation of the pod, or with `node:` before it a label of the node."""
    values: tuple[str, ...] = ()
    """Empty: any value."""
    node_name: str = ""
    """What the node's name begins with."""
    weak: bool = False
    """Shared with other products: counts only where the settings tell no product of the cluster."""

    def on(self, run: PodRun) -> bool:
        """Whether the pod bears it."""
        if self.node_name:
            return run.node_name.startswith(self.node_name)
        value = run.pricing.get(self.key)
        return value is not None and (not self.values or value in self.values)


class Dimension(BookRule, frozen=True, forbid_unknown_fields=True):
    """Something that chooses between prices: the class of machines, or how they are bought."""

    default: str
    key: str = ""
    values: dict[str, str] = {}
    """The provider's words and ours; a word that is not here is billed as the default and doubted."""

    def of(self, run: PodRun) -> tuple[str, bool]:
        """Our word for a pod, and whether the provider's was understood."""
        said = run.pricing.get(self.key)
        return (self.default, True) if said is None else (self.values.get(said, self.default), said in self.values)


class SizeRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """Where the billed size of a pod stands, most trusted first."""

    annotations: tuple[str, ...] = ()
    """The provider's own word of what it bills."""
    pair: tuple[str, ...] = ()
    """Two annotations, vCPU and GiB, where the provider splits its word."""
    asked: tuple[str, ...] = ()
    """The user's wish for a size: the first of a list may have been in stock, or not."""
    node_type: str = ""
    """The node's label that names its type, where a node's price is split among its pods."""
    requests: Confidence = "low"
    """`high` where requests themselves are what is billed."""
    overhead_gib: Decimal = ZERO
    """Memory that the provider adds to the requests for itself."""
    grid: Grid | None = None
    default: str = ""
    """The size of a pod that requests nothing, as on the annotation; empty: it has none."""


class Begin(BookRule, frozen=True, forbid_unknown_fields=True):
    """An instant that may begin the bill."""

    at: Literal["instance_created", "scheduled", "main_started"]
    confidence: Confidence = "high"


class PendingLimit(BookRule, frozen=True, forbid_unknown_fields=True):
    """After how long the provider gives up, and stops billing, a pod that does not start."""

    minutes: int
    key: str = ""
    least: int = 0
    most: int = 0


class IntervalRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """
    From when to when a pod is billed: from the first known of `begin` to the end of its last container.

    What lies between is billed, whatever the state: pulling, back-off, restarts, termination. Scheduling is not.
    """

    begin: tuple[Begin, ...]
    instance: tuple[str, ...] = ()
    """Labels or annotations that prove an instance, where the node takes pods it has no stock for; empty: a node is one."""
    pending_limit: PendingLimit | None = None
    minimum_s: int = 0
    minimum_by_class: dict[str, int] = {}


class StorageRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """Temporary storage: so much is free, the rest is asked for by an annotation or by requests."""

    free_gib: Decimal = ZERO
    extra_key: str = ""
    """An annotation that asks for a quantity above the free part; empty: requests tell the whole."""


class SpotRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """How long the market price at creation holds, and whether a pod may have been bought on demand all the same."""

    protection_h: int = 0
    protection_key: str = ""
    fallback_key: str = ""


class RoundingRule(BookRule, frozen=True, forbid_unknown_fields=True):
    """What the bill of one currency is rounded to, half up, an instance."""

    unit: Decimal


class Product(BookRule, frozen=True, forbid_unknown_fields=True, dict=True):
    """One way a cloud bills a pod."""

    id: str
    provider: str
    service: str
    detect: tuple[Mark, ...]
    """Any of these marks a pod as this product's."""
    size: SizeRule
    interval: IntervalRule
    priority: int = 100
    """Where two products' marks are on a pod, the lower number has it."""
    region: str = ""
    """Whose prices stand in, with low confidence, for a pod of no known region."""
    price_class: Dimension = Dimension("general-purpose")
    purchase: Dimension = Dimension("on_demand")
    gpus: Literal["beside", "by_type"] = "beside"
    """Whether a GPU is billed beside vCPU and memory, or only as part of an instance type."""
    gpu_model: str = ""
    """The label that names the model of a GPU."""
    storage: StorageRule | None = None
    """None: temporary storage is not billed, or nobody could tell its price."""
    spot: SpotRule = SpotRule()
    rounding: dict[str, RoundingRule] = {}
    """By currency of the bill; a currency that is not here is billed to the last place."""

    @cached_property
    def strong(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.detect if not mark.weak)

    @cached_property
    def weak(self) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.detect if mark.weak)


def product_of(run: PodRun, products: Iterable[Product], otherwise: str = "") -> str:
    """What bills a pod: its own marks, else what the settings say of its cluster, else a weak mark, else a plain node."""
    known = tuple(products)
    for product in known:
        if any(mark.on(run) for mark in product.strong):
            return product.id
    if otherwise:
        return otherwise
    return next((p.id for p in known if any(mark.on(run) for mark in p.weak)), PLAIN)
