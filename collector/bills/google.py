"""Google Cloud: the detailed billing export as JSON lines. Its nested records become flat rows first."""

from collections.abc import Mapping
from typing import Any

from collector.bills.errors import BadRowError
from collector.bills.form import BillForm, LineCost, Row
from collector.bills.values import money, money_or_none
from collector.core.cost.meters import total

FIELDS = {
    "month": "invoice.month",
    "account": "billing_account_id",
    "type": "cost_type",
    "instance": "resource.global_name",
    "product": "service.id",
    "item": "sku.description",
    "region": "location.region",
    "begin": "usage_start_time",
    "end": "usage_end_time",
    "quantity": "usage.amount_in_pricing_units",
    "unit": "usage.pricing_unit",
    "list_price": "price.effective_price",
    "list_amount": "cost_at_list",
    "amount": "cost",
    "currency": "currency",
    "project": "project.id",
}
LABELS = ("labels", "system_labels")
KIND = {"regular": "usage", "tax": "tax", "adjustment": "adjustment", "roundingerror": "rounding"}


def is_record(record: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a row of the export."""
    return isinstance(record.get("invoice"), Mapping) and "cost" in record


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """A record as a flat row: labels as tags, credits as one amount."""
    row = {ours: _at(record, path) for ours, path in FIELDS.items()}
    pairs = {f"{pair['key']}": f"{pair.get('value') or ''}" for name in LABELS for pair in record.get(name) or ()}
    credited = [money(f"{credit['amount']}") for credit in record.get("credits") or ()]
    row["tag"] = ";".join(f"key:{key} value:{value}" for key, value in pairs.items())
    row["credit"] = f"{total(credited):f}"
    return row


def _at(record: Mapping[str, Any], path: str) -> str:
    value: Any = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def cost(row: Row, invoiced: bool) -> LineCost:  # noqa: ARG001  # credits are part of both
    """The cost with its credits, which are negative."""
    word = row.get("type", "")
    kind = KIND.get(word.casefold().replace(" ", "").replace("_", ""))
    if kind is None:
        raise BadRowError(f"cost_type {word[:40]!r} is not known")
    amount, credited = money(row.get("amount", "")), money(row.get("credit", "0"))
    listed = money_or_none(row.get("list_amount"))
    return LineCost(kind, total((amount, credited)), listed, -credited if credited else None)


GOOGLE = BillForm(
    name="google",
    provider="google",
    columns={name: (name,) for name in (*FIELDS, "tag", "credit")},
    needs=("month", "type", "amount", "credit"),
    cost=cost,
)
