"""
Columns of the FOCUS export: name, type, SQL expression and meaning, each declared once.

An expression reads the fields that `collector/store/focus_rows.py` selects for every row: `kind` says what a row is, the
other fields are those of a charge or of a line of the statement. docs/reference/focus.md is made from these declarations.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["decimal", "instant", "word", "text", "json"]
"""A word is one of ours: it needs no quotes in CSV. A text may hold anything."""
Support = Literal["mandatory", "conditional", "recommended", "1.3", "custom"]


@dataclass(frozen=True, slots=True)
class FocusColumn:
    """One column of the file."""

    name: str
    kind: Kind
    support: Support
    """What FOCUS 1.2 asks for, `1.3` for its additions, `custom` for ours."""
    expression: str
    """SQL over the fields of a row; an empty text is written as null."""
    about: str
    """What the column holds here."""
    per_pod: bool = False
    """Whether the column exists with one row per pod only."""


PROVIDERS = {
    "alibaba-eci": ("Alibaba Cloud", "Elastic Container Instance"),
    "alibaba-acs": ("Alibaba Cloud", "Container Compute Service"),
    "aws-fargate-eks": ("AWS", "AWS Fargate"),
    "gke-autopilot": ("Google Cloud", "GKE Autopilot"),
    "azure-aci": ("Microsoft Azure", "Container Instances"),
    "plain-node": ("Own", "Kubernetes node"),
}
"""Provider and service of each product with a shipped price book; another product stands under its own id."""

SHARED = "kind IN ('fee', 'idle', 'bill', 'unused')"
"""Condition: the row is a part of a shared cost."""
COMMITTED = "kind IN ('used', 'unused', 'purchase')"
"""Condition: the row belongs to a commitment."""
SPLIT = "basis != ''"
"""Condition: the row is one of several into which a charge was split."""
PRICED = "category IN ('Usage', 'Purchase') AND kind != 'correction'"
"""Condition: FOCUS asks for quantity, unit, unit price and SKU."""
POD_USE = "kind IN ('usage', 'used', 'correction', 'rounding')"
"""Condition: the row belongs to pods."""


def instant(field: str) -> str:
    """SQL of midnight of a day in the billing time zone, as FOCUS writes instants."""
    return f"toDateTime({field}, {{zone:String}})"


def of_priced(expression: str, otherwise: str = "NULL") -> str:
    """SQL of a value that only rows with a price have."""
    return f"if({PRICED}, {expression}, {otherwise})"


def _named(place: int) -> str:
    """SQL of the provider (1) or the service (2) of a row."""
    ids = ", ".join(f"'{product}'" for product in PROVIDERS)
    names = ", ".join(f"'{names[place - 1]}'" for names in PROVIDERS.values())
    other = "Own" if place == 1 else "Shared costs"
    return f"transform(origin, [{ids}], [{names}], if(origin = '', '{other}', origin))"


def _json(**values: str) -> str:
    """SQL of a JSON object of texts without the empty ones."""
    pairs = ", ".join(f"'{key}', toString({value})" for key, value in values.items())
    return f"toJSONString(mapFilter((k, v) -> v != '', map({pairs})))"


PROVIDER, SERVICE = _named(1), _named(2)
SKU = (
    f"multiIf({COMMITTED} AND kind != 'used', concat('commitment/', commitment), {SHARED}, concat(kind, '/', what), "
    "arrayStringConcat(arrayFilter(x -> x != '', [product, region, instance_type, meter]), '/'))"
)
RESOURCE = (
    f"multiIf({SHARED}, concat(kind, '/', what), NOT ({POD_USE}), '', pod_uid != '', pod_uid, "
    "concat(cluster, '/', namespace, '/', template))"
)
RESOURCE_TYPE = f"multiIf({SHARED}, 'Shared cost', NOT ({POD_USE}), '', pod_uid != '', 'Pod', 'Workflow template')"
RESOURCE_NAME = f"multiIf({SHARED}, what, {POD_USE}, template, '')"
COMMITMENT = f"if({COMMITTED}, commitment, '')"
_OF_PODS = _json(
    department="department", project="project", cluster="cluster", namespace="namespace", template="template"
)
TAGS = f"if({POD_USE}, {_OF_PODS}, '')"
RECEIVER = f"{SPLIT} AND department != 'unallocated'"
ELEMENT = (
    """concat('{"Elements":[{"AllocatedRatio":', toDecimalString(ratio, 18), ',"x_Basis":', toJSONString(basis), """
    """',"x_DepartmentWeight":', toString(weight), '}]}')"""
)
_USE = "concat(product, ' ', meter, ' ', purchase, if(kind = 'used', ', paid by a commitment', ''))"
DESCRIPTION = (
    "multiIf(kind = 'rounding', 'Rounding by the provider of the cost of each pod', "
    "kind = 'correction', 'Correction of a locked month', kind = 'purchase', concat('Commitment ', commitment), "
    "kind = 'unused', concat('Unused part of commitment ', commitment), "
    f"{SHARED}, concat(kind, ' ', what), {_USE})"
)
CONTRACTED_COST = of_priced("CAST(toDecimal256(quantity, 18) * unit_price AS Decimal(38, 18))", "billed")
LIST_COST = of_priced(
    "CAST(toDecimal256(quantity, 18) * list_price AS Decimal(38, 18))", "if(kind = 'correction', listed, billed)"
)
PRICING_CATEGORY = of_priced(
    f"multiIf({COMMITTED} OR purchase = 'reserved', 'Committed', "
    "purchase IN ('spot', 'best_effort'), 'Dynamic', 'Standard')",
    "''",
)
SKU_DETAILS = f"if({PRICED} AND instance_type != '', {_json(InstanceType='instance_type')}, '')"
SKU_PRICE = of_priced(
    f"if({POD_USE}, concat({SKU}, '/', purchase, '/', currency, ' ', toString(unit_price)), {SKU})", "''"
)
_RECEIVER_PATH = "arrayStringConcat(arrayFilter(x -> x != '', ['department', department, cluster, product]), '/')"
RECEIVER_ID = f"if({RECEIVER}, {_RECEIVER_PATH}, '')"
RECEIVER_TAGS = f"if({RECEIVER}, {_json(department='department', cluster='cluster', product='product')}, '')"
CONSUMED = "category = 'Usage' AND kind NOT IN ('unused', 'correction')"
"""Condition: something was consumed, and its quantity is known."""


def column(name: str, kind: Kind, support: Support, *meaning: str) -> FocusColumn:
    """A column from its expression and its meaning."""
    expression, about = meaning
    return FocusColumn(name, kind, support, expression, about)


def of_pod(name: str, expression: str, about: str) -> FocusColumn:
    """A column that only a row of one pod has."""
    return FocusColumn(name, "text", "custom", expression, about, per_pod=True)
