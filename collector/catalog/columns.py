"""
Columns as data: their types as the store spells them, and the columns that several tables share.

*Observed* columns depend on when and where an object was seen: replaying the same objects may change only them.
A comment is stored with its column: a new or changed comment needs a migration, as a changed type does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from collector.core.model import WaitReason

LOW = "LowCardinality(String)"
AT = "DateTime64(3, 'UTC')"
MONEY = "Decimal(38, 18)"
QUANTITY = "Decimal(18, 9)"
LABELS = "Map(LowCardinality(String), String)"
NUMBERS = f"Map(LowCardinality(String), {MONEY})"
METERS = f"Array(Tuple(meter String, quantity {MONEY}, unit String, unit_price {MONEY}, cost {MONEY}))"


@dataclass(frozen=True, slots=True)
class Column:
    """One column as it stands in the store."""

    name: str
    type: str
    comment: str
    """What the column holds, with the unit; the store and docs/reference/tables.md show it."""
    observed: bool = False
    codec: str = ""


def low(name: str, comment: str, observed: bool = False) -> Column:
    """A text with few different values, which the store keeps in a dictionary."""
    return Column(name, LOW, comment, observed)


def text(name: str, comment: str) -> Column:
    """Any text."""
    return Column(name, "String", comment, codec="ZSTD(1)")


def instant(name: str, comment: str, observed: bool = False, optional: bool = False) -> Column:
    """An instant in UTC, exact to a millisecond."""
    return Column(name, f"Nullable({AT})" if optional else AT, comment, observed, "Delta(8), ZSTD(1)")


def count(name: str, comment: str, observed: bool = False) -> Column:
    """A number that 32 bits hold."""
    return Column(name, "UInt32", comment, observed, "T64, ZSTD(1)")


def big(name: str, comment: str, observed: bool = False) -> Column:
    """A number that 64 bits hold."""
    return Column(name, "UInt64", comment, observed, "T64, ZSTD(1)")


def quantity(name: str, comment: str) -> Column:
    """A size that is not an amount of money, exact to 9 decimal places."""
    return Column(name, QUANTITY, comment, codec="ZSTD(1)")


def money(name: str, comment: str) -> Column:
    """An exact amount; NULL: no price is known, which differs from 0."""
    return Column(name, f"Nullable({MONEY})", comment, codec="ZSTD(1)")


def paid(name: str, comment: str) -> Column:
    """An exact amount that is always known."""
    return Column(name, MONEY, comment, codec="ZSTD(1)")


def reason_times(reasons: Iterable[WaitReason]) -> Iterable[Column]:
    """One column for each of these waiting reasons, or for running; the names are the model's."""
    for reason in reasons:
        what = "Time with a main container running" if reason == "running" else f"Time in waiting reason `{reason}`"
        yield big(f"{reason}_ms", f"{what}, milliseconds", observed=True)


CLUSTER = low("cluster", "Name of the cluster in the settings")
NAMESPACE = low("namespace", "Kubernetes namespace")
VERSION = Column(
    "version",
    "UInt64",
    "Epoch * 2^56 + resourceVersion * 2^8 + revision; of rows with the same key the highest version counts",
)
PACKED_VERSION = replace(VERSION, codec="ZSTD(1)")
"""For tables of many small rows: half the size; no other codec does better on versions that lie far apart."""
INSERTED_AT = Column("inserted_at", AT, "When the store received the row", observed=True, codec="Delta(8), ZSTD(1)")
TEMPLATE = low("template", "Name of the workflow template; of a pod or a step the template inside the workflow")
TEMPLATE_VERSION = low(
    "template_version",
    "Version of the template: the value of a label, or a hash of the stored templates; empty: not made from a template",
)
QUEUE = low("queue", "Queue of the workflow: the label that the settings name, otherwise the namespace")
PRIORITY = Column("priority", "Int32", "Priority of the workflow", codec="ZSTD(1)")
DEPARTMENT = low("department", "Department that pays, by the first attribution rule that matches; else `unallocated`")
PROJECT = low("project", "Project, by the attribution rules")
CREATOR = low("creator", "Who submitted the workflow, by the attribution rules")
WORKFLOW_UID = text("workflow_uid", "uid of the workflow; empty: the pod belongs to no known workflow")
WORKFLOW_NAME = text("workflow_name", "Name of the workflow")
STEP = text("step", "Display name of the step")
FIRST_SEEN_AT = instant("first_seen_at", "When a collector first saw the workflow", observed=True)
PHASE = low("phase", "Phase as Kubernetes or Argo reports it")
REASON = low("reason", "Cause of the end in one word; empty: it succeeded")
REGION = low("region", "Cloud region")
EXIT_CODE = Column("exit_code", "Nullable(Int32)", "Exit code of the main container; NULL: not known", codec="ZSTD(1)")
