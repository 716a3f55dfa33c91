"""
Columns as data: their types as the store spells them, and those that several tables share.

*Observed* columns depend on when and where somebody looked: replaying the same objects may change them and no others.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from collector.core import model

LOW = "LowCardinality(String)"
AT = "DateTime64(3, 'UTC')"
MONEY = "Decimal(38, 18)"
QUANTITY = "Decimal(18, 9)"
LABELS = "Map(LowCardinality(String), String)"
METERS = f"Array(Tuple(meter String, quantity {MONEY}, unit String, unit_price {MONEY}, cost {MONEY}))"


@dataclass(frozen=True, slots=True)
class Column:
    """One column as it stands in the store."""

    name: str
    type: str
    meaning: str
    observed: bool = False
    codec: str = ""


def low(name: str, meaning: str, observed: bool = False) -> Column:
    """A word of which there are few, so that the store keeps a dictionary."""
    return Column(name, LOW, meaning, observed)


def text(name: str, meaning: str) -> Column:
    """Any text."""
    return Column(name, "String", meaning, codec="ZSTD(1)")


def at(name: str, meaning: str, observed: bool = False, optional: bool = False) -> Column:
    """An instant, in milliseconds, UTC."""
    return Column(name, f"Nullable({AT})" if optional else AT, meaning, observed, "Delta(8), ZSTD(1)")


def count(name: str, meaning: str, observed: bool = False) -> Column:
    """A number that 32 bits hold."""
    return Column(name, "UInt32", meaning, observed, "T64, ZSTD(1)")


def big(name: str, meaning: str, observed: bool = False) -> Column:
    """A number that 64 bits hold."""
    return Column(name, "UInt64", meaning, observed, "T64, ZSTD(1)")


def quantity(name: str, meaning: str) -> Column:
    """A size that is no money, exact to 9 places."""
    return Column(name, QUANTITY, meaning, codec="ZSTD(1)")


def money(name: str, meaning: str) -> Column:
    """An exact amount; NULL: no price is known, which is not 0."""
    return Column(name, f"Nullable({MONEY})", meaning, codec="ZSTD(1)")


def paid(name: str, meaning: str) -> Column:
    """An exact amount that is always known."""
    return Column(name, MONEY, meaning, codec="ZSTD(1)")


def reason_times() -> Iterable[Column]:
    """One column for each reason to wait, and for running; their names are the model's."""
    for reason in model.REASONS:
        what = "Time with a main container running" if reason == "running" else f"Time waited for reason `{reason}`"
        yield big(f"{reason}_ms", f"{what}, milliseconds", observed=True)


CLUSTER = low("cluster", "The cluster's name in the settings")
NAMESPACE = low("namespace", "Kubernetes namespace")
VERSION = Column("version", "UInt64", "Epoch x 2^56 + resourceVersion x 2^8 + revision; the higher one stays")
PACKED_VERSION = replace(VERSION, codec="ZSTD(1)")
"""For tables of many small rows: half the size; no other codec does better on versions that lie far apart."""
INSERTED_AT = Column("inserted_at", AT, "When the store took the row", observed=True, codec="Delta(8), ZSTD(1)")
TEMPLATE = low("template", "Workflow template, or the pod's template inside it")
TEMPLATE_VERSION = low(
    "template_version", "Its version, as a label says or a hash of its templates; empty: it has none"
)
QUEUE = low("queue", "Where a workflow waits: the label named in the settings, else the namespace")
PRIORITY = Column("priority", "Int32", "The workflow's priority", codec="ZSTD(1)")
DEPARTMENT = low("department", "Who pays, by the first attribution rule that matched, else `unallocated`")
PROJECT = low("project", "Project, by the same rules")
CREATOR = low("creator", "Who submitted it, by the same rules")
WORKFLOW_UID = text("workflow_uid", "The workflow's uid; empty: the pod belongs to none that is known")
WORKFLOW_NAME = text("workflow_name", "The workflow's name")
STEP = text("step", "The step's display name")
FIRST_SEEN_AT = at("first_seen_at", "When this collector or one before it first saw the workflow", observed=True)
PHASE = low("phase", "Phase as Kubernetes or Argo says it")
REASON = low("reason", "Why it ended so, in one word; empty: it succeeded")
REGION = low("region", "Cloud region")
EXIT_CODE = Column("exit_code", "Nullable(Int32)", "Of the main container; NULL: not known", codec="ZSTD(1)")
